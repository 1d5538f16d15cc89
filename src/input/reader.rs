//! The reader of sources: a thread that parses ahead of the engine, in batches.
//!
//! A batch is sent at the latest after each read, so no line is held back when its source
//! pauses. [`BATCH`] and [`BATCHES`] limit the memory.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::{io, thread};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::intake::{Intake, Message};
use super::lines::Line;
use super::parse::Defaults;
use super::place::place;
use super::recall::{Recall, ThreadUse};
use super::shard::fingerprint;
use super::shard_filter::ShardFilter;
use super::source::Source;
use super::spill::{KeepSwitch, Spill};
use super::walk::{ReadEvent, Reread, walk};
use crate::model::event::ListTotals;
use crate::model::input::Input;

/// The maximum number of inputs in a batch.
const BATCH: usize = 64;

/// The maximum number of batches that wait for the engine.
const BATCHES: usize = 4;

/// Starts the reader, which reads `sources` one after the other and calls `decide` with every
/// input that `filter` accepts before it hands the input on. A few URLs from the command line
/// are read at once, without a thread.
///
/// # Errors
///
/// The thread cannot be started.
pub fn read(
    sources: Vec<Source>,
    defaults: Defaults,
    filter: ShardFilter,
    decide: impl FnMut(&mut Input) + Send + 'static,
) -> io::Result<Intake> {
    let lines: Option<usize> = sources.iter().map(|source| source.lines).sum();
    let few = lines.filter(|&lines| lines <= BATCH);
    // No batch is empty, and the end is one more message, so all fit into the channel.
    let room = few.map_or(BATCHES, |lines| lines + 1);
    let (sender, receiver) = mpsc::channel(room);
    let may_pause = sources.iter().any(Source::may_pause);
    let keep_switch = Arc::<KeepSwitch>::default();
    let recall = Recall::new(defaults.clone(), ThreadUse::IfPossible);
    let spill = Spill::new(keep_switch.clone());
    let read = move || read_all(sources, &defaults, filter, decide, &sender, spill);
    if few.is_some() {
        read();
    } else {
        thread::Builder::new().name("reader".into()).spawn(read)?;
    }
    Ok(Intake::new(receiver, may_pause, keep_switch, recall))
}

