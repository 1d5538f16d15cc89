//! Threads for calls that block: writing to a disk, and looking up names.
//!
//! tokio has such threads, too, but panics where the system refuses to start the first of them, and ends them when they
//! are idle, so that the next first one may be refused in the middle of a run. Here the first one is started with the
//! pool, and a given number stays. A system with a limit on threads then costs speed and nothing else.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::lock::lock;

/// Computes a result, and returns what hands it over.
type Work = Box<dyn FnOnce() -> Handover + Send>;

type Handover = Box<dyn FnOnce()>;

/// A pool of threads. Clones share it.
#[derive(Clone)]
pub struct ThreadPool(Arc<Shared>);

/// How many threads a pool has.
#[derive(Clone, Copy, Debug)]
pub struct PoolSize {
    /// The maximum number of threads.
    pub most: usize,
    /// How many of them stay when there is nothing to do.
    pub kept: usize,
    /// The size of their stacks in bytes; `None` for the default.
    pub stack: Option<usize>,
}

struct Shared {
    name: &'static str,
    size: PoolSize,
    state: Mutex<State>,
    /// Notified when there is work, and when a thread ends.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Work>,
    threads: usize,
    /// The work that is queued or being done. A thread that hands a result over counts as free, so that whoever gets
    /// the result finds a free thread.
    unfinished: usize,
    is_closed: bool,
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThreadPool").field(&self.0.name).finish()
    }
}

impl ThreadPool {
    /// Starts a pool with one thread, which is called `name`. More are started as they are needed.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn start(name: &'static str, size: PoolSize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            name,
            size,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        shared.start_thread(&mut shared.state())?;
        Ok(Self(shared))
    }

    /// Has a thread do `work`, now or when one is free. The receiver gets what it returns; an error if it panics, or is
    /// dropped because the pool was closed.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let mut state = self.0.state();
        // If the system refuses, the work waits for a thread that is running.
        self.0.provide_thread(&mut state);
        self.0.enqueue(&mut state, work)
    }

    /// As [`Self::spawn`], but returns `None` where no thread can begin with `work` now.
    pub fn spawn_now<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<oneshot::Receiver<T>> {
        let mut state = self.0.state();
        let has_thread = self.0.provide_thread(&mut state);
        has_thread.then(|| self.0.enqueue(&mut state, work))
    }

    /// Drops the work that has not begun, and waits until the threads have ended, but no longer than `patience`.
    pub fn close(&self, patience: Duration) {
        let Self(shared) = self;
        let mut state = shared.state();
        state.is_closed = true;
        let dropped = std::mem::take(&mut state.queue);
        state.unfinished -= dropped.len();
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

    /// Whether there is a free thread; starts one more if there has to be. A closed pool needs none.
    fn provide_thread(self: &Arc<Self>, state: &mut State) -> bool {
        state.is_closed
            || state.unfinished < state.threads
            || state.threads < self.size.most && self.start_thread(state).is_ok()
    }

    fn start_thread(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let shared = self.clone();
        let mut thread = thread::Builder::new().name(self.name.into());
        if let Some(stack) = self.size.stack {
            thread = thread.stack_size(stack);
        }
        thread.spawn(move || shared.work())?;
        state.threads += 1;
        Ok(())
    }

    fn enqueue<T: Send + 'static>(
        &self,
        state: &mut State,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, result) = oneshot::channel();
        if state.is_closed {
            return result;
        }
        state.queue.push_back(Box::new(move || {
            let value = catch_unwind(AssertUnwindSafe(work));
            // Whoever waits for the result of a panic finds the sender gone.
            Box::new(move || drop(value.map(|value| sender.send(value))))
        }));
        state.unfinished += 1;
        self.changed.notify_one();
        result
    }

    fn work(&self) {
        let mut state = self.state();
        loop {
            if let Some(work) = state.queue.pop_front() {
                drop(state);
                let hand_over = work();
                self.state().unfinished -= 1;
                hand_over();
                state = self.state();
            } else if state.is_closed || state.threads > self.size.kept {
                break;
            } else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
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

    fn start(most: usize, kept: usize) -> ThreadPool {
        let stack = None;
        ThreadPool::start("test", PoolSize { most, kept, stack }).unwrap()
    }

    #[test]
    fn work_is_done_by_no_more_threads_than_allowed() {
        let pool = start(2, 2);
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
        let pool = start(1, 1);
        assert!(pool.spawn(|| panic!("on purpose")).blocking_recv().is_err());
        assert_eq!(pool.spawn(|| 1).blocking_recv(), Ok(1));
    }

    #[test]
    fn a_thread_is_free_for_whoever_has_the_result_of_its_work() {
        let pool = start(1, 1);
        for number in 0..1_000 {
            let result = pool.spawn_now(move || number).unwrap();
            assert_eq!(result.blocking_recv(), Ok(number));
        }
        for _ in 0..100 {
            let result = pool.spawn_now(|| panic!("on purpose")).unwrap();
            assert!(result.blocking_recv().is_err());
        }
    }

    #[test]
    fn work_that_no_thread_can_begin_now_is_refused_and_threads_that_are_not_kept_end() {
        let pool = start(3, 1);
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let blocked: Vec<_> = (0..3)
            .map(|_| {
                let gate = gate.clone();
                pool.spawn_now(move || gate.lock().unwrap().recv().is_err())
                    .unwrap()
            })
            .collect();
        assert!(pool.spawn_now(|| ()).is_none());
        drop(open);
        for result in blocked {
            assert_eq!(result.blocking_recv(), Ok(true));
        }
        let too_many = |state: &mut State| state.threads > 1;
        let state = pool.0.changed.wait_while(pool.0.state(), too_many).unwrap();
        assert_eq!((state.threads, state.unfinished), (1, 0));
        drop(state);
        assert_eq!(pool.spawn_now(|| 1).unwrap().blocking_recv(), Ok(1));
    }

    #[test]
    fn a_closed_pool_drops_what_has_not_begun() {
        let pool = start(1, 1);
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
