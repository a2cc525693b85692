//! `src/manager/renew.rs`, and the writes of `src/manager/kept.rs`

use super::{Attempt, Swap, Ticket, Wait, fails, open, slots};
use crate::design::Fault;
use crate::process::{Event, Failure, Halt, Io, Value};
use crate::store::{Kind, Moved, Record, Time, User};

/// What asked for a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewal {
    /// The application: the session becomes this user's, or stays so.
    Explicit(Option<User>),
    /// The time.
    Periodic,
}

pub(super) fn renew(io: &mut Io<'_>, mut ticket: Ticket, renewal: Renewal, now: Time) -> Wait<Ticket> {
    loop {
        let attempt = io.scope(
            |io| renew_once(io, ticket, renewal, now),
            Value::Attempt,
            |value| if let Value::Attempt(attempt) = value { Some(attempt) } else { None },
        )?;
        match attempt {
            Attempt::Renewed(ticket) => return Ok(ticket),
            Attempt::Again(newer) => ticket = newer,
        }
    }
}

fn renew_once(io: &mut Io<'_>, ticket: Ticket, renewal: Renewal, now: Time) -> Wait<Attempt> {
    let (old, new) = (ticket.record, io.draw_key());
    let user = match renewal {
        Renewal::Explicit(user) => user,
        Renewal::Periodic => old.user,
    };
    let (mut pending, live) = renewed_records(io, old, user, now);
    if io.design.has(Fault::CreatedLive) {
        pending.kind = Kind::Live;
    }
    io.create(new, pending, now)?;
    if slots::needs_slot(io, old.user, user)
        && let Err(refused) = slots::claim_slot(io, pending)
    {
        // What waits for the store is no refusal.
        let Halt::Fails(_) = refused else { return Err(refused) };
        io.delete(new, now)?;
        return Err(refused);
    }
    let moved = Moved { to: new, periodic: renewal == Renewal::Periodic, at: now, session_expires: old.expires };
    let marker = Record {
        kind: Kind::Moved(moved),
        revision: io.next_revision(old.revision),
        expires: now + io.design.times.marker,
        ..old
    };
    match io.swap(ticket.key, old.revision, marker, Some(now))? {
        Swap::Swapped => {}
        Swap::Gone => {
            io.delete(new, now)?;
            return fails(Failure::Ended);
        }
        Swap::Conflict(current) => {
            io.delete(new, now)?;
            let newest = catch_up(io, Ticket { record: current, ..ticket }, now)?;
            let served = newest.key != ticket.key && renewal == Renewal::Periodic;
            return Ok(if served { Attempt::Renewed(newest) } else { Attempt::Again(newest) });
        }
    }
    if io.design.has(Fault::PromotionSkipped) {
        return Ok(Attempt::Renewed(Ticket { key: new, record: live }));
    }
    match io.swap(new, pending.revision, live, None)? {
        Swap::Swapped => Ok(Attempt::Renewed(Ticket { key: new, record: live })),
        Swap::Conflict(current) if moved.periodic && current.kind == Kind::Live => {
            Ok(Attempt::Renewed(Ticket { key: new, record: current }))
        }
        // Renewed once more by a request that followed.
        Swap::Conflict(current) if current.moved().is_some() => fails(Failure::Ended),
        Swap::Conflict(_) | Swap::Gone => {
            io.tell(Event::Undone(old.handle, now));
            fails(Failure::Ended)
        }
    }
}

/// The new record as it is created, and as it is promoted.
fn renewed_records(io: &mut Io<'_>, old: Record, user: Option<User>, now: Time) -> (Record, Record) {
    let revision = io.next_revision(old.revision);
    let expires = now + if io.design.has(Fault::PendingShortLived) { 1 } else { io.design.times.pending };
    let pending = Record { kind: Kind::Pending, revision, user, expires, ..old };
    let live = Record { kind: Kind::Live, revision: io.next_revision(revision), expires: old.expires, ..pending };
    (pending, live)
}

/// `catch_up`: the newest record of a session that changed under a request.
fn catch_up(io: &mut Io<'_>, current: Ticket, now: Time) -> Wait<Ticket> {
    match current.record.kind {
        Kind::Live => Ok(current),
        Kind::Moved(_) => open::follow(io, current, now)?.map_or_else(|| fails(Failure::Ended), Ok),
        Kind::Pending => fails(Failure::Ended),
    }
}

/// `write_over` and `write_again`: a change of a value.
pub(super) fn write(io: &mut Io<'_>, mut ticket: Ticket, now: Time) -> Wait<Ticket> {
    loop {
        let attempt = io.scope(
            |io| write_once(io, ticket, now),
            Value::Attempt,
            |value| if let Value::Attempt(attempt) = value { Some(attempt) } else { None },
        )?;
        match attempt {
            Attempt::Renewed(ticket) => return Ok(ticket),
            Attempt::Again(newer) => ticket = newer,
        }
    }
}

fn write_once(io: &mut Io<'_>, ticket: Ticket, now: Time) -> Wait<Attempt> {
    let written = Record { revision: io.next_revision(ticket.record.revision), ..ticket.record };
    match io.swap(ticket.key, ticket.record.revision, written, Some(now))? {
        Swap::Swapped => Ok(Attempt::Renewed(Ticket { record: written, ..ticket })),
        Swap::Gone => fails(Failure::Ended),
        Swap::Conflict(current) => catch_up(io, Ticket { record: current, ..ticket }, now).map(Attempt::Again),
    }
}
