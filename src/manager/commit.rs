//! Committing: what a request made of its session becomes one compare-and-swap or less, or one sealed cookie.

use std::collections::HashSet;
use std::time::Duration;

use super::SessionManager;
use super::backend::Keeper;
use crate::adapter::{Committed, HeaderEdits, TicketChange};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::lifetime::{CookieKind, Lifetime};
use crate::record::{Handle, Record, RecordKind, RenewedAt, Revision, Values};
use crate::session::state::{Attempt, Beside, Channel, Held, Open, Renewal, Reply, Standing, Unresolved};
pub(super) use crate::session::state::{ended, needs_cookie};
use crate::session::{ChangeLog, Draft, Session};
use crate::token::StoreKey;

/// What one commit is about: taken out of the open session, so that other tasks of the request can go on.
pub(super) struct Work {
    pub(super) held: Option<Held>,
    pub(super) reseal: bool,
    pub(super) draft: Draft,
    pub(super) changes: Changes,
    pub(super) renewal: Option<Renewal>,
    pub(super) ending: Vec<Held>,
    pub(super) unborn: Vec<(StoreKey, Handle)>,
    /// What else the request's tokens lead to, where it signed out.
    pub(super) beside: Vec<Beside>,
    /// The session that a login is to take the place of, where it belongs to the same user: the one that the token was
    /// replaced by.
    pub(super) successor: Option<Handle>,
    pub(super) handle: Option<Handle>,
    pub(super) active: bool,
    life: u32,
    /// Whether the response can still set a cookie.
    pub(super) can_issue: bool,
}

/// The changes that a commit is to keep.
pub(super) struct Changes {
    pub(super) log: ChangeLog,
    /// The write that was to keep them, if it failed without saying whether it took effect.
    pub(super) unresolved: Option<Attempt>,
}

/// How often a head is committed before other tasks of the request are too quick for it.
const MOST_ROUNDS: usize = 16;

/// What a commit came to: the session as it is held now, and what the response says about it.
pub(super) type Outcome = (Option<Held>, Option<Reply>);

impl Work {
    fn take(open: &mut Open) -> Self {
        // The draft's bytes become shared, so that they are copied once for the store and the rest of the request.
        open.draft.values = Values::Shared(open.draft.values.to_data());
        open.is_saving = true;
        Self {
            held: open.held.clone(),
            reseal: open.reseal,
            draft: open.draft.clone(),
            changes: Changes { log: std::mem::take(&mut open.log), unresolved: None },
            renewal: open.renewal.take(),
            ending: std::mem::take(&mut open.ending),
            unborn: std::mem::take(&mut open.unborn),
            beside: if open.ends_beside { open.beside.clone() } else { Vec::new() },
            successor: open.successor(),
            handle: open.handle,
            active: open.active,
            life: open.life,
            can_issue: !open.sent,
        }
    }

    /// Whether a request without a session has written anything to begin one with.
    pub(super) fn begins(&self) -> bool {
        !self.changes.log.is_empty() && (!self.draft.values.as_bytes().is_empty() || self.draft.user.is_some())
    }

    /// Whether sessions end with this commit.
    pub(super) fn ends_any(&self) -> bool {
        !self.ending.is_empty() || !self.unborn.is_empty() || !self.beside.is_empty() || self.successor.is_some()
    }

    /// The sessions that end with this commit.
    pub(super) fn leaving(&self) -> HashSet<Handle> {
        let beside = self.beside.iter().filter_map(|beside| match beside {
            Beside::Seen(held) => Some(held),
            Beside::Unseen(_) => None,
        });
        self.ending.iter().chain(beside).map(|held| held.record().handle).chain(self.successor).collect()
    }

