//! Applications on actix-web.

use std::fmt::Debug;
use std::io;
use std::marker::PhantomData;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use actix_http::Request;
use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::body::{self, MessageBody};
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::http::header;
use actix_web::rt::{System, SystemRunner};
use actix_web::test::{self, TestRequest};
use actix_web::{Error, HttpServer};

use super::Application;
use crate::subject::{Answer, Ask, Subject, pair};

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
    types: PhantomData<fn() -> (F, I, S, B)>,
}

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

    fn serve(&self, listener: TcpListener) -> io::Result<()> {
        System::new().block_on(async {
            let make = (self.prepare)().await;
            HttpServer::new(make).workers(1).listen(listener)?.run().await
        })
    }
}

struct InProcess<S> {
    system: SystemRunner,
    app: S,
}

fn request(ask: &Ask) -> Request {
    let mut request = TestRequest::get().uri(ask.path);
    if let Some(cookie) = &ask.cookie {
        request = request.insert_header((header::COOKIE, cookie.as_str()));
    }
    request.to_request()
}

impl<S, B> Subject for InProcess<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    fn ask(&mut self, ask: &Ask) -> Answer {
        self.system.block_on(async {
            let response = self.app.call(request(ask)).await.expect("an answer");
            let cookies = response.headers().get_all(header::SET_COOKIE).map(|value| pair(value.as_bytes())).collect();
            let status = response.status().as_u16();
            let bytes = body::to_bytes(response.into_body()).await.map_err(Into::into).expect("a body");
            Answer { status, cookies, body: String::from_utf8_lossy(&bytes).into_owned() }
        })
    }

    fn repeat(&mut self, asks: &[Ask], times: usize) -> Duration {
        self.system.block_on(async {
            let start = Instant::now();
            for ask in asks.iter().cycle().take(times) {
                let response = self.app.call(request(ask)).await.expect("an answer");
                assert!(response.status().is_success(), "{}", response.status());
                let _ = body::to_bytes(response.into_body()).await.map_err(Into::into).expect("a body");
            }
            start.elapsed()
        })
    }
}
