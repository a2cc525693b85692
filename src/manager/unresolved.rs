//! Writes that failed without saying whether they took effect.
//!
//! Such a write may still take effect, late. So a request whose commit failed like that repeats that very write, under the
//! same token and with the same revision, before it commits anything else: of all its attempts one takes effect at most,
//! and the store's answer tells whether one did. What was changed since then is a commit of its own.

use super::commit::{Changes, ended, taken};
use super::renew::Renewed;
use super::{Patience, SessionManager};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{CreatedAgain, Data, Handle, Record, RecordKind, Revision};
use crate::session::Session;
use crate::session::state::{Attempt, Held, Ticket};
use crate::store::{Created, Swap};
use crate::token::StoreKey;

/// How often a tombstone finds that a late creation was quicker.
const MOST_ROUNDS: usize = 100;

impl Changes {
    /// Notes an attempt to keep these changes that failed with this error, if it may have taken effect.
    pub(super) fn may_have(&mut self, error: Error, attempt: impl FnOnce() -> Attempt) -> Error {
        if error.kind() == ErrorKind::Unavailable {
            self.unresolved = Some(attempt());
        }
        error
    }
}

impl SessionManager {
    /// Repeats the write of an earlier commit whose outcome is not known. If it is still not known, nothing is committed.
    pub(super) async fn resolve(&self, session: &Session) -> Result<()> {
        let attempt = session.with(|open| Ok(open.unresolved.as_ref().map(|unresolved| unresolved.attempt.clone())))?;
        let Some(attempt) = attempt else { return Ok(()) };
        let repeated = self.repeat(session.patience(), attempt, self.now()).await;
        session.with(|open| {
            // A session that was destroyed meanwhile has taken its attempts with it.
            let Some(mut unresolved) = open.unresolved.take() else { return Ok(()) };
            match repeated {
                Ok(Some(ticket)) => {
                    self.tell_of_login(open.held.as_ref(), &ticket.record);
                    if !open.sent {
                        open.reply = self.issue(&ticket, &crate::session::Draft::trusted(&ticket.record, 0))?;
                    }
                    open.hold(Some(Held::Kept(ticket)));
                }
                Ok(None) => {
                    unresolved.log.append(std::mem::take(&mut open.log));
                    open.log = unresolved.log;
                    open.renewal = open.renewal.or(unresolved.renewal);
                }
                Err(error) if error.kind() == ErrorKind::Ended => {
                    open.end();
                    return Err(error);
                }
                Err(error) => {
                    open.unresolved = Some(unresolved);
                    return Err(error);
                }
            }
            Ok(())
        })?;
        self.catch_up_draft(session)
    }

    /// Returns what is held now if the write has taken effect, and nothing if it did not and never will.
    async fn repeat(&self, patience: &Patience, attempt: Attempt, now: Timestamp) -> Result<Option<Ticket>> {
        let store = self.store()?;
        match attempt {
            // It opens nothing, whenever it arrives.
            Attempt::Create(ticket) if ticket.record.is_expired(now) => Ok(None),
            Attempt::Create(mut ticket) => {
                match store.repeat_create(patience, &ticket.key, &mut ticket.record, now).await? {
                    Created::Created => {
                        self.events().created(&ticket.record);
                        Ok(Some(ticket))
                    }
                    Created::AlreadyExists => Err(taken()),
                }
            }
            Attempt::TakeUp(ticket, over) => {
                match store.repeat_swap(patience, &ticket.key, over, &ticket.record, now).await? {
                    Swap::Swapped => {
                        self.events().created(&ticket.record);
                        Ok(Some(ticket))
                    }
                    Swap::Conflict(_) | Swap::Gone => Err(ended()),
                }
            }
            Attempt::Write(ticket, over) => {
                match store.repeat_swap(patience, &ticket.key, over, &ticket.record, now).await? {
                    Swap::Swapped => {
                        self.events().saved(&ticket.record);
                        Ok(Some(ticket))
                    }
                    // Another request wrote over the same record.
                    Swap::Conflict(_) => Ok(None),
                    Swap::Gone => Err(ended()),
                }
            }
            // Without its pending record nobody could follow the marker.
            Attempt::Renew(renewing) if renewing.pending.record.is_expired(now) => Err(unknown()),
            Attempt::Renew(renewing) => {
                let marker = &renewing.marker;
                let marked = store.repeat_swap(patience, &renewing.from, renewing.over, marker, now).await;
                match self.renewed(patience, &renewing, marked).await? {
                    Renewed::Done(ticket) => Ok(Some(ticket)),
                    Renewed::Conflict(_) => {
                        store.delete(patience, &renewing.pending.key, now).await?;
                        Ok(None)
                    }
                    Renewed::Gone => Err(ended()),
                }
            }
            Attempt::Register(..) => Err(unknown()),
        }
    }

    /// Ends a session that may not have begun yet.
    pub(super) async fn end_unborn(
        &self,
        patience: &Patience,
        key: StoreKey,
        handle: Handle,
        now: Timestamp,
    ) -> Result<()> {
        self.end_chain(patience, key, handle, now).await?.settled()?;
        self.bar(patience, &key, handle, now).await
    }

    /// Whether an attempt to create this record may still arrive.
    pub(super) fn may_come_again(&self, record: &Record, now: Timestamp) -> bool {
        // By the clock of whoever created it, which may be behind.
        CreatedAgain::of(record).is_some_and(|again| now.by_slowest_clock() < self.marker_deadline(again.0))
    }

    /// Takes the key of a session that has ended for as long as an attempt to create it may still arrive, with a record
    /// that opens nothing.
    pub(super) async fn bar(&self, patience: &Patience, key: &StoreKey, handle: Handle, now: Timestamp) -> Result<()> {
        // By the clock of whoever is late, which may be ahead.
        let (store, deadline) = (self.store()?, self.marker_deadline(now) + Timestamp::MAX_SKEW);
        let mut tombstone = Record {
            kind: RecordKind::Pending,
            revision: Revision::first_by(self.random()),
            handle: Handle::random_by(self.random()),
            created: now,
            seen: now,
            idle_deadline: deadline,
            absolute_deadline: deadline,
            user: None,
            data: Data::EMPTY,
        };
        for _ in 0..MOST_ROUNDS {
            if store.create(patience, key, &mut tombstone, now).await? == Created::Created {
                return Ok(());
            }
            // Either the late attempt was quicker, or somebody else has ended the session, too.
            match store.load(patience, key, now).await? {
                Some(late) if late.handle == handle => drop(store.delete(patience, key, now).await?),
                Some(_) => return Ok(()),
                None => {}
            }
        }
        Err(unknown())
    }
}

fn unknown() -> Error {
    Error::new(ErrorKind::Unavailable, "the store failed before, and whether it kept the change is not known")
}
