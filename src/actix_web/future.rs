//! The future of a response with its session.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BoxBody, EitherBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use pin_project_lite::pin_project;

use super::SessionBody;
use super::middleware::OnError;
use crate::adapter::{Committed, Served, Serving};
use crate::error::Error;
use crate::events;

/// What the application answers: a response, or an error that becomes one further out.
pub(super) type Outcome<B> = Result<ServiceResponse<EitherBody<B>>, actix_web::Error>;

type LocalBoxFuture<T> = Pin<Box<dyn Future<Output = T>>>;

pin_project! {
    /// The application at work.
    #[project = HandlerProjection]
    pub(super) enum Handler<F, B> {
        Called { #[pin] future: F },
        Preloads { future: LocalBoxFuture<Outcome<B>> },
    }
}

impl<F, B> Future for Handler<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, actix_web::Error>>,
{
    type Output = Outcome<B>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<B>> {
        match self.project() {
            HandlerProjection::Called { future } => {
                future.poll(cx).map(|outcome| outcome.map(ServiceResponse::map_into_left_body))
            }
            HandlerProjection::Preloads { future } => future.as_mut().poll(cx),
        }
    }
}

/// The status that will be answered. An error is not asked for its response, which some can give only once.
pub(super) fn status<B>(outcome: &Outcome<B>) -> Option<u16> {
    Some(match outcome {
        Ok(response) => response.status().as_u16(),
        Err(error) => error.as_response_error().status_code().as_u16(),
    })
}

pin_project! {
    /// The response of a [`SessionService`](super::SessionService): runs the handler with its session, and commits it.
    pub struct SessionFuture<F, B>
    where
        F: Future<Output = Result<ServiceResponse<B>, actix_web::Error>>,
    {
        #[pin]
        serving: Serving<Handler<F, B>>,
        on_error: Option<OnError>,
    }
}

impl<F, B> SessionFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, actix_web::Error>>,
{
    pub(super) fn new(serving: Serving<Handler<F, B>>, on_error: Option<OnError>) -> Self {
        Self { serving, on_error }
    }
}

impl<F, B> Future for SessionFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, actix_web::Error>>,
{
    type Output = Result<ServiceResponse<SessionBody<B>>, actix_web::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Served { answer, committed, body: session } = ready!(this.serving.poll(cx));
        let on_error = this.on_error.as_ref();
        Poll::Ready(match (answer, committed) {
            (Ok(response), Some(Committed { edits, error, .. })) => {
                let mut response = match own_answer(error, response.response().error(), on_error) {
                    Some(answer) => response.into_response(answer).map_body(|_, body| SessionBody::boxed(body)),
                    // What goes on after an upgrade is a conversation, which saves what it changes itself.
                    None if response.status() == StatusCode::SWITCHING_PROTOCOLS => plain(response),
                    None => response.map_body(|_, body| SessionBody::new(body, session)),
                };
                edits.apply(response.headers_mut());
                Ok(response)
            }
            (Err(error), Some(committed)) => Err(failure(error, committed, on_error)),
            (answer, None) => answer.map(plain),
        })
    }
}

fn plain<B>(response: ServiceResponse<EitherBody<B>>) -> ServiceResponse<SessionBody<B>> {
    response.map_body(|_, body| SessionBody::plain(body))
}

/// What is answered in the place of the response, to a commit that failed or to an error of ours that the response is of.
fn own_answer(
    failed: Option<Error>,
    answered: Option<&actix_web::Error>,
    on_error: Option<&OnError>,
) -> Option<HttpResponse> {
    match (failed, on_error) {
        (Some(failed), Some(on_error)) => {
            events::failed(&failed);
            Some(on_error(&failed))
        }
        (Some(failed), None) => Some(HttpResponse::from_error(failed)),
        (None, Some(on_error)) => answered.and_then(actix_web::Error::as_error).map(|error| on_error(error)),
        (None, None) => None,
    }
}

/// An error that has no response yet: it takes along what the session changes in the response's head. Its type stays as it
/// is, so that what is further out can still tell what it is.
fn failure(error: actix_web::Error, committed: Committed, on_error: Option<&OnError>) -> actix_web::Error {
    let mut error = committed.error.map_or(error, actix_web::Error::from);
    if let Some(on_error) = on_error.filter(|_| error.as_error::<Error>().is_some()) {
        error = Answered { error, on_error: on_error.clone() }.into();
    }
    let edits = committed.edits;
    if !edits.is_empty() {
        error.add_response_mapper(move |mut response| {
            edits.clone().apply(response.headers_mut());
            response
        });
    }
    error
}

/// An error of ours that is answered in the application's way.
struct Answered {
    error: actix_web::Error,
    on_error: OnError,
}

impl ResponseError for Answered {
    fn status_code(&self) -> StatusCode {
        self.error.as_response_error().status_code()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        match self.error.as_error::<Error>() {
            Some(error) => {
                events::failed(error);
                (self.on_error)(error)
            }
            None => self.error.error_response(),
        }
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<F, B> fmt::Debug for SessionFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, actix_web::Error>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFuture").field("serving", &self.serving).finish_non_exhaustive()
    }
}
