//! What an observer is told.

use std::time::Duration;

use crate::error::Error;
use crate::record::Handle;

/// Something that happened to a session, or to the tickets and the store of sessions.
///
/// Each is told once, by the process in which it happened. None contains a ticket, the key of a record or a value.
///
/// ```
/// use cloakroom::Event;
///
/// fn line(event: &Event<'_>) -> Option<String> {
///     match event {
///         Event::Created { handle, .. } => Some(format!("{handle} began")),
///         Event::Destroyed { handle, user: Some(user), .. } => Some(format!("{user} signed out of {handle}")),
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A session began.
    #[non_exhaustive]
    Created {
        /// Its name.
        handle: Handle,
        /// Whose it is.
        user: Option<&'a str>,
    },
    /// A ticket opened a session.
    #[non_exhaustive]
    Loaded {
        /// Its name.
        handle: Handle,
        /// Whose it is.
        user: Option<&'a str>,
    },
    /// A ticket that opens nothing.
    #[non_exhaustive]
    Refused {
        /// Why it does not.
        why: Refusal,
    },
    /// What a request changed was kept.
    #[non_exhaustive]
    Saved {
        /// The session's name.
        handle: Handle,
        /// Whose it is.
        user: Option<&'a str>,
    },
    /// The activity of a request that changed nothing was noted.
    #[non_exhaustive]
    Touched {
        /// The session's name.
        handle: Handle,
        /// Whose it is.
        user: Option<&'a str>,
    },
    /// Another request was quicker: the changes are made again on what it wrote.
    #[non_exhaustive]
    Conflict {
        /// The session's name.
        handle: Handle,
        /// How often it has happened to this request.
        attempt: u32,
    },
    /// Another request ended the session, or cut this one's ticket off, and what this one changed is dropped.
    #[non_exhaustive]
    Dropped {
        /// The session's name.
        handle: Handle,
        /// Whose it was.
        user: Option<&'a str>,
    },
    /// The session moved to a fresh ticket.
    #[non_exhaustive]
    Renewed {
        /// Its name, which stays.
        handle: Handle,
        /// Whose it is.
        user: Option<&'a str>,
        /// What for.
        why: RenewalReason,
    },
    /// A login was kept: the session belongs to a user who has just proved who they are.
    #[non_exhaustive]
    LoggedIn {
        /// The session's name.
        handle: Handle,
        /// Whose it is.
        user: &'a str,
    },
    /// The store answered a verb, in one way or another.
    #[non_exhaustive]
    StoreAnswered {
        /// `load`, `create`, `swap`, `touch` or `delete`.
        verb: &'static str,
        /// How long it took.
        took: Duration,
        /// How often this verb has been tried.
        attempt: u32,
    },
    /// A request ended its own session: a logout.
    #[non_exhaustive]
    Destroyed {
        /// The session's name.
        handle: Handle,
        /// Whose it was.
        user: Option<&'a str>,
    },
    /// The application ended a session from outside, by its handle or its user.
    #[non_exhaustive]
    Revoked {
        /// The session's name.
        handle: Handle,
        /// Whose it was.
        user: Option<&'a str>,
    },
    /// The store removed a session that had expired: told when it is swept, by stores that can tell.
    #[non_exhaustive]
    Expired {
        /// The session's name.
        handle: Handle,
        /// Whose it was.
        user: Option<&'a str>,
    },
    /// A live session made room: the store was full and gave it up, or its user logged in elsewhere and may have no more
    /// sessions.
    #[non_exhaustive]
    Evicted {
        /// The session's name.
        handle: Handle,
        /// Whose it was.
        user: Option<&'a str>,
    },
    /// The store failed a verb, which may be tried again.
    #[non_exhaustive]
    StoreFailed {
        /// `load`, `create`, `swap`, `touch` or `delete`.
        verb: &'static str,
        /// How it failed.
        error: &'a Error,
        /// How often this verb has been tried.
        attempt: u32,
    },
    /// A request went on without its session, because the store is away: [`OutagePolicy::Anonymous`].
    ///
    /// [`OutagePolicy::Anonymous`]: crate::OutagePolicy::Anonymous
    #[non_exhaustive]
    Outage {
        /// How the store failed.
        error: &'a Error,
    },
    /// Expired records were deleted.
    #[non_exhaustive]
    Swept {
        /// How many, of every kind.
        deleted: u64,
    },
}

/// Why a ticket opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// It has the form of one, and there is no such session: it ended or expired, or somebody guesses.
    Unknown,
    /// It has a form that is never issued, or no secret of ours sealed it.
    Forged,
    /// A sealed session whose deadline has passed.
    Expired,
    /// It was replaced by a renewal a moment ago.
    Replaced,
    /// What is stored under it cannot be read.
    Unreadable,
    /// Its session began, was used or was logged into more than ten minutes after this host's time: the clock of the host
    /// that wrote it was ahead, or this one is behind.
    Ahead,
}

/// Why a session moved to a fresh ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RenewalReason {
    /// A login, or `renew()`.
    Asked,
    /// [`Lifetime::renew_every`](crate::Lifetime::renew_every).
    Periodic,
    /// A renewal that a crash had cut off was taken back: the session lives on under its old ticket.
    TakenBack,
}

/// Is told what happens to sessions: for an audit log, an alarm, a count of one's own.
///
/// It is called in the middle of a request, so it is quick and does not wait: what takes longer is sent to a channel. No
/// lock is held meanwhile. It may run in several threads at once. If it panics the request goes on, and the panic is logged.
/// Any `Fn(&Event)` is one.
///
/// ```
/// use cloakroom::{Event, MemoryStore, SessionManager};
///
/// let (audit, log) = std::sync::mpsc::channel();
/// let sessions = SessionManager::builder(MemoryStore::new())
///     .observer(move |event: &Event<'_>| {
///         if let Event::Revoked { handle, user, .. } = event {
///             // The receiver may be gone.
///             let _ = audit.send((*handle, user.map(str::to_owned)));
///         }
///     })
///     .build()?;
/// # Ok::<(), cloakroom::ConfigError>(())
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Takes note of an event.
    fn notice(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Observer for F {
    fn notice(&self, event: &Event<'_>) {
        self(event);
    }
}
