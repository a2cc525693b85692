//! Applications on actix-web.

use actix_http::Request;
use actix_web::body::{self, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Identity;
use actix_web::rt::{System, SystemRunner};
use actix_web::test::{self, TestRequest};
use actix_web::{App, Error, web};
use tempfile::TempDir;

use super::handlers::{fill, nothing, read, read_nothing, write, write_nothing};
use super::{Case, Operation, Subject, no_ticket, pair, sessions};

/// An application, its request, and the runtime that they meet in.
struct Application<S> {
    system: SystemRunner,
    app: S,
    path: String,
    cookie: Option<HeaderValue>,
    _folder: Option<TempDir>,
}

pub(super) fn application(case: Case, redis: &str) -> Box<dyn Subject> {
    let system = System::new();
    let app = App::new().route("/untouched", web::get().to(nothing));
    match system.block_on(sessions(case.kept, redis)) {
        Some((sessions, folder)) => {
            let app = app.route("/read", web::get().to(read)).route("/write", web::get().to(write));
            let app = app.route("/new", web::get().to(fill)).wrap(sessions.middleware());
            let app = system.block_on(test::init_service(app));
            Box::new(Application::new(case, system, app, folder))
        }
        None => {
            let app = app.route("/read", web::get().to(read_nothing)).route("/write", web::get().to(write_nothing));
            let app = app.route("/new", web::get().to(write_nothing)).wrap(Identity::default());
            let app = system.block_on(test::init_service(app));
            Box::new(Application::new(case, system, app, None))
        }
    }
}

impl<S, B> Application<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    fn new(case: Case, system: SystemRunner, app: S, folder: Option<TempDir>) -> Self {
        let mut subject = Self { system, app, path: Operation::New.path(), cookie: None, _folder: folder };
        let cookie = subject.send().map_or_else(no_ticket, pair);
        subject.path = case.operation.path();
        subject.cookie = (case.operation != Operation::New).then(|| shared(&cookie));
        subject
    }

    /// Sends a request, reads the answer, and returns the cookie that it set.
    fn send(&mut self) -> Option<HeaderValue> {
        let mut request = TestRequest::get().uri(&self.path);
        if let Some(cookie) = &self.cookie {
            request = request.insert_header((header::COOKIE, cookie.clone()));
        }
        self.system.block_on(async {
            let response = self.app.call(request.to_request()).await.expect("an answer");
            assert!(response.status().is_success(), "{}", response.status());
            let cookie = response.headers().get(header::SET_COOKIE).cloned();
            let _ = body::to_bytes(response.into_body()).await.map_err(Into::into).expect("a body");
            cookie
        })
    }
}

impl<S, B> Subject for Application<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    fn run(&mut self, requests: usize) {
        for _ in 0..requests {
            self.send();
        }
    }
}

/// Shared from the start, as a header is that the framework has read: clones cost nothing.
fn shared(text: &str) -> HeaderValue {
    let value = HeaderValue::from_str(text).expect("a header");
    let _ = value.clone();
    value
}
