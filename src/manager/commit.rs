//! Committing: what a request made of its session becomes one compare-and-swap, or less.

use super::patience::Retry;
use super::{Patience, SessionManager};
use crate::adapter::{Committed, HeaderEdits};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::lifetime::{CookieKind, Lifetime};
use crate::record::{Handle, Record, RecordKind, RenewedAt, Revision, Values};
use crate::session::state::{Channel, Open, Renewal, Reply, Standing, Ticket};
use crate::session::{ChangeLog, Draft, Session};
use crate::store::{Created, Swap, Touched};
use crate::token::Token;

/// What one commit is about: taken out of the open session, so that other tasks of the request can go on.
struct Work {
    ticket: Option<Ticket>,
    draft: Draft,
    log: ChangeLog,
    renewal: Option<Renewal>,
    ending: Vec<Ticket>,
    handle: Option<Handle>,
    active: bool,
    life: u32,
    /// Whether the response can still carry a ticket.
    can_issue: bool,
}

impl Work {
    fn take(open: &mut Open, can_issue: bool) -> Self {
        // The draft's bytes become shared, so that they are copied once for the store and the rest of the request.
        open.draft.values = Values::Shared(open.draft.values.to_data());
        Self {
            ticket: open.ticket.clone(),
            draft: open.draft.clone(),
            log: std::mem::take(&mut open.log),
            renewal: open.renewal.take(),
            ending: std::mem::take(&mut open.ending),
            handle: open.handle,
            active: open.active,
            life: open.life,
            can_issue,
        }
    }

    /// Puts back what is still to be done.
    fn give_back(mut self, open: &mut Open) {
        if open.life == self.life {
            self.log.append(std::mem::take(&mut open.log));
            open.log = self.log;
            open.renewal = open.renewal.or(self.renewal);
        }
        self.ending.append(&mut open.ending);
        open.ending = self.ending;
    }
}

impl SessionManager {
    /// What a response head needs where nothing has to be asked of the store: the way of nearly every request.
    pub(crate) fn finish_at_once(&self, session: &Session, status: u16) -> Option<Committed> {
        let edits = session.finish(|open| {
            if self.settings().roll_back.is_some_and(|rolls_back| rolls_back(status)) {
                open.discard()?;
            }
            // What another task is saving may still have a ticket to give out.
            let busy = session.is_saving() || open.has_changes() || (open.active && self.is_due(open)?);
            Ok(if busy { None } else { Some(self.edits(session, open)) })
        });
        // An error shows again, and is answered, where the commit meets it.
        edits.unwrap_or(Ok(Some(HeaderEdits::default()))).unwrap_or(None).map(|edits| Committed { edits, error: None })
    }

    /// Commits with the response head, and says what changes in it.
    pub(crate) async fn finish(&self, session: &Session) -> Committed {
        let result = self.commit_with(session, true).await;
        let error = match result {
            Ok(()) => None,
            // The session is over: the response goes out as it is.
            Err(error) if error.kind() == ErrorKind::Ended => None,
            Err(error) => {
                // The response says that nothing was kept, so nothing may be kept later.
                let _ = session.if_loaded(Open::discard);
                Some(error)
            }
        };
        let edits = session.finish(|open| Ok(Some(self.edits(session, open))));
        Committed { edits: edits.and_then(Result::ok).flatten().unwrap_or_default(), error }
    }

    /// Commits what was changed so far.
    pub(crate) async fn commit(&self, session: &Session) -> Result<()> {
        let sent = session.with(|open| {
            open.check_not_ended()?;
            Ok(open.sent)
        })?;
        self.commit_with(session, !sent).await
    }

    async fn commit_with(&self, session: &Session, can_issue: bool) -> Result<()> {
        let _gate = session.gate().await;
        let mut work = session.with(|open| Ok(Work::take(open, can_issue)))?;
        let result = self.carry_out(session.patience(), &mut work).await;
        session.with(|open| match result {
            Ok((ticket, reply)) => {
                if let Some(reply) = reply {
                    open.reply = reply;
                }
                if open.life != work.life {
                    // Destroyed meanwhile, which the next commit does.
                    if open.ending.is_empty() {
                        open.ending.extend(ticket);
                    }
                    return Ok(());
                }
                open.active = false;
                open.rebase(ticket)
            }
            Err(error) if error.kind() == ErrorKind::Ended => {
                if let Some(ticket) = &work.ticket {
                    events::ended(ticket.record.handle);
                }
                if open.life == work.life {
                    open.log = ChangeLog::default();
                    open.standing = Standing::Ended;
                    // A ticket that was cut off would push the one that replaced it out of the browser.
                    open.reply = Reply::Nothing;
                }
                Err(error)
            }
            Err(error) => {
                work.give_back(open);
                Err(error)
            }
        })
    }

