//! Several processes count in the same sessions.

use crate::arguments::Arguments;
use crate::place::Place;
use crate::worker::Worker;
use crate::{Result, say, visitors};

const PROCESSES: usize = 4;
const INCREMENTS: usize = 10_000;

/// Sessions that all processes share. Each of the tasks below counts equally often in each of them.
const SESSIONS: usize = 8;

/// Tasks in each process.
const TASKS: usize = 5;

/// This is about counting, not about disks, so the file lies in memory unless told otherwise.
pub(crate) fn run(arguments: &mut Arguments) -> Result {
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
    let count = INCREMENTS.to_string();
    let mut workers = Vec::new();
    for _ in 0..PROCESSES {
        workers.push(Worker::start("increments", [&*count].into_iter().chain(arguments()))?);
    }
    for worker in &mut workers {
        worker.wait()?;
    }
    visitors::run(async {
        let sessions = visitors::manager(place.path()).await?;
        // A session begins at 1.
        let expected = Some((1 + PROCESSES * INCREMENTS / SESSIONS) as u64);
        for cookie in &cookies {
            let found = visitors::number(&sessions, cookie).await?;
            if found != expected {
                return Err(format!("a session stands at {found:?} instead of {expected:?}").into());
            }
        }
        say(&format!("{PROCESSES} processes x {INCREMENTS} increments in {SESSIONS} sessions: none lost"));
        Ok(())
    })
}

/// Increments so many times, in turn, the numbers of these sessions.
pub(crate) fn work(arguments: &mut Arguments) -> Result {
    let count: usize = arguments.expect("how many times")?.parse()?;
    let path = arguments.expect("the path")?;
    let cookies = arguments.take_rest();
    visitors::run(async {
        let sessions = visitors::manager(path).await?;
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
        visitors::all(tasks).await.map(drop)
    })
}