/// Reads and sends all inputs; stops early if the receiver is gone.
fn read_all(
    sources: Vec<Source>,
    defaults: &Defaults,
    filter: ShardFilter,
    mut decide: impl FnMut(&mut Input),
    sender: &mpsc::Sender<Message>,
    spill: Spill,
) {
    let mut outbox = Outbox {
        sender,
        batch: VecDeque::new(),
        spill,
        closed: false,
    };
    let (mut accepted, mut fingerprint_of_accepted) = (0, 0_u64);
    let walked = walk(sources, defaults, filter.digest, |event| {
        match event {
            ReadEvent::Input(mut input, line, reread) if filter.accepts(&input, &line) => {
                input.position = accepted;
                accepted += 1;
                fingerprint_of_accepted =
                    fingerprint_of_accepted.wrapping_add(fingerprint(input.index));
                decide(&mut input);
                outbox.push(input, &line, reread);
            }
            ReadEvent::Input(..) => {}
            ReadEvent::MayPause => outbox.flush(),
            ReadEvent::Hint(hint) => outbox.send(Message::Hint(hint)),
        }
        if outbox.closed {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    match walked {
        Ok(None) => {}
        Ok(Some(list)) => {
            outbox.send(Message::End(ListTotals {
                in_shard: accepted,
                shard_fingerprint: fingerprint_of_accepted,
                ..list
            }));
        }
        Err(error) => outbox.send(Message::Failed(error)),
    }
}

/// Gathers inputs into batches and sends them.
struct Outbox<'a> {
    sender: &'a mpsc::Sender<Message>,
    batch: VecDeque<Box<Input>>,
    spill: Spill,
    closed: bool,
}

impl Outbox<'_> {
    /// Adds `input`, which was read from `line`. Says where the line can be read again if there is
    /// something to be sent; nothing else waits.
    fn push(&mut self, mut input: Box<Input>, line: &Line<'_>, reread: Reread<'_>) {
        if input.is_to_send() {
            input.place = match reread {
                Reread::At(file, offset) => place(file, offset, line.bytes()),
                Reread::Copy(columns) => self.spill.keep(&input.source, columns, line.bytes()),
                Reread::Never => None,
            };
        }
        self.batch.push_back(input);
        if self.batch.len() == BATCH {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            let mut batch = std::mem::take(&mut self.batch);
            if !self.spill.write() {
                forget_copies(&mut batch);
            }
            self.send(Message::Batch(batch));
        }
    }

    fn send(&mut self, message: Message) {
        let sent = match self.sender.try_send(message) {
            Err(TrySendError::Full(message)) => self.sender.blocking_send(message).is_ok(),
            sent => sent.is_ok(),
        };
        self.closed |= !sent;
    }
}

/// Removes the places of lines whose copies could not be written.
fn forget_copies(batch: &mut VecDeque<Box<Input>>) {
    for input in batch {
        input.place.take_if(|place| place.file.is_temporary);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::future::poll_fn;
    use std::io::{Cursor, Read, Write as _};
    use std::sync::mpsc as std_mpsc;

    use proptest::prelude::*;
    use reqwest::header::HeaderValue;
    use tokio::runtime::Runtime;

    use super::super::parked::ParkedInput;
    use super::super::shard::{Shard, ShardKey};
    use super::super::table::ListFormat;
    use super::*;
    use crate::model::input::{Decision, Skip};
    use crate::model::saved_file::{Existing, SaveTarget};

    const EVERY_SHARD: ShardFilter = ShardFilter {
        shard: None,
        by: ShardKey::Host,
        digest: false,
    };

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    }

    fn stream(name: &str, bytes: impl Read + Send + 'static) -> Source {
        Source {
            name: name.into(),
            bytes: Box::new(bytes),
            format: ListFormat::Lines,
            regular: None,
            file: None,
            lines: None,
        }
    }

    /// Reads `sources` to their end without a thread, and keeps all lines.
    fn read_now(
        sources: Vec<Source>,
        filter: ShardFilter,
        threads: ThreadUse,
        decide: impl FnMut(&mut Input),
    ) -> Intake {
        let defaults = Defaults::for_tests();
        let (sender, receiver) = mpsc::channel(1_000);
        let keep_switch = Arc::<KeepSwitch>::default();
        keep_switch.set(true);
        let spill = Spill::new(keep_switch.clone());
        read_all(sources, &defaults, filter, decide, &sender, spill);
        Intake::new(receiver, false, keep_switch, Recall::new(defaults, threads))
    }

    fn take_all(intake: &mut Intake, runtime: &Runtime) -> VecDeque<Box<Input>> {
        let mut inputs = VecDeque::new();
        while let Some(input) = runtime.block_on(poll_fn(|cx| intake.poll_next(cx))) {
            inputs.push_back(input.unwrap());
        }
        inputs
    }

    /// Describes all that an input says, but its place.
    fn facts(input: &Input) -> String {
        let Input {
            index,
            position,
            source,
            line,
            display_url,
            id,
            meta,
            request,
            decision,
            place: _,
        } = input;
        // Debug shows no sensitive value.
        let secrets = request.as_ref().map(|request| {
            let headers = request.headers.iter().map(|(_, value)| value.as_bytes());
            let authorization = request.authorization.iter().map(HeaderValue::as_bytes);
            headers.chain(authorization).collect::<Vec<_>>()
        });
        format!(
            "{index} {position} {source} {line} {display_url} {id:?} {meta:?} {request:?} {secrets:?} {decision:?}"
        )
    }

    /// Decides as a run with `--output-dir` may.
    fn decide(input: &mut Input) {
        let (index, source) = (input.index, input.source.clone());
        let Ok(request) = &mut input.request else {
            return;
        };
        let existing = match index % 4 {
            0 => {
                let (why, file) = (Skip::Recorded, None);
                input.decision = Decision::Skip { why, file };
                return;
            }
            1 => return,
            2 => Existing::Keep,
            _ => Existing::Replace,
        };
        let name = format!("{source}-{index}").into();
        Arc::make_mut(request).save_target = Some(SaveTarget { name, existing });
    }

    fn line() -> impl Strategy<Value = String> {
        let json = r#"\{"url": "(http://)?(u:p@)?[ab]\.example/[a-c]"(, "method": "PUT")?(, "headers": \{"X-A": "[ab]"\})?(, "body": "[a-c]{0,30}")?(, "id": "é[0-9]")?(, "meta": \[1,  \{"a": null\}\])?(, "name": "n")?\}"#;
        let url = "[ \t]{0,2}(http://)?(u:p@)?[a-d]\\.example(:81)?/[a-cé?#]{0,20}[ \t]{0,2}";
        prop_oneof![
            4 => url,
            4 => json,
            1 => Just(format!(r#"{{"url": "http://a/", "sha256": "{}"}}"#, "0a".repeat(32))),
            1 => "(|#.{0,9}|http://|ftp://a/|\\{|\u{feff}a)",
            1 => (4_000_usize..9_000).prop_map(|length| format!("http://a/{}", "x".repeat(length))),
        ]
    }

    /// The text of a list, with marks and line ends of every kind.
    fn list() -> impl Strategy<Value = String> {
        let ended = (line(), prop::sample::select(vec!["\n", "\r\n", "\n\n"]));
        let mark = prop::sample::select(vec!["", "\u{feff}"]);
        (
            mark,
            prop::collection::vec(ended, 0..100),
            "(|http://last/)",
        )
            .prop_map(|(mark, lines, last)| {
                let lines: String = lines
                    .into_iter()
                    .flat_map(|(l, end)| [l, end.into()])
                    .collect();
                format!("{mark}{lines}{last}")
            })
    }

    /// A table with rows of every kind.
    fn table() -> impl Strategy<Value = String> {
        let cell = prop_oneof!["[a-c é]{0,4}", "\"([a-c,\r\n]|\"\"){0,9}\""];
        let url = "(http://)?(u:p@)?[a-d]\\.example/[a-cé?# ]{0,20}";
        let row = (
            cell,
            url,
            prop::sample::select(vec!["", "GET", "PUT", "x y"]),
        )
            .prop_map(|(cell, url, method)| format!("{cell},{url},{method}"));
        let row = prop_oneof![9 => row, 1 => "(|,,|a,b|\"open,http://a\\.example/,)"];
        let ended = (row, prop::sample::select(vec!["\n", "\r\n", "\n\n"]));
        prop::collection::vec(ended, 0..100).prop_map(|rows| {
            let rows = rows.into_iter().flat_map(|(row, end)| [row, end.into()]);
            format!("\u{feff}note,url,method\r\n{}", rows.collect::<String>())
        })
    }

    fn list_or_table() -> impl Strategy<Value = (String, ListFormat)> {
        prop_oneof![
            list().prop_map(|list| (list, ListFormat::Lines)),
            table().prop_map(|table| (table, ListFormat::Csv)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn parked_inputs_come_back_as_they_were(
            lists in prop::collection::vec((list_or_table(), any::<bool>()), 1..4),
            shards in 1_u32..3,
            has_thread in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let filter = ShardFilter {
                shard: Some(Shard { number: 0, count: shards }),
                ..EVERY_SHARD
            };
            let mut sources: Vec<_> = lists.iter().map(|((list, format), is_regular)| {
                if !is_regular {
                    return Source { format: *format, ..stream("-", Cursor::new(list.clone())) };
                }
                let file = tempfile::NamedTempFile::new().unwrap();
                file.as_file().write_all(list.as_bytes()).unwrap();
                Source::of_file("list", file.reopen().unwrap(), *format)
            }).collect();
            // One list twice.
            let (list, format) = lists[0].0.clone();
            sources.push(Source { format, ..stream("again", Cursor::new(list)) });
            let threads = if has_thread { ThreadUse::IfPossible } else { ThreadUse::Never };
            let mut intake = read_now(sources, filter, threads, decide);
            let runtime = runtime();
            let mut random = fastrand::Rng::with_seed(seed);
            let mut expected = Vec::new();
            let mut parked = Vec::new();
            for input in take_all(&mut intake, &runtime) {
                let (is_to_send, before) = (input.is_to_send(), facts(&input));
                match ParkedInput::park(input) {
                    Ok(one) => {
                        prop_assert!(is_to_send);
                        expected.push((one.position(), before));
                        parked.push(one);
                    }
                    Err(input) => {
                        prop_assert!(!is_to_send, "{before}");
                        prop_assert_eq!(facts(&input), before);
                    }
                }
            }
            if random.bool() {
                random.shuffle(&mut parked);
            }
            let mut asked = Vec::new();
            while !parked.is_empty() {
                let some: Vec<_> = parked.drain(..random.usize(1..=parked.len())).collect();
                asked.push(some.iter().map(ParkedInput::position).collect::<Vec<_>>());
                intake.recall(asked.len() - 1, some);
            }
            let mut returned = Vec::new();
            for _ in 0..asked.len() {
                let recalled = runtime.block_on(poll_fn(|cx| intake.poll_recalled(cx)));
                let positions: Vec<_> = recalled.inputs.iter().map(|input| input.position).collect();
                prop_assert_eq!(&positions, &asked[recalled.tag]);
                for input in recalled.inputs {
                    returned.push((input.position, facts(&input)));
                    prop_assert!(ParkedInput::park(input).is_ok(), "once only");
                }
            }
            returned.sort();
            prop_assert_eq!(returned, expected);
        }
    }

    /// A stream that returns what is sent to it.
    struct Sent(std_mpsc::Receiver<&'static str>);

    impl Read for Sent {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let text = self.0.recv().unwrap_or_default();
            buffer[..text.len()].copy_from_slice(text.as_bytes());
            Ok(text.len())
        }
    }

    #[test]
    fn lines_of_a_stream_are_kept_only_while_they_are_asked_for() {
        let (sender, sent) = std_mpsc::channel();
        let sources = vec![stream("-", Sent(sent))];
        let mut intake = read(sources, Defaults::for_tests(), EVERY_SHARD, |_| ()).unwrap();
        let runtime = runtime();
        for (switch, is_kept) in [
            (None, false),
            (Some(true), true),
            (None, true),
            (Some(false), false),
            (Some(true), true),
        ] {
            if let Some(keep) = switch {
                intake.keep_lines(keep);
            }
            sender.send("http://a/\n").unwrap();
            let input = runtime.block_on(poll_fn(|cx| intake.poll_next(cx)));
            let parked = ParkedInput::park(input.unwrap().unwrap());
            let is_spilled = parked.is_ok_and(|parked| parked.is_spilled());
            assert_eq!(is_spilled, is_kept, "{switch:?}");
        }
    }

    #[test]
    fn what_is_in_memory_anyway_is_not_kept() {
        let source = Source {
            lines: Some(1),
            ..stream("args", Cursor::new("http://a/"))
        };
        let mut intake = read_now(vec![source], EVERY_SHARD, ThreadUse::Never, |_| ());
        let inputs = take_all(&mut intake, &runtime());
        assert!(inputs[0].place.is_none());
    }

    #[test]
    fn what_is_parked_of_a_file_is_read_from_it() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"\n http://a/1 \nhttp://a/2").unwrap();
        let sources = vec![Source::of_file("list", file, ListFormat::Lines)];
        let mut intake = read_now(sources, EVERY_SHARD, ThreadUse::Never, |_| ());
        let inputs = take_all(&mut intake, &runtime()).into_iter();
        let parked: Vec<_> = inputs
            .map(|input| ParkedInput::park(input).unwrap())
            .collect();
        let lengths: Vec<_> = parked.iter().map(ParkedInput::length).collect();
        assert_eq!(lengths, [12, 10]);
        assert!(parked.iter().all(|parked| !parked.is_spilled()));
    }
}