    /// Does what there is to do, and answers what the store has then and what the response says about it.
    async fn carry_out(&self, patience: &Patience, work: &mut Work) -> Result<(Option<Ticket>, Option<Reply>)> {
        let now = self.now();
        let mut reply = None;
        while let Some(ticket) = work.ending.last() {
            self.end(patience, ticket.key, ticket.record.handle, now).await?;
            events::destroyed(ticket.record.handle);
            work.ending.pop();
            reply = Some(Reply::Remove);
        }
        let Some(ticket) = work.ticket.clone() else {
            if work.log.is_empty() || (work.draft.values.as_bytes().is_empty() && work.draft.user.is_none()) {
                return Ok((None, reply));
            }
            if !work.can_issue {
                return Err(Error::new(ErrorKind::NeedsCookie, "a new session needs a cookie; the head has been sent"));
            }
            let ticket = self.create(patience, work, now).await?;
            let reply = self.issue(&ticket, &work.draft)?;
            return Ok((Some(ticket), Some(reply)));
        };
        let (token, seen, absolute) = (ticket.token.clone(), ticket.record.seen, ticket.record.absolute_deadline);
        let periodic = work.active && work.can_issue && self.renewal_due(&ticket.record, &work.draft, now)?;
        let renewal = work.renewal.or(periodic.then_some(Renewal::Periodic));
        let ticket = if let Some(renewal) = renewal.filter(|_| work.can_issue) {
            self.renew(patience, renewal, ticket, work.draft.clone(), &mut work.log, now).await?
        } else if work.draft.differs_from(&ticket.record) {
            self.write(patience, ticket, work.draft.clone(), &mut work.log, now).await?
        } else {
            let wanted = !work.log.is_empty() || self.touch_due(&ticket.record, &work.draft, now)?;
            if work.active && wanted { self.touch(patience, ticket, &work.draft, now).await? } else { ticket }
        };
        // The cookie lives as long as the session does, to the exactness with which activity is noted.
        let draft = Draft::trusted(&ticket.record, 0);
        let extended = ticket.record.seen != seen && self.lifetime_of(&draft)?.cookie_kind() == CookieKind::Persistent;
        let changed = ticket.token != token || ticket.record.absolute_deadline != absolute || extended;
        if changed && work.can_issue {
            reply = Some(self.issue(&ticket, &draft)?);
        }
        Ok((Some(ticket), reply))
    }

    async fn create(&self, patience: &Patience, work: &mut Work, now: Timestamp) -> Result<Ticket> {
        self.0.sweeper.start(self);
        let lifetime = self.lifetime_of(&work.draft)?;
        let absolute = work.draft.absolute_deadline.unwrap_or_else(|| lifetime.absolute_deadline(now));
        let (token, handle) = Token::with_handle();
        let record = Record {
            kind: RecordKind::Live,
            revision: Revision::first(),
            handle: work.handle.unwrap_or(handle),
            created: now,
            seen: now,
            idle_deadline: lifetime.idle_deadline(now).min(absolute),
            absolute_deadline: absolute,
            user: work.draft.user.clone(),
            data: work.draft.values.to_data(),
        };
        let ticket = Ticket::new(token, record);
        match self.0.backend.create(patience, &ticket.key, &ticket.record, now).await? {
            Created::Created => {
                events::created(ticket.record.handle);
                Ok(ticket)
            }
            Created::AlreadyExists => Err(taken()),
        }
    }

