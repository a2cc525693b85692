//! The applications that are compared: the same handlers with sessions, and with a layer that does nothing.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use axum::routing::get;
use cloakroom::{CookieStore, MemoryStore, Result, Secrets, Session, SessionManager};
use http_body_util::BodyExt;
use tower::Service;

/// Where sessions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Nowhere,
    Memory,
    Cookie,
}

impl Kept {
    pub(crate) const ALL: [Self; 3] = [Self::Nowhere, Self::Memory, Self::Cookie];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nowhere => "nowhere",
            Self::Memory => "memory",
            Self::Cookie => "cookie",
        }
    }
}

/// What a request does with its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Untouched,
    Read,
    Write,
    New,
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
}

/// An application, a request, and the runtime that they meet in.
pub(crate) struct Subject {
    runtime: tokio::runtime::Runtime,
    app: Router,
    path: String,
    cookie: Option<HeaderValue>,
}

impl Subject {
    pub(crate) fn new(kept: Kept, operation: Operation) -> Self {
        match kept {
            Kept::Nowhere => Self::without_sessions(operation),
            Kept::Memory => Self::with_sessions(SessionManager::new(MemoryStore::new()), operation),
            Kept::Cookie => {
                let store = CookieStore::new(Secrets::random_for_development());
                Self::with_sessions(SessionManager::new(store), operation)
            }
        }
    }

    /// Handlers with sessions, and a session of six values.
    fn with_sessions(sessions: SessionManager, operation: Operation) -> Self {
        let app = Router::new()
            .route("/untouched", get(|| async { "ok" }))
            .route("/read", get(read))
            .route("/write", get(write))
            .route("/new", get(fill))
            .route("/fill", get(fill))
            .layer(sessions.layer())
            .with_state(());
        let mut subject = Self::of(app, "/fill");
        let cookie = subject.send();
        subject.path = format!("/{}", operation.name());
        // Shared from the start, as a header is that hyper has read.
        subject.cookie = cookie.filter(|_| operation != Operation::New).map(|value| shared(&value));
        subject
    }

    /// The same handlers without a session, behind a layer that does nothing.
    fn without_sessions(operation: Operation) -> Self {
        let app = Router::new()
            .route("/untouched", get(|| async { "ok" }))
            .route("/read", get(|| async { Ok::<_, cloakroom::Error>(EMAIL.to_owned()) }))
            .route("/write", get(|| async { Ok::<_, cloakroom::Error>("ok") }))
            .route("/new", get(|| async { Ok::<_, cloakroom::Error>("ok") }))
            .layer(tower::layer::layer_fn(|inner| inner))
            .with_state(());
        let mut subject = Self::of(app, &format!("/{}", operation.name()));
        subject.cookie = (operation != Operation::New).then(|| shared(&format!("__Host-sid={}", "A".repeat(43))));
        subject
    }

    fn of(app: Router, path: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self { runtime, app, path: path.to_owned(), cookie: None }
    }

    /// Sends requests one after the other.
    pub(crate) fn run(&mut self, requests: usize) {
        for _ in 0..requests {
            self.send();
        }
    }

    /// Sends a request, reads the answer, and returns the cookie that it set.
    fn send(&mut self) -> Option<String> {
        let mut request = Request::get(self.path.as_str());
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie.clone());
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = self.app.call(request);
        self.runtime.block_on(async {
            let (head, body) = response.await.expect("infallible").into_parts();
            assert!(head.status.is_success(), "{}", head.status);
            body.collect().await.expect("a body");
            let cookie = head.headers.get(header::SET_COOKIE)?.to_str().ok()?;
            Some(cookie.split(';').next()?.to_owned())
        })
    }
}

/// A header value whose clones cost nothing.
fn shared(text: &str) -> HeaderValue {
    let value = HeaderValue::from_str(text).expect("a header");
    let _ = value.clone();
    value
}

const EMAIL: &str = "ana.maria.silva@example.org";

async fn read(session: Session) -> Result<String> {
    Ok(session.get("email")?.unwrap_or_default())
}

async fn write(session: Session) -> Result<&'static str> {
    // Another value each time: what is there already is not written again.
    session.update("counter", |n: Option<u64>| n.unwrap_or(0) + 1)?;
    Ok("ok")
}

async fn fill(session: Session) -> Result<&'static str> {
    for (key, value) in VALUES {
        session.set(key, value)?;
    }
    Ok("ok")
}

/// With their keys, about 300 bytes.
const VALUES: [(&str, &str); 6] = [
    ("email", EMAIL),
    ("name", "Ana Maria Silva"),
    ("roles", "editor,reviewer,moderator"),
    ("return_to", "/articles/2026/11/how-to-keep-a-session/comments?page=3"),
    ("cart", "book-978-0131103627:1,mug-blue:2,poster-a2-rust:1,notebook-a5-dotted:3"),
    ("csrf", "b3f1c2a7d9e84f60a1b2c3d4e5f60718"),
];
