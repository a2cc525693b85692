//! Everything at once, for long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cloakroom::{FileStore, Lifetime, SessionIndex, SessionManager, Timestamp};

use crate::arguments::Arguments;
use crate::place::{MEBIBYTE, Place};
use crate::visitors::{self, begin, below, commit, increment, log_out, number, opened};
use crate::worker::Worker;
use crate::{Result, say};

const PROCESSES: usize = 3;

/// In each process: tasks that do all that visitors do, and tasks that read without a pause.
const VISITORS: usize = 4;
const READERS: usize = 2;

/// Sessions of each visitor.
const SESSIONS: usize = 64;

/// How long those live that are left to expire, how often is swept, and when what has expired must be gone at the latest.
const LIFE: Duration = Duration::from_secs(2);
const SWEEP: Duration = Duration::from_secs(2);
const GONE: Duration = Duration::from_secs(3);

/// How often it is said how large everything is.
const REPORT: Duration = Duration::from_secs(10);

/// Memory and file may grow until then: all sessions are there, and markers of renewals come and go.
const WARM_UP: Duration = Duration::from_secs(60);

/// Afterwards each of them grows by no more than this share and these bytes, which are caches and pages that are not full.
const GROWTH: (f64, u64) = (1.25, 8 * MEBIBYTE);

/// What the log may have at any time: it is cut at half of that, by the next who writes after it was read to the end.
const MOST_OF_LOG: u64 = 64 * MEBIBYTE;

pub(crate) fn run(arguments: &mut Arguments) -> Result {
    let minutes = arguments.take_number("--minutes")?.unwrap_or(10);
    let time = Duration::from_secs(arguments.take_number("--seconds")?.unwrap_or(60 * minutes));
    let place = Place::on_disk(arguments)?;
    let (word, seconds) = (place.word()?.to_owned(), time.as_secs().to_string());
    let start = Instant::now();
    let workers: Result<Vec<_>> = (0..PROCESSES).map(|_| Worker::start("soak", [&*word, &*seconds])).collect();
    let workers = workers?;
    let ids: Vec<_> = workers.iter().map(Worker::id).collect();
    let waiting: Vec<_> = workers
        .into_iter()
        .map(|mut worker| std::thread::spawn(move || worker.wait().map_err(|error| error.to_string())))
        .collect();
    let mut warm: Option<Sizes> = None;
    say("seconds   file KiB    log KiB   memory of each process in KiB");
    while waiting.iter().any(|thread| !thread.is_finished()) {
        std::thread::sleep(REPORT.min(time / 4));
        // Those that have ended have no memory any more, and what they left is not under load.
        if waiting.iter().any(std::thread::JoinHandle::is_finished) {
            break;
        }
        let now = Sizes::of(&place, &ids);
        say(&format!(
            "{:>7} {:>10} {:>10}   {:?}",
            start.elapsed().as_secs(),
            now.file / 1024,
            now.log / 1024,
            now.memory
        ));
        if now.log > MOST_OF_LOG {
            return Err(format!("the log has {} bytes", now.log).into());
        }
        match &warm {
            Some(warm) => now.compare(warm)?,
            None if start.elapsed() >= WARM_UP.min(time / 3) => warm = Some(now),
            None => {}
        }
    }
    for thread in waiting {
        say(&thread.join().map_err(|_| "a thread panicked")??);
    }
    Ok(())
}

struct Sizes {
    file: u64,
    log: u64,
    /// Of each process, in kibibytes.
    memory: Vec<u64>,
}

impl Sizes {
    fn of(place: &Place, ids: &[u32]) -> Self {
        let (file, log) = place.sizes();
        Self { file, log, memory: ids.iter().map(|id| memory(*id).unwrap_or(0)).collect() }
    }

    fn compare(&self, warm: &Self) -> Result {
        let grew = |now: u64, warm: u64| now as f64 > warm as f64 * GROWTH.0 + GROWTH.1 as f64;
        if grew(self.file, warm.file) {
            return Err(format!("the file grew from {} to {} bytes", warm.file, self.file).into());
        }
        if self.memory.iter().zip(&warm.memory).any(|(now, warm)| grew(now * 1024, warm * 1024)) {
            return Err(format!("memory grew from {:?} to {:?} KiB", warm.memory, self.memory).into());
        }
        Ok(())
    }
}

