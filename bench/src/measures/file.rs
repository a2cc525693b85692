//! The file store beside its disk: durable writes a second by several writers at once, reads meanwhile, and processes that
//! write together.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cloakroom::{Created, Durability, FileStore, SessionStore, StoreKey, Timestamp};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::records::{Waits, key, median, record};
use crate::contenders::database;
use crate::progress::Progress;
use crate::report::{Section, number};
use crate::{Result, plot};

const SESSIONS: usize = 100_000;
const WRITERS: [usize; 4] = [1, 8, 64, 256];

/// How long writes are counted each time, and how often in turn with the disk's own rate.
const TURN: Duration = Duration::from_millis(700);
const TURNS: usize = 5;

/// Processes that write at once, the tasks of each, and for how long.
const PROCESSES: usize = 4;
const TASKS: usize = 8;
const TOGETHER: Duration = Duration::from_secs(10);

pub(crate) fn measure() -> Result<Section> {
    let mut progress = Progress::new("file", WRITERS.len() + 3);
    let (path, runtime) = (database(), runtime()?);
    progress.step("filling");
    let keys = runtime.block_on(fill(&path))?;
    let store = Arc::new(runtime.block_on(FileStore::open(&path))?);
    progress.step("reading");
    let mut quiet = reads(&store, &keys, || std::thread::sleep(TURN * 2));
    let (mut rows, mut lines, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let mut add = |who: String, writes: String, disk: String, reads: Option<&mut Waits>, worst: String| {
        let reads = reads.map(|reads| [reads.micros(0.5), reads.micros(0.99)].map(|micros| format!("{micros:.1} µs")));
        let [p50, p99] = reads.unwrap_or_default();
        rows.push(vec![who, writes, disk, p50, p99, worst]);
    };
    add("nobody".to_owned(), String::new(), String::new(), Some(&mut quiet), String::new());
    lines.push(json!({"store": "file", "op": "read", "writers": 0, "p50_us": quiet.micros(0.5)}).to_string());
    for writers in WRITERS {
        progress.step(&format!("{writers} writers"));
        let (mut rates, mut of_disk, mut read, mut waits) =
            (Vec::new(), Vec::new(), Waits::default(), Waits::default());
        for _ in 0..TURNS {
            let disk = disk_rate(&path)?;
            let mut written = Ok(Waits::default());
            // The reader is there in half of the turns: it takes a processor from those who write.
            let meanwhile = || written = runtime.block_on(write(&store, writers, TURN));
            read.extend(reads(&store, &keys, meanwhile));
            let alone = runtime.block_on(write(&store, writers, TURN))?;
            waits.extend(written?);
            rates.push(alone.count() as f64 / TURN.as_secs_f64());
            of_disk.push(alone.count() as f64 / TURN.as_secs_f64() / disk);
            waits.extend(alone);
        }
        let (rate, ratio, worst) = (median(rates), median(of_disk), waits.micros(1.0) / 1e3);
        let (p50, p99) = (read.micros(0.5), read.micros(0.99));
        let label = if writers == 1 { "1 writer".to_owned() } else { format!("{writers} writers") };
        add(label, format!("{}/s", number(rate)), format!("{ratio:.1}"), Some(&mut read), format!("{worst:.0} ms"));
        lines.push(
            json!({
                "store": "file", "op": "write", "writers": writers, "per_second": rate.round(), "of_fdatasync": ratio,
                "read_p50_us": p50, "read_p99_us": p99, "longest_ms": worst,
            })
            .to_string(),
        );
        times.push(ratio);
    }
    progress.step("processes");
    let (rate, worst) = together(&path)?;
    let label = format!("{PROCESSES} processes of {TASKS}");
    add(label, format!("{}/s", number(rate)), String::new(), None, format!("{worst:.0} ms"));
    lines.push(
        json!({
            "store": "file", "op": "write", "processes": PROCESSES, "writers": PROCESSES * TASKS,
            "per_second": rate.round(), "longest_ms": worst,
        })
        .to_string(),
    );
    let points = WRITERS.map(|writers| writers as f64);
    Ok(Section {
        title: "The file store beside its disk",
        note: format!(
            "A file of {} sessions of some 300 bytes. Sessions that are created, each acknowledged when it would survive a \
             loss of power, and how many times what the disk alone writes through in the same run (`fdatasync`, one after \
             another, medians of {TURNS} turns); how long a read takes while they write, and the longest that anybody waited.",
            number(SESSIONS as f64)
        ),
        columns: ["writing at once", "durable writes", "times fdatasync", "read, median", "read, p99", "longest wait"]
            .map(str::to_owned)
            .to_vec(),
        rows,
        lines,
        plots: vec![(
            "file.svg".to_owned(),
            plot::lines("Durable writes by writers at once", "times fdatasync", &points, &[("cloakroom", times)]),
        )],
    })
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Fills a new file, and closes it, so that nothing is in its log.
async fn fill(path: &Path) -> Result<Vec<StoreKey>> {
    let store = Arc::new(FileStore::builder(path).durability(Durability::ProcessCrash).open().await?);
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut keys = Vec::new();
            for _ in 0..SESSIONS / 100 {
                keys.push(create(&store).await?);
            }
            Ok::<_, cloakroom::Error>(keys)
        });
    }
    let mut keys = Vec::new();
    while let Some(task) = tasks.join_next().await {
        keys.append(&mut task??);
    }
    Ok(keys)
}

