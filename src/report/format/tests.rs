//! What each format writes for the same two records.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use url::Url;

use super::choice::Format;
use super::record::Record;
use super::table::Separator;
use super::text::TextStyle;
use crate::model::capture::Capture;
use crate::model::error::{Failure, Kind, Phase};
use crate::model::event::RunEnd;
use crate::model::input::{Decision, Input};
use crate::model::outcome::{Answer, Attempt, AttemptSummary, Outcome, Verdict};
use crate::report::summary::{RunTotals, Summary};

/// An input that was answered with 200.
pub(in crate::report) fn ok() -> Outcome {
    let url = Url::parse("http://a.test/x").unwrap();
    let total = Duration::from_millis(250);
    let mut answer = Answer::of(200);
    answer.size = 5;
    answer.ttfb = Duration::from_millis(100);
    answer.content_type = Some("text/plain".to_owned());
    answer.remote_addr = Some(([127, 0, 0, 1], 80).into());
    Outcome {
        verdict: Verdict::Ok,
        started: Some(UNIX_EPOCH),
        elapsed: Some(total),
        attempts: vec![AttemptSummary {
            status: Some(200),
            error: None,
            total,
            delay: Duration::ZERO,
        }],
        last: Some(Attempt {
            answer: Some(Box::new(answer)),
            failure: None,
            final_url: Arc::new(url.clone()),
            redirects: 0,
            sent: true,
            lost_connection: false,
            total,
        }),
        failure: None,
        ..untried(0, url.as_str())
    }
}

/// A line that holds no URL.
pub(in crate::report) fn failed() -> Outcome {
    untried(1, "=no, \"url\"")
}

fn untried(index: u64, shown: &str) -> Outcome {
    let failure = Failure::new(Kind::InvalidUrl, Phase::Input, "not a URL");
    Outcome {
        input: Box::new(Input {
            index,
            position: index,
            source: "list".into(),
            line: index + 1,
            display_url: shown.to_owned(),
            id: None,
            meta: None,
            request: Err(failure.clone()),
            decision: Decision::Send,
            place: None,
        }),
        verdict: Verdict::Error,
        started: None,
        elapsed: None,
        slow: false,
        attempts: Vec::new(),
        last: None,
        failure: Some(failure),
        file: None,
        pending_file: None,
    }
}

/// Everything that `format` writes for a run of those two.
fn output(format: Format) -> String {
    let mut out = Vec::new();
    let mut summary = Summary::new();
    let mut formatter = format.formatter();
    formatter.begin(&mut out);
    for outcome in [ok(), failed()] {
        summary.add(&outcome);
        let record = Record {
            outcome: &outcome,
            capture: Capture::default(),
        };
        formatter.record(record, &mut out);
    }
    let ended = RunEnd {
        list: None,
        broken: None,
        aborted: false,
        stopped: None,
    };
    let totals = RunTotals {
        summary: &summary,
        ended,
        elapsed: Duration::from_secs(1),
    };
    formatter.end(&totals, &mut out);
    String::from_utf8(out).unwrap()
}

/// Each format with everything that it writes, line by line.
fn snapshots() -> Vec<(Format, Vec<&'static str>)> {
    vec![
        (
            Format::Text(TextStyle::default()),
            vec![
                "200  0.250  5  http://a.test/x",
                "ERR  -  -  =no,%20\"url\"  [ERROR] invalid_url: not a URL",
            ],
        ),
        (
            Format::Jsonl,
            vec![
                r#"{"index":0,"source":"list","line":1,"id":null,"meta":null,"url":"http://a.test/x","method":null,"request_sha256":null,"outcome":"ok","status":200,"final_url":"http://a.test/x","redirects":0,"http_version":"HTTP/1.1","remote_addr":"127.0.0.1:80","content_type":"text/plain","size":5,"started":"1970-01-01T00:00:00.000000Z","time_ttfb":0.1,"time_total":0.25,"time_elapsed":0.25,"slow":false,"attempts":[{"status":200,"error":null,"time_total":0.25,"delay":0.0}],"file":null,"sha256":null,"error":null}"#,
                r#"{"index":1,"source":"list","line":2,"id":null,"meta":null,"url":"=no, \"url\"","method":null,"request_sha256":null,"outcome":"error","status":null,"final_url":null,"redirects":null,"http_version":null,"remote_addr":null,"content_type":null,"size":null,"started":null,"time_ttfb":null,"time_total":null,"time_elapsed":null,"slow":false,"attempts":[],"file":null,"sha256":null,"error":{"kind":"invalid_url","phase":"input","message":"not a URL"}}"#,
            ],
        ),
        (
            Format::Table(Separator::Comma),
            vec![
                "index,url,outcome,status,time_total,size,attempts,final_url,file,error_kind,error_message",
                "0,http://a.test/x,ok,200,0.25,5,1,http://a.test/x,,,",
                r#"1,"'=no, ""url""",error,,,,0,,,invalid_url,not a URL"#,
            ],
        ),
        (
            Format::Table(Separator::Tab),
            vec![
                "index\turl\toutcome\tstatus\ttime_total\tsize\tattempts\tfinal_url\tfile\terror_kind\terror_message",
                "0\thttp://a.test/x\tok\t200\t0.25\t5\t1\thttp://a.test/x\t\t\t",
                "1\t'=no, \"url\"\terror\t\t\t\t0\t\t\tinvalid_url\tnot a URL",
            ],
        ),
        (
            Format::Template("%{status} %{url}\\t%{errormsg}".parse().unwrap()),
            vec!["200 http://a.test/x\t", " =no, \"url\"\tnot a URL"],
        ),
    ]
}

#[test]
fn every_format_writes_what_its_snapshot_shows() {
    for (format, expected) in snapshots() {
        let name = format!("{format:?}");
        let output = output(format);
        assert!(output.ends_with('\n'), "{name}");
        assert_eq!(output.lines().collect::<Vec<_>>(), expected, "{name}");
    }
}
