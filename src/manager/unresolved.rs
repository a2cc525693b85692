//! Writes that failed without saying whether they took effect.
//!
//! Such a write may still take effect, late. So a request whose commit failed like that finds out before it commits anything
//! else. It looks for a session that it may have created, and takes its key where there is none: nothing is created under it
//! any more. Every other write it repeats, with the same revision over the same one: of all its attempts one takes effect at
//! most, and the store's answer tells whether one did. What was changed since then is a commit of its own.

use super::backend::Repeated;
use super::commit::{Changes, ended};
use super::renew::Renewed;
use super::{Patience, SessionManager};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::lifetime::CookieKind;
use crate::record::{Data, Handle, Record, RecordKind, Revision};
use crate::session::state::{Attempt, Held, Ticket};
use crate::session::{Draft, Session};
use crate::store::{Created, IndexEntry, Swap};
use crate::token::StoreKey;

/// How often a tombstone finds that a late creation was quicker.
const MOST_ROUNDS: usize = 100;

/// What became of a write whose outcome was not known.
enum Outcome {
    /// It took effect: what is held now.
    Kept(Ticket),
    /// It did not take effect, and never will.
    Never,
    /// Nobody will ever know: what is there now.
    Unknown(Ticket),
}

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
    /// Finds out about the write of an earlier commit whose outcome is not known. As long as it is not, nothing is committed.
    /// Where nobody will ever know, this fails once, and what comes after it is committed on the newest record.
    pub(super) async fn resolve(&self, session: &Session) -> Result<()> {
        let attempt = session.with(|open| Ok(open.unresolved.as_ref().map(|unresolved| unresolved.attempt.clone())))?;
        let Some(attempt) = attempt else { return Ok(()) };
        let (patience, now) = (session.patience(), self.now());
        let outcome = match self.repeat(patience, attempt, now).await {
            Ok(Outcome::Unknown(ticket)) => {
                let current = ticket.record.clone();
                self.catch_up(patience, ticket, current, now).await.map(Outcome::Unknown)
            }
            outcome => outcome,
        };
        let mut logged_in = None;
        let resolved = session.with(|open| {
            // A session that was destroyed meanwhile has taken its attempts with it.
            let Some(mut unresolved) = open.unresolved.take() else { return Ok(Ok(())) };
            let mut resolved = Ok(());
            match outcome {
                Ok(Outcome::Kept(ticket)) => {
                    if !open.sent && self.is_news(open.held.as_ref(), &ticket)? {
                        open.reply = self.issue(&ticket, &Draft::trusted(&ticket.record, 0))?;
                    }
                    logged_in = Some((open.held.take(), ticket.record.clone()));
                    open.hold(Some(Held::Kept(ticket)));
                }
                Ok(Outcome::Never) => {
                    unresolved.log.append(std::mem::take(&mut open.log));
                    open.log = unresolved.log;
                    open.renewal = open.renewal.or(unresolved.renewal);
                }
                Ok(Outcome::Unknown(ticket)) => {
                    open.hold(Some(Held::Kept(ticket)));
                    resolved = Err(not_known());
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
            Ok(resolved)
        });
        // Without the lock: the observer is the application's code.
        if let Some((before, record)) = logged_in {
            self.tell_of_login(before.as_ref(), &record);
        }
        if resolved.as_ref().is_err_and(|error| error.kind() == ErrorKind::Ended) {
            let dropped = session.with(|open| Ok(open.held.as_ref().map(|held| held.record().clone())))?;
            if let Some(record) = dropped {
                self.events().dropped(&record);
            }
        }
        let resolved = resolved?;
        self.catch_up_draft(session)?;
        resolved
    }

    /// Whether the visitor has to be told of this ticket: another one than before, or one that lives longer.
    fn is_news(&self, before: Option<&Held>, ticket: &Ticket) -> Result<bool> {
        let Some(Held::Kept(before)) = before.filter(|held| matches!(held, Held::Kept(old) if old.key == ticket.key))
        else {
            return Ok(true);
        };
        let (old, new) = (&before.record, &ticket.record);
        let is_persistent = self.lifetime_of(&Draft::trusted(new, 0))?.cookie_kind() == CookieKind::Persistent;
        Ok(old.absolute_deadline != new.absolute_deadline || (is_persistent && old.seen != new.seen))
    }

    async fn repeat(&self, patience: &Patience, attempt: Attempt, now: Timestamp) -> Result<Outcome> {
        let store = self.store()?;
        match attempt {
            Attempt::Create(ticket) => match self.was_created(patience, &ticket, now).await? {
                Some(record) => {
                    self.events().created(&record);
                    Ok(Outcome::Kept(Ticket { record, ..ticket }))
                }
                None => Ok(Outcome::Never),
            },
            Attempt::TakeUp(ticket, over) => {
                match store.repeat_swap(patience, &ticket.key, over, &ticket.record, now).await? {
                    Repeated::Swap(Swap::Swapped) => {
                        self.events().created(&ticket.record);
                        Ok(Outcome::Kept(ticket))
                    }
                    Repeated::Swap(_) | Repeated::Unknown(_) => Err(ended()),
                }
            }
            Attempt::Write(ticket, over) => {
                match store.repeat_swap(patience, &ticket.key, over, &ticket.record, now).await? {
                    Repeated::Swap(Swap::Swapped) => {
                        self.events().saved(&ticket.record);
                        Ok(Outcome::Kept(ticket))
                    }
                    // Another request wrote over the same record.
                    Repeated::Swap(Swap::Conflict(_)) => Ok(Outcome::Never),
                    Repeated::Swap(Swap::Gone) => Err(ended()),
                    Repeated::Unknown(record) => Ok(Outcome::Unknown(Ticket { record, ..ticket })),
                }
            }
            // Without its pending record nobody could follow the marker.
            Attempt::Renew(renewing) if renewing.pending.record.is_expired(now) => {
                let old = renewing.old;
                let record = store.load(patience, &old.key, now).await?.ok_or_else(ended)?;
                Ok(Outcome::Unknown(Ticket { record, ..old }))
            }
            Attempt::Renew(renewing) => {
                let (old, marker) = (&renewing.old, &renewing.marker);
                match store.repeat_swap(patience, &old.key, old.record.revision, marker, now).await? {
                    Repeated::Unknown(record) => {
                        store.delete(patience, &renewing.pending.key, now).await?;
                        Ok(Outcome::Unknown(Ticket { record, ..renewing.old }))
                    }
                    Repeated::Swap(marked) => match self.renewed(patience, &renewing, Ok(marked)).await? {
                        Renewed::Done(ticket) => Ok(Outcome::Kept(ticket)),
                        Renewed::Conflict(_) => {
                            store.delete(patience, &renewing.pending.key, now).await?;
                            Ok(Outcome::Never)
                        }
                        Renewed::Gone => Err(ended()),
                    },
                }
            }
            Attempt::Register(..) => Err(not_known()),
        }
    }

    /// The record of a session whose creation may have taken effect, or nothing if it did not and never will: then a
    /// tombstone has its key.
    async fn was_created(&self, patience: &Patience, ticket: &Ticket, now: Timestamp) -> Result<Option<Record>> {
        let (store, slowest) = (self.store()?, now.by_slowest_clock());
        let tag = ticket.record.revision.tag;
        let mut tombstone = self.tombstone(&IndexEntry::new(ticket.key, &ticket.record), now);
        // So that it is known again, if this very answer is lost.
        tombstone.revision.tag = tag;
        for _ in 0..MOST_ROUNDS {
            match store.load(patience, &ticket.key, slowest).await? {
                Some(found) if found.kind != RecordKind::Ended => return Ok(Some(found)),
                Some(found) if found.revision.tag == tag => return Ok(None),
                // It took effect, and was ended since.
                Some(_) => return Err(ended()),
                None => {}
            }
            if store.create(patience, &ticket.key, &tombstone, slowest).await? == Created::Created {
                return Ok(None);
            }
        }
        Err(not_known())
    }

    /// Ends a session that may not have begun yet.
    pub(super) async fn end_unborn(
        &self,
        patience: &Patience,
        key: StoreKey,
        handle: Handle,
        now: Timestamp,
    ) -> Result<()> {
        let (store, slowest) = (self.store()?, now.by_slowest_clock());
        let deadline = self.marker_deadline(now);
        let tombstone = Record {
            kind: RecordKind::Ended,
            revision: Revision::first_by(self.random()),
            handle,
            created: now,
            seen: now,
            idle_deadline: deadline,
            absolute_deadline: deadline,
            user: None,
            data: Data::EMPTY,
        };
        for _ in 0..MOST_ROUNDS {
            self.end_chain(patience, key, handle, now).await?;
            let is_taken = store.create(patience, &key, &tombstone, slowest).await? == Created::AlreadyExists;
            // What was there has ended, or the late attempt was quicker.
            let is_late = |there: &Record| there.kind != RecordKind::Ended;
            if !is_taken || !store.load(patience, &key, slowest).await?.as_ref().is_none_or(is_late) {
                return Ok(());
            }
        }
        Err(not_known())
    }
}

/// What a request is told that cannot know whether its change was kept.
pub(super) fn not_known() -> Error {
    Error::new(ErrorKind::Unavailable, "the store failed, and whether it kept the change is not known")
}
