//! Committing to a store: one compare-and-swap, and this request's own changes over the newest record after a conflict.

use super::commit::{Changes, Outcome, Work, ended, needs_cookie, taken};
use super::open::unknown;
use super::patience::Retry;
use super::places::Reserved;
use super::{Patience, SessionManager};
use crate::clock::Timestamp;
use crate::error::{ErrorKind, Result};
use crate::events::{self, Event};
use crate::lifetime::CookieKind;
use crate::record::{Record, RecordKind, Revision};
use crate::session::state::{Attempt, Held, Renewal, Reply, Ticket};
use crate::session::{ChangeLog, Draft};
use crate::store::{Created, Swap, Touched};
use crate::token::Token;

/// What is rarely done is in boxes, so that the future of a commit is small.
impl SessionManager {
    /// Does what there is to do, and answers what the store has then and what the response says about it.
    pub(super) async fn carry_out(&self, patience: &Patience, work: &mut Work) -> Result<Outcome> {
        let now = self.now();
        if !work.beside.is_empty() {
            Box::pin(self.look_beside(patience, work, now)).await?;
        }
        // Before anything is ended: a login that is refused leaves the visitor's session as it was.
        let reserved = if self.begins_with_a_place(work) {
            Some(Box::new(Box::pin(self.reserve_ticket(patience, work, now)).await?))
        } else {
            None
        };
        let ended = if work.ends_any() { Box::pin(self.end_destroyed(patience, work, now)).await } else { Ok(None) };
        let mut reply = match ended {
            // The cookie goes with the session: one that another request has ended may have a successor by now.
            Ok(ended) => ended.map(|ended| if ended { Reply::Remove } else { Reply::Nothing }),
            Err(error) => {
                if let Some(reserved) = reserved {
                    Box::pin(self.give_up(patience, reserved.1)).await;
                }
                return Err(error);
            }
        };
        let Some(Held::Kept(ticket)) = &mut work.held else {
            if !work.begins() {
                return Ok((None, reply));
            }
            if !work.can_issue {
                return Err(needs_cookie());
            }
            let ticket = match reserved {
                Some(reserved) => {
                    let (token, reserved) = *reserved;
                    let (ticket, over) = reserved.ticket(token);
                    Box::pin(self.take_up_ticket(patience, ticket, over, &mut work.changes)).await?
                }
                None => self.create(patience, work, now).await?,
            };
            let reply = self.issue(&ticket, &work.draft)?;
            return Ok((Some(Held::Kept(ticket)), Some(reply)));
        };
        let (key, seen) = (ticket.key, ticket.record.seen);
        let periodic = work.active && work.can_issue && self.renewal_due(&ticket.record, &work.draft, now)?;
        let renewal = work.renewal.or(periodic.then_some(Renewal::Periodic));
        if work.renewal.is_some() && !work.can_issue {
            return Err(needs_cookie());
        }
        let changed = work.draft.differs_from(&ticket.record) || work.changes.log.clears();
        if let Some(renewal) = renewal {
            let renewed = self.renew(patience, renewal, ticket.clone(), work.draft.clone(), &mut work.changes, now);
            match Box::pin(renewed).await {
                // That its time could not be kept is no reason to fail a request that only read.
                Err(error) if renewal == Renewal::Periodic && !changed && error.kind() != ErrorKind::Ended => {
                    events::renewal_failed(ticket.record.handle, &error);
                }
                renewed => *ticket = renewed?,
            }
        } else if changed {
            if let Some(current) = self.write_over(patience, ticket, &work.draft, &mut work.changes, now).await? {
                Box::pin(self.write_again(patience, ticket, current, &mut work.changes, now)).await?;
            }
        } else if work.active && self.touch_due(&ticket.record, &work.draft, now)? {
            self.touch(patience, ticket, work.can_issue, now).await?;
        }
        // The cookie lives as long as the session does, to the exactness with which activity is noted.
        let draft = Draft::trusted(&ticket.record, 0);
        let extended = ticket.record.seen != seen && self.lifetime_of(&draft)?.cookie_kind() == CookieKind::Persistent;
        let relived = work.draft.absolute_deadline.is_some();
        let changed = ticket.key != key || relived || extended;
        if changed && work.can_issue {
            reply = Some(self.issue(ticket, &draft)?);
        }
        Ok((work.held.take(), reply))
    }

