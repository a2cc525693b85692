//! What a test costs its process, and those who share it.

use std::fs;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

/// Keeps the other tests of this process waiting.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// The most memory that the process has had since it was made.
pub(crate) struct Memory(u64);

impl Memory {
    pub(crate) fn new() -> Self {
        fs::write("/proc/self/clear_refs", "5").expect("the kernel forgets the peak");
        Self(status("VmRSS:"))
    }

    /// By how many megabytes the process has grown, at its largest.
    pub(crate) fn peak(&self) -> u64 {
        status("VmHWM:").saturating_sub(self.0) / 1024
    }
}

fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux tells");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// A task that wants to run all the time, on a runtime of one thread.
pub(crate) struct Other(JoinHandle<()>, std::sync::Arc<std::sync::Mutex<Turns>>);

struct Turns {
    last: Duration,
    longest: Duration,
}

impl Turns {
    fn note(&mut self) {
        let now = worked();
        self.longest = self.longest.max(now - self.last);
        self.last = now;
    }
}

impl Other {
    pub(crate) fn start() -> Self {
        let turns = std::sync::Arc::new(std::sync::Mutex::new(Turns { last: worked(), longest: Duration::ZERO }));
        let theirs = std::sync::Arc::clone(&turns);
        let task = tokio::spawn(async move {
            loop {
                tokio::task::yield_now().await;
                theirs.lock().expect("nobody panics").note();
            }
        });
        Self(task, turns)
    }

    /// For how long it was kept from running, at the longest, until now.
    pub(crate) fn longest_pause(self) -> Duration {
        self.0.abort();
        let mut turns = self.1.lock().expect("nobody panics");
        turns.note();
        turns.longest
    }
}

/// How long this thread has worked: what other processes take of the machine is no pause of ours.
fn worked() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = stat.split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
    Duration::from_nanos(nanoseconds)
}

/// How long calls take that others make meanwhile, in their order.
pub(crate) fn latencies<F: Future<Output = ()> + Send>(
    call: impl Fn() -> F + Send + 'static,
) -> (JoinHandle<()>, std::sync::Arc<std::sync::Mutex<Vec<Duration>>>) {
    let all = std::sync::Arc::<std::sync::Mutex<Vec<_>>>::default();
    let theirs = std::sync::Arc::clone(&all);
    let task = tokio::spawn(async move {
        loop {
            let start = Instant::now();
            call().await;
            theirs.lock().expect("nobody panics").push(start.elapsed());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    (task, all)
}

/// The one that so many of a hundred are quicker than, and how many there were.
pub(crate) fn percentile(share: usize, all: &std::sync::Mutex<Vec<Duration>>) -> (Duration, usize) {
    let mut all = all.lock().expect("nobody panics").clone();
    all.sort_unstable();
    (all[all.len() * share / 100], all.len())
}
