//! A rolling deployment: processes of this version and of the next work on one file.

use std::collections::BTreeMap;

use cloakroom::{Data, FileStore, SessionIndex, SessionStore, StoreKey, Swap, Timestamp};

use crate::arguments::Arguments;
use crate::place::Place;
use crate::worker::Worker;
use crate::{Result, say, visitors};

const SESSIONS: usize = 4;

/// Increments of each process of this version, and those that the next version makes in each session.
const INCREMENTS: usize = 1_000;
const BY_THE_NEXT: u8 = 100;

/// A field of the library's own that this version does not know: a number.
const FIELD: &[u8] = b"visits";

/// What the next version adds to the tables. A process of this version can still work on them.
const STEP: &str = "
    BEGIN IMMEDIATE;
    ALTER TABLE sessions ADD COLUMN device TEXT;
    UPDATE sessions SET device = 'phone';
    UPDATE versions SET oldest_reader = 1;
    PRAGMA user_version = 3;
    COMMIT;
";

pub(crate) fn run(arguments: &mut Arguments) -> Result {
    let place = Place::in_memory(arguments)?;
    let path = place.word()?;
    let cookies = visitors::run(async {
        let sessions = visitors::manager(path).await?;
        let mut cookies = Vec::new();
        for _ in 0..SESSIONS {
            cookies.push(visitors::begin(&sessions).await?);
        }
        Ok(cookies)
    })?;
    let count = INCREMENTS.to_string();
    let this_version = || -> Result<Worker> {
        let arguments = ["local", &*count, path].into_iter().chain(cookies.iter().map(String::as_str));
        let mut worker = Worker::start("increments", arguments)?;
        worker.line()?.ok_or("a process ended before it began")?;
        Ok(worker)
    };
    // One process is there when the tables change, and another one begins afterwards.
    let mut before = this_version()?;
    let mut next = Worker::start("next-version", [path])?;
    next.line()?.ok_or("the next version could not change the tables")?;
    let mut after = this_version()?;
    for worker in [&mut before, &mut next, &mut after] {
        worker.wait()?;
    }
    visitors::run(async {
        let sessions = visitors::manager(path).await?;
        let expected = Some((1 + 2 * INCREMENTS / SESSIONS) as u64);
        for cookie in &cookies {
            let found = visitors::number(&sessions, cookie).await?;
            if found != expected {
                return Err(format!("this version counted to {found:?} instead of {expected:?}").into());
            }
        }
        let store = FileStore::open(path).await?;
        for found in store.list(None, SESSIONS, Timestamp::now()).await? {
            let entries = Entries::read(&found.record.data)?;
            if entries.visits() != Some(BY_THE_NEXT) {
                return Err(
                    format!("the next version counted to {:?} instead of {BY_THE_NEXT}", entries.visits()).into()
                );
            }
        }
        Ok(())
    })?;
    let file = rusqlite::Connection::open(path)?;
    let (version, kept): (i64, i64) = file.query_row(
        "SELECT user_version, (SELECT count(*) FROM sessions WHERE device = 'phone') FROM pragma_user_version",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if (version, kept) != (3, SESSIONS as i64) {
        return Err(format!("of the next version's tables version {version} and {kept} values are left").into());
    }
    say("this version and the next worked on one file, and neither lost what is the other's");
    Ok(())
}

/// The next version: changes the tables, and counts in a field of its own.
pub(crate) fn work(arguments: &mut Arguments) -> Result {
    let path = arguments.expect("the path")?;
    let file = rusqlite::Connection::open(&path)?;
    file.busy_timeout(std::time::Duration::from_secs(5))?;
    file.execute_batch(STEP)?;
    say("the tables are changed");
    visitors::run(async {
        let store = FileStore::open(&path).await?;
        let keys = store.list(None, SESSIONS, Timestamp::now()).await?.into_iter().map(|found| found.key);
        let mut tasks = Vec::new();
        let store = std::sync::Arc::new(store);
        for key in keys {
            let store = store.clone();
            tasks.push(visitors::spawn(async move {
                for _ in 0..BY_THE_NEXT {
                    visit(&store, &key).await?;
                }
                Ok(())
            }));
        }
        visitors::all(tasks).await.map(drop)
    })
}

/// Counts one visit in the field of the next version.
async fn visit(store: &FileStore, key: &StoreKey) -> Result {
    loop {
        let mut record = store.load(key, Timestamp::now()).await?.ok_or("a session is gone")?;
        let expected = record.revision;
        let mut entries = Entries::read(&record.data)?;
        let visits = entries.visits().unwrap_or(0) + 1;
        entries.0.insert((OWN, FIELD.to_vec()), vec![visits]);
        record.data = entries.write()?;
        record.revision = expected.next();
        match store.swap(key, expected, &record, Timestamp::now()).await? {
            Swap::Swapped => return Ok(()),
            Swap::Conflict(_) => {}
            Swap::Gone => return Err("a session is gone".into()),
        }
    }
}

/// Values by their space and key, in the order in which they are stored.
struct Entries(BTreeMap<(u8, Vec<u8>), Vec<u8>>);

/// The space of the library's own fields, and the version of the form.
const OWN: u8 = 0;
const VERSION: u8 = 1;

impl Entries {
    fn read(data: &[u8]) -> Result<Self> {
        let mut rest = data.strip_prefix(&[VERSION]).ok_or("the data has another version")?;
        let mut entries = BTreeMap::new();
        while let [space, after @ ..] = rest {
            let (key, after) = cut(after).ok_or("a key is cut off")?;
            let (value, after) = cut(after).ok_or("a value is cut off")?;
            entries.insert((*space, key.to_vec()), value.to_vec());
            rest = after;
        }
        Ok(Self(entries))
    }

    fn write(&self) -> Result<Data> {
        let mut bytes = vec![VERSION];
        for ((space, key), value) in &self.0 {
            bytes.push(*space);
            for part in [key, value] {
                bytes.push(u8::try_from(part.len()).ok().filter(|length| *length < 0x80).ok_or("too long for this")?);
                bytes.extend(part);
            }
        }
        Ok(Data::from(bytes.as_slice()))
    }

    /// A small number is its own byte in MessagePack.
    fn visits(&self) -> Option<u8> {
        self.0.get(&(OWN, FIELD.to_vec()))?.first().copied()
    }
}

/// Takes a run of bytes with its length in front, which is one byte for all that is short.
fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length).min(if *length < 0x80 { usize::MAX } else { 0 }))
}
