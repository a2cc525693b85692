//! What is measured: the same handlers with sessions, and behind a layer that does nothing.

mod actix_web;
mod axum;
mod handlers;

use std::fmt;
use std::sync::Arc;

use cloakroom::{
    CookieStore, FileStore, MemoryStore, RedisStore, Secrets, SessionManager, SessionStore, StoreKey, Timestamp,
};
use tempfile::TempDir;

/// What an application is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framework {
    Axum,
    ActixWeb,
}

/// Where sessions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Nowhere,
    Memory,
    Cookie,
    File,
    Redis,
}

/// What a request does with its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Untouched,
    Read,
    Write,
    New,
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) framework: Framework,
    pub(crate) kept: Kept,
    pub(crate) operation: Operation,
}

/// An application, and a request to it that is sent as often as one likes.
pub(crate) trait Subject {
    fn run(&mut self, requests: usize);
}

impl Framework {
    pub(crate) const ALL: [Self; 2] = [Self::Axum, Self::ActixWeb];

    const fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::ActixWeb => "actix-web",
        }
    }
}

impl Kept {
    pub(crate) const ALL: [Self; 5] = [Self::Nowhere, Self::Memory, Self::Cookie, Self::File, Self::Redis];

    const fn name(self) -> &'static str {
        match self {
            Self::Nowhere => "nowhere",
            Self::Memory => "memory",
            Self::Cookie => "cookie",
            Self::File => "file",
            Self::Redis => "redis",
        }
    }
}

impl Operation {
    pub(crate) const ALL: [Self; 4] = [Self::Untouched, Self::Read, Self::Write, Self::New];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Read => "read",
            Self::Write => "write",
            Self::New => "new",
        }
    }

    fn path(self) -> String {
        format!("/{}", self.name())
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.framework.name(), self.kept.name(), self.operation.name())
    }
}

impl Case {
    /// All of them, each with the same without sessions.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Framework::ALL.into_iter().flat_map(|framework| {
            Kept::ALL.into_iter().flat_map(move |kept| {
                Operation::ALL.into_iter().map(move |operation| Self { framework, kept, operation })
            })
        })
    }

    /// The case that is written like this.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|case| case.to_string() == name)
    }

    /// The same without sessions.
    pub(crate) fn base(self) -> Self {
        Self { kept: Kept::Nowhere, ..self }
    }

    /// The application and its request; sessions in Redis are on the server at this address.
    pub(crate) fn subject(self, redis: &str) -> Box<dyn Subject> {
        match self.framework {
            Framework::Axum => Box::new(axum::Application::new(self, redis)),
            Framework::ActixWeb => actix_web::application(self, redis),
        }
    }
}

/// Another worker that reads sessions, as a server has them: where there is only one, it leaves reads to a thread of the store.
fn second_worker(store: &Arc<FileStore>) {
    let (asked, has_asked) = std::sync::mpsc::channel::<()>();
    let store = Arc::clone(store);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async { store.try_load(&StoreKey::from_bytes([7; 32]), Timestamp::now()) });
        drop((store, asked));
        loop {
            std::thread::park();
        }
    });
    let _ = has_asked.recv();
}

/// Sessions, and the folder that they are in, if they are in a file.
type Sessions = (SessionManager, Option<TempDir>);

async fn sessions(kept: Kept, redis: &str) -> Option<Sessions> {
    let manager = match kept {
        Kept::Nowhere => return None,
        Kept::Memory => SessionManager::new(MemoryStore::new()),
        Kept::Cookie => SessionManager::new(CookieStore::new(Secrets::random_for_development())),
        Kept::Redis => SessionManager::new(RedisStore::connect(redis).await.expect("a server")),
        Kept::File => {
            let folder = TempDir::new().expect("a folder");
            let store = FileStore::open(folder.path().join("sessions.db")).await.expect("a file");
            let store = Arc::new(store);
            second_worker(&store);
            return Some((SessionManager::new(store), Some(folder)));
        }
    };
    Some((manager, None))
}

/// The cookie of a request without a session: as long as a ticket.
fn no_ticket() -> String {
    format!("__Host-sid={}", "A".repeat(43))
}

/// What a browser sends back of a `Set-Cookie` header.
fn pair(set_cookie: impl AsRef<[u8]>) -> String {
    let text = String::from_utf8_lossy(set_cookie.as_ref());
    text.split(';').next().unwrap_or_default().to_owned()
}
