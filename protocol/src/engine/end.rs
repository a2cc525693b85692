//! `src/manager/end.rs`

use super::{Swap, Wait, fails};
use crate::design::{EndOrder, Fault};
use crate::process::{Failure, Halt, Io};
use crate::store::{Handle, Key, Kind, Moved, NOWHERE, Record, Time, User, Verb};

/// `end`: ends one session for good, wherever it went.
pub(super) fn end(io: &mut Io<'_>, key: Key, handle: Handle, now: Time) -> Wait<()> {
    let ended = match io.design.end {
        EndOrder::MarkerFirst => end_chain(io, key, handle, now),
        EndOrder::FarEndFirst | EndOrder::FarEndThenHandle | EndOrder::StopThenDelete => {
            end_from_far(io, key, handle, now)
        }
    };
    match ended {
        Err(Halt::Fails(Failure::Unavailable)) => end_handle(io, handle, now),
        ended => ended,
    }
}

/// `end_handle`
pub(super) fn end_handle(io: &mut Io<'_>, handle: Handle, now: Time) -> Wait<()> {
    end_all(io, Verb::FindByHandle(handle), now)
}

/// `end_user`
pub(super) fn end_user(io: &mut Io<'_>, user: User, now: Time) -> Wait<()> {
    end_all(io, Verb::FindByUser(user), now)
}

/// `end_all`: ends what is found, until nothing is found.
fn end_all(io: &mut Io<'_>, find: Verb, now: Time) -> Wait<()> {
    io.repeat(|io| {
        let mut found = io.find(find, now)?;
        if found.is_empty() {
            return Ok(Some(()));
        }
        if io.design.end == EndOrder::MarkerFirst {
            for (key, record) in found {
                end_chain(io, key, record.handle, now)?;
            }
        } else {
            // What a session lives in first, and then what leads there.
            found.sort_by_key(|(_, record)| record.moved().is_some());
            for (key, record) in found {
                if io.design.end == EndOrder::StopThenDelete && record.moved().is_none() {
                    if !stop(io, key, record, now)? {
                        return Ok(None);
                    }
                }
                io.delete(key, now)?;
            }
        }
        Ok(io.design.has(Fault::FindsOnce).then_some(()))
    })
}

/// `end_chain`, as it was: deletes a record and, if it was a marker, what it points to, to the end of the chain.
fn end_chain(io: &mut Io<'_>, key: Key, handle: Handle, now: Time) -> Wait<()> {
    let mut key = key;
    loop {
        let (removed, lost) = io.delete(key, now)?;
        if lost {
            return fails(Failure::Unavailable);
        }
        let Some(removed) = removed.filter(|removed| removed.handle == handle) else { return Ok(()) };
        match removed.moved() {
            Some(moved) if !io.design.has(Fault::EndDoesNotFollow) => key = moved.to,
            _ => return Ok(()),
        }
    }
}

/// Walks to the end of the chain, deletes what the session lives in, and then the markers from there back.
fn end_from_far(io: &mut Io<'_>, key: Key, handle: Handle, now: Time) -> Wait<()> {
    let trusts = io.design.end == EndOrder::FarEndFirst;
    let mut markers: Vec<(Key, Moved)> = Vec::new();
    let mut at = key;
    loop {
        let seen = io.load(at, now)?.filter(|record| record.handle == handle);
        let Some(seen) = seen else {
            if markers.is_empty() || !trusts {
                return end_handle(io, handle, now);
            }
            break;
        };
        if let Some(moved) = seen.moved()
            && !io.design.has(Fault::EndDoesNotFollow)
        {
            markers.push((at, moved));
            at = moved.to;
            continue;
        }
        if io.design.end == EndOrder::StopThenDelete && !stop(io, at, seen, now)? {
            // Changed, moved or ended by another request: looks again.
            continue;
        }
        let (removed, lost) = io.delete(at, now)?;
        if lost {
            return fails(Failure::Unavailable);
        }
        match removed.map(|removed| removed.moved()) {
            Some(None) => break,
            Some(Some(moved)) if moved.to == NOWHERE => break,
            // It moved between the look and the delete.
            Some(Some(moved)) if trusts => at = moved.to,
            // Or another request was quicker to delete it.
            _ => return end_handle(io, handle, now),
        }
    }
    for (key, seen) in markers.into_iter().rev() {
        let (removed, _) = io.delete(key, now)?;
        // Taken back and renewed once more between the look and the delete, or deleted by another request.
        if !trusts && removed.is_none_or(|removed| removed.moved().is_some_and(|moved| moved != seen)) {
            return end_handle(io, handle, now);
        }
    }
    Ok(())
}

/// Swaps what a session lives in for a marker that leads nowhere; false if it is no longer what was seen.
fn stop(io: &mut Io<'_>, key: Key, seen: Record, now: Time) -> Wait<bool> {
    let nowhere = Moved { to: NOWHERE, periodic: false, at: now, session_expires: now };
    let revision = io.next_revision(seen.revision);
    let stopped = Record { kind: Kind::Moved(nowhere), revision, expires: now + io.design.times.marker, ..seen };
    Ok(io.swap(key, seen.revision, stopped, Some(now))? == Swap::Swapped)
}
