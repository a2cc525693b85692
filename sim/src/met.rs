//! What a search met: a search that meets nothing finds nothing, and that should be seen.

use std::collections::BTreeMap;
use std::fmt;

/// What must have been met before a search can be called one.
pub const REQUIRED: &[&str] = &[
    "event: conflict",
    "event: created",
    "event: destroyed",
    "event: dropped",
    "event: evicted",
    "event: expired",
    "event: logged in",
    "event: refused, replaced",
    "event: refused, unknown",
    "event: renewed, asked",
    "event: renewed, periodic",
    "event: renewed, taken back",
    "event: revoked",
    "event: saved",
    "event: store failed",
    "event: swept",
    "event: touched",
    "fault: answer lost",
    "fault: caller gave up",
    "fault: clock jumped",
    "fault: crash",
    "fault: hung up",
    "fault: lost",
    "fault: outage",
    "failed: conflict",
    "failed: full",
    "failed: read_only",
    "failed: too_many_sessions",
    "failed: unavailable",
    "load: at once",
    "opened: had to",
    "opened: none",
    "opened: one",
    "request: rolled back",
];

/// How often each thing was met.
#[derive(Debug, Clone, Default)]
pub struct Met(BTreeMap<&'static str, u64>);

impl Met {
    pub(crate) fn note(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }

    /// What was not met, of what is [required](REQUIRED).
    pub fn missing(&self) -> Vec<&'static str> {
        REQUIRED.iter().copied().filter(|what| !self.0.contains_key(what)).collect()
    }
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, times)| writeln!(f, "  {times:>12}  {what}"))
    }
}
