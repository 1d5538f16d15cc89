//! A pseudo-terminal, and a thread that reads its output.

use std::{
    fs::{File, OpenOptions},
    os::fd::OwnedFd,
    process::Stdio,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use super::PATIENCE;

/// Bytes that a thread reads, and that a test can wait for.
#[derive(Clone, Default)]
pub(crate) struct Gathered(Arc<(Mutex<Bytes>, Condvar)>);

/// The bytes so far, and whether that is all.
type Bytes = (Vec<u8>, bool);

impl Gathered {
    /// Starts a thread that reads to the end. An error counts as the end, because that is how a terminal ends.
    pub(crate) fn from(mut source: impl std::io::Read + Send + 'static) -> Self {
        let gathered = Self::default();
        let copy = gathered.clone();
        thread::spawn(move || {
            let mut piece = vec![0; 65536];
            loop {
                let read = source.read(&mut piece).unwrap_or(0);
                let mut state = copy.0.0.lock().unwrap_or_else(PoisonError::into_inner);
                state.0.extend_from_slice(&piece[..read]);
                state.1 = read == 0;
                copy.0.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        gathered
    }

    pub(crate) fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock().unwrap().0).into_owned()
    }

    /// Waits until the text is there.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_for_times(text, 1);
    }

    /// Waits until the text is there `times` times.
    #[track_caller]
    pub(crate) fn wait_for_times(&self, text: &str, times: usize) {
        let found = |bytes: &[u8]| {
            bytes
                .windows(text.len())
                .filter(|window| *window == text.as_bytes())
                .count()
                >= times
        };
        let state = self.0.0.lock().unwrap();
        let (state, _) = self
            .0
            .1
            .wait_timeout_while(state, PATIENCE, |(bytes, ended)| !*ended && !found(bytes))
            .unwrap();
        assert!(
            found(&state.0),
            "no {times} times {text:?} in {:?}",
            String::from_utf8_lossy(&state.0)
        );
    }

    /// Waits for the end and returns all bytes.
    #[track_caller]
    pub(crate) fn all(&self) -> Vec<u8> {
        let state = self.0.0.lock().unwrap();
        let (state, _) = self
            .0
            .1
            .wait_timeout_while(state, PATIENCE, |(_, ended)| !*ended)
            .unwrap();
        assert!(
            state.1,
            "the output has no end: {:?}",
            String::from_utf8_lossy(&state.0)
        );
        state.0.clone()
    }
}

pub(crate) struct Terminal {
    master: File,
    path: std::path::PathBuf,
}

impl Terminal {
    pub(crate) fn new(columns: u16) -> Self {
        let master: OwnedFd =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new())
            .unwrap()
            .into_string()
            .unwrap()
            .into();
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).unwrap();
        Self {
            master: master.into(),
            path,
        }
    }

    /// The program's end of the terminal.
    pub(crate) fn end(&self) -> Stdio {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).unwrap();
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags)
            .open(&self.path)
            .unwrap()
            .into()
    }

    /// Starts to read the screen. The program must have its end by then.
    pub(crate) fn watch(self) -> Gathered {
        Gathered::from(self.master)
    }
}
