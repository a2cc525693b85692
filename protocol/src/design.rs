//! What can be chosen about the protocol: the order in which an end deletes, how long things live, and a fault that a
//! test plants to see it found.

use crate::store::Time;

/// A protocol to check.
#[derive(Debug, Clone, Copy)]
pub struct Design {
    /// How an end goes through the markers of a session.
    pub end: EndOrder,
    /// How many sessions a user may have.
    pub limit: Option<usize>,
    /// A fault that is planted.
    pub fault: Option<Fault>,
    /// How long things live.
    pub times: Times,
}

/// In which order an end deletes the records of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOrder {
    /// Deletes the record of the token, then what it pointed to, to the end of the chain. What is absent has ended.
    MarkerFirst,
    /// Walks to the end of the chain, deletes what the session lives in, then the markers from there back. Follows
    /// again if it deleted something else than it saw. Absent at the first look means: looks by the handle.
    FarEndFirst,
    /// The same, and does not look at what it removed where it saw a marker.
    FarEndUnchecked,
    /// As `FarEndFirst`, and whatever is not as it was seen, and whatever is absent, means: looks by the handle.
    FarEndThenHandle,
}

/// How long things live, in steps of the clock.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// `store_timeout`: how long a renewal that was cut off is left alone before it is taken back.
    pub timeout: Time,
    /// How long the holder of an old token follows a periodic renewal.
    pub grace: Time,
    /// How long a marker lives.
    pub marker: Time,
    /// How long a pending record lives.
    pub pending: Time,
}

impl Default for Times {
    fn default() -> Self {
        Self { timeout: 1, grace: 2, marker: 3, pending: 4 }
    }
}

impl Design {
    /// Without a limit and without a fault.
    pub fn new(end: EndOrder) -> Self {
        Self { end, limit: None, fault: None, times: Times::default() }
    }

    /// Whether this fault is planted.
    pub fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }
}

/// Plausible faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A renewal returns its new token without making the pending record live.
    PromotionSkipped,
    /// A renewal creates its new record live at once.
    CreatedLive,
    /// Whoever takes a renewal back does not first stop its pending record.
    PendingNotStopped,
    /// A renewal is taken back while the request that renews may still be at it.
    TakenBackAtOnce,
    /// The store swaps whatever revision is there.
    SwapIgnoresRevision,
    /// The store keeps a record by a swap although there is none.
    SwapCreates,
    /// A login counts the sessions of its user, and does not meet other logins at the slot record.
    NoSlotRecord,
    /// A pending login is promoted by the time at which its request began.
    PromotedByOldClock,
    /// The marker of an explicit renewal is followed as that of a periodic one.
    ExplicitFollowed,
    /// An end deletes the record of the token only.
    EndDoesNotFollow,
    /// A swap whose answer was lost is not recognised when it is tried again.
    OwnWriteUnknown,
    /// A pending record expires before its marker.
    PendingShortLived,
    /// Finds know live records only.
    FindsLiveOnly,
    /// Who ends all sessions of a user looks for them once.
    FindsOnce,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::PromotionSkipped,
        Self::CreatedLive,
        Self::PendingNotStopped,
        Self::TakenBackAtOnce,
        Self::SwapIgnoresRevision,
        Self::SwapCreates,
        Self::NoSlotRecord,
        Self::PromotedByOldClock,
        Self::ExplicitFollowed,
        Self::EndDoesNotFollow,
        Self::OwnWriteUnknown,
        Self::PendingShortLived,
        Self::FindsLiveOnly,
        Self::FindsOnce,
    ];
}
