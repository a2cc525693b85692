//! The future of a response with its session.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

use super::SessionBody;
use super::layer::OnError;
use crate::adapter::{Arrival, Commit, Committed, ErrorAnswer};
use crate::session::Session;

pin_project! {
    /// The response of a [`SessionService`](super::SessionService): runs the handler with its session, and commits it.
    pub struct SessionFuture<F, B> {
        #[pin]
        handler: TaskLocalFuture<Session, F>,
        arrival: Arrival,
        on_error: Option<OnError>,
        answered: Option<(Commit, Response<B>)>,
    }
}

impl<F: Future, B> SessionFuture<F, B> {
    pub(super) fn new(handler: F, arrival: Arrival, on_error: Option<OnError>) -> Self {
        Self { handler: arrival.session.clone().scope(handler), arrival, on_error, answered: None }
    }
}

impl<F, B, E> Future for SessionFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<SessionBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let session = &this.arrival.session;
        loop {
            if let Some((commit, _)) = this.answered {
                let committed = ready!(Pin::new(commit).poll(cx));
                let Some((_, response)) = this.answered.take() else { continue };
                return Poll::Ready(Ok(answer(response, committed, session, this.on_error.as_ref())));
            }
            // An error here is the framework's, and no response: what the request changed is discarded with it.
            let response = ready!(this.handler.as_mut().poll(cx))?;
            if this.arrival.is_nested {
                return Poll::Ready(Ok(response.map(SessionBody::plain)));
            }
            match session.commit(response.status().as_u16()).into_ready() {
                Ok(committed) => {
                    return Poll::Ready(Ok(answer(response, committed, session, this.on_error.as_ref())));
                }
                Err(commit) => *this.answered = Some((commit, response)),
            }
        }
    }
}

/// The response as it is sent.
fn answer<B>(
    response: Response<B>,
    committed: Committed,
    session: &Session,
    on_error: Option<&OnError>,
) -> Response<SessionBody<B>> {
    if committed.edits.is_empty() && committed.error.is_none() && on_error.is_none() {
        return response.map(SessionBody::plain);
    }
    let failed = committed.error.map(ErrorAnswer::new);
    let own = on_error.and_then(|on_error| {
        let answer = failed.as_ref().or_else(|| response.extensions().get())?;
        Some(on_error(answer.error()))
    });
    let mut response = match own.or_else(|| failed.map(Response::from)) {
        Some(answer) => answer.map(SessionBody::text),
        None => response.map(|body| SessionBody::new(body, session)),
    };
    committed.edits.apply(response.headers_mut());
    response
}

impl<F, B> fmt::Debug for SessionFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFuture").field("session", &self.arrival.session).finish_non_exhaustive()
    }
}
