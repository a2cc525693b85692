//! The file store against what its design promises: read latency, durable writes beside the disk's own rate, waits.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::{Created, Durability, FileStore, SessionStore, StoreKey, Timestamp};

use crate::arguments::Arguments;
use crate::place::Place;
use crate::records::{key, median, record};
use crate::visitors::{self, below};
use crate::worker::Worker;
use crate::{Result, say};

const SESSIONS: usize = 100_000;
const LIFE: Duration = Duration::from_secs(86_400);

/// Reads whose latencies are put in order.
const READS: usize = 50_000;

/// How long writes are counted each time, and how often in turn with the disk's own rate.
const TURN: Duration = Duration::from_millis(700);
const TURNS: usize = 5;

/// Processes that write at once, the tasks of each, and for how long.
const PROCESSES: usize = 4;
const TASKS: usize = 8;
const TOGETHER: Duration = Duration::from_secs(10);

pub(crate) fn run(arguments: &mut Arguments) -> Result {
    let place = Place::on_disk(arguments)?;
    let keys = visitors::run(fill(place.path()))?;
    let (size, _) = place.sizes();
    row("bytes per session in the file", "", size as f64 / SESSIONS as f64, "");
    visitors::run(async {
        let store = Arc::new(FileStore::open(place.path()).await?);
        let quiet = reads(&store, &keys)?;
        row("read", "µs, median", quiet.0, "8 µs at most");
        row("", "µs, 99 of 100", quiet.1, "");
        for writers in [1, 8, 32, 64, 256] {
            let (mut own, mut rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..TURNS {
                let disk = disk_rate(place.path())?;
                let rate = write_rate(&store, writers, TURN).await?;
                own.push(disk);
                rates.push(rate);
                ratios.push(rate / disk);
            }
            row(&format!("durable writes, {writers} at once"), "a second", median(rates), "");
            let target = if writers == 32 { "8 at least" } else { "" };
            row("", "times fdatasync", median(ratios), target);
            row("", "fdatasync a second", median(own), "");
        }
        let until = Instant::now() + TOGETHER;
        let writing = visitors::spawn({
            let store = Arc::clone(&store);
            async move { write_rate(&store, 32, TOGETHER).await }
        });
        let mut while_writing = (Vec::new(), Vec::new());
        while Instant::now() < until {
            let store = Arc::clone(&store);
            let keys = keys.clone();
            let (middle, high) = tokio::task::spawn_blocking(move || reads(&store, &keys)).await??;
            while_writing.0.push(middle);
            while_writing.1.push(high);
        }
        writing.await??;
        row("read while 32 write", "µs, median", median(while_writing.0), "");
        row("", "µs, 99 of 100", median(while_writing.1), "");
        Ok(())
    })?;
    processes(&place)
}

fn row(what: &str, unit: &str, value: f64, target: &str) {
    let target = if target.is_empty() { String::new() } else { format!("   target: {target}") };
    say(&format!("{what:<32} {value:>12.1} {unit:<20}{target}"));
}

/// Fills a new file, and closes it, so that nothing is in its log.
async fn fill(path: &Path) -> Result<Arc<Vec<StoreKey>>> {
    let store = Arc::new(FileStore::builder(path).durability(Durability::ProcessCrash).open().await?);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let store = Arc::clone(&store);
            visitors::spawn(async move {
                let mut keys = Vec::new();
                for _ in 0..SESSIONS / 100 {
                    keys.push(create(&store).await?);
                }
                Ok(keys)
            })
        })
        .collect();
    Ok(Arc::new(visitors::all(tasks).await?.concat()))
}

async fn create(store: &FileStore) -> Result<StoreKey> {
    let (key, now) = (key(), Timestamp::now());
    match store.create(&key, &record(now, LIFE), now).await? {
        Created::Created => Ok(key),
        Created::AlreadyExists => Err("two random keys are the same".into()),
    }
}

/// The median and the 99th percentile of reads, in microseconds.
fn reads(store: &FileStore, keys: &[StoreKey]) -> Result<(f64, f64)> {
    let mut latencies = Vec::with_capacity(READS);
    for _ in 0..READS {
        let key = &keys[below(keys.len() as u64) as usize];
        let start = Instant::now();
        let found = store.try_load(key, Timestamp::now());
        latencies.push(start.elapsed());
        match found {
            Some(found) => found?.map(drop).ok_or("a session is missing")?,
            // Another process kept the file to itself; the engine would wait elsewhere.
            None => continue,
        }
    }
    latencies.sort_unstable();
    let at = |share: usize| latencies[latencies.len() * share / 100].as_secs_f64() * 1e6;
    Ok((at(50), at(99)))
}

/// How often a second the disk writes through a page that was appended.
fn disk_rate(path: &Path) -> Result<f64> {
    let beside = path.with_extension("fdatasync");
    let mut file = File::create(&beside)?;
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < TURN {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    std::fs::remove_file(beside)?;
    Ok(rate)
}

async fn write_rate(store: &Arc<FileStore>, writers: usize, time: Duration) -> Result<f64> {
    let start = Instant::now();
    let written = write(store, writers, time).await?;
    Ok(written.len() as f64 / start.elapsed().as_secs_f64())
}

/// Tasks that create sessions for so long, one after another each; answers how long each took.
async fn write(store: &Arc<FileStore>, writers: usize, time: Duration) -> Result<Vec<Duration>> {
    let until = Instant::now() + time;
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let store = Arc::clone(store);
            visitors::spawn(async move {
                let mut waits = Vec::new();
                while Instant::now() < until {
                    let start = Instant::now();
                    create(&store).await?;
                    waits.push(start.elapsed());
                }
                Ok(waits)
            })
        })
        .collect();
    Ok(visitors::all(tasks).await?.concat())
}

/// Several processes write at once.
fn processes(place: &Place) -> Result {
    let mut workers = Vec::new();
    for _ in 0..PROCESSES {
        workers.push(Worker::start("writes", [place.word()?])?);
    }
    let (mut count, mut worst) = (0.0, 0.0_f64);
    for worker in &mut workers {
        let said = worker.wait()?;
        let (written, wait) = said.split_once(' ').ok_or("a process said nothing")?;
        count += written.parse::<f64>()?;
        worst = worst.max(wait.parse()?);
    }
    row("4 processes writing, 8 tasks each", "a second", count / TOGETHER.as_secs_f64(), "");
    row("", "ms, the worst wait", worst, "under 1,000 ms");
    Ok(())
}

/// Writes as one of several processes; says how many, and the worst wait in milliseconds.
pub(crate) fn work(arguments: &mut Arguments) -> Result {
    let path = arguments.expect("the path")?;
    visitors::run(async {
        let store = Arc::new(FileStore::open(path).await?);
        let waits = write(&store, TASKS, TOGETHER).await?;
        let worst = waits.iter().max().map_or(0.0, Duration::as_secs_f64);
        say(&format!("{} {}", waits.len(), worst * 1e3));
        Ok(())
    })
}
