//! The session as a request guard, and errors as responders.

use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder};
use rocket::{Ignite, Request, Rocket, Sentinel};

use super::fairing::Attached;
use super::visit::Visit;
use crate::access::{FreshUser, FromSession, Policy, Require, User};
use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::session::Session;

/// Loads the session, once a request. It fails with the status of the error; a handler that takes a `Result<Session>`
/// decides itself.
#[rocket::async_trait]
impl<'r> FromRequest<'r> for Session {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        guard(request, |session| Ok(session.clone())).await
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for User {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        guard(request, Self::from_session).await
    }
}

#[rocket::async_trait]
impl<'r, const SECONDS: u64> FromRequest<'r> for FreshUser<SECONDS> {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        guard(request, Self::from_session).await
    }
}

#[rocket::async_trait]
impl<'r, P: Policy> FromRequest<'r> for Require<P> {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        guard(request, Self::from_session).await
    }
}

/// What `of` takes from the session, or the error, which the fairing answers.
async fn guard<T>(request: &Request<'_>, of: impl FnOnce(&Session) -> Result<T> + Send) -> Outcome<T, Error> {
    match current().await.and_then(|session| of(&session)) {
        Ok(found) => Outcome::Success(found),
        Err(error) => {
            // Rocket takes the error, and so does whoever answers it.
            note(request, Error::new(error.kind(), error.to_string()));
            Outcome::Error((status(&error), error))
        }
    }
}

async fn current() -> Result<Session> {
    let session = Session::ambient().ok_or_else(|| {
        Error::new(
            ErrorKind::NotLoaded,
            "this route has no session: mount it as `sessions.routes(routes![…])`, register a catcher as \
             `sessions.catchers(catchers![…])`, and attach `sessions.fairing()`",
        )
    })?;
    session.load().await?;
    Ok(session)
}

/// Aborts launch where a route takes a session and nobody attached the fairing that commits it.
impl Sentinel for Session {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let is_missing = rocket.state::<Attached>().is_none();
        if is_missing {
            let mend = "the session fairing is missing: add `.attach(sessions.fairing())`";
            events::failed(&Error::new(ErrorKind::NotLoaded, mend));
        }
        is_missing
    }
}

impl Sentinel for User {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        Session::abort(rocket)
    }
}

impl<const SECONDS: u64> Sentinel for FreshUser<SECONDS> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        Session::abort(rocket)
    }
}

impl<P: Policy> Sentinel for Require<P> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        Session::abort(rocket)
    }
}

/// Answers as [`on_error`](super::SessionFairing::on_error) says, or the application's catcher for the status of the error,
/// or with a line of text that tells nothing of the application.
impl<'r> Responder<'r, 'static> for Error {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let status = status(&self);
        note(request, self);
        Err(status)
    }
}

/// Keeps an error for the fairing. Outside of the routes that have a session there is none to answer it.
fn note(request: &Request<'_>, error: Error) {
    match Session::ambient() {
        Some(session) => Visit::of(request, session.manager()).note(error),
        None => events::failed(&error),
    }
}

fn status(error: &Error) -> Status {
    Status::new(error.status())
}
