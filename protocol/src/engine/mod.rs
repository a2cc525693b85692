//! What a request does, in the order of `src/manager/`: function by function as there, without values, events and
//! cookies.

mod end;
mod open;
mod renew;
mod slots;

use crate::process::{Failure, Halt, Io};
use crate::store::{Handle, Key, NEVER, Record, Swap, Time, User};
use renew::Renewal;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    /// Reads.
    Read,
    /// Changes a value.
    Write,
    /// Asks for a fresh token.
    Renew,
    /// Reads, when the time for a periodic renewal has come.
    RenewPeriodically,
    /// Logs this user in.
    Login(User),
    /// Destroys the session.
    Logout,
    /// Ends the session of this handle.
    Revoke(Handle),
    /// Ends all sessions of this user.
    RevokeUser(User),
}

/// What a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It fails.
    Failed(Failure),
    /// The token opened no session, and none was begun.
    NoSession,
    /// It has a session; and the token that its visitor is given, if it is a new one.
    Has(Handle, Option<Key>),
    /// Its session was renewed by its own wish: to this token.
    Renewed(Handle, Key),
    /// It ended a session.
    Ended(Handle),
    /// It ended the sessions of a user.
    EndedAllOf(User),
}

/// A token and the record that it was found to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The token.
    pub key: Key,
    /// The record.
    pub record: Record,
}

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opened {
    /// No session.
    Nothing,
    /// A session, at the place where it lives.
    Session(Ticket),
    /// A session that has moved to a token that the visitor is just being given.
    Replaced,
}

/// What one attempt of a renewal came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// The session has moved, or another request has moved it.
    Renewed(Ticket),
    /// From this record again.
    Again(Ticket),
}

type Wait<T> = Result<T, Halt>;

fn fails<T>(failure: Failure) -> Wait<T> {
    Err(Halt::Fails(failure))
}

/// Serves a request.
pub(crate) fn serve(io: &mut Io<'_>, request: Request, token: Option<Key>) -> Wait<Outcome> {
    match request {
        Request::Revoke(handle) => {
            let now = io.now();
            end::end_handle(io, handle, now)?;
            return Ok(Outcome::Ended(handle));
        }
        Request::RevokeUser(user) => {
            let now = io.now();
            end::end_user(io, user, now)?;
            return Ok(Outcome::EndedAllOf(user));
        }
        _ => {}
    }
    let opened = match token {
        Some(token) => open::open(io, token)?,
        None => Opened::Nothing,
    };
    let now = io.now();
    let ticket = match (opened, request) {
        (Opened::Session(ticket), _) => ticket,
        (Opened::Nothing, Request::Login(user)) => return begin(io, user, now),
        (Opened::Replaced, Request::Login(_) | Request::Logout) => return fails(Failure::ReadOnly),
        (Opened::Nothing | Opened::Replaced, _) => return Ok(Outcome::NoSession),
    };
    let handle = ticket.record.handle;
    let has = |key| Outcome::Has(handle, Some(key).filter(|_| Some(key) != token));
    match request {
        Request::Write => renew::write(io, ticket, now).map(|ticket| has(ticket.key)),
        Request::Renew => renew::renew(io, ticket, Renewal::Explicit(ticket.record.user), now)
            .map(|ticket| Outcome::Renewed(handle, ticket.key)),
        Request::Login(user) => renew::renew(io, ticket, Renewal::Explicit(Some(user)), now)
            .map(|ticket| Outcome::Renewed(handle, ticket.key)),
        // It has just been renewed.
        Request::RenewPeriodically if Some(ticket.key) != token => Ok(has(ticket.key)),
        Request::RenewPeriodically => match renew::renew(io, ticket, Renewal::Periodic, now) {
            // That its time could not be kept is no reason to fail a request that only read.
            Err(Halt::Fails(Failure::Unavailable)) => Ok(has(ticket.key)),
            renewed => renewed.map(|ticket| has(ticket.key)),
        },
        Request::Logout => {
            end::end(io, ticket.key, handle, now)?;
            Ok(Outcome::Ended(handle))
        }
        Request::Read | Request::Revoke(_) | Request::RevokeUser(_) => Ok(has(ticket.key)),
    }
}

/// A login where no session is.
fn begin(io: &mut Io<'_>, user: User, now: Time) -> Wait<Outcome> {
    let key = io.draw_key();
    let revision = io.first_revision();
    // A handle is as random as a token.
    let live = Record { revision, ..Record::first(key, Some(user), 0, NEVER) };
    if io.design.limit.is_some() {
        let reserved = slots::reserve(io, key, live)?;
        slots::activate(io, key, reserved, now)?;
    } else {
        io.create(key, live, now)?;
    }
    Ok(Outcome::Has(live.handle, Some(key)))
}