    /// Puts back what is still to be done.
    fn give_back(mut self, open: &mut Open) {
        let Changes { mut log, unresolved } = self.changes;
        match unresolved {
            Some(attempt) if open.life == self.life => {
                open.leave_unresolved(Unresolved { attempt, log, renewal: self.renewal });
            }
            // Destroyed meanwhile.
            Some(attempt) => open.unborn.extend(attempt.begins()),
            None if open.life == self.life => {
                log.append(std::mem::take(&mut open.log));
                open.log = log;
                open.renewal = open.renewal.or(self.renewal);
            }
            None => {}
        }
        self.unborn.append(&mut open.unborn);
        open.unborn = self.unborn;
        self.ending.append(&mut open.ending);
        open.ending = self.ending;
    }
}

impl SessionManager {
    /// What a response head needs where nothing has to be asked of the store: the way of nearly every request.
    pub(crate) fn finish_at_once(&self, session: &Session, status: u16) -> Option<Committed> {
        let rolls_back = self.rolls_back(status);
        let edits = session.finish(|open| {
            // What another task is saving may still have a ticket to give out, and what is being made again cannot be
            // discarded.
            if open.is_saving || open.stale {
                return Ok(None);
            }
            roll_back(open, rolls_back);
            let busy = open.has_changes() || (open.active && self.is_due(open)?);
            Ok(if busy { None } else { Some(self.edits(session, open, status)) })
        });
        // An error shows again, and is answered, where the commit meets it.
        edits.unwrap_or(Ok(Some(HeaderEdits::default()))).unwrap_or(None).map(|edits| Committed { edits, error: None })
    }

    /// Commits with the response head, and says what changes in it.
    pub(crate) async fn finish(session: Session, status: u16) -> Committed {
        let manager = session.manager();
        let result = match session.gate().await {
            Ok(_gate) => {
                let rolls_back = manager.rolls_back(status);
                session.if_loaded(|open| roll_back(open, rolls_back));
                // What other tasks of the request change while the store is asked goes out with this head, too.
                for _ in 0..MOST_ROUNDS {
                    let result = manager.commit_held(&session).await;
                    if let Some(committed) = manager.conclude(&session, result, status) {
                        return committed;
                    }
                }
                Err(Error::new(ErrorKind::Conflict, "other tasks of this request change the session again and again"))
            }
            Err(error) => Err(error),
        };
        manager.conclude(&session, result, status).unwrap_or_default()
    }

    /// What the response says of a commit; nothing yet if there is more to commit.
    fn conclude(&self, session: &Session, result: Result<()>, status: u16) -> Option<Committed> {
        let mut error = None;
        let edits = session.finish(|open| {
            match result {
                Ok(()) if open.has_changes() => return Ok(None),
                Ok(()) => {}
                // The session that was destroyed meanwhile is over, and what was begun after it is still to be committed.
                Err(ended)
                    if ended.kind() == ErrorKind::Ended && open.standing != Standing::Ended && open.has_changes() =>
                {
                    return Ok(None);
                }
                // The session is over: the response goes out as it is, unless it was a save of this very request that
                // failed half-way, of which the response may tell nothing.
                Err(ended) if ended.kind() == ErrorKind::Ended => {
                    let failed = || Error::new(ErrorKind::Unavailable, "an earlier save of this request failed");
                    error = open.save_failed.then(|| failed().caused_by(ended));
                }
                Err(failed) => {
                    // The response says that nothing was kept, so nothing may be kept later.
                    open.discard();
                    self.end_ownerless(std::mem::take(&mut open.unborn));
                    open.standing = Standing::Failed;
                    error = Some(failed);
                }
            }
            Ok(Some(self.edits(session, open, status)))
        });
        Some(Committed { edits: edits?.ok()??, error })
    }

    /// Ends sessions that may have begun although nobody will ever have their tokens: so they hold no place of their users. It
    /// is tried once, without anybody waiting for it; where the store is still away, they are left to expire.
    fn end_ownerless(&self, unborn: Vec<(StoreKey, Handle)>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if unborn.is_empty() {
            return;
        }
        let manager = self.clone();
        runtime.spawn(async move {
            let patience = manager.new_patience();
            for (key, handle) in unborn {
                if manager.end_unborn(&patience, key, handle, manager.now()).await.is_err() {
                    return;
                }
            }
        });
    }

