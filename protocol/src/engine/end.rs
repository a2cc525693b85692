//! `src/manager/end.rs`

use super::{Wait, fails};
use crate::design::{EndOrder, Fault};
use crate::process::{Failure, Halt, Io};
use crate::store::{Handle, Key, Kind, Moved, Record, Time, User, Verb};

/// `end`: ends one session for good, wherever it went.
pub(super) fn end(io: &mut Io<'_>, key: Key, handle: Handle, now: Time) -> Wait<()> {
    let ended = match io.design.end {
        EndOrder::MarkerFirst => end_chain(io, key, handle, now),
        EndOrder::FarEndFirst | EndOrder::FarEndUnchecked | EndOrder::FarEndThenHandle => {
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
            for (key, _) in found {
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
    let trusts = io.design.end != EndOrder::FarEndThenHandle;
    let mut markers: Vec<(Key, Moved)> = Vec::new();
    let mut at = key;
    'walk: loop {
        match io.load(at, now)?.filter(|record| record.handle == handle) {
            Some(Record { kind: Kind::Moved(moved), .. }) => {
                if io.design.has(Fault::EndDoesNotFollow) {
                    io.delete(at, now)?;
                    return Ok(());
                }
                markers.push((at, moved));
                at = moved.to;
                continue;
            }
            Some(_) => {
                let (removed, lost) = io.delete(at, now)?;
                if lost {
                    return fails(Failure::Unavailable);
                }
                match removed.map(|removed| removed.moved()) {
                    Some(None) => {}
                    // It moved between the look and the delete.
                    Some(Some(moved)) if trusts => {
                        at = moved.to;
                        continue;
                    }
                    // Or another request was quicker to delete it.
                    _ => return end_handle(io, handle, now),
                }
            }
            None if trusts && !markers.is_empty() => {}
            None => return end_handle(io, handle, now),
        }
        while let Some((key, seen)) = markers.pop() {
            let (removed, lost) = io.delete(key, now)?;
            if lost {
                return fails(Failure::Unavailable);
            }
            match removed.map(|removed| removed.moved()) {
                // As it was seen, or taken back and so a session, which has ended with it.
                Some(moved) if moved.is_none_or(|moved| moved == seen) => {}
                _ if io.design.end == EndOrder::FarEndUnchecked => {}
                // Taken back and renewed once more between the look and the delete.
                Some(Some(moved)) if trusts => {
                    at = moved.to;
                    continue 'walk;
                }
                None if trusts => {}
                // Or another request was quicker to delete it.
                _ => return end_handle(io, handle, now),
            }
        }
        return Ok(());
    }
}
