//! The service.

use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::future::SessionFuture;
use super::layer::OnError;
use crate::adapter::{Head, SessionBody};
use crate::manager::SessionManager;

/// A service whose requests have a session: made by [`SessionLayer`](super::SessionLayer).
#[derive(Clone)]
pub struct SessionService<S> {
    inner: S,
    manager: SessionManager,
    on_error: Option<OnError>,
}

impl<S> SessionService<S> {
    pub(super) fn new(inner: S, manager: SessionManager, on_error: Option<OnError>) -> Self {
        Self { inner, manager, on_error }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for SessionService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
{
    type Response = Response<SessionBody<ResBody>>;
    type Error = S::Error;
    type Future = SessionFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let arrival = self
            .manager
            .arrive(|| Head::of(&(request.uri(), request.headers(), request.uri().scheme()), &self.manager));
        let future = arrival.session.enter(|| self.inner.call(request));
        SessionFuture::new(arrival.serve(future, status), self.on_error.clone())
    }
}

/// An error here is the framework's, and no response: what the request changed is discarded with it.
fn status<B, E>(result: &Result<Response<B>, E>) -> Option<u16> {
    result.as_ref().ok().map(|response| response.status().as_u16())
}

impl<S: fmt::Debug> fmt::Debug for SessionService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService")
            .field("inner", &self.inner)
            .field("manager", &self.manager)
            .finish_non_exhaustive()
    }
}
