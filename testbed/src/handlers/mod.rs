//! What the routes do, free of any framework: plain data in, plain answers out.

pub(crate) mod identity;
pub(crate) mod lifetime;
pub(crate) mod manager;
pub(crate) mod pages;
pub(crate) mod sockets;
pub(crate) mod streams;
pub(crate) mod transient;
pub(crate) mod values;

use std::borrow::Cow;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use serde_json::{Value, json};

use crate::App;

/// The largest body that is read: a value of 1 MiB, with room for its quotes.
pub(crate) const BODY_LIMIT: usize = 1024 * 1024 + 1024;

/// A request as a handler sees it.
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    path: String,
    query: String,
    body: Bytes,
}

/// A JSON answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
}

/// What a handler answers.
pub(crate) enum Reply {
    Answer(Answer),
    Html(String),
    /// Text, sent as it comes.
    Text(Pin<Box<dyn Stream<Item = String> + Send>>),
}

/// Why a handler did not do what it was asked for.
pub(crate) enum Failure {
    Session(cloakroom::Error),
    Answer(Answer),
}

pub(crate) type Outcome = Result<Reply, Failure>;

impl Call {
    /// A request: its path and query as they were sent.
    pub(crate) fn new(app: Arc<App>, path: &str, query: Option<&str>, body: Bytes) -> Self {
        Self { app, path: path.to_owned(), query: query.unwrap_or_default().to_owned(), body }
    }

    /// The last segment of the path, decoded.
    fn key(&self) -> Result<String, Failure> {
        let segment = self.path.rsplit('/').next().unwrap_or_default();
        let key = percent_encoding::percent_decode_str(segment).decode_utf8().map_err(|_| bad_request())?;
        Ok(key.into_owned())
    }

    /// A parameter of the query, if it is there.
    fn query<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        match form_urlencoded::parse(self.query.as_bytes()).find(|(known, _)| known == name) {
            Some((_, text)) => text.parse().map(Some).map_err(|_| bad_request()),
            None => Ok(None),
        }
    }

    async fn wait(&self, default_ms: u64) -> Result<(), Failure> {
        let ms = self.query("ms")?.unwrap_or(default_ms);
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(())
    }

    /// The body as JSON.
    fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body).map_err(|_| bad_request())
    }
}

impl Answer {
    pub(crate) fn error(status: u16, kind: impl Into<Cow<'static, str>>) -> Self {
        Self { status, json: json!({ "error": kind.into() }) }
    }

    pub(crate) fn of_error(error: &cloakroom::Error) -> Self {
        Self::error(error.status(), error.kind().as_str())
    }

    pub(crate) fn not_found() -> Self {
        Self::error(404, "not_found")
    }

    pub(crate) fn wrong_method() -> Self {
        Self::error(405, "method_not_allowed")
    }

    /// A request to a WebSocket that asks for no upgrade, or not in the right form.
    pub(crate) fn no_upgrade() -> Self {
        Self::error(426, "upgrade_required")
    }

    pub(crate) fn panicked() -> Self {
        Self::error(500, "panic")
    }

    /// A body that could not be read, and the status that the framework would answer.
    pub(crate) fn unreadable_body(status: u16) -> Self {
        if status == 413 { Self::error(413, "too_large") } else { Self::error(400, "bad_request") }
    }
}

impl From<cloakroom::Error> for Failure {
    fn from(error: cloakroom::Error) -> Self {
        Self::Session(error)
    }
}

impl From<minijinja::Error> for Failure {
    /// What a template says of the session is the session's error.
    fn from(error: minijinja::Error) -> Self {
        let session = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<cloakroom::Error>());
        Self::Answer(session.map_or_else(|| Answer::error(500, "template"), Answer::of_error))
    }
}

fn bad_request() -> Failure {
    Failure::Answer(Answer::error(400, "bad_request"))
}

fn answer(json: Value) -> Outcome {
    Ok(Reply::Answer(Answer { status: 200, json }))
}

fn done() -> Outcome {
    answer(json!({ "ok": true }))
}

fn value(value: impl Into<Value>) -> Outcome {
    answer(json!({ "value": value.into() }))
}
