//! Who is compared: one file for each library, with the same handlers.

mod actix;
mod actix_session;
mod axum;
mod axum_session;
mod cloakroom;
mod nothing;
mod tower_sessions;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use axum::{send, shared};
pub(crate) use cloakroom::app as cloakroom_app;

use crate::subject::{Subject, Writers, Written};
use crate::{Result, machine};
use cloakroom::Kept;

/// A library with a store of its, on a framework.
pub(crate) struct Contender {
    pub(crate) who: &'static str,
    pub(crate) store: &'static str,
    /// The contender without sessions on the same framework; its own name for itself.
    pub(crate) base: &'static str,
    app: Box<dyn Application>,
}

/// Makes an application, to be called in place or to listen.
pub(crate) trait Application {
    fn subject(&self) -> Box<dyn Subject>;

    /// Serves on this thread until the process ends.
    fn serve(&self, listener: TcpListener) -> Result<()>;

    /// Has several write to one session at once, as many threads do it on this framework.
    fn write(&self, writers: &Writers) -> Result<Written>;
}

pub(crate) const AXUM: &str = "axum";
pub(crate) const ACTIX: &str = "actix-web";

impl Contender {
    fn new(who: &'static str, store: &'static str, base: &'static str, app: impl Application + 'static) -> Self {
        Self { who, store, base, app: Box::new(app) }
    }

    pub(crate) fn is_base(&self) -> bool {
        self.who == self.base
    }

    pub(crate) fn is_named(&self, who: &str, store: &str) -> bool {
        self.who == who && self.store == store
    }

    /// Whether the sessions are with this process.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.store == "memory"
    }

    /// Whether it is worth knowing how much memory it takes: a signature on the cookie takes none.
    pub(crate) fn holds_in_memory(&self) -> bool {
        self.is_in_memory() && !self.who.ends_with("-signed")
    }

    /// Whether a copy of the cookie sees what was written by another.
    pub(crate) fn keeps_on_the_server(&self) -> bool {
        self.store != "cookie"
    }

    /// Whether a request waits for a disk or a server.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.store, "file" | "redis")
    }

    pub(crate) fn label(&self) -> String {
        if self.is_base() { self.who.to_owned() } else { format!("{}, {}", self.who, self.store) }
    }

    pub(crate) fn subject(&self) -> Box<dyn Subject> {
        self.app.subject()
    }

    pub(crate) fn serve(&self, listener: TcpListener) -> Result<()> {
        self.app.serve(listener)
    }

    pub(crate) fn write(&self, writers: &Writers) -> Result<Written> {
        self.app.write(writers)
    }
}

/// A new file each time, which goes with its folder when the measures are done.
pub(crate) fn database() -> PathBuf {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    machine::folder().join(format!("sessions-{}-{number}.db", std::process::id()))
}

/// The places where sessions are kept.
pub(crate) const STORES: [&str; 4] = ["memory", "cookie", "file", "redis"];

/// Where a process of this program finds the Redis server that its parent has started.
pub(crate) const REDIS: &str = "BENCH_REDIS";

/// All contenders, those without sessions first; those on Redis if there is a server.
pub(crate) fn all() -> Vec<Contender> {
    let mut all = vec![nothing::on_axum(), nothing::on_actix()];
    for kept in [Kept::Memory, Kept::Cookie, Kept::File] {
        all.extend([cloakroom::on_axum(kept.clone()), cloakroom::on_actix(kept)]);
    }
    all.extend([
        tower_sessions::memory(),
        tower_sessions::memory_signed(),
        tower_sessions::file(),
        axum_session::memory(),
        axum_session::memory_signed(),
        actix_session::cookie(),
    ]);
    if let Ok(url) = std::env::var(REDIS) {
        all.extend([
            cloakroom::on_axum(Kept::Redis(url.clone())),
            cloakroom::on_actix(Kept::Redis(url.clone())),
            tower_sessions::redis(url.clone()),
            axum_session::redis(url.clone()),
            actix_session::redis(url),
        ]);
    }
    all
}