/// The resident memory of a process, in kibibytes.
fn memory(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

/// One of the processes.
pub(crate) fn work(arguments: &mut Arguments) -> Result {
    let path = arguments.expect("the path")?;
    let until = Instant::now() + Duration::from_secs(arguments.expect("how long")?.parse()?);
    visitors::run(async {
        let store = Arc::new(FileStore::open(path).await?);
        let builder = |store: &Arc<FileStore>| {
            let builder = SessionManager::builder(Arc::clone(store)).without_sweeper();
            builder.grace(Duration::from_secs(1)).longest_request(Duration::from_secs(8))
        };
        let keeping = builder(&store).build()?;
        let forgetting = builder(&store).lifetime(Lifetime::default().idle(LIFE)).build()?;
        let counts = Arc::new(Counts::default());
        let mut tasks = vec![visitors::spawn(sweep(store, until))];
        for number in 0..VISITORS {
            let name = format!("{}-{number}", std::process::id());
            let visitor = Visitor {
                keeping: keeping.clone(),
                forgetting: forgetting.clone(),
                sessions: Vec::new(),
                expiring: VecDeque::new(),
                name,
                counts: Arc::clone(&counts),
            };
            tasks.push(visitors::spawn(visitor.live(until)));
        }
        for _ in 0..READERS {
            tasks.push(visitors::spawn(read(keeping.clone(), until, Arc::clone(&counts))));
        }
        visitors::all(tasks).await?;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        say(&format!(
            "{} reads, {} writes, {} logins, {} logouts, {} expired: nothing is missing",
            count(&counts.reads),
            count(&counts.writes),
            count(&counts.logins),
            count(&counts.logouts),
            count(&counts.expired)
        ));
        Ok(())
    })
}

#[derive(Default)]
struct Counts {
    reads: AtomicU64,
    writes: AtomicU64,
    logins: AtomicU64,
    logouts: AtomicU64,
    expired: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Deletes at once what has expired, as there is one clock: so the file is as large as it gets within the warm-up.
async fn sweep(store: Arc<FileStore>, until: Instant) -> Result {
    while Instant::now() < until {
        tokio::time::sleep(SWEEP).await;
        store.sweep(Timestamp::now() + Timestamp::MAX_SKEW).await?;
    }
    Ok(())
}

/// Reads one session without a pause, so that there is hardly a moment at which nobody reads.
async fn read(sessions: SessionManager, until: Instant, counts: Arc<Counts>) -> Result {
    let cookie = begin(&sessions).await?;
    while Instant::now() < until {
        if number(&sessions, &cookie).await? != Some(1) {
            return Err("a session that was only read is not what it was".into());
        }
        count(&counts.reads);
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Somebody with many sessions, who knows what was acknowledged of each.
struct Visitor {
    keeping: SessionManager,
    /// Sessions of this one expire soon.
    forgetting: SessionManager,
    /// Cookies, and the numbers that their sessions stand at.
    sessions: Vec<(String, u64)>,
    /// Cookies, and when their sessions must be gone.
    expiring: VecDeque<(String, Instant)>,
    name: String,
    counts: Arc<Counts>,
}

impl Visitor {
    async fn live(mut self, until: Instant) -> Result {
        while Instant::now() < until {
            self.act().await?;
            self.expect_expired().await?;
        }
        for (cookie, expected) in &self.sessions {
            self.expect(cookie, Some(*expected)).await?;
        }
        Ok(())
    }

    async fn act(&mut self) -> Result {
        if self.sessions.len() < SESSIONS {
            self.sessions.push((begin(&self.keeping).await?, 1));
            count(&self.counts.writes);
            return Ok(());
        }
        let at = below(SESSIONS as u64) as usize;
        let (cookie, expected) = self.sessions[at].clone();
        match below(100) {
            0..55 => {
                self.expect(&cookie, Some(expected)).await?;
                count(&self.counts.reads);
            }
            55..85 => {
                let now = increment(&self.keeping, &cookie).await?;
                if now != expected + 1 {
                    return Err(format!("a session stood at {} instead of {expected}", now - 1).into());
                }
                self.sessions[at].1 = now;
                count(&self.counts.writes);
            }
            85..90 => {
                let session = opened(&self.keeping, &cookie).await?;
                session.login(&*self.name)?;
                self.sessions[at].0 = commit(&session).await?.ok_or("a login sets a cookie")?;
                self.expect(&cookie, None).await?;
                count(&self.counts.logins);
            }
            90..95 => {
                log_out(&self.keeping, &cookie).await?;
                self.sessions.swap_remove(at);
                self.expect(&cookie, None).await?;
                count(&self.counts.logouts);
            }
            _ => {
                let cookie = begin(&self.forgetting).await?;
                self.expiring.push_back((cookie, Instant::now() + GONE));
                count(&self.counts.writes);
            }
        }
        Ok(())
    }

    async fn expect_expired(&mut self) -> Result {
        while self.expiring.front().is_some_and(|(_, gone)| *gone <= Instant::now()) {
            let Some((cookie, _)) = self.expiring.pop_front() else { break };
            self.expect(&cookie, None).await?;
            count(&self.counts.expired);
        }
        Ok(())
    }

    async fn expect(&self, cookie: &str, expected: Option<u64>) -> Result {
        let found = number(&self.keeping, cookie).await?;
        if found == expected {
            Ok(())
        } else {
            Err(format!("a session stands at {found:?}, and was acknowledged as {expected:?}").into())
        }
    }
}
