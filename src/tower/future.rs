//! The future of a response with its session.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::layer::OnError;
use crate::adapter::{ErrorAnswer, Served, Serving, SessionBody};

pin_project! {
    /// The response of a [`SessionService`](super::SessionService): runs the handler with its session, and commits it.
    pub struct SessionFuture<F: Future> {
        #[pin]
        serving: Serving<F>,
        on_error: Option<OnError>,
    }
}

impl<F: Future> SessionFuture<F> {
    pub(super) fn new(serving: Serving<F>, on_error: Option<OnError>) -> Self {
        Self { serving, on_error }
    }
}

impl<F, B, E> Future for SessionFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<SessionBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Served { answer, committed, body: session } = ready!(this.serving.poll(cx));
        let response = answer?;
        let Some(committed) = committed else { return Poll::Ready(Ok(response.map(SessionBody::plain))) };
        let failed = committed.error.map(ErrorAnswer::new);
        let own = this.on_error.as_ref().and_then(|on_error| {
            let answer = failed.as_ref().or_else(|| response.extensions().get())?;
            Some(on_error(answer.error()))
        });
        let mut response = match own.or_else(|| failed.map(Response::from)) {
            Some(answer) => answer.map(SessionBody::text),
            None => response.map(|body| SessionBody::new(body, session)),
        };
        committed.edits.apply(response.headers_mut());
        Poll::Ready(Ok(response))
    }
}

impl<F: Future> fmt::Debug for SessionFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFuture").field("serving", &self.serving).finish_non_exhaustive()
    }
}
