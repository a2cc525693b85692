//! A few threads for reads that may stand still, apart from those of the runtime and of the application.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

use crate::error::{Error, ErrorKind, Result};

/// The most reads in the queue. Later ones wait outside of it, within their callers' timeouts.
const MOST_WAITING: usize = 1_024;

/// Threads that start when there is work, and end with the pool, after the jobs that wait by then.
pub(super) struct Pool {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
}

struct Shared {
    name: &'static str,
    most: usize,
    state: Mutex<State>,
    /// There is something to do, or the pool has ended.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
    ended: bool,
}

type Job = Box<dyn FnOnce() + Send>;

impl Pool {
    pub(super) fn new(name: &'static str, most: usize) -> Self {
        let shared = Shared { name, most, state: Mutex::default(), changed: Condvar::new() };
        Self { shared: Arc::new(shared), room: Arc::new(Semaphore::new(MOST_WAITING)) }
    }

    /// Has this done by one of the threads. If the future is dropped before it has begun, it is not done.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let failed = || Error::new(ErrorKind::Unavailable, "reading the session file failed");
        let room = match Arc::clone(&self.room).try_acquire_owned() {
            Ok(room) => room,
            Err(_) => Arc::clone(&self.room).acquire_owned().await.map_err(|_| failed())?,
        };
        let (to, answer) = oneshot::channel();
        self.push(Box::new(move || {
            let _room = room;
            if !to.is_closed() {
                let _ = to.send(work());
            }
        }));
        // It closes where the work panicked, or no thread could be started for it.
        answer.await.unwrap_or_else(|_| Err(failed()))
    }

    fn push(&self, job: Job) {
        let mut state = self.shared.state();
        state.waiting.push_back(job);
        if state.idle < state.waiting.len() && state.threads < self.shared.most {
            let shared = Arc::clone(&self.shared);
            let started = std::thread::Builder::new().name(shared.name.to_owned()).spawn(move || shared.serve());
            match started {
                Ok(_) => state.threads += 1,
                Err(_) if state.threads == 0 => state.waiting.clear(),
                Err(_) => {}
            }
        }
        self.shared.changed.notify_one();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn serve(&self) {
        while let Some(job) = self.next() {
            // Who waits for it learns of a panic by the closing of the channel.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                return Some(job);
            }
            if state.ended {
                return None;
            }
            state.idle += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// No work is done while it is locked, so a poisoned lock guards a whole state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
