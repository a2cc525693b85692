//! What happens to sessions: told to an [`Observer`], counted, and logged by `tracing` under the target `cloakroom`. With
//! handles and users, never with a ticket.

mod event;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

pub use event::{Event, Observer, Refusal, RenewalReason};
use tracing::{debug, error, info, trace, warn};

use crate::error::{Error, ErrorKind, Result};
use crate::record::{Handle, Record};

const TARGET: &str = "cloakroom";

/// Where the events of one manager go.
#[derive(Clone, Default)]
pub(crate) struct Events(Option<Arc<dyn Observer>>);

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("observed", &self.0.is_some()).finish()
    }
}

impl Events {
    pub(crate) fn new(observer: Option<Arc<dyn Observer>>) -> Self {
        #[cfg(feature = "metrics")]
        metrics::describe();
        Self(observer)
    }

    pub(crate) fn tell(&self, event: Event<'_>) {
        log(&event);
        #[cfg(feature = "metrics")]
        metrics::count(&event);
        if let Some(observer) = &self.0
            && catch_unwind(AssertUnwindSafe(|| observer.notice(&event))).is_err()
        {
            error!(target: TARGET, "the observer of sessions panicked");
        }
    }

    pub(crate) fn created(&self, record: &Record) {
        self.tell(Event::Created { handle: record.handle, user: record.user.as_deref() });
    }

    pub(crate) fn loaded(&self, record: &Record) {
        self.tell(Event::Loaded { handle: record.handle, user: record.user.as_deref() });
    }

    pub(crate) fn refused(&self, why: Refusal) {
        self.tell(Event::Refused { why });
    }

    /// What is stored cannot be read: the visitor gets a new session.
    pub(crate) fn unreadable(&self, error: &Error) {
        warn!(target: TARGET, %error, "a stored session cannot be read; the visitor gets a new one");
        self.refused(Refusal::Unreadable);
    }

    /// What is stored tells of the future: its session stays closed.
    pub(crate) fn ahead(&self, record: &Record) {
        warn!(
            target: TARGET,
            handle = %record.handle,
            "a session was written by a host whose clock is more than ten minutes ahead of this one's, and opens nothing; set \
             the clocks right"
        );
        self.refused(Refusal::Ahead);
    }

    pub(crate) fn saved(&self, record: &Record) {
        self.tell(Event::Saved { handle: record.handle, user: record.user.as_deref() });
    }

    pub(crate) fn touched(&self, record: &Record) {
        self.tell(Event::Touched { handle: record.handle, user: record.user.as_deref() });
    }

    pub(crate) fn dropped(&self, record: &Record) {
        self.tell(Event::Dropped { handle: record.handle, user: record.user.as_deref() });
    }

    pub(crate) fn renewed(&self, record: &Record, why: RenewalReason) {
        self.tell(Event::Renewed { handle: record.handle, user: record.user.as_deref(), why });
    }

    pub(crate) fn destroyed(&self, record: &Record) {
        self.tell(Event::Destroyed { handle: record.handle, user: record.user.as_deref() });
    }

    /// Begins to measure a verb of the store, where anybody wants to know.
    pub(crate) fn stopwatch(&self) -> Stopwatch {
        Stopwatch((cfg!(feature = "metrics") || self.0.is_some()).then(Instant::now))
    }

    /// The store has answered a verb. What cannot be read is no failure of the store.
    pub(crate) fn answered<T>(&self, verb: &'static str, watch: Stopwatch, answer: &Result<T>, attempt: u32) {
        if let Stopwatch(Some(start)) = watch {
            self.tell(Event::StoreAnswered { verb, took: start.elapsed(), attempt });
        }
        if let Some(error) = answer.as_ref().err().filter(|error| error.kind() != ErrorKind::Decode) {
            self.tell(Event::StoreFailed { verb, error, attempt });
        }
    }

    pub(crate) fn logged_in(&self, record: &Record) {
        if let Some(user) = record.user.as_deref() {
            self.tell(Event::LoggedIn { handle: record.handle, user });
        }
    }
}

/// Measures a verb of the store.
pub(crate) struct Stopwatch(Option<Instant>);

