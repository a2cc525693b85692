//! Loads the session before the handler runs.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;

use actix_web::HttpResponse;
use actix_web::body::EitherBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};

use super::future::Outcome;
use crate::session::Session;

/// Loads the session of every request that passes, for routes whose models or templates use it without the handler
/// asking for it. It goes inside of the [session middleware](super::SessionMiddleware).
///
/// ```
/// use actix_web::{App, web};
/// # use cloakroom::{MemoryStore, SessionManager};
/// # let sessions = SessionManager::new(MemoryStore::new());
/// let account = web::resource("/account")
///     .route(web::get().to(async || "a page whose template says who is signed in"))
///     .wrap(cloakroom::actix_web::preload());
/// let app = App::new().service(account).wrap(sessions.middleware());
/// ```
pub fn preload() -> Preload {
    Preload(())
}

/// The middleware of [`preload`].
#[derive(Debug, Clone, Copy)]
pub struct Preload(());

impl<S, B> Transform<S, ServiceRequest> for Preload
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Transform = PreloadService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(PreloadService { inner: Rc::new(inner) }))
    }
}

/// The service of [`preload`].
pub struct PreloadService<S> {
    inner: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for PreloadService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Outcome<B>>>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        Box::pin(load_then_call(Rc::clone(&self.inner), request))
    }
}

/// Passes the request on once its session is loaded. What fails is the response.
pub(super) async fn load_then_call<S, B>(inner: Rc<S>, request: ServiceRequest) -> Outcome<B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
{
    let loaded = match Session::current() {
        Ok(session) => session.load().await,
        Err(error) => Err(error),
    };
    match loaded {
        Ok(()) => inner.call(request).await.map(ServiceResponse::map_into_left_body),
        Err(error) => {
            let (request, _) = request.into_parts();
            Ok(ServiceResponse::new(request, HttpResponse::from_error(error)).map_into_right_body())
        }
    }
}

impl<S> fmt::Debug for PreloadService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreloadService").finish_non_exhaustive()
    }
}
