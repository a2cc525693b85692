//! The stores that hosts can share.

mod direct;
mod redis;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use cloakroom::{Durability, FileStore, MemoryStore, Record, SessionStore, StoreKey, Timestamp};
use direct::Direct;
use redis::{Redis, Server};

use crate::clock::HostClock;
use crate::net::Net;
use crate::planted::Planted;

/// Which store the hosts share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// [`MemoryStore`], as it is.
    Memory,
    /// [`FileStore`], as it is, on a file that goes with the simulation.
    File,
    /// Redis as a model that keeps the laws of a store.
    Redis,
}

impl StoreKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Memory, Self::File, Self::Redis];
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::File => "file",
            Self::Redis => "redis",
        })
    }
}

impl FromStr for StoreKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.to_string() == text);
        known.ok_or_else(|| format!("{text:?} is no store; use memory, file or redis"))
    }
}

/// The store that all hosts of one simulation share.
#[derive(Clone)]
pub(crate) struct Shared {
    store: Arc<dyn SessionStore>,
    /// The same where it is the model of Redis.
    redis: Option<Redis>,
    /// Goes with the last host.
    _folder: Option<Arc<tempfile::TempDir>>,
}

impl Shared {
    /// Opens a store; one that has a clock has this one.
    pub(crate) fn open(kind: StoreKind, room: Option<usize>, clock: HostClock) -> Self {
        match kind {
            StoreKind::Memory => {
                let store = room.map_or_else(MemoryStore::new, MemoryStore::with_limit);
                Self { store: Arc::new(store), redis: None, _folder: None }
            }
            StoreKind::Redis => {
                let redis = Redis::next_to(Arc::new(Server::new(clock)));
                Self { store: Arc::new(redis.clone()), redis: Some(redis), _folder: None }
            }
            StoreKind::File => {
                let opened = tempfile::tempdir().map_err(|error| error.to_string()).and_then(|folder| {
                    // What a power loss does is tested where there are real disks; here the next verb should not wait.
                    let store =
                        FileStore::builder(folder.path().join("sessions.db")).durability(Durability::ProcessCrash);
                    let store = settle(store.open()).map_err(|error| error.to_string())?;
                    Ok(Self { store: Arc::new(store), redis: None, _folder: Some(Arc::new(folder)) })
                });
                opened.unwrap_or_else(|error| panic!("the file store cannot be opened: {error}"))
            }
        }
    }

    /// The store as a host has it, at the other end of its network.
    pub(crate) fn connect(&self, net: Arc<Net>, planted: Option<Planted>) -> Arc<dyn SessionStore> {
        match &self.redis {
            Some(redis) => Arc::new(redis.behind(net, planted)),
            None => Arc::new(Direct::new(Arc::clone(&self.store), net, planted)),
        }
    }

    /// Removes what has expired.
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<u64, cloakroom::Error> {
        match self.store.index() {
            Some(index) => settle(index.sweep(now)),
            None => Ok(0),
        }
    }

    /// What is under a key, expired or not.
    pub(crate) fn look(&self, key: &StoreKey) -> Option<Record> {
        let beginning = Timestamp::from_millis(0);
        settle(self.store.load(key, beginning)).unwrap_or_default()
    }
}

/// Drives a future of a store to its end without letting any other task run, nor time pass: a verb takes effect at one
/// instant, and how long it takes is for the network to say.
pub(crate) fn settle<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for polls in 0_u32.. {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // A store in memory only pauses for others. A file may be with another thread.
            Poll::Pending if polls > 64 => std::thread::yield_now(),
            Poll::Pending => {}
        }
    }
    unreachable!("a verb that never ends")
}