    /// Writes the draft over the record; after a conflict, this request's own changes over the newest one.
    pub(super) async fn write(
        &self,
        patience: &Patience,
        mut ticket: Ticket,
        mut draft: Draft,
        log: &mut ChangeLog,
        now: Timestamp,
    ) -> Result<Ticket> {
        let mut retry = Retry::new();
        loop {
            let record = self.next_record(&ticket.record, &draft, now)?;
            match self.0.backend.swap(patience, &ticket.key, ticket.record.revision, &record, now).await? {
                Swap::Swapped => {
                    events::saved(record.handle);
                    return Ok(Ticket { record, ..ticket });
                }
                Swap::Gone => return Err(ended()),
                Swap::Conflict(current) => {
                    retry.next(patience).await?;
                    events::conflict(current.handle, retry.attempt);
                    ticket = self.catch_up(patience, ticket, current, now).await?;
                    draft = self.redraft(&ticket, log)?;
                }
            }
        }
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
            RecordKind::Pending => Err(ended()),
        }
    }

    /// This request's changes, made again on a newer record.
    pub(super) fn redraft(&self, ticket: &Ticket, log: &ChangeLog) -> Result<Draft> {
        let mut draft = Draft::of(&ticket.record, self.settings().record_limit)?;
        log.apply(&mut draft)?;
        Ok(draft)
    }

    /// The record that a draft makes of another.
    pub(super) fn next_record(&self, base: &Record, draft: &Draft, now: Timestamp) -> Result<Record> {
        let lifetime = self.lifetime_of(draft)?;
        let fresh = lifetime.idle_deadline(now);
        let (absolute, idle) = match draft.absolute_deadline {
            Some(absolute) => (absolute, fresh),
            None => (base.absolute_deadline, fresh.max(base.idle_deadline)),
        };
        Ok(Record {
            kind: RecordKind::Live,
            revision: base.revision.next(),
            handle: base.handle,
            created: base.created,
            seen: if self.touch_due(base, draft, now)? { now } else { base.seen },
            idle_deadline: idle.min(absolute),
            absolute_deadline: absolute,
            user: draft.user.clone(),
            data: draft.values.to_data(),
        })
    }

    /// Notes the activity; that it could not be noted is no reason to fail a request.
    async fn touch(&self, patience: &Patience, mut ticket: Ticket, draft: &Draft, now: Timestamp) -> Result<Ticket> {
        let deadline = self.lifetime_of(draft)?.idle_deadline(now);
        match self.0.backend.touch(patience, &ticket.key, ticket.record.revision, deadline, now).await {
            Ok(Touched::Touched) => ticket.record.touch(deadline, now),
            Ok(Touched::Stale | Touched::Gone) => {}
            Err(error) => events::touch_failed(ticket.record.handle, &error),
        }
        Ok(ticket)
    }

    pub(super) fn lifetime_of(&self, draft: &Draft) -> Result<Lifetime> {
        Ok(draft.values.own()?.unwrap_or(*self.lifetime()))
    }

    /// Whether enough of the idle time has passed for activity to be noted.
    fn touch_due(&self, record: &Record, draft: &Draft, now: Timestamp) -> Result<bool> {
        let share = self.lifetime_of(draft)?.idle_duration().mul_f64(self.settings().touch_share);
        Ok(now.since(record.seen) >= share)
    }

    fn renewal_due(&self, record: &Record, draft: &Draft, now: Timestamp) -> Result<bool> {
        let Some(interval) = self.lifetime_of(draft)?.renewal_interval() else { return Ok(false) };
        let drawn = draft.values.own::<RenewedAt>()?.map_or(record.created, |at| at.0);
        Ok(now.since(drawn) >= interval)
    }

    /// Whether a request that only read has something to do for its session.
    fn is_due(&self, open: &Open) -> Result<bool> {
        let Some(ticket) = &open.ticket else { return Ok(false) };
        let now = self.now();
        Ok(self.touch_due(&ticket.record, &open.draft, now)? || self.renewal_due(&ticket.record, &open.draft, now)?)
    }

    /// The reply that gives the visitor this ticket.
    pub(super) fn issue(&self, ticket: &Ticket, draft: &Draft) -> Result<Reply> {
        let max_age = match self.lifetime_of(draft)?.cookie_kind() {
            CookieKind::Persistent => Some(ticket.record.expires().since(self.now())),
            CookieKind::Browser => None,
        };
        Ok(Reply::Issue { token: ticket.token.clone(), max_age })
    }

    fn edits(&self, session: &Session, open: &mut Open) -> HeaderEdits {
        let settings = self.settings();
        let ticket = match (std::mem::take(&mut open.reply), open.channel) {
            (Reply::Issue { token, max_age }, Channel::Cookie) => {
                self.mind_transport(session);
                Some((Channel::Cookie, token.write(|text| settings.cookie.set(text, max_age))))
            }
            (Reply::Issue { token, .. }, Channel::Header) => Some((Channel::Header, token.write(str::to_owned))),
            (Reply::Remove, Channel::Cookie) if open.cookie_sent => Some((Channel::Cookie, settings.cookie.removal())),
            (Reply::Remove | Reply::Nothing, _) => None,
        };
        HeaderEdits { looked: true, header_name: settings.ticket_header.clone(), ticket }
    }

    /// Warns, once, that a browser will drop the cookie.
    fn mind_transport(&self, session: &Session) {
        let warned = &self.0.warned_of_insecure_transport;
        if self.minds_insecure_transport()
            && session.head().seems_insecure()
            && !warned.swap(true, std::sync::atomic::Ordering::Relaxed)
        {
            events::insecure_transport();
        }
    }
}

pub(super) fn ended() -> Error {
    Error::new(ErrorKind::Ended, "another request ended this session")
}

/// Two tokens of 256 random bits do not meet; a store that says so is not to be trusted with a third.
pub(super) fn taken() -> Error {
    Error::new(ErrorKind::Unavailable, "the store says that it has a record under a token that was just drawn")
}
