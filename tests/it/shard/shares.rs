//! `--shard`: every input is in exactly one shard, and so is every host.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::record::{self, RecordExt as _};
use crate::support::{Fetch, Output, Server, ok};

/// The records of a shard, whose indices are those of the whole list.
fn records(out: &Output) -> Vec<Value> {
    out.lines().into_iter().map(record::parse).collect()
}

/// The records of each shard of a run with `args`.
fn shards(list: &str, count: usize, args: &[&str]) -> Vec<Vec<Value>> {
    let shard = |number: usize| {
        let run = Fetch::jsonl().args(args).stdin(list);
        let out = run.args(["--shard", &format!("{number}/{count}")]).run();
        records(&out)
    };
    (0..count).map(shard).collect()
}

/// Asserts that each input is in exactly one of `shards`.
#[track_caller]
fn assert_shares_out(shards: &[Vec<Value>], inputs: u64) {
    let records = shards.iter().flatten();
    let mut indices: Vec<_> = records.map(|r| r["index"].as_u64().unwrap()).collect();
    indices.sort_unstable();
    assert_eq!(indices, (0..inputs).collect::<Vec<_>>());
}

#[test]
fn every_url_is_in_one_shard_and_no_host_in_two() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    let url = |number: usize| server.url_as(&format!("127.0.0.{}", number % 30 + 1), "/x");
    let list: String = (0..120)
        .map(|n| format!("# {n}\n\n{}?{n}\n", url(n)))
        .collect();
    for count in [1, 2, 7] {
        let shards = shards(&list, count, &["-"]);
        assert_shares_out(&shards, 120);
        let mut homes = BTreeMap::new();
        for (number, records) in shards.iter().enumerate() {
            for record in records {
                let host = record.text("url").split(':').nth(1).unwrap().to_owned();
                assert_eq!(*homes.entry(host).or_insert(number), number);
                let index = record["index"].as_u64().unwrap();
                assert_eq!(record["line"], 3 * index + 3, "the line in the list");
            }
        }
        assert_eq!(homes.len(), 30);
        let used: BTreeSet<_> = homes.values().collect();
        assert_eq!(used.len(), count, "30 hosts, and a shard without any");
    }
}

#[test]
fn shard_by_url_divides_a_host() {
    // The hash of a URL is frozen, and so is the number of these URLs in each shard.
    const SIZES: [usize; 4] = [88, 102, 92, 118];
    let list: String = (0..200).map(|n| format!("http://a.test/{n}\n")).collect();
    // The address is blocked, so nothing is sent.
    let nowhere = ["--block-private", "--resolve", "*:80:127.0.0.1"];
    let args = [&["-", "--shard-by", "url"][..], &nowhere].concat();
    let shards = shards(&list.repeat(2), 4, &args);
    assert_shares_out(&shards, 400);
    assert_eq!(shards.iter().map(Vec::len).collect::<Vec<_>>(), SIZES);
    for records in &shards {
        let urls: BTreeSet<_> = records.iter().map(|record| record.text("url")).collect();
        assert_eq!(2 * urls.len(), records.len(), "equal URLs stay together");
    }
}

#[test]
fn spellings_of_a_host_are_one_host() {
    let server = Server::always(ok("x"));
    let port = server.port();
    let list: String = ["LOCALHOST", "localhost.", "lo%63alhost", "localhost"]
        .map(|host| format!("http://{host}:{port}/\n{{\"url\": \"http://{host}:{port}/\"}}\n"))
        .concat();
    let shards = shards(
        &list,
        64,
        &["-", "--resolve", &format!("*:{port}:127.0.0.1")],
    );
    let sizes: Vec<_> = shards
        .iter()
        .map(Vec::len)
        .filter(|&size| size > 0)
        .collect();
    assert_eq!(sizes, [8]);
}