    /// Whether the response's status asks to discard the changes. The application decides that, so no lock is held.
    fn rolls_back(&self, status: u16) -> bool {
        self.settings().roll_back.as_ref().is_some_and(|rolls_back| rolls_back(status))
    }

    /// Commits what was changed so far.
    pub(crate) async fn commit(&self, session: &Session) -> Result<()> {
        let sent = session.with(|open| {
            open.check_keepable()?;
            Ok(open.sent)
        })?;
        if sent {
            // What goes on after the response, a stream or a WebSocket, may save as often as it likes.
            session.patience().refill();
        }
        let _gate = session.gate().await?;
        session.with(|open| open.check_keepable())?;
        self.commit_held(session).await
    }

    /// Commits, by whoever holds the gate.
    async fn commit_held(&self, session: &Session) -> Result<()> {
        if session.with(|open| Ok(open.unresolved.is_some()))? {
            Box::pin(self.resolve(session)).await?;
        }
        let mut work = session.with(|open| Ok(Box::new(Work::take(open))))?;
        let ends_beside = !work.beside.is_empty();
        let result = match &self.0.keeper {
            Keeper::Store(_) => self.carry_out(session.patience(), &mut work).await,
            Keeper::Sealed(sealer, _) => self.carry_out_sealed(sealer, session, &mut work).await,
        };
        if let (Err(error), Some(held)) = (&result, &work.held)
            && error.kind() == ErrorKind::Ended
        {
            self.events().dropped(held.record());
        }
        if let Ok((Some(held), _)) = &result
            && work.draft.absolute_deadline.is_some()
        {
            self.tell_of_login(work.held.as_ref(), held.record());
        }
        session.with(|open| {
            open.is_saving = false;
            match result {
                Ok((held, reply)) => {
                    if let Some(reply) = reply {
                        open.reply = reply;
                    }
                    if ends_beside {
                        open.beside.clear();
                    }
                    if open.life != work.life {
                        // Destroyed meanwhile, which the next commit does.
                        if open.ending.is_empty() {
                            open.ending.extend(held);
                        }
                        return Ok(());
                    }
                    (open.active, open.reseal) = (false, false);
                    open.hold(held);
                    Ok(())
                }
                Err(error) if error.kind() == ErrorKind::Ended => {
                    if open.life == work.life {
                        open.end();
                    }
                    Err(error)
                }
                Err(error) => {
                    work.give_back(open);
                    open.save_failed = true;
                    Err(error)
                }
            }
        })?;
        self.catch_up_draft(session)
    }

    /// A login is told once it is kept. Only one that was asked for moves the absolute deadline.
    pub(super) fn tell_of_login(&self, before: Option<&Held>, record: &Record) {
        let authenticated = |record: &Record| record.authenticated_at().ok().flatten();
        if authenticated(record) != before.and_then(|held| authenticated(held.record())) {
            self.events().logged_in(record);
        }
    }

    /// Makes the draft what was committed, with the changes that came meanwhile. They may be closures of the application,
    /// and are run without the lock.
    pub(super) fn catch_up_draft(&self, session: &Session) -> Result<()> {
        loop {
            let Some(mut redraft) = session.with(|open| Ok(open.begin_redraft()))? else { return Ok(()) };
            let (draft, log, _) = &mut redraft;
            let applied = log.apply(draft);
            if session.with(|open| open.end_redraft(redraft, applied))? {
                return Ok(());
            }
        }
    }

