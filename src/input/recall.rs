//! Reads the lines of parked inputs again, on a thread of its own.
//!
//! The thread is started with the first inputs that are asked for. Where it cannot be started, the
//! lines are read on the spot.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::{Arc, mpsc as std_mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use tokio::sync::mpsc;

use super::lines::Line;
use super::parked::ParkedInput;
use super::parse::{Defaults, LineParser};
use super::place::check;
use crate::model::error::{Failure, Kind, Phase, plain};
use crate::model::input::{Decision, Input, Place};
use crate::model::saved_file::SaveTarget;
use crate::sys::read_at;

/// The number of bytes that are read at once if lines follow each other.
const READ_SIZE: u64 = 64 * 1024;

/// The number of bytes between two lines that are read rather than skipped.
const GAP: u64 = 4 * 1024;

/// What the record shows where the URL is no longer known.
const UNKNOWN: &str = "…";

/// Inputs that were asked for again, in the order in which they were asked for.
#[derive(Debug)]
pub struct Recalled {
    /// The tag that they were asked for with.
    pub tag: usize,
    /// The inputs. One whose line cannot be read again has a failure instead of a request.
    pub inputs: VecDeque<Box<Input>>,
}

/// Asks for inputs again, and receives them.
pub(super) struct Recall {
    defaults: Defaults,
    threads: ThreadUse,
    channels: Option<Channels>,
    /// The number of answers that are still to come.
    pending: usize,
    /// Who polled while there was nothing to come.
    waker: Option<Waker>,
}

/// Whether lines are read by a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ThreadUse {
    /// If it can be started.
    IfPossible,
    /// They are read when they are asked for.
    #[cfg(test)]
    Never,
}

struct Channels {
    /// To the thread; `None` where there is none.
    asking: Option<std_mpsc::Sender<Asked>>,
    answering: mpsc::UnboundedSender<Recalled>,
    answers: mpsc::UnboundedReceiver<Recalled>,
}

struct Asked {
    tag: usize,
    parked: Vec<ParkedInput>,
}

impl Recall {
    /// Creates a recall of inputs that were parsed with `defaults`. Nothing is started yet.
    pub(super) fn new(defaults: Defaults, threads: ThreadUse) -> Self {
        Self {
            defaults,
            threads,
            channels: None,
            pending: 0,
            waker: None,
        }
    }

    /// Asks for `parked`. `tag` comes back with them.
    pub(super) fn ask(&mut self, tag: usize, parked: Vec<ParkedInput>) {
        let (defaults, threads) = (&self.defaults, self.threads);
        let channels = self
            .channels
            .get_or_insert_with(|| Channels::open(defaults, threads));
        let mut asked = Asked { tag, parked };
        self.pending += 1;
        if let Some(asking) = &channels.asking {
            match asking.send(asked) {
                Ok(()) => return self.wake(),
                Err(std_mpsc::SendError(unsent)) => asked = unsent,
            }
        }
        let answer = LineReader::new(&self.defaults).answer(asked);
        // The receiver is here.
        let _ = channels.answering.send(answer);
        self.wake();
    }

