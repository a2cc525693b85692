//! Very many sessions with short lives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::{Created, Durability, FileStore, SessionIndex, SessionStore, Timestamp};

use crate::arguments::Arguments;
use crate::place::{MEBIBYTE, Place};
use crate::records::{key, record};
use crate::{Result, say, visitors};

/// Sessions that are begun between two sweeps. Time stands still meanwhile, so all of them can be begun at once.
const BATCH: u64 = 5_000;

/// How many batches a session lives for.
const LIFE: u32 = 4;

/// How far time goes on with each batch.
const STEP: Duration = Duration::from_secs(60);

/// What a session may take of the file, with its share of pages that are not full: measured are less than 500 bytes.
const BYTES: u64 = 600;

/// At no time are there more sessions than live, than expired less than ten minutes ago, and than wait for the next
/// sweep.
const MOST: u64 = BATCH * (LIFE as u64 + Timestamp::MAX_SKEW.as_secs() / STEP.as_secs() + 1) * BYTES;

/// What the log may have: its limit, and as much again while a sweep is under way.
const MOST_OF_LOG: u64 = 64 * MEBIBYTE;

/// Tasks that begin sessions at once.
const TASKS: u64 = 50;

/// This is about the size of a file, and not about disks, so it lies in memory unless told otherwise.
pub(crate) fn run(arguments: &mut Arguments) -> Result {
    let batches = arguments.take_number("--sessions")?.unwrap_or(1_000_000).div_ceil(BATCH);
    let place = Place::in_memory(arguments)?;
    visitors::run(async {
        let store = FileStore::builder(place.path()).durability(Durability::ProcessCrash).open().await?;
        let store = Arc::new(store);
        let (start, mut now) = (Instant::now(), Timestamp::now());
        let (mut swept, mut largest) = (0, (0, 0));
        for batch in 1..=batches {
            begin(&store, now).await?;
            now = now + STEP;
            swept += store.sweep(now).await?;
            let (file, log) = place.sizes();
            largest = (file.max(largest.0), log.max(largest.1));
            if file > MOST || log > MOST_OF_LOG {
                let begun = batch * BATCH;
                return Err(format!("after {begun} sessions the file has {file} bytes, and its log {log}").into());
            }
            if batch % 20 == 0 {
                let (begun, seconds) = (batch * BATCH, start.elapsed().as_secs());
                say(&format!("{begun} begun, {swept} swept, {file} bytes, log {log} bytes, {seconds} s"));
            }
        }
        // What expired in the last ten minutes.
        swept += store.sweep(now + Timestamp::MAX_SKEW).await?;
        let live = store.count(now).await?;
        let expected = BATCH * u64::from(LIFE - 1).min(batches);
        if (live, swept + live) != (expected, batches * BATCH) {
            return Err(format!("{live} sessions live instead of {expected}, and {swept} were swept").into());
        }
        let (file, log) = largest;
        say(&format!("{} sessions: at most {file} bytes of {MOST}, log {log} bytes", batches * BATCH));
        Ok(())
    })
}

async fn begin(store: &Arc<FileStore>, now: Timestamp) -> Result {
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        let store = Arc::clone(store);
        tasks.push(visitors::spawn(async move {
            for _ in 0..BATCH / TASKS {
                match store.create(&key(), &record(now, STEP * LIFE), now).await? {
                    Created::Created => {}
                    Created::AlreadyExists => return Err("two random keys are the same".into()),
                }
            }
            Ok(())
        }));
    }
    visitors::all(tasks).await.map(drop)
}
