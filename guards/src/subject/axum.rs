//! Applications on axum.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use axum::routing::get;
use http_body_util::BodyExt;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::Service;

use super::handlers::{fill, nothing, read, read_nothing, write, write_nothing};
use super::{Case, Operation, Subject, no_ticket, pair, sessions};

/// An application, its request, and the runtime that they meet in.
pub(super) struct Application {
    runtime: Runtime,
    app: Router,
    path: String,
    cookie: Option<HeaderValue>,
    _folder: Option<TempDir>,
}

impl Application {
    pub(super) fn new(case: Case, redis: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let sessions = runtime.block_on(sessions(case.kept, redis));
        let routes = Router::new().route("/untouched", get(nothing));
        let (app, folder) = match sessions {
            Some((sessions, folder)) => {
                let routes = routes.route("/read", get(read)).route("/write", get(write)).route("/new", get(fill));
                (routes.layer(sessions.layer()), folder)
            }
            None => {
                let routes = routes.route("/read", get(read_nothing)).route("/write", get(write_nothing));
                (routes.route("/new", get(write_nothing)).layer(tower::layer::layer_fn(|inner| inner)), None)
            }
        };
        // A router that still waits for its state makes its layers anew for every request.
        let app = app.with_state(());
        let mut subject = Self { runtime, app, path: Operation::New.path(), cookie: None, _folder: folder };
        let cookie = subject.send().map_or_else(no_ticket, pair);
        subject.path = case.operation.path();
        subject.cookie = (case.operation != Operation::New).then(|| shared(&cookie));
        subject
    }

    /// Sends a request, reads the answer, and returns the cookie that it set.
    fn send(&mut self) -> Option<HeaderValue> {
        let mut request = Request::get(self.path.as_str());
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie.clone());
        }
        let request = request.body(Body::empty()).expect("a request");
        self.runtime.block_on(async {
            let (head, body) = self.app.call(request).await.expect("infallible").into_parts();
            assert!(head.status.is_success(), "{}", head.status);
            body.collect().await.expect("a body");
            head.headers.get(header::SET_COOKIE).cloned()
        })
    }
}

impl Subject for Application {
    fn run(&mut self, requests: usize) {
        for _ in 0..requests {
            self.send();
        }
    }
}

/// Shared from the start, as a header is that hyper has read: clones cost nothing.
fn shared(text: &str) -> HeaderValue {
    let value = HeaderValue::from_str(text).expect("a header");
    let _ = value.clone();
    value
}
