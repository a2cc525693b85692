//! What happened, in lines for people; written down only when somebody wants to read it.

use std::sync::Mutex;

use tokio::time::Instant;

use crate::lock;

/// The lines of one simulation.
#[derive(Debug)]
pub(crate) struct Story {
    start: Instant,
    lines: Option<Mutex<Vec<String>>>,
}

impl Story {
    pub(crate) fn new(start: Instant, tells: bool) -> Self {
        Self { start, lines: tells.then(Mutex::default) }
    }

    pub(crate) fn tells(&self) -> bool {
        self.lines.is_some()
    }

    pub(crate) fn tell(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            lock(lines).push(format!("{:>10.3} s  {}", self.start.elapsed().as_secs_f64(), line()));
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.as_ref().map(|lines| lock(lines).clone()).unwrap_or_default()
    }
}