    /// Whether this request begins a session by a login, where users may have so many only.
    fn begins_with_a_place(&self, work: &Work) -> bool {
        work.held.is_none() && work.can_issue && self.needs_place(None, work.draft.user.as_deref())
    }

    /// A place for the session that this request begins.
    async fn reserve_ticket(&self, patience: &Patience, work: &mut Work, now: Timestamp) -> Result<(Token, Reserved)> {
        self.0.sweeper.start(self);
        let (token, handle) = Token::with_handle(self.random());
        let record = self.first_record(work, handle, now)?;
        let reserved = self.reserve(patience, token.store_key(), record, work.leaving(), None).await?;
        Ok((token, reserved))
    }

    async fn create(&self, patience: &Patience, work: &mut Work, now: Timestamp) -> Result<Ticket> {
        self.0.sweeper.start(self);
        let (token, handle) = Token::with_handle(self.random());
        let ticket = Ticket::new(token, self.first_record(work, handle, now)?);
        match self.store()?.create(patience, &ticket.key, &ticket.record, now).await {
            Ok(Created::Created) => {
                self.events().created(&ticket.record);
                Ok(ticket)
            }
            Ok(Created::AlreadyExists) => Err(taken()),
            Err(error) => Err(work.changes.may_have(error, || Attempt::Create(ticket))),
        }
    }

    /// Makes the pending record of a session live.
    async fn take_up_ticket(
        &self,
        patience: &Patience,
        ticket: Ticket,
        over: Revision,
        changes: &mut Changes,
    ) -> Result<Ticket> {
        match self.take_up(patience, &ticket.key, over, &ticket.record).await {
            Ok(()) => {
                self.events().created(&ticket.record);
                Ok(ticket)
            }
            Err(error) => Err(changes.may_have(error, || Attempt::TakeUp(ticket, over))),
        }
    }

    /// Makes this request's own changes over the newest record, again and again.
    pub(super) async fn write_again(
        &self,
        patience: &Patience,
        ticket: &mut Ticket,
        mut current: Record,
        changes: &mut Changes,
        now: Timestamp,
    ) -> Result<()> {
        let mut retry = Retry::new();
        loop {
            *ticket = self.after_conflict(patience, &mut retry, ticket.clone(), current, now).await?;
            let draft = self.redraft(ticket, &changes.log)?;
            match self.write_over(patience, ticket, &draft, changes, now).await? {
                None => return Ok(()),
                Some(newer) => current = newer,
            }
        }
    }

    /// Writes the draft over the record that the ticket has; answers the one that is there by now, if it is another.
    pub(super) async fn write_over(
        &self,
        patience: &Patience,
        ticket: &mut Ticket,
        draft: &Draft,
        changes: &mut Changes,
        now: Timestamp,
    ) -> Result<Option<Record>> {
        let record = self.next_record(&ticket.record, draft, now)?;
        let over = ticket.record.revision;
        match self.store()?.swap(patience, &ticket.key, over, &record, now).await {
            Ok(Swap::Swapped) => {
                self.events().saved(&record);
                ticket.record = record;
                Ok(None)
            }
            Ok(Swap::Gone) => Err(ended()),
            Ok(Swap::Conflict(current)) => Ok(Some(current)),
            Err(error) => {
                let attempted = || Attempt::Write(Ticket { record, ..ticket.clone() }, over);
                Err(changes.may_have(error, attempted))
            }
        }
    }

