//! Processes that are killed while they write.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use cloakroom::SessionManager;

use crate::arguments::Arguments;
use crate::place::Place;
use crate::worker::Worker;
use crate::{Result, say, visitors};

/// Tasks that write at once in the process that will be killed.
const TASKS: usize = 8;

/// How long it goes on after its first line, in milliseconds: at least, and up to so many more.
const LIFE: (u64, u64) = (10, 50);

/// The file is examined as a whole in one of so many rounds.
const EXAMINED: u64 = 10;

/// What was acknowledged of a session.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// Its number.
    At(u64),
    /// Its number, and then it was asked to end, without an answer.
    Ending(u64),
    Ended,
}

pub(crate) fn run(arguments: &mut Arguments) -> Result {
    let rounds = arguments.take_number("--rounds")?.unwrap_or(100);
    let place = Place::on_disk(arguments)?;
    let mut all = HashMap::new();
    let mut acknowledged = 0;
    for round in 1..=rounds {
        let fates = kill_one(&place, &mut acknowledged)?;
        if round % EXAMINED == 0 {
            examine(place.path())?;
        }
        visitors::run(async { compare(&visitors::manager(place.path()).await?, &fates).await })?;
        all.extend(fates);
        if round % 10 == 0 {
            say(&format!("round {round} of {rounds}: {acknowledged} changes were acknowledged, none is missing"));
        }
    }
    // What a later round did to those of an earlier one.
    visitors::run(async { compare(&visitors::manager(place.path()).await?, &all).await })
}

/// Lets a process write for a moment, kills it, and answers what it said.
fn kill_one(place: &Place, acknowledged: &mut u64) -> Result<HashMap<String, Fate>> {
    let mut fates = HashMap::new();
    let mut worker = Worker::start("changes", [place.word()?])?;
    let mut take = |line: &str| -> Result {
        let (cookie, fate) = understand(line, &fates).ok_or_else(|| format!("a process said {line:?}"))?;
        *acknowledged += u64::from(!matches!(fate, Fate::Ending(_)));
        fates.insert(cookie, fate);
        Ok(())
    };
    take(&worker.line()?.ok_or("a process ended before it wrote")?)?;
    std::thread::sleep(Duration::from_millis(LIFE.0 + visitors::below(LIFE.1 + 1)));
    worker.kill()?;
    while let Some(line) = worker.line()? {
        take(&line)?;
    }
    Ok(fates)
}

fn understand(line: &str, fates: &HashMap<String, Fate>) -> Option<(String, Fate)> {
    let words: Vec<_> = line.split(' ').collect();
    let (cookie, fate) = match words[..] {
        ["at", number, cookie] => (cookie, Fate::At(number.parse().ok()?)),
        ["ending", cookie] => match fates.get(cookie)? {
            Fate::At(number) => (cookie, Fate::Ending(*number)),
            _ => return None,
        },
        ["ended", cookie] => (cookie, Fate::Ended),
        _ => return None,
    };
    Some((cookie.to_owned(), fate))
}

/// SQLite's own examination, before anybody else opens the file.
fn examine(path: &Path) -> Result {
    let connection = rusqlite::Connection::open(path)?;
    let found: String = connection.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(format!("the file is damaged: {found}").into()) }
}

/// Whether all is there that was acknowledged, and nothing that has ended.
async fn compare(sessions: &SessionManager, fates: &HashMap<String, Fate>) -> Result {
    for (cookie, fate) in fates {
        let found = visitors::number(sessions, cookie).await?;
        // One more may have been written, and its answer cut off.
        let fits = match (fate, found) {
            (Fate::At(number) | Fate::Ending(number), Some(found)) => found == *number || found == number + 1,
            (Fate::Ending(_) | Fate::Ended, None) => true,
            (Fate::At(_), None) | (Fate::Ended, Some(_)) => false,
        };
        if !fits {
            return Err(format!("a session was acknowledged as {fate:?}, and is found as {found:?}").into());
        }
    }
    Ok(())
}

/// Writes without end, and says each change when it is acknowledged.
pub(crate) fn work(arguments: &mut Arguments) -> Result {
    let path = arguments.expect("the path")?;
    visitors::run(async {
        let sessions = visitors::manager(path).await?;
        let tasks: Vec<_> = (0..TASKS).map(|_| visitors::spawn(change(sessions.clone()))).collect();
        visitors::all(tasks).await.map(drop)
    })
}

async fn change(sessions: SessionManager) -> Result {
    for turn in 0_u64.. {
        let cookie = visitors::begin(&sessions).await?;
        say(&format!("at 1 {cookie}"));
        for _ in 0..turn % 4 {
            let number = visitors::increment(&sessions, &cookie).await?;
            say(&format!("at {number} {cookie}"));
        }
        if turn % 2 == 0 {
            say(&format!("ending {cookie}"));
            visitors::log_out(&sessions, &cookie).await?;
            say(&format!("ended {cookie}"));
        }
    }
    Ok(())
}
