//! The rules that hold after every step, and what breaks one.

use std::fmt;

/// What always holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// There are never two live records of one session.
    OneLiveRecord,
    /// An acknowledged end means ended, for ever, under every token.
    EndsHold,
    /// A session that has expired opens nothing.
    ExpiryHolds,
    /// After an explicit renewal the old token opens nothing.
    OldTokensAreCut,
    /// A token that was given out opens its session, until that ends or is given another.
    NothingIsLost,
    /// Nobody sees another's session, nor another user in it.
    NobodySeesAnothers,
    /// What was acknowledged is there, exactly once.
    WritesCountOnce,
    /// A user has no more sessions than may be.
    LimitsHold,
    /// Every call ends within its bound.
    CallsAreBounded,
    /// Calls fail in the ways that they say only.
    FailuresAreKnown,
    /// In the end nothing is left: no record, no task.
    NothingLeaks,
}

impl Rule {
    /// Breaks the rule.
    pub(crate) fn broken(self, what: impl Into<String>) -> Violation {
        Violation { rule: self, what: what.into() }
    }
}

/// What broke a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule that was broken.
    pub rule: Rule,
    /// How.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)
    }
}
