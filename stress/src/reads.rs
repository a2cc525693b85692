//! How long a read takes: on a thread of its own, on a worker of a runtime with several, and where there is only one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::{FileStore, SessionStore, StoreKey, Timestamp};

use crate::arguments::Arguments;
use crate::place::Place;
use crate::records::{key, record};
use crate::{Result, say, visitors};

const SESSIONS: usize = 10_000;
const READS: usize = 200_000;

pub(crate) fn run(arguments: &mut Arguments) -> Result {
    let place = Place::on_disk(arguments)?;
    visitors::run(async {
        let store = Arc::new(FileStore::open(place.path()).await?);
        let keys = Arc::new(fill(&store).await?);
        report("on a worker", visitors::spawn(read(Arc::clone(&store), Arc::clone(&keys))).await??);
        let outside = std::thread::spawn(move || {
            let alone = tokio::runtime::Builder::new_current_thread().build()?;
            let times: Result<Vec<Duration>> = keys.iter().cycle().take(READS).map(|key| timed(&store, key)).collect();
            report("on a thread without a runtime", times?);
            report("on the only worker", alone.block_on(read(store, keys))?);
            Result::Ok(())
        });
        outside.join().map_err(|_| "a thread panicked")?
    })
}

async fn fill(store: &Arc<FileStore>) -> Result<Vec<StoreKey>> {
    let mut tasks = Vec::new();
    for _ in 0..SESSIONS {
        let store = Arc::clone(store);
        tasks.push(visitors::spawn(async move {
            let (key, now) = (key(), Timestamp::now());
            store.create(&key, &record(now, Duration::from_secs(3_600)), now).await?;
            Ok(key)
        }));
    }
    visitors::all(tasks).await
}

/// As the engine does it: at once where the store can, and otherwise by waiting.
async fn read(store: Arc<FileStore>, keys: Arc<Vec<StoreKey>>) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(READS);
    for key in keys.iter().cycle().take(READS) {
        let (start, now) = (Instant::now(), Timestamp::now());
        let found = match store.try_load(key, now) {
            Some(found) => found,
            None => store.load(key, now).await,
        };
        times.push(start.elapsed());
        found?.ok_or("a session is missing")?;
        tokio::task::yield_now().await;
    }
    Ok(times)
}

fn timed(store: &FileStore, key: &StoreKey) -> Result<Duration> {
    let start = Instant::now();
    let found = store.try_load(key, Timestamp::now());
    let took = start.elapsed();
    found.ok_or("the file is kept by another process")??.ok_or("a session is missing")?;
    Ok(took)
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let micros = |share: usize| times[times.len() * share / 1_000].as_nanos() as f64 / 1e3;
    say(&format!("{what}: median {:.2} µs, p99 {:.2} µs", micros(500), micros(990)));
}
