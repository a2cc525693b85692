//! Applications on axum.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use http_body_util::BodyExt;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tower::Service;

use super::Application;
use crate::Result;
use crate::subject::{Answer, Ask, Subject, Writers, Written, pair};
use crate::work::Operation;

/// An application that a function makes.
pub(super) struct Axum<F>(pub(super) F);

impl<F: AsyncFn() -> Router> Application for Axum<F> {
    fn subject(&self) -> Box<dyn Subject> {
        let runtime = runtime();
        // A router that still waits for its state makes its layers anew for every request.
        let app = runtime.block_on(async { (self.0)().await.with_state(()) });
        Box::new(InProcess { runtime, app })
    }

    fn serve(&self, listener: TcpListener) -> Result<()> {
        runtime().block_on(async {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            Ok(axum::serve(listener, (self.0)().await).await?)
        })
    }

    fn write(&self, writers: &Writers) -> Result<Written> {
        let runtime = Builder::new_multi_thread().worker_threads(writers.threads).enable_all().build()?;
        runtime.block_on(async {
            let mut app = (self.0)().await.with_state(());
            let cookie = shared(send(&mut app, Operation::New.path(), None).await.cookie().as_deref());
            let (start, each) = (Instant::now(), writers.each);
            let mut tasks = JoinSet::new();
            for _ in 0..writers.count {
                let (mut app, cookie) = (app.clone(), cookie.clone());
                tasks.spawn(async move {
                    let mut kept = 0_u64;
                    for _ in 0..each {
                        let answer = send(&mut app, Operation::Write.path(), cookie.as_ref()).await;
                        kept += u64::from(answer.status == 200);
                    }
                    kept
                });
            }
            let kept = tasks.join_all().await.into_iter().sum::<u64>() + 1;
            let took = start.elapsed();
            let counted = send(&mut app, Operation::Write.path(), cookie.as_ref()).await.body.parse()?;
            Ok(Written { took, kept, counted })
        })
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

struct InProcess {
    runtime: Runtime,
    app: Router,
}

/// Sends a request to an application, and reads the whole answer.
pub(crate) async fn send(app: &mut Router, path: &str, cookie: Option<&HeaderValue>) -> Answer {
    let (head, body) = app.call(request(path, cookie)).await.expect("infallible").into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Answer {
        status: head.status.as_u16(),
        cookies: head.headers.get_all(header::SET_COOKIE).iter().map(|value| pair(value.as_bytes())).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

fn request(path: &str, cookie: Option<&HeaderValue>) -> Request<Body> {
    let mut request = Request::get(path);
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie.clone());
    }
    request.body(Body::empty()).expect("a request")
}

/// A header value whose clones cost nothing, as of a header that hyper has read.
pub(crate) fn shared(cookie: Option<&str>) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(cookie?).expect("a header");
    let _ = value.clone();
    Some(value)
}

impl Subject for InProcess {
    fn ask(&mut self, ask: &Ask) -> Answer {
        let cookie = shared(ask.cookie.as_deref());
        self.runtime.block_on(send(&mut self.app, ask.path, cookie.as_ref()))
    }

    fn repeat(&mut self, asks: &[Ask], times: usize) -> Duration {
        let asks: Vec<_> = asks.iter().map(|ask| (ask.path, shared(ask.cookie.as_deref()))).collect();
        self.runtime.block_on(async {
            let start = Instant::now();
            for (path, cookie) in asks.iter().cycle().take(times) {
                let response = self.app.call(request(path, cookie.as_ref())).await.expect("infallible");
                assert!(response.status().is_success(), "{}", response.status());
                response.into_body().collect().await.expect("a body");
            }
            start.elapsed()
        })
    }
}
