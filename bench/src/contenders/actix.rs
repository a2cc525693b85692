//! Applications on actix-web.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_http::Request;
use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::body::{self, MessageBody};
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::rt::{System, SystemRunner};
use actix_web::test::{self, TestRequest};
use actix_web::{Error, HttpServer};

use super::Application;
use crate::Result;
use crate::subject::{Answer, Ask, Subject, Writers, Written, pair};
use crate::work::Operation;

/// Applications that a function makes, one for each worker; what makes that function may wait.
pub(super) struct Actix<P>(pub(super) P);

impl<P> Actix<P> {
    pub(super) fn into_application<F, I, S, B>(self) -> Typed<P, F, I, S, B>
    where
        P: AsyncFn() -> F,
        F: Fn() -> I,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = Error>,
    {
        Typed { prepare: self.0, types: PhantomData }
    }
}

/// The same with the types that it comes to.
pub(super) struct Typed<P, F, I, S, B> {
    prepare: P,
    types: PhantomData<Types<F, I, S, B>>,
}

type Types<F, I, S, B> = fn() -> (F, I, S, B);

impl<P, F, I, S, B> Application for Typed<P, F, I, S, B>
where
    P: AsyncFn() -> F,
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request> + 'static,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::InitError: Debug,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    fn subject(&self) -> Box<dyn Subject> {
        let system = System::new();
        let app = system.block_on(async {
            let make = (self.prepare)().await;
            test::init_service(make()).await
        });
        Box::new(InProcess { system, app })
    }

    fn serve(&self, listener: TcpListener) -> Result<()> {
        System::new().block_on(async {
            let make = (self.prepare)().await;
            Ok(HttpServer::new(make).workers(1).listen(listener)?.run().await?)
        })
    }

    fn write(&self, writers: &Writers) -> Result<Written> {
        // Goes on while others wait: connections belong to it.
        System::new().block_on(async {
            let make = (self.prepare)().await;
            let app = test::init_service(make()).await;
            let cookie = shared(send(&app, Operation::New.path(), None).await.cookie().as_deref());
            let start = Instant::now();
            let threads: Vec<_> = (0..writers.threads)
                .map(|thread| {
                    let (make, cookie, each) = (make.clone(), cookie.clone(), writers.each);
                    let count = (writers.count + thread) / writers.threads;
                    let (done, wait) = tokio::sync::oneshot::channel();
                    std::thread::spawn(move || done.send(System::new().block_on(some(make, count, each, cookie))));
                    wait
                })
                .collect();
            let mut kept = 1;
            for thread in threads {
                kept += thread.await?;
            }
            let took = start.elapsed();
            let last = send(&app, Operation::Write.path(), cookie.as_ref()).await;
            Ok(Written { took, kept, counted: last.body.parse()? })
        })
    }
}

/// Writers of one thread, on an application of their own as each worker has one; answers how many writes were kept.
async fn some<F, I, S, B>(make: F, count: usize, each: usize, cookie: Option<HeaderValue>) -> u64
where
    F: Fn() -> I,
    I: IntoServiceFactory<S, Request> + 'static,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::InitError: Debug,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let app = Rc::new(test::init_service(make()).await);
    let writers: Vec<_> = (0..count)
        .map(|_| {
            let (app, cookie) = (Rc::clone(&app), cookie.clone());
            actix_web::rt::spawn(async move {
                let mut kept = 0;
                for _ in 0..each {
                    let answer = send(&*app, Operation::Write.path(), cookie.as_ref()).await;
                    kept += u64::from(answer.status == 200);
                }
                kept
            })
        })
        .collect();
    let mut kept = 0;
    for writer in writers {
        kept += writer.await.expect("no panic");
    }
    kept
}

struct InProcess<S> {
    system: SystemRunner,
    app: S,
}

fn request(path: &str, cookie: Option<&HeaderValue>) -> Request {
    let mut request = TestRequest::get().uri(path);
    if let Some(cookie) = cookie {
        request = request.insert_header((header::COOKIE, cookie.clone()));
    }
    request.to_request()
}

/// A header value whose clones cost nothing, as of a header that the framework has read.
fn shared(cookie: Option<&str>) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(cookie?).expect("a header");
    let _ = value.clone();
    Some(value)
}

/// Sends a request to an application, and reads the whole answer.
async fn send<S, B>(app: &S, path: &str, cookie: Option<&HeaderValue>) -> Answer
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let response = app.call(request(path, cookie)).await.expect("an answer");
    let cookies = response.headers().get_all(header::SET_COOKIE).map(|value| pair(value.as_bytes())).collect();
    let status = response.status().as_u16();
    let bytes = body::to_bytes(response.into_body()).await.map_err(Into::into).expect("a body");
    Answer { status, cookies, body: String::from_utf8_lossy(&bytes).into_owned() }
}

impl<S, B> Subject for InProcess<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    fn ask(&mut self, ask: &Ask) -> Answer {
        let cookie = shared(ask.cookie.as_deref());
        self.system.block_on(send(&self.app, ask.path, cookie.as_ref()))
    }

    fn repeat(&mut self, asks: &[Ask], times: usize) -> Duration {
        let asks: Vec<_> = asks.iter().map(|ask| (ask.path, shared(ask.cookie.as_deref()))).collect();
        self.system.block_on(async {
            let start = Instant::now();
            for (path, cookie) in asks.iter().cycle().take(times) {
                let response = self.app.call(request(path, cookie.as_ref())).await.expect("an answer");
                assert!(response.status().is_success(), "{}", response.status());
                let _ = body::to_bytes(response.into_body()).await.map_err(Into::into).expect("a body");
            }
            start.elapsed()
        })
    }
}