async fn create(store: &FileStore) -> cloakroom::Result<StoreKey> {
    let (key, now) = (key(), Timestamp::now());
    let created = store.create(&key, &record(now), now).await?;
    assert_eq!(created, Created::Created, "two random keys are the same");
    Ok(key)
}

/// How long reads take, one after another, while something else is done.
fn reads(store: &FileStore, keys: &[StoreKey], meanwhile: impl FnOnce()) -> Waits {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut waits = Waits::default();
            // Far from one another, so that pages are not read in their order.
            for key in keys.iter().cycle().step_by(7_919) {
                let start = Instant::now();
                let found = store.try_load(key, Timestamp::now());
                waits.add(start.elapsed());
                assert!(!matches!(found, Some(Ok(None) | Err(_))), "a session is missing");
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
            waits
        });
        meanwhile();
        done.store(true, Ordering::Relaxed);
        reader.join().expect("no panic")
    })
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

/// Tasks that create sessions for so long, one after another each; answers how long each took.
async fn write(store: &Arc<FileStore>, writers: usize, time: Duration) -> Result<Waits> {
    let until = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for _ in 0..writers {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let mut waits = Waits::default();
            while Instant::now() < until {
                let start = Instant::now();
                create(&store).await?;
                waits.add(start.elapsed());
            }
            Ok::<_, cloakroom::Error>(waits)
        });
    }
    let mut all = Waits::default();
    while let Some(task) = tasks.join_next().await {
        all.extend(task??);
    }
    Ok(all)
}

/// Several processes write at once: how much a second, and how many milliseconds the longest wait was.
fn together(path: &Path) -> Result<(f64, f64)> {
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        let mut command = Command::new(std::env::current_exe()?);
        processes.push(command.arg("--write").arg(path).stdout(Stdio::piped()).spawn()?);
    }
    let (mut count, mut worst) = (0.0, 0.0_f64);
    for process in &mut processes {
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("a process without an output")?).read_line(&mut line)?;
        let (written, wait) = line.trim().split_once(' ').ok_or("a process said nothing")?;
        count += written.parse::<f64>()?;
        worst = worst.max(wait.parse()?);
        process.wait()?;
    }
    Ok((count / TOGETHER.as_secs_f64(), worst))
}

/// Writes as one of several processes; says how many, and the longest wait in milliseconds.
pub(crate) fn write_along(path: &str) -> Result<()> {
    runtime()?.block_on(async {
        let store = Arc::new(FileStore::open(path).await?);
        let mut waits = write(&store, TASKS, TOGETHER).await?;
        println!("{} {}", waits.count(), waits.micros(1.0) / 1e3);
        Ok(())
    })
}
