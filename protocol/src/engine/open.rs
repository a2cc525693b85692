//! `src/manager/open.rs`

use super::{Opened, Ticket, Wait};
use crate::design::Fault;
use crate::process::{Event, Io, Value};
use crate::store::{Key, Kind, Moved, Record, Swap, Time};

/// How many renewals a token is followed through.
const MAX_MOVES: usize = 4;

/// `open_ticket`, and no other token.
pub(super) fn open(io: &mut Io<'_>, token: Key) -> Wait<Opened> {
    io.scope(
        |io| {
            let opened = open_token(io, token)?;
            io.tell(Event::Opened(match opened {
                Opened::Session(ticket) => Some(ticket.record),
                Opened::Nothing | Opened::Replaced => None,
            }));
            Ok(opened)
        },
        Value::Opened,
        |value| if let Value::Opened(opened) = value { Some(opened) } else { None },
    )
}

fn open_token(io: &mut Io<'_>, token: Key) -> Wait<Opened> {
    let now = io.now();
    let Some(record) = io.load(token, now)? else { return Ok(Opened::Nothing) };
    let ticket = Ticket { key: token, record };
    match record.kind {
        Kind::Live => Ok(Opened::Session(ticket)),
        Kind::Pending => Ok(Opened::Nothing),
        Kind::Moved(_) => open_moved(io, ticket, now),
    }
}

fn open_moved(io: &mut Io<'_>, mut marker: Ticket, now: Time) -> Wait<Opened> {
    for _ in 0..MAX_MOVES {
        let Some(moved) = marker.record.moved() else { break };
        let in_grace = now < moved.at + io.design.times.grace;
        if !can_follow(io, &moved) {
            return open_cut_off(io, marker, moved, in_grace, now);
        }
        if !in_grace && !is_pending(io, &moved, now)? {
            return Ok(Opened::Nothing);
        }
        match next_place(io, &moved, now)? {
            Some(ticket) if ticket.record.kind == Kind::Live => return Ok(Opened::Session(ticket)),
            Some(ticket) => marker = ticket,
            None => return Ok(Opened::Nothing),
        }
    }
    Ok(Opened::Nothing)
}

fn open_cut_off(io: &mut Io<'_>, marker: Ticket, moved: Moved, in_grace: bool, now: Time) -> Wait<Opened> {
    if let Some(record) = take_back(io, marker.key, marker.record, moved, now)? {
        return Ok(Opened::Session(Ticket { record, ..marker }));
    }
    let undecided = in_grace || (now < moved.at + io.design.times.timeout && is_pending(io, &moved, now)?);
    Ok(if undecided { Opened::Replaced } else { Opened::Nothing })
}

/// `follow`: through periodic renewals, to where a session lives now.
pub(super) fn follow(io: &mut Io<'_>, mut ticket: Ticket, now: Time) -> Wait<Option<Ticket>> {
    for _ in 0..MAX_MOVES {
        let Some(moved) = ticket.record.moved().filter(|moved| can_follow(io, moved)) else { return Ok(None) };
        match next_place(io, &moved, now)? {
            Some(next) if next.record.kind == Kind::Live => return Ok(Some(next)),
            Some(next) => ticket = next,
            None => return Ok(None),
        }
    }
    Ok(None)
}

fn can_follow(io: &Io<'_>, moved: &Moved) -> bool {
    moved.periodic || io.design.has(Fault::ExplicitFollowed)
}

fn next_place(io: &mut Io<'_>, moved: &Moved, now: Time) -> Wait<Option<Ticket>> {
    let Some(record) = io.load(moved.to, now)? else { return Ok(None) };
    let place = Ticket { key: moved.to, record };
    if record.kind != Kind::Pending {
        return Ok(Some(place));
    }
    let promoted = promote(io, place, moved, now)?;
    Ok(promoted.filter(|record| record.kind != Kind::Pending).map(|record| Ticket { record, ..place }))
}

fn is_pending(io: &mut Io<'_>, moved: &Moved, now: Time) -> Wait<bool> {
    Ok(io.load(moved.to, now)?.is_some_and(|record| record.kind == Kind::Pending))
}

fn promote(io: &mut Io<'_>, pending: Ticket, moved: &Moved, now: Time) -> Wait<Option<Record>> {
    let revision = io.next_revision(pending.record.revision);
    let live = Record { kind: Kind::Live, revision, expires: moved.session_expires, ..pending.record };
    if now >= live.expires {
        return Ok(None);
    }
    Ok(match io.swap(pending.key, pending.record.revision, live, Some(now))? {
        Swap::Swapped => Some(live),
        Swap::Conflict(current) => Some(current),
        Swap::Gone => None,
    })
}

fn take_back(io: &mut Io<'_>, key: Key, marker: Record, moved: Moved, now: Time) -> Wait<Option<Record>> {
    let may_be_at_it = now < moved.at + io.design.times.timeout && !io.design.has(Fault::TakenBackAtOnce);
    if now >= moved.session_expires || may_be_at_it {
        return Ok(None);
    }
    let Some(pending) = io.load(moved.to, now)?.filter(|record| record.kind == Kind::Pending) else {
        return taken_back(io, key, now);
    };
    if !io.design.has(Fault::PendingNotStopped) {
        let stopped = Record { revision: io.next_revision(pending.revision), ..pending };
        if io.swap(moved.to, pending.revision, stopped, Some(now))? != Swap::Swapped {
            return taken_back(io, key, now);
        }
    }
    let revision = io.next_revision(marker.revision);
    let live = Record { kind: Kind::Live, revision, expires: moved.session_expires, ..marker };
    if io.swap(key, marker.revision, live, Some(now))? != Swap::Swapped {
        return taken_back(io, key, now);
    }
    io.delete(moved.to, now)?;
    Ok(Some(live))
}

fn taken_back(io: &mut Io<'_>, key: Key, now: Time) -> Wait<Option<Record>> {
    Ok(io.load(key, now)?.filter(|record| record.kind == Kind::Live))
}
