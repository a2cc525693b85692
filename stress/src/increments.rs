//! Several processes count in the same sessions.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use cloakroom::{FileStore, SessionManager};

use crate::arguments::Arguments;
use crate::place::Place;
use crate::worker::Worker;
use crate::{Result, say, visitors};

const PROCESSES: usize = 4;
const INCREMENTS: usize = 10_000;

/// Those of each process where the file is opened again and again meanwhile: without a write-ahead log each takes longer.
const SHARED_INCREMENTS: usize = 1_000;

/// Sessions that all processes share. Each of the tasks below counts equally often in each of them.
const SESSIONS: usize = 8;

/// Tasks in each process.
const TASKS: usize = 5;

/// How a process uses the file.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    /// As on a local disk.
    Local,
    /// As on a network, where locks are all that processes share; each process opens stores on it again and again, which
    /// must release no lock of the store that counts.
    Reopened,
}

impl Use {
    const ALL: [(&str, Self); 2] = [("local", Self::Local), ("reopened", Self::Reopened)];

    async fn open(self, path: &Path) -> Result<SessionManager> {
        let builder = FileStore::builder(path);
        let builder = if self == Self::Reopened { builder.shared_folder() } else { builder };
        Ok(SessionManager::new(builder.open().await?))
    }
}

pub(crate) fn run(arguments: &mut Arguments) -> Result {
    count(arguments, "local", INCREMENTS)
}

pub(crate) fn run_reopened(arguments: &mut Arguments) -> Result {
    count(arguments, "reopened", SHARED_INCREMENTS)
}

/// This is about counting, not about disks, so the file lies in memory unless told otherwise.
fn count(arguments: &mut Arguments, how: &str, increments: usize) -> Result {
    let place = Place::in_memory(arguments)?;
    let cookies = visitors::run(async {
        let sessions = visitors::manager(place.path()).await?;
        let mut cookies = Vec::new();
        for _ in 0..SESSIONS {
            cookies.push(visitors::begin(&sessions).await?);
        }
        Ok(cookies)
    })?;
    let arguments = || [place.word().unwrap_or_default()].into_iter().chain(cookies.iter().map(String::as_str));
    let count = increments.to_string();
    let mut workers = Vec::new();
    for _ in 0..PROCESSES {
        workers.push(Worker::start("increments", [how, &*count].into_iter().chain(arguments()))?);
    }
    for worker in &mut workers {
        worker.wait()?;
    }
    visitors::run(async {
        let sessions = visitors::manager(place.path()).await?;
        // A session begins at 1.
        let expected = Some((1 + PROCESSES * increments / SESSIONS) as u64);
        for cookie in &cookies {
            let found = visitors::number(&sessions, cookie).await?;
            if found != expected {
                return Err(format!("a session stands at {found:?} instead of {expected:?}").into());
            }
        }
        say(&format!("{PROCESSES} processes x {increments} increments in {SESSIONS} sessions: none lost"));
        Ok(())
    })
}

/// Increments so many times, in turn, the numbers of these sessions.
pub(crate) fn work(arguments: &mut Arguments) -> Result {
    let how = arguments.expect("how the file is used")?;
    let (_, how) = Use::ALL.into_iter().find(|(name, _)| *name == how).ok_or("the file is not used like that")?;
    let count: usize = arguments.expect("how many times")?.parse()?;
    let path = arguments.expect("the path")?;
    let cookies = arguments.take_rest();
    visitors::run(async {
        let sessions = how.open(path.as_ref()).await?;
        say("begun");
        let mut tasks = Vec::new();
        for task in 0..TASKS {
            let (sessions, cookies) = (sessions.clone(), cookies.clone());
            tasks.push(visitors::spawn(async move {
                for turn in (task..count).step_by(TASKS) {
                    // In blocks, so that the tasks meet at all sessions.
                    let cookie = &cookies[turn / TASKS % cookies.len()];
                    visitors::increment(&sessions, cookie).await?;
                }
                Ok(())
            }));
        }
        let done = std::sync::Arc::new(AtomicBool::new(how == Use::Local));
        let reopening = visitors::spawn({
            let done = std::sync::Arc::clone(&done);
            async move {
                while !done.load(Ordering::Relaxed) {
                    drop(how.open(path.as_ref()).await?);
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
        });
        let counted = visitors::all(tasks).await;
        done.store(true, Ordering::Relaxed);
        reopening.await??;
        counted.map(drop)
    })
}
