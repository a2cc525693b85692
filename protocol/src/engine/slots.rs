//! `src/manager/places.rs`: logins of one user meet at one record, and take their slots one after another.

use super::{Swap, Wait, end, fails};
use crate::design::Fault;
use crate::process::{Failure, Halt, Io, Value};
use crate::store::{Handle, Key, Kind, NEVER, Record, SLOTS, Time, User, Verb};

/// `needs_place`
pub(super) fn needs_slot(io: &Io<'_>, was: Option<User>, user: Option<User>) -> bool {
    io.design.limit.is_some() && user.is_some() && was != user
}

/// `reserve`: a pending record that has its slot.
pub(super) fn reserve(io: &mut Io<'_>, key: Key, live: Record) -> Wait<Record> {
    let now = io.now();
    let pending = Record { kind: Kind::Pending, expires: now + io.design.times.pending, ..live };
    io.create(key, pending, now)?;
    let claimed = io.scope(
        |io| claim_slot(io, pending),
        |()| Value::Nothing,
        |value| if value == Value::Nothing { Some(()) } else { None },
    );
    if let Err(refused) = claimed {
        let Halt::Fails(_) = refused else { return Err(refused) };
        // `give_up`
        let _ = io.delete(key, now)?;
        return Err(refused);
    }
    Ok(pending)
}

/// `take_up`: makes it live.
pub(super) fn activate(io: &mut Io<'_>, key: Key, pending: Record, began: Time) -> Wait<()> {
    let revision = io.next_revision(pending.revision);
    let live = Record { kind: Kind::Live, revision, expires: NEVER, ..pending };
    let now = io.design.has(Fault::PromotedByOldClock).then_some(began);
    match io.swap(key, pending.revision, live, now)? {
        Swap::Swapped => Ok(()),
        Swap::Conflict(_) | Swap::Gone => fails(Failure::Ended),
    }
}

/// `take_place`: takes a slot among the sessions of its user, and ends the oldest if there is none.
pub(super) fn claim_slot(io: &mut Io<'_>, pending: Record) -> Wait<()> {
    let (Some(limit), Some(user)) = (io.design.limit, pending.user) else { return Ok(()) };
    io.repeat(|io| {
        let now = io.now();
        let slots = io.load(SLOTS, now)?;
        let found = io.find(Verb::FindByUser(user), now)?;
        let logins = slots.map_or(0, |record| record.logins);
        let mut holders = holders(&found, logins);
        holders.retain(|handle| *handle != pending.handle);
        if holders.len() >= limit {
            end::end_handle(io, holders[0], now)?;
            return Ok(None);
        }
        if io.design.has(Fault::NoSlotRecord) {
            return Ok(Some(()));
        }
        let still = holders.iter().fold(0, |bits, handle| bits | 1 << handle);
        let next = Record {
            kind: Kind::Pending,
            revision: match slots {
                Some(record) => io.next_revision(record.revision),
                None => io.first_revision(),
            },
            handle: Handle::MAX,
            user: None,
            expires: now + io.design.times.pending,
            logins: logins & still | 1 << pending.handle,
        };
        let claimed = match slots {
            None => io.create(SLOTS, next, now)?,
            Some(record) => io.swap(SLOTS, record.revision, next, Some(now))? == Swap::Swapped,
        };
        Ok(claimed.then_some(()))
    })
}

/// The sessions that hold a slot, in the order of their handles.
fn holders(found: &[(Key, Record)], logins: u16) -> Vec<Handle> {
    let pointed_to: Vec<Key> = found.iter().filter_map(|(_, record)| record.moved()).map(|moved| moved.to).collect();
    let holds = |(key, record): &(Key, Record)| match record.kind {
        Kind::Live => true,
        Kind::Pending => logins & 1 << record.handle != 0 || pointed_to.contains(key),
        Kind::Moved(_) => false,
    };
    let mut holders: Vec<Handle> = found.iter().filter(|found| holds(found)).map(|(_, record)| record.handle).collect();
    holders.sort_unstable();
    holders.dedup();
    holders
}