#[test]
fn a_line_without_a_request_is_reported_by_one_shard() {
    let long = "x".repeat(70_000);
    let list =
        format!("nope://a/\n{{\n{long}\nhttp://\n{{\"url\": 1}}\n\u{fffd}:// \n").into_bytes();
    let list = [list, b"\xff\xfe\n".to_vec()].concat();
    let mut lines = Vec::new();
    for number in 0..5 {
        let shard = format!("{number}/5");
        let out = Fetch::jsonl()
            .args(["-", "--shard", &shard])
            .stdin(&list)
            .run();
        lines.extend(records(&out).iter().map(|r| r["line"].as_u64().unwrap()));
    }
    lines.sort_unstable();
    assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn an_ordered_shard_prints_in_order() {
    let server = Server::build()
        .on_all_addresses()
        .otherwise(ok("x"))
        .start();
    let url = |number: usize| server.url_as(&format!("127.0.0.{}", number % 30 + 1), "/");
    let list: String = (0..90).map(|number| url(number) + "\n").collect();
    let out = Fetch::jsonl()
        .args(["-", "--ordered", "--shard", "1/3"])
        .stdin(list)
        .run()
        .exits(0);
    let records = records(&out);
    let indices: Vec<_> = records
        .iter()
        .map(|r| r["index"].as_u64().unwrap())
        .collect();
    assert!(indices.is_sorted() && indices.len() > 10, "{indices:?}");
}

#[test]
fn a_shard_without_inputs_exits_with_0() {
    let server = Server::build().may_stay_unasked().start();
    let mut exits = BTreeMap::new();
    for shard in ["0/2", "1/2"] {
        let out = Fetch::jsonl()
            .args([&server.url("/"), "--shard", shard])
            .run();
        *exits.entry(out.code()).or_insert(0) += 1;
        let warned = out.stderr().contains("no URLs");
        assert!(!warned, "{}", out.stderr());
    }
    assert_eq!(exits, BTreeMap::from([(0, 1), (1, 1)]));
}

#[test]
fn a_malformed_shard_is_a_usage_error() {
    for (shard, hint) in [
        ("8/8", "K is 0 to N-1; the last of 8 is 7/8"),
        ("0/0", "1 to 1000000"),
        ("3", "write K/N"),
        ("-1/2", "write K/N"),
    ] {
        let shard = format!("--shard={shard}");
        let out = Fetch::new().args(["-", &shard]).stdin("").run().exits(2);
        let said = out.stderr();
        assert!(said.contains("--shard") && said.contains(hint), "{said}");
    }
    let out = Fetch::new()
        .args(["-", "--shard-by", "url"])
        .stdin("")
        .run();
    assert!(out.exits(2).stderr().contains("needs --shard"));
}

/// What a dry run prints: the inputs and bytes of each shard, and the heaviest hosts.
fn surveyed(list: &str, shard: &str, args: &[&str]) -> (Vec<(u64, u64)>, Vec<String>) {
    let out = Fetch::new()
        .args(["-", "--dry-run", "--shard", shard])
        .args(args)
        .stdin(list)
        .run();
    let lines: Vec<Vec<_>> = out
        .lines()
        .iter()
        .map(|l| l.split_whitespace().collect())
        .collect();
    let number = |text: &str| text.parse::<u64>().unwrap();
    let is_shard = |line: &&Vec<&str>| {
        let is_load = line.len() == 3 || matches!(line.get(3), Some(&"median" | &"lightest"));
        is_load && line[0].contains('/')
    };
    let shards = lines.iter().filter(is_shard);
    let shards = shards
        .map(|line| (number(line[1]), number(line[2])))
        .collect();
    let hosts = lines
        .iter()
        .filter(|line| line.len() == 4 && line[2].ends_with('%'));
    let hosts = hosts.map(|line| line.join(" ")).collect();
    (shards, hosts)
}

#[test]
fn a_dry_run_shows_what_each_shard_has() {
    let list = "http://a.example/\nhttp://a.example/2\nhttp://b.example/\n\n# c\nnope://x\n";
    let (shards, hosts) = surveyed(list, "0/1", &[]);
    assert_eq!(
        (shards, hosts[0].as_str()),
        (vec![(4, 60)], "0/1 2 50.0% a.example")
    );
    assert_eq!(hosts[1], "0/1 1 25.0% b.example");
    let (_, hosts) = surveyed(list, "0/2", &["--shard-by", "url"]);
    assert_eq!(hosts[0], "- 2 50.0% a.example");
    // Of very many shards, some are shown.
    let (shards, _) = surveyed(list, "0/1000", &[]);
    assert_eq!(shards.len(), 12);
    let out = Fetch::new()
        .args(["-", "--dry-run", "--shard", "0/1000"])
        .stdin(list)
        .run();
    for label in ["median", "lightest"] {
        let labelled = out
            .lines()
            .iter()
            .filter(|line| line.ends_with(&format!("  {label}")))
            .count();
        assert_eq!(labelled, 1, "{}", out.stdout());
    }
}

/// A hundred thousand URLs of five thousand hosts.
#[test]
fn shards_are_as_even_as_a_random_division() {
    let list: String = (0..100_000)
        .map(|n| format!("http://host-{}.example/{n}\n", n % 5_000))
        .collect();
    for count in [1_u32, 2, 7, 64] {
        let (shards, _) = surveyed(&list, &format!("0/{count}"), &[]);
        assert_eq!(shards.len(), count as usize);
        assert_eq!(
            shards.iter().map(|(inputs, _)| inputs).sum::<u64>(),
            100_000
        );
        let (mean, n) = (100_000.0 / f64::from(count), f64::from(count));
        // Twenty URLs for each host, and five standard deviations of a binomial number of hosts. The list never changes.
        let far = 5.0 * 20.0 * (5_000.0 / n * (1.0 - 1.0 / n)).sqrt();
        for (inputs, _) in shards {
            assert_eq!(inputs % 20, 0, "no host is split");
            let inputs = f64::from(u32::try_from(inputs).unwrap());
            assert!((inputs - mean).abs() <= far, "{inputs} of {mean}");
        }
    }
}

#[test]
#[ignore = "100,000 URLs four times over, by the binary: minutes"]
fn all_shards_of_a_long_list_are_that_list() {
    let urls: Vec<_> = (0..100_000)
        .map(|number| format!("http://host-{}.test/{number}", number % 5_000))
        .collect();
    let list = urls.join("\n");
    for n in [1, 2, 7, 64] {
        let mut seen = vec![false; 100_000];
        let mut shard_of = vec![None; 5_000];
        for k in 0..n {
            let out = Fetch::new()
                .args([
                    "--shard",
                    &format!("{k}/{n}"),
                    "-w",
                    "%{index} %{url}",
                    "-q",
                    "-j200",
                ])
                // The address is blocked, so nothing is sent.
                .args(["--block-private", "--resolve", "*:80:127.0.0.1", "-"])
                .stdin(&list)
                .run()
                .exits(1);
            for line in out.lines() {
                let (index, url) = line.split_once(' ').unwrap();
                let index: usize = index.parse().unwrap();
                assert_eq!(urls[index], url);
                assert!(
                    !std::mem::replace(&mut seen[index], true),
                    "{url} twice, {n} shards"
                );
                let first = *shard_of[index % 5_000].get_or_insert(k);
                assert_eq!(first, k, "the host of {url} is split, {n} shards");
            }
        }
        assert!(seen.iter().all(|seen| *seen), "a line is lost, {n} shards");
    }
}