    /// The first record of a session.
    pub(super) fn first_record(&self, work: &Work, handle: Handle, now: Timestamp) -> Result<Record> {
        let lifetime = self.lifetime_of(&work.draft)?;
        let absolute = work.draft.absolute_deadline.unwrap_or_else(|| lifetime.absolute_deadline(now));
        Ok(Record {
            kind: RecordKind::Live,
            revision: Revision::first_by(self.random()),
            handle: work.handle.unwrap_or(handle),
            created: now,
            seen: now,
            idle_deadline: lifetime.idle_deadline(now).min(absolute),
            absolute_deadline: absolute,
            user: work.draft.user.clone(),
            data: work.draft.values.to_data(),
        })
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
            revision: base.revision.next_by(self.random()),
            handle: base.handle,
            created: base.created,
            seen: if self.touch_due(base, draft, now)? { now.max(base.seen) } else { base.seen },
            idle_deadline: idle.min(absolute),
            absolute_deadline: absolute,
            user: draft.user.clone(),
            data: draft.values.to_data(),
        })
    }

    pub(super) fn lifetime_of(&self, draft: &Draft) -> Result<Lifetime> {
        Ok(draft.values.own()?.unwrap_or(*self.lifetime()))
    }

    /// Whether enough of the idle time has passed for activity to be noted.
    pub(super) fn touch_due(&self, record: &Record, draft: &Draft, now: Timestamp) -> Result<bool> {
        let idle = self.lifetime_of(draft)?.idle_duration().as_millis() as f64;
        Ok(now.since(record.seen).as_millis() as f64 >= idle * self.settings().touch_share)
    }

    pub(super) fn renewal_due(&self, record: &Record, draft: &Draft, now: Timestamp) -> Result<bool> {
        let Some(interval) = self.lifetime_of(draft)?.renewal_interval() else { return Ok(false) };
        let drawn = draft.values.own::<RenewedAt>()?.map_or(record.created, |at| at.0);
        Ok(now.since(drawn) >= interval)
    }

    /// Whether a request that only read has something to do for its session.
    fn is_due(&self, open: &Open) -> Result<bool> {
        let Some(held) = &open.held else { return Ok(false) };
        let (now, record) = (self.now(), held.record());
        let renews = matches!(held, Held::Kept(_)) && self.renewal_due(record, &open.draft, now)?;
        Ok(renews || open.reseal || self.touch_due(record, &open.draft, now)?)
    }

    /// How long the cookie of a record lives; until the browser is closed if nothing is said.
    pub(super) fn max_age(&self, record: &Record, draft: &Draft) -> Result<Option<Duration>> {
        Ok(match self.lifetime_of(draft)?.cookie_kind() {
            CookieKind::Persistent => Some(record.expires().since(self.now())),
            CookieKind::Browser => None,
        })
    }

    fn edits(&self, session: &Session, open: &mut Open, status: u16) -> HeaderEdits {
        let settings = self.settings();
        let change = match (std::mem::take(&mut open.reply), open.channel) {
            (Reply::Issue { token, max_age }, Channel::Cookie) => {
                TicketChange::Cookie(token.write(|text| settings.cookie.set(text, max_age)))
            }
            (Reply::Issue { token, .. }, Channel::Header) => TicketChange::Header(token.write(str::to_owned)),
            (Reply::Sealed(change), _) => change,
            (Reply::Remove, _) if open.cookie_sent => TicketChange::Cookie(settings.cookie.removal()),
            (Reply::Remove | Reply::Nothing, _) => TicketChange::None,
        };
        if !matches!(change, TicketChange::None | TicketChange::Header(_)) {
            self.mind_transport(session);
        }
        // A page that was made without the session that its cookie is for is no page for that cookie.
        let passing = matches!(open.standing, Standing::Outage | Standing::Replaced | Standing::Ahead);
        // What refuses a write is over with the visitor's next request, or soon.
        let retries = passing && open.standing != Standing::Ahead && status == ErrorKind::ReadOnly.status();
        HeaderEdits { looked: true, passing, retries, header_name: settings.ticket_header.clone(), change }
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

/// Discards the changes if the status or the adapter asks for it, or the handler panicked.
fn roll_back(open: &mut Open, rolls_back: bool) {
    if open.discards || rolls_back {
        open.discard();
    }
}

/// Two tokens of 256 random bits do not meet; a store that says so is not to be trusted with a third.
pub(super) fn taken() -> Error {
    Error::new(ErrorKind::Unavailable, "the store says that it has a record under a token that was just drawn")
}
