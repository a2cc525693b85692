//! Renewal: the session moves to a fresh token, and the old ticket is cut off.
//!
//! One key at a time, so that it holds on every store: the new record is created as pending, the old one is swapped for
//! a marker, the new one is promoted, and only then is the visitor told. A crash after any step leaves a session that
//! opens: before the marker the old ticket opens it as ever; after it, the next request with the old ticket follows (after
//! a periodic renewal) or takes the renewal back (after an explicit one).

use std::collections::HashSet;
use std::time::Duration;

use super::commit::{Changes, ended, taken};
use super::patience::Retry;
use super::{Patience, SessionManager};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::RenewalReason;
use crate::record::{Moved, Record, RecordKind, RenewedAt, Values};
use crate::session::Draft;
use crate::session::state::{Attempt, Renewal, Renewing, Ticket};
use crate::store::{Created, Swap};
use crate::token::{NONCE_BYTES, StoreKey, Token};

/// What the two steps of a renewal came to.
pub(super) enum Renewed {
    Done(Ticket),
    /// Another request was quicker: the old record as it is now.
    Conflict(Record),
    Gone,
}

impl SessionManager {
    pub(super) async fn renew(
        &self,
        patience: &Patience,
        renewal: Renewal,
        mut ticket: Ticket,
        mut draft: Draft,
        changes: &mut Changes,
        now: Timestamp,
    ) -> Result<Ticket> {
        let store = self.store()?;
        let mut retry = Retry::new();
        loop {
            let nonce: Option<[u8; NONCE_BYTES]> = (renewal == Renewal::Periodic).then(|| self.random().bytes());
            let token = nonce.map_or_else(|| Token::random(self.random()), |nonce| ticket.token.successor(&nonce));
            let (pending, mut live) = self.renewed_records(&ticket.record, &mut draft, now)?;
            let new = Ticket::new(token, pending);
            if store.create(patience, &new.key, &new.record, now).await? == Created::AlreadyExists {
                return Err(taken());
            }
            if self.needs_place(ticket.record.user.as_deref(), new.record.user.as_deref())
                && let Err(refused) = self.take_place(patience, &new.record, HashSet::new()).await
            {
                store.delete(patience, &new.key, now).await?;
                return Err(refused);
            }
            self.promotes(&new.record, &mut live);
            let marker = self.marker(&ticket.record, &live, new.key, nonce, now)?;
            let key = new.key;
            let renewing = Renewing { old: ticket.clone(), marker, pending: new, live, renewal };
            let swapped = store.swap(patience, &ticket.key, ticket.record.revision, &renewing.marker, now).await;
            match self.renewed(patience, &renewing, swapped).await {
                Err(error) => return Err(changes.may_have(error, || Attempt::Renew(Box::new(renewing)))),
                Ok(Renewed::Done(ticket)) => return Ok(ticket),
                Ok(Renewed::Gone) => {
                    store.delete(patience, &key, now).await?;
                    return Err(ended());
                }
                Ok(Renewed::Conflict(current)) => {
                    store.delete(patience, &key, now).await?;
                    let old = ticket.key;
                    ticket = self.after_conflict(patience, &mut retry, ticket, current, now).await?;
                    draft = self.redraft(&ticket, &changes.log)?;
                    if ticket.key != old && renewal == Renewal::Periodic {
                        // Another request has just renewed it; that serves for both.
                        let changed = draft.differs_from(&ticket.record) || changes.log.clears();
                        if changed
                            && let Some(current) = self.write_over(patience, &mut ticket, &draft, changes, now).await?
                        {
                            self.write_again(patience, &mut ticket, current, changes, now).await?;
                        }
                        return Ok(ticket);
                    }
                }
            }
        }
    }

    /// Promotes the new record of a renewal whose marker came to this. It may be repeated: what is done stays done.
    pub(super) async fn renewed(
        &self,
        patience: &Patience,
        renewing: &Renewing,
        marked: Result<Swap>,
    ) -> Result<Renewed> {
        match marked? {
            Swap::Swapped => {}
            Swap::Conflict(current) => return Ok(Renewed::Conflict(current)),
            Swap::Gone => return Ok(Renewed::Gone),
        }
        let Renewing { pending, live, renewal, .. } = renewing;
        let is_periodic = *renewal == Renewal::Periodic;
        // By the clock as it is now: a process that slept for too long finds that its place has gone.
        let record = match self.store()?.swap(patience, &pending.key, pending.record.revision, live, self.now()).await?
        {
            Swap::Swapped => live.clone(),
            // A request that followed was quicker to promote it.
            Swap::Conflict(current) if is_periodic && current.kind == RecordKind::Live => current,
            // Revoked in between, or taken back because this took too long.
            Swap::Conflict(_) | Swap::Gone => return Err(ended()),
        };
        let why = if is_periodic { RenewalReason::Periodic } else { RenewalReason::Asked };
        self.events().renewed(&record, why);
        Ok(Renewed::Done(Ticket { record, ..pending.clone() }))
    }

    /// Makes a live record what takes the place of a pending one, as the store has that.
    pub(super) fn promotes(&self, pending: &Record, live: &mut Record) {
        live.revision = pending.revision.next_by(self.random());
    }

    /// The new record as it is created, and as it is promoted.
    fn renewed_records(&self, old: &Record, draft: &mut Draft, now: Timestamp) -> Result<(Record, Record)> {
        if self.lifetime_of(draft)?.renewal_interval().is_some() {
            draft.values.set_own(&RenewedAt(now), usize::MAX)?;
        }
        let mut live = self.next_record(old, draft, now)?;
        live.seen = now;
        let mut pending = live.clone();
        pending.kind = RecordKind::Pending;
        // Longer than its marker: as long as that one can be taken back, a missing pending record was revoked.
        let deadline = self.pending_deadline(now);
        (pending.idle_deadline, pending.absolute_deadline) = (deadline, deadline);
        Ok((pending, live))
    }

    /// What takes the place of the old record: its values as they were, in case the renewal is taken back.
    pub(super) fn marker(
        &self,
        old: &Record,
        live: &Record,
        to: StoreKey,
        nonce: Option<[u8; NONCE_BYTES]>,
        now: Timestamp,
    ) -> Result<Record> {
        // Who follows a periodic renewal finds the new deadlines, who takes back an explicit one the old.
        let source = if nonce.is_some() { live } else { old };
        let (idle_deadline, absolute_deadline) = (source.idle_deadline, source.absolute_deadline);
        let mut values = Values::from_stored(old.data.clone())?;
        values.set_own(&Moved { to, nonce, at: now, idle_deadline, absolute_deadline }, usize::MAX)?;
        let deadline = self.marker_deadline(now);
        Ok(Record {
            kind: RecordKind::Moved,
            revision: old.revision.next_by(self.random()),
            idle_deadline: deadline,
            absolute_deadline: deadline,
            data: values.to_data(),
            ..old.clone()
        })
    }

    pub(super) fn marker_deadline(&self, now: Timestamp) -> Timestamp {
        now + self.settings().grace + self.settings().marker_lifetime
    }

    pub(super) fn pending_deadline(&self, now: Timestamp) -> Timestamp {
        self.marker_deadline(now) + Duration::from_secs(60)
    }
}