    /// Has the task poll again that was told there is nothing to come.
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Polls for inputs that were asked for. Pending if there are none.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Recalled> {
        if let Some(channels) = &mut self.channels
            && self.pending > 0
        {
            if let Some(recalled) = std::task::ready!(channels.answers.poll_recv(cx)) {
                self.pending -= 1;
                return Poll::Ready(recalled);
            }
        } else if !self
            .waker
            .as_ref()
            .is_some_and(|old| old.will_wake(cx.waker()))
        {
            self.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Channels {
    fn open(defaults: &Defaults, threads: ThreadUse) -> Self {
        let (answering, answers) = mpsc::unbounded_channel();
        let asking = match threads {
            ThreadUse::IfPossible => start(defaults.clone(), answering.clone()).ok(),
            #[cfg(test)]
            ThreadUse::Never => None,
        };
        Self {
            asking,
            answering,
            answers,
        }
    }
}

/// Starts the thread.
fn start(
    defaults: Defaults,
    answering: mpsc::UnboundedSender<Recalled>,
) -> io::Result<std_mpsc::Sender<Asked>> {
    let (asking, all_asked) = std_mpsc::channel();
    let answer_all = move || {
        let mut reader = LineReader::new(&defaults);
        for asked in all_asked {
            if answering.send(reader.answer(asked)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("recall".into())
        .spawn(answer_all)?;
    Ok(asking)
}

/// Why a line cannot be read again.
#[derive(Debug, thiserror::Error)]
enum RecallError {
    #[error("the list was changed while it was read")]
    Changed,
    #[error("cannot read the line again: {}", plain(.0))]
    Io(#[from] io::Error),
}

/// Turns parked inputs into inputs.
struct LineReader<'a> {
    parser: LineParser<'a>,
    window: Window,
}

impl<'a> LineReader<'a> {
    fn new(defaults: &'a Defaults) -> Self {
        Self {
            parser: LineParser::new(defaults),
            window: Window::default(),
        }
    }

    fn answer(&mut self, Asked { tag, parked }: Asked) -> Recalled {
        let mut inputs = VecDeque::with_capacity(parked.len());
        let mut rest = &parked[..];
        while let [first, ..] = rest {
            let (near, others) = rest.split_at(count_near(rest));
            let end = near.last().map_or(0, |last| end(&last.place));
            // An error comes again when the line that it concerns is read.
            let _ = self.window.read(&first.place, end);
            inputs.extend(near.iter().map(|parked| self.input(parked)));
            rest = others;
        }
        Recalled { tag, inputs }
    }

    fn input(&mut self, parked: &ParkedInput) -> Box<Input> {
        let source = &parked.place.file.source;
        let line = self.window.line(&parked.place);
        let input = line.and_then(|line| {
            let line = Line::Whole(line);
            let columns = parked.place.file.columns.as_deref();
            let (number, index) = (parked.line, parked.index);
            let input = self.parser.parse(&line, source, columns, number, index);
            input.ok_or(RecallError::Changed)
        });
        let mut input = match input {
            Ok(input) => input,
            Err(error) => return failed(parked, &error),
        };
        input.position = parked.position;
        input.place = Some(parked.place.clone());
        if let (Ok(request), Some(target)) = (&mut input.request, &parked.save_target) {
            Arc::make_mut(request).save_target = Some(SaveTarget::clone(target));
        }
        input
    }
}

/// Returns the input of a line that cannot be read again. Its URL is not known. What is there now
/// may be another line, or a part of one that holds a secret, so none of it is shown.
fn failed(parked: &ParkedInput, error: &RecallError) -> Box<Input> {
    let source = &parked.place.file.source;
    let message = format!("{source}:{}: {error}", parked.line);
    Box::new(Input {
        index: parked.index,
        position: parked.position,
        source: source.clone(),
        line: parked.line,
        display_url: UNKNOWN.to_owned(),
        id: None,
        meta: None,
        request: Err(Failure::new(Kind::Io, Phase::Input, message)),
        decision: Decision::Send,
        place: None,
    })
}

/// Returns how many of the first inputs are so near to each other that they are read at once.
fn count_near(parked: &[ParkedInput]) -> usize {
    let Some(first) = parked.first() else {
        return 0;
    };
    let mut read_to = end(&first.place);
    let is_near = |next: &&ParkedInput| {
        let place = &next.place;
        let is_near = Arc::ptr_eq(&place.file, &first.place.file)
            && (read_to..=read_to + GAP).contains(&place.offset)
            && end(place) - first.place.offset <= READ_SIZE;
        read_to = end(place);
        is_near
    };
    1 + parked[1..].iter().take_while(is_near).count()
}

/// Returns the position behind a line.
fn end(place: &Place) -> u64 {
    place.offset + u64::from(place.length)
}

/// A part of a file.
#[derive(Default)]
struct Window {
    /// The position of the first byte in the file.
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// Reads from the beginning of `first` to `end`, as far as there is something.
    fn read(&mut self, first: &Place, end: u64) -> io::Result<()> {
        self.start = first.offset;
        self.bytes.clear();
        let mut position = first.offset;
        while position < end {
            let filled = self.bytes.len();
            self.bytes.resize(filled + length(end - position)?, 0);
            let read = read_at(&first.file.file, &mut self.bytes[filled..], position);
            self.bytes.truncate(filled + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => break,
                Ok(read) => position += read as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns the line at `place`, from what was read if it is there.
    fn line(&mut self, place: &Place) -> Result<&[u8], RecallError> {
        if self.range(place).is_none() {
            self.read(place, end(place))?;
        }
        let line = self.range(place).map(|range| &self.bytes[range]);
        line.filter(|line| check(line) == place.check)
            .ok_or(RecallError::Changed)
    }

    /// Returns which of the bytes that were read are the line at `place`.
    fn range(&self, place: &Place) -> Option<Range<usize>> {
        let start = length(place.offset.checked_sub(self.start)?).ok()?;
        let end = start + place.length as usize;
        (end <= self.bytes.len()).then_some(start..end)
    }
}

/// Returns a number of bytes in memory.
fn length(bytes: u64) -> io::Result<usize> {
    bytes
        .try_into()
        .map_err(|_| io::ErrorKind::OutOfMemory.into())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs::File;
    use std::future::poll_fn;
    use std::io::Write as _;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::super::place::place;
    use super::*;
    use crate::model::input::LineFile;

    fn line_file(file: File) -> Arc<LineFile> {
        Arc::new(LineFile {
            source: "list".into(),
            columns: None,
            file: Arc::new(file),
            is_temporary: false,
        })
    }

    fn parked(file: &Arc<LineFile>, offset: u64, line: &str, index: u64) -> ParkedInput {
        ParkedInput {
            index,
            position: index,
            line: index + 1,
            place: place(file, offset, line.as_bytes()).unwrap(),
            save_target: None,
        }
    }

    /// Parks the lines of `text`, which is what `file` is said to hold.
    fn park_all(file: &Arc<LineFile>, text: &str) -> Vec<ParkedInput> {
        let mut offset = 0;
        let parked = (0..).zip(text.lines()).map(|(index, line)| {
            let start = offset;
            offset += line.len() as u64 + 1;
            parked(file, start, line, index)
        });
        parked.collect()
    }

    fn recall(parked: Vec<ParkedInput>) -> Vec<Result<String, (Kind, Phase, String)>> {
        let defaults = Defaults::for_tests();
        let recalled = LineReader::new(&defaults).answer(Asked { tag: 3, parked });
        assert_eq!(recalled.tag, 3);
        let inputs = (0..).zip(recalled.inputs).map(|(index, input)| {
            assert_eq!((input.index, input.line), (index, index + 1));
            let shown = input.display_url;
            let request = input.request.map_err(|failure| {
                assert_eq!(shown, UNKNOWN);
                (failure.kind, failure.phase, failure.message)
            });
            request.map(|request| request.url.to_string())
        });
        inputs.collect()
    }

    fn changed(line: u64) -> Result<String, (Kind, Phase, String)> {
        let message = format!("list:{line}: the list was changed while it was read");
        Err((Kind::Io, Phase::Input, message))
    }

    #[test]
    fn a_line_that_was_changed_is_an_error_and_its_neighbours_are_not() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"http://a/1\nhttp://u:secret@a/2\nhttp://a/3\n")
            .unwrap();
        let file = line_file(file);
        let parked = park_all(&file, "http://a/1\nhttp://u:terces@a/2\nhttp://a/3\n");
        let expected = [
            Ok("http://a/1".to_owned()),
            changed(2),
            Ok("http://a/3".to_owned()),
        ];
        assert_eq!(recall(parked), expected);
    }

    #[test]
    fn lines_behind_the_end_of_a_file_that_was_cut_are_errors() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"http://a/1\nhttp://a/").unwrap();
        let file = line_file(file);
        let parked = park_all(&file, "http://a/1\nhttp://a/2\nhttp://a/3\n");
        let expected = [Ok("http://a/1".to_owned()), changed(2), changed(3)];
        assert_eq!(recall(parked), expected);
    }

    #[test]
    fn a_file_that_cannot_be_read_says_why() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        let parked = park_all(&line_file(file), "http://a/1\n");
        let (kind, phase, message) = recall(parked).remove(0).unwrap_err();
        assert_eq!((kind, phase), (Kind::Io, Phase::Input));
        assert!(
            message.starts_with("list:1: cannot read the line again: "),
            "{message}"
        );
    }

    #[test]
    fn lines_that_follow_each_other_are_read_at_once() {
        let file = line_file(tempfile::tempfile().unwrap());
        let other = line_file(tempfile::tempfile().unwrap());
        let near = |places: &[(&Arc<LineFile>, u64)]| {
            let line = "x".repeat(100);
            let parked = places
                .iter()
                .map(|(file, offset)| parked(file, *offset, &line, 0));
            count_near(&parked.collect::<Vec<_>>())
        };
        assert_eq!(near(&[]), 0);
        assert_eq!(near(&[(&file, 7)]), 1);
        assert_eq!(near(&[(&file, 7), (&file, 108), (&file, 209 + GAP)]), 2);
        assert_eq!(near(&[(&file, 7), (&file, 108), (&file, 208 + GAP)]), 3);
        assert_eq!(near(&[(&file, 7), (&other, 107)]), 1);
        assert_eq!(near(&[(&file, 7), (&file, 7)]), 1);
        assert_eq!(near(&[(&file, 107), (&file, 7)]), 1);
        let batch: Vec<_> = (0..1_000).map(|n| (&file, 101 * n)).collect();
        assert_eq!(near(&batch[..64]), 64);
        assert_eq!(near(&batch), 648);
    }

    struct CountingWaker(AtomicUsize);

    impl Wake for CountingWaker {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Where the first inputs are asked for in the poll that found none to come.
    #[test]
    fn asking_wakes_a_task_that_polled_before() {
        for threads in [ThreadUse::IfPossible, ThreadUse::Never] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(b"http://a/1\n").unwrap();
            let parked = park_all(&line_file(file), "http://a/1\n");
            let mut recall = Recall::new(Defaults::for_tests(), threads);
            let counter = Arc::new(CountingWaker(AtomicUsize::new(0)));
            let waker = counter.clone().into();
            let mut cx = Context::from_waker(&waker);
            assert!(recall.poll(&mut cx).is_pending());
            assert_eq!(counter.0.load(Ordering::Relaxed), 0);
            recall.ask(7, parked);
            assert_eq!(counter.0.load(Ordering::Relaxed), 1);
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.build().unwrap();
            let recalled = runtime.block_on(poll_fn(|cx| recall.poll(cx)));
            assert_eq!((recalled.tag, recalled.inputs.len()), (7, 1));
            assert!(recall.poll(&mut cx).is_pending());
        }
    }

    #[test]
    fn a_list_in_a_file_can_be_recalled_without_threads() {
        use super::super::intake::tests::inputs_in_file;
        for is_temporary in [true, false] {
            let lines = ["http://a/1", "http://b/2"].map(str::to_owned);
            let mut intake = inputs_in_file(lines, is_temporary);
            let mut cx = Context::from_waker(Waker::noop());
            let mut parked = Vec::new();
            while let Poll::Ready(Some(input)) = intake.poll_next(&mut cx) {
                parked.push(ParkedInput::park(input.unwrap()).unwrap());
            }
            assert!(
                parked
                    .iter()
                    .all(|parked| parked.is_spilled() == is_temporary)
            );
            intake.recall(0, parked);
            let Poll::Ready(recalled) = intake.poll_recalled(&mut cx) else {
                panic!("pending");
            };
            let shown = recalled.inputs.iter().map(|input| &*input.display_url);
            assert_eq!(shown.collect::<Vec<_>>(), ["http://a/1", "http://b/2"]);
        }
    }
}
