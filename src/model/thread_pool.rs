//! Threads for calls that block: writing to a disk, and looking up names.
//!
//! tokio has such threads, too, but panics where the system refuses to start the first of them, and ends them when they
//! are idle, so that the next first one may be refused in the middle of a run. Here the first one is started with the
//! pool and stays. A system with a limit on threads then costs speed and nothing else.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::lock::lock;

type Work = Box<dyn FnOnce() + Send>;

/// A pool of threads. Clones share it.
#[derive(Clone)]
pub struct ThreadPool(Arc<Shared>);

struct Shared {
    name: &'static str,
    max: usize,
    state: Mutex<State>,
    /// Notified when there is work, and when a thread ends.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Work>,
    threads: usize,
    idle: usize,
    is_closed: bool,
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThreadPool").field(&self.0.name).finish()
    }
}

impl ThreadPool {
    /// Starts a pool with one thread, which is called `name`. Up to `max` are started as they are needed.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn start(name: &'static str, max: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            name,
            max,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        shared.start_thread(&mut shared.state())?;
        Ok(Self(shared))
    }

    /// Has a thread do `work`. The receiver gets what it returns; an error if it panics, or is dropped because the pool
    /// was closed.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let Self(shared) = self;
        let (sender, result) = oneshot::channel();
        let mut state = shared.state();
        if state.is_closed {
            return result;
        }
        state.queue.push_back(Box::new(move || {
            let _ = sender.send(work());
        }));
        if state.idle >= state.queue.len() {
            shared.changed.notify_one();
        } else if state.threads < shared.max {
            // If the system refuses, the work waits for a thread that is running.
            let _ = shared.start_thread(&mut state);
        }
        result
    }

    /// Drops the work that has not begun, and waits until the threads have ended, but no longer than `patience`.
    pub fn close(&self, patience: Duration) {
        let Self(shared) = self;
        let mut state = shared.state();
        state.is_closed = true;
        let dropped = std::mem::take(&mut state.queue);
        drop(state);
        drop(dropped);
        shared.changed.notify_all();
        let is_running = |state: &mut State| state.threads > 0;
        drop(
            shared
                .changed
                .wait_timeout_while(shared.state(), patience, is_running),
        );
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn start_thread(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let shared = self.clone();
        let thread = thread::Builder::new().name(self.name.into());
        thread.spawn(move || shared.work())?;
        state.threads += 1;
        Ok(())
    }

    fn work(&self) {
        let mut state = self.state();
        loop {
            if let Some(work) = state.queue.pop_front() {
                drop(state);
                // Whoever waits for the result finds the sender gone.
                let _ = catch_unwind(AssertUnwindSafe(work));
                state = self.state();
            } else if state.is_closed {
                break;
            } else {
                state.idle += 1;
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
        state.threads -= 1;
        drop(state);
        self.changed.notify_all();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn work_is_done_by_no_more_threads_than_allowed() {
        let pool = ThreadPool::start("test", 2).unwrap();
        assert_eq!(pool.0.state().threads, 1);
        let (began, begins) = mpsc::channel();
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let results: Vec<_> = (0..8)
            .map(|number| {
                let (began, gate) = (began.clone(), gate.clone());
                pool.spawn(move || {
                    began.send(()).unwrap();
                    let _ = gate.lock().unwrap().recv();
                    number
                })
            })
            .collect();
        begins.recv().unwrap();
        begins.recv().unwrap();
        assert_eq!(pool.0.state().threads, 2);
        assert!(begins.try_recv().is_err());
        drop(open);
        let results: Vec<_> = results
            .into_iter()
            .map(|result| result.blocking_recv().unwrap())
            .collect();
        assert_eq!(results, [0, 1, 2, 3, 4, 5, 6, 7]);
        pool.close(Duration::MAX);
        assert_eq!(pool.0.state().threads, 0);
    }

    #[test]
    fn a_panic_costs_no_thread() {
        let pool = ThreadPool::start("test", 1).unwrap();
        assert!(pool.spawn(|| panic!("on purpose")).blocking_recv().is_err());
        assert_eq!(pool.spawn(|| 1).blocking_recv(), Ok(1));
    }

    #[test]
    fn a_closed_pool_drops_what_has_not_begun() {
        let pool = ThreadPool::start("test", 1).unwrap();
        let (began, begins) = mpsc::channel();
        let (open, gate) = mpsc::channel::<()>();
        let first = pool.spawn(move || {
            began.send(()).unwrap();
            let _ = gate.recv();
        });
        begins.recv().unwrap();
        let second = pool.spawn(|| ());
        pool.close(Duration::ZERO);
        assert!(second.blocking_recv().is_err());
        assert!(pool.spawn(|| ()).blocking_recv().is_err());
        drop(open);
        assert!(first.blocking_recv().is_ok());
        pool.close(Duration::MAX);
    }
}
