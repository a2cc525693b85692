//! What this machine is, and where on it things run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Keeps this thread, and what it starts, on one core. Where there is one core only, nothing changes.
pub(crate) fn pin(core: usize) {
    if cores() > core {
        let mut set = CpuSet::new();
        set.set(core);
        // A container may forbid it; then the figures are noisier.
        let _ = sched_setaffinity(None, &set);
    }
}

/// Lets this thread run everywhere again.
pub(crate) fn unpin() {
    let mut set = CpuSet::new();
    (0..cores()).for_each(|core| set.set(core));
    let _ = sched_setaffinity(None, &set);
}

pub(crate) fn cores() -> usize {
    // Not what this thread may use, which pinning changes.
    fs::read_to_string("/proc/cpuinfo")
        .map_or(1, |info| info.lines().filter(|l| l.starts_with("processor")).count())
        .max(1)
}

/// Nanoseconds that this thread has been running: what others do meanwhile does not count.
pub(crate) fn own_nanoseconds() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64
}

/// Bytes of this process that are in memory.
pub(crate) fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|line| line.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

/// Where files of sessions are, on the disk that this program is on.
pub(crate) fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/sessions");
    let _ = fs::create_dir_all(&folder);
    folder
}

/// The machine in a line.
pub(crate) fn description() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rustc = Command::new("rustc").arg("--version").output().ok();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    format!("{} cores of {model}, Linux {}, {rustc}", cores(), kernel.trim())
}