    /// From where to try again: from the record that the store answered, or after a pause from the one that is there by
    /// then. Where others write without end, a record from before a pause would always be outdated.
    pub(super) async fn after_conflict(
        &self,
        patience: &Patience,
        retry: &mut Retry,
        ticket: Ticket,
        mut current: Record,
        now: Timestamp,
    ) -> Result<Ticket> {
        retry.next(patience).await?;
        self.events().tell(Event::Conflict { handle: current.handle, attempt: retry.attempt });
        if retry.pauses() {
            current = self.store()?.load(patience, &ticket.key, now).await?.ok_or_else(ended)?;
        }
        self.catch_up(patience, ticket, current, now).await
    }

    /// The newest record of a session that changed under a request, which may have moved meanwhile.
    pub(super) async fn catch_up(
        &self,
        patience: &Patience,
        ticket: Ticket,
        current: Record,
        now: Timestamp,
    ) -> Result<Ticket> {
        let current = Ticket { record: current, ..ticket };
        match current.record.kind {
            RecordKind::Live => Ok(current),
            RecordKind::Moved => self.follow(patience, current, now).await?.ok_or_else(ended),
            RecordKind::Pending | RecordKind::Ended => Err(ended()),
            RecordKind::Unknown(code) => Err(unknown(code)),
        }
    }

    /// This request's changes, made again on a newer record.
    pub(super) fn redraft(&self, ticket: &Ticket, log: &ChangeLog) -> Result<Draft> {
        let mut draft = Draft::of(&ticket.record, self.settings().record_limit)?;
        log.apply(&mut draft)?;
        Ok(draft)
    }

    /// Notes the activity; that it could not be noted is no reason to fail a request.
    async fn touch(
        &self,
        patience: &Patience,
        ticket: &mut Ticket,
        before_the_head: bool,
        now: Timestamp,
    ) -> Result<()> {
        let touched = self.touch_once(patience, ticket, now).await?;
        if before_the_head || touched == Some(Touched::Touched) || touched.is_none() {
            // If the session was changed or ended, whoever did it has noted the activity, or has the last word.
            return Ok(());
        }
        // A WebSocket goes on for hours after that.
        match Box::pin(self.touch_newest(patience, ticket.clone(), now)).await {
            Err(error) if error.kind() != ErrorKind::Ended => events::touch_failed(ticket.record.handle, &error),
            newest => *ticket = newest?,
        }
        Ok(())
    }

    /// Notes the activity in the newest record of a session that changed.
    async fn touch_newest(&self, patience: &Patience, ticket: Ticket, now: Timestamp) -> Result<Ticket> {
        let current = self.store()?.load(patience, &ticket.key, now).await?.ok_or_else(ended)?;
        let mut ticket = self.catch_up(patience, ticket, current, now).await?;
        if self.touch_due(&ticket.record, &Draft::trusted(&ticket.record, 0), now)? {
            self.touch_once(patience, &mut ticket, now).await?;
        }
        Ok(ticket)
    }

    /// Answers what the store said, or nothing if it failed.
    async fn touch_once(&self, patience: &Patience, ticket: &mut Ticket, now: Timestamp) -> Result<Option<Touched>> {
        let deadline = self.lifetime_of(&Draft::trusted(&ticket.record, 0))?.idle_deadline(now);
        match self.store()?.touch(patience, &ticket.key, ticket.record.revision, deadline, now).await {
            Ok(touched) => {
                if touched == Touched::Touched {
                    ticket.record.touch(deadline, now);
                    self.events().touched(&ticket.record);
                }
                Ok(Some(touched))
            }
            Err(error) => {
                events::touch_failed(ticket.record.handle, &error);
                Ok(None)
            }
        }
    }

    /// The reply that gives the visitor this ticket.
    pub(super) fn issue(&self, ticket: &Ticket, draft: &Draft) -> Result<Reply> {
        Ok(Reply::Issue { token: ticket.token.clone(), max_age: self.max_age(&ticket.record, draft)? })
    }
}