fn log(event: &Event<'_>) {
    match event {
        Event::Created { handle, .. } => info!(target: TARGET, %handle, "created"),
        Event::Loaded { handle, .. } => debug!(target: TARGET, %handle, "loaded"),
        Event::Refused { why: Refusal::Forged } => info!(target: TARGET, "forged"),
        Event::Refused { why } => debug!(target: TARGET, ?why, "refused"),
        Event::Saved { handle, .. } => debug!(target: TARGET, %handle, "saved"),
        Event::Touched { handle, .. } => debug!(target: TARGET, %handle, "touched"),
        Event::Conflict { handle, attempt } => debug!(target: TARGET, %handle, attempt, "conflict"),
        Event::Dropped { handle, .. } => {
            info!(target: TARGET, %handle, "ended meanwhile; the changes of this request are dropped");
        }
        Event::Renewed { handle, why, .. } => info!(target: TARGET, %handle, ?why, "renewed"),
        Event::LoggedIn { handle, .. } => info!(target: TARGET, %handle, "logged in"),
        Event::StoreAnswered { verb, took, attempt } => {
            trace!(target: TARGET, verb, ?took, attempt, "the store answered")
        }
        Event::Destroyed { handle, .. } => info!(target: TARGET, %handle, "destroyed"),
        Event::Revoked { handle, .. } => info!(target: TARGET, %handle, "revoked"),
        Event::Expired { handle, .. } => debug!(target: TARGET, %handle, "expired"),
        Event::Evicted { handle, .. } => info!(target: TARGET, %handle, "evicted"),
        Event::StoreFailed { verb, error, attempt } => {
            warn!(target: TARGET, verb, %error, attempt, "the store failed");
        }
        Event::Outage { error } => {
            warn!(target: TARGET, %error, "the store is away; the request goes on without its session");
        }
        Event::Swept { deleted } => debug!(target: TARGET, deleted, "swept"),
    }
}

pub(crate) fn touch_failed(handle: Handle, error: &Error) {
    warn!(target: TARGET, %handle, %error, "the activity could not be noted");
}

pub(crate) fn renewal_failed(handle: Handle, error: &Error) {
    warn!(target: TARGET, %handle, %error, "the ticket could not be renewed in its time");
}

pub(crate) fn body_failed(error: &Error) {
    warn!(target: TARGET, %error, "changes made in a response body could not be saved");
}

/// A response that tells of an error of ours.
pub(crate) fn failed(error: &Error) {
    tracing::error!(target: TARGET, %error, kind = %error.kind(), "failed");
}

pub(crate) fn sweep_failed(error: &Error) {
    warn!(target: TARGET, %error, "the sweep failed; it is tried again");
}

/// What the store cannot answer is no end of any session.
pub(crate) fn watch_failed(error: &Error) {
    warn!(target: TARGET, %error, "whether the sessions that are waited for have ended cannot be asked; it is tried again");
}

pub(crate) fn announcements_failed(error: &Error) {
    warn!(target: TARGET, %error, "the store's announcements are not heard; it is asked more often meanwhile");
}

#[cfg(feature = "file")]
pub(crate) fn shared_folder(file_system: &'static str) {
    warn!(
        target: TARGET,
        file_system,
        "the session file lies on a shared file system, and is used without a write-ahead log"
    );
}

#[cfg(feature = "file")]
pub(crate) fn file_removed(path: &std::path::Path) {
    warn!(target: TARGET, path = %path.display(), "the session file was removed, its sessions with it; a new one is made");
}

#[cfg(feature = "file")]
pub(crate) fn log_removed(log: &std::path::Path) {
    warn!(
        target: TARGET,
        log = %log.display(),
        "the log of the session file was removed while it is in use; what was only in it is written into the file, and a \
         new log is begun"
    );
}

#[cfg(feature = "file")]
pub(crate) fn foreign_log(path: &std::path::Path, aside: &std::path::Path) {
    warn!(
        target: TARGET,
        path = %path.display(),
        aside = %aside.display(),
        "the session file was replaced, and the log beside it is of the file before; the log is moved aside, and the \
         sessions are those of the new file. If the old file is still there, it needs that log"
    );
}

/// A server that gives up keys when it is full ends sessions, and forgets whose they are.
#[cfg(feature = "redis-1")]
pub(crate) fn may_evict(policy: &str) {
    warn!(
        target: TARGET,
        policy,
        "the Redis server may evict sessions when its memory is full; set its maxmemory-policy to noeviction"
    );
}

pub(crate) fn development_secret() {
    warn!(
        target: TARGET,
        "sessions are sealed with a secret of this process alone: a restart ends them all. Outside of development give \
         `Secrets` of your own"
    );
}

pub(crate) fn insecure_transport() {
    warn!(
        target: TARGET,
        "a secure cookie was set on a request that seems to have come over plain http: outside of localhost browsers \
         drop it. Serve https, or let the proxy say `X-Forwarded-Proto: https`"
    );
}
