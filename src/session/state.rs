//! An opened session: what the store has, what this request made of it, and what the response will say.

use std::sync::Arc;
use std::time::Duration;

use super::draft::{ChangeLog, Draft};
use super::flash::Flashing;
use crate::adapter::TicketChange;
use crate::error::{Error, ErrorKind, Result};
use crate::lifetime::Lifetime;
use crate::record::{Handle, Record, Revision, Space, Values};
use crate::token::{StoreKey, Token};

/// A record, and the token that opens it.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) token: Token,
    pub(crate) key: StoreKey,
    pub(crate) record: Record,
}

impl Ticket {
    pub(crate) fn new(token: Token, record: Record) -> Self {
        Self { key: token.store_key(), token, record }
    }
}

/// The session as it was last read or written.
#[derive(Debug, Clone)]
pub(crate) enum Held {
    /// In a store, under a ticket.
    Kept(Ticket),
    /// In the visitor's cookie.
    Sealed(Record),
}

impl Held {
    pub(crate) fn record(&self) -> &Record {
        match self {
            Self::Kept(ticket) => &ticket.record,
            Self::Sealed(record) => record,
        }
    }
}

/// What a request brought beside the session that it opened.
#[derive(Debug, Clone)]
pub(crate) enum Beside {
    /// A token that was not looked up, because another one opened a session.
    Unseen(Token),
    Seen(Held),
}

/// How the ticket travels; it leaves by the channel that it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Cookie,
    Header,
}

/// Whether this request may change the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Usable,
    /// The ticket was replaced a moment ago: the response with the new one is on its way.
    Replaced,
    /// The session was written by a host whose clock is ahead: neither its deadlines nor its login can be believed.
    Ahead,
    /// The store is away, and the application chose to go on.
    Outage,
    /// Another request ended the session.
    Ended,
    /// The response said that the session could not be kept.
    Failed,
}

/// Why the token is to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// The application asked, or somebody logged in: nobody may follow with the old ticket.
    Explicit,
    /// Time has passed: who has the old ticket is who has the new one.
    Periodic,
}

/// What the response head has to say about the ticket.
#[derive(Debug, Clone, Default)]
pub(crate) enum Reply {
    #[default]
    Nothing,
    /// A ticket, and how long its cookie lives; until the browser is closed if nothing is said.
    Issue {
        token: Token,
        max_age: Option<Duration>,
    },
    /// A sealed session, or its removal.
    Sealed(TicketChange),
    Remove,
}

/// A write that failed without saying whether it took effect, as it has to be repeated.
#[derive(Debug, Clone)]
pub(crate) enum Attempt {
    /// The first record of a session.
    Create(Ticket),
    /// The same, over a pending record of this revision.
    TakeUp(Ticket, Revision),
    /// A change, over a record of this revision.
    Write(Ticket, Revision),
    Renew(Box<Renewing>),
    /// The entry of a sealed session in the register: nobody knows its cookie, so it is not repeated.
    Register(StoreKey, Handle),
}

/// The two steps of a renewal, after its pending record was created.
#[derive(Debug, Clone)]
pub(crate) struct Renewing {
    /// What the marker replaces.
    pub(crate) old: Ticket,
    pub(crate) marker: Record,
    /// The pending record, and the token that is to open it.
    pub(crate) pending: Ticket,
    pub(crate) live: Record,
    pub(crate) renewal: Renewal,
}

/// A write whose outcome is not known, and what it was to keep. That is found out before anything else is committed: so it
/// takes effect once at most, however late its earlier attempts arrive.
#[derive(Debug)]
pub(crate) struct Unresolved {
    pub(crate) attempt: Attempt,
    pub(crate) log: ChangeLog,
    pub(crate) renewal: Option<Renewal>,
}

#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) held: Option<Held>,
    /// Whether a sealed session should be sealed again, because an older secret had sealed it.
    pub(crate) reseal: bool,
    pub(crate) channel: Channel,
    /// Whether the request came with the cookie, good or bad.
    pub(crate) cookie_sent: bool,
    pub(crate) standing: Standing,
    /// The standing that the tokens of the request gave it.
    pub(crate) arrived: Standing,
    pub(crate) draft: Draft,
    pub(crate) log: ChangeLog,
    /// Counts changes, so that a closure that ran without the lock can tell whether it saw the latest.
    pub(crate) generation: u64,
    /// Whether the draft is not yet what was committed last.
    pub(crate) stale: bool,
    /// Whether the request's changes are discarded whatever its status, as after a panic.
    pub(crate) discards: bool,
    /// Counts the sessions that this request has destroyed, so that a commit under way does not bring one back.
    pub(crate) life: u32,
    pub(crate) handle: Option<Handle>,
    pub(crate) renewal: Option<Renewal>,
    /// The write of an earlier commit whose outcome is not known. What was changed since then is in `log`.
    pub(crate) unresolved: Option<Unresolved>,
    pub(crate) ending: Vec<Held>,
    /// Where a session may yet be created that is not wanted any more.
    pub(crate) unborn: Vec<(StoreKey, Handle)>,
    pub(crate) beside: Vec<Beside>,
    /// Whether what is beside ends with the session.
    pub(crate) ends_beside: bool,
    pub(crate) transient: Transient,
    pub(crate) flashing: Flashing,
    /// Whether this request used the session, as opposed to asking how long it lives.
    pub(crate) active: bool,
    /// Whether the response head has been sent.
    pub(crate) sent: bool,
    /// Whether a commit is under way: it may have a ticket to give out.
    pub(crate) is_saving: bool,
    /// Whether a save failed, and may have done a part of its work.
    pub(crate) save_failed: bool,
    pub(crate) reply: Reply,
}

impl Attempt {
    /// The session that it may have begun, and where.
    pub(crate) fn begins(&self) -> Option<(StoreKey, Handle)> {
        match self {
            Self::Create(ticket) | Self::TakeUp(ticket, _) => Some((ticket.key, ticket.record.handle)),
            Self::Register(key, handle) => Some((*key, *handle)),
            Self::Write(..) | Self::Renew(_) => None,
        }
    }
}

impl Open {
    pub(crate) fn empty(limit: usize) -> Self {
        Self {
            held: None,
            reseal: false,
            channel: Channel::Cookie,
            cookie_sent: false,
            standing: Standing::Usable,
            arrived: Standing::Usable,
            draft: Draft::empty(limit),
            log: ChangeLog::default(),
            generation: 0,
            stale: false,
            discards: false,
            life: 0,
            handle: None,
            renewal: None,
            unresolved: None,
            ending: Vec::new(),
            unborn: Vec::new(),
            beside: Vec::new(),
            ends_beside: false,
            transient: Transient::default(),
            flashing: Flashing::default(),
            active: false,
            sent: false,
            is_saving: false,
            save_failed: false,
            reply: Reply::Nothing,
        }
    }

    /// Makes `held` what the store has. The draft stays as it is until the changes that came meanwhile are made on it.
    pub(crate) fn hold(&mut self, held: Option<Held>) {
        self.handle = held.as_ref().map(|held| held.record().handle).or(self.handle.filter(|_| !self.log.is_empty()));
        self.held = held;
        self.stale = true;
    }

    /// What is held as a draft, and the changes to make on it; nothing if the draft is up to date.
    pub(crate) fn begin_redraft(&mut self) -> Option<(Draft, ChangeLog, u32)> {
        if !self.stale {
            return None;
        }
        let draft = self.held_draft();
        if self.log.is_empty() {
            self.settle(draft);
            return None;
        }
        Some((draft, std::mem::take(&mut self.log), self.life))
    }

    /// Takes the draft over, unless there was another change: then it has to be made again.
    pub(crate) fn end_redraft(
        &mut self,
        (draft, mut log, life): (Draft, ChangeLog, u32),
        applied: Result<()>,
    ) -> Result<bool> {
        if self.life != life {
            // Destroyed meanwhile: nothing of the old session goes into what is begun after it.
            return Ok(true);
        }
        let later = std::mem::take(&mut self.log);
        if let Err(error) = applied {
            // What does not fit what was merged is dropped, with all that was built on it.
            let held = self.held_draft();
            self.settle(held);
            return Err(error);
        }
        let done = later.is_empty();
        log.append(later);
        self.log = log;
        if done {
            self.settle(draft);
        }
        Ok(done)
    }

    fn held_draft(&self) -> Draft {
        match &self.held {
            Some(held) => Draft::trusted(held.record(), self.draft.limit()),
            None => Draft::empty(self.draft.limit()),
        }
    }

    fn settle(&mut self, draft: Draft) {
        self.draft = draft;
        self.stale = false;
        self.generation += 1;
    }

    /// The values that the application reads: transient ones where there are no others.
    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        self.draft.get(key).or_else(|| self.transient.get(key))
    }

    /// Keys and values as the application sees them, in the order of the keys.
    pub(crate) fn entries(&self) -> Vec<(&str, &[u8])> {
        let mut entries: Vec<_> = self.draft.values.iter(Space::Application).collect();
        entries.extend(self.transient.values.iter(Space::Application).filter(|(key, _)| self.draft.get(key).is_none()));
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }

    pub(crate) fn user(&self) -> Option<&Arc<str>> {
        self.draft.user.as_ref().or(self.transient.user.as_ref())
    }

    /// The session's own lifetime, or the manager's.
    pub(crate) fn lifetime(&self, default: &Lifetime) -> Result<Lifetime> {
        Ok(self.draft.values.own()?.unwrap_or(*default))
    }

    pub(crate) fn set(&mut self, key: &str, value: &[u8]) -> Result<()> {
        self.draft.set(key, value)?;
        if self.begins() {
            self.log.begin();
        } else {
            self.log.set(key, value)?;
        }
        self.generation += 1;
        Ok(())
    }

    /// Whether what is committed next is the whole draft, as the first record of a session: then nobody can have changed it
    /// meanwhile. A commit that is under way may already have begun it, and makes the draft anew when it ends.
    fn begins(&self) -> bool {
        self.held.is_none() && !self.is_saving && !self.stale && self.unresolved.is_none()
    }

    /// Removes a value; what is not there is nothing to commit.
    pub(crate) fn remove(&mut self, key: &str) -> Result<bool> {
        let removed = self.draft.remove(key);
        if removed {
            if self.begins() {
                self.log.begin();
            } else {
                self.log.remove(key)?;
            }
            self.generation += 1;
        }
        Ok(removed)
    }

    pub(crate) fn clear(&mut self) {
        if !self.draft.is_empty() || !self.log.is_empty() {
            self.draft.clear();
            self.log.clear();
            self.generation += 1;
        }
    }

    /// Makes a change to the draft, all of it or nothing, and notes it.
    pub(crate) fn run(&mut self, change: impl Fn(&mut Draft) -> Result<()> + Send + 'static) -> Result<()> {
        self.run_on(self.draft.clone(), change)
    }

    /// The same on another draft, which takes the place of this one.
    pub(crate) fn run_on(
        &mut self,
        mut draft: Draft,
        change: impl Fn(&mut Draft) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        change(&mut draft)?;
        self.accept(draft, change);
        Ok(())
    }

    /// Takes over what a change made of the draft.
    pub(crate) fn accept(&mut self, draft: Draft, change: impl Fn(&mut Draft) -> Result<()> + Send + 'static) {
        self.draft = draft;
        self.log.run(Box::new(change));
        self.generation += 1;
    }

    /// Notes the tokens that were not looked up.
    pub(crate) fn leave_beside(&mut self, tokens: &mut [Option<(Channel, Token)>]) {
        let unseen = tokens.iter_mut().filter_map(Option::take);
        self.beside.extend(unseen.map(|(_, token)| Beside::Unseen(token)));
    }

    /// Ends the session with the next commit, and all else that the request's tokens lead to.
    pub(crate) fn sign_out(&mut self) {
        self.destroy();
        self.ends_beside = true;
        self.begin_anew();
    }

    /// Whether the token that the request came with has no power over its session any more but to end it.
    fn is_cut_off(&self) -> bool {
        matches!(self.standing, Standing::Replaced | Standing::Ahead)
    }

    /// Lets a request write whose token was cut off: what it writes begins another session.
    pub(crate) fn begin_anew(&mut self) {
        if self.is_cut_off() {
            self.standing = Standing::Usable;
        }
    }

    /// What a login begins with: the session as it is, or where its token was replaced, what the application kept in it
    /// until then, unless that was another user's.
    pub(crate) fn login_draft(&self, user: &str) -> Draft {
        let replaced = self.beside.iter().find_map(|beside| match beside {
            Beside::Seen(held) if self.standing == Standing::Replaced => Some(held.record()),
            _ => None,
        });
        let Some(replaced) = replaced else { return self.draft.clone() };
        let mut draft = Draft::empty(self.draft.limit());
        if replaced.user.as_deref().is_none_or(|known| known == user)
            && let Ok(known) = Draft::of(replaced, self.draft.limit())
        {
            draft.values = known.values;
            draft.values.clear(Space::Own);
        }
        draft
    }

    /// The session that the token of the request was replaced by, or that is not believed, as long as the request has none
    /// of its own.
    pub(crate) fn successor(&self) -> Option<Handle> {
        let cut_off = self.held.is_none() && matches!(self.arrived, Standing::Replaced | Standing::Ahead);
        self.beside.iter().find_map(|beside| match beside {
            Beside::Seen(held) if cut_off => Some(held.record().handle),
            _ => None,
        })
    }

    /// Ends the session with the next commit; what is written from here on begins a new one.
    pub(crate) fn destroy(&mut self) {
        self.ending.extend(self.held.take());
        self.life += 1;
        self.forget();
        self.transient = Transient::default();
    }

    /// Forgets what is not committed.
    pub(crate) fn discard(&mut self) {
        let held = self.ending.drain(..).next().or_else(|| self.held.take());
        self.ends_beside = false;
        if held.is_none() && self.standing == Standing::Usable {
            self.standing = self.arrived;
        }
        self.forget();
        self.hold(held);
        let draft = self.held_draft();
        self.settle(draft);
    }

    /// Notes that another request has ended the session: nothing of it is committed any more.
    pub(crate) fn end(&mut self) {
        self.log = ChangeLog::default();
        self.standing = Standing::Ended;
        // A ticket that was cut off would push the one that replaced it out of the browser. What was sealed before may be
        // the end of an earlier session.
        if !matches!(self.reply, Reply::Sealed(_)) {
            self.reply = Reply::Nothing;
        }
    }

    /// Notes a write whose outcome is not known.
    pub(crate) fn leave_unresolved(&mut self, unresolved: Unresolved) {
        self.handle = unresolved.attempt.begins().map(|(_, handle)| handle).or(self.handle);
        self.unresolved = Some(unresolved);
    }

    fn forget(&mut self) {
        self.unborn.extend(self.unresolved.take().and_then(|unresolved| unresolved.attempt.begins()));
        self.draft = Draft::empty(self.draft.limit());
        self.log = ChangeLog::default();
        self.flashing = Flashing::default();
        self.renewal = None;
        self.handle = None;
        self.stale = false;
        self.generation += 1;
    }

    pub(crate) fn has_changes(&self) -> bool {
        // Where the draft is being made anew, the changes are with whoever makes it.
        let ends = !self.ending.is_empty() || (self.ends_beside && !self.beside.is_empty());
        let unresolved = self.unresolved.is_some() || !self.unborn.is_empty();
        self.stale || !self.log.is_empty() || self.renewal.is_some() || ends || unresolved
    }

    /// What every read needs; it is activity.
    pub(crate) fn begin_read(&mut self) -> Result<()> {
        self.check_not_ended()?;
        self.active = true;
        Ok(())
    }

    /// What every write needs.
    pub(crate) fn begin_write(&mut self) -> Result<()> {
        self.begin_read()?;
        // A session in a store is changed without the browser; every other change is in a cookie.
        let needs = !matches!(self.held, Some(Held::Kept(_)));
        if self.sent && needs { Err(needs_cookie()) } else { self.check_writable() }
    }

    /// What every write needs that changes the cookie.
    pub(crate) fn begin_write_ticket(&mut self) -> Result<()> {
        self.begin_write()?;
        if self.sent { Err(needs_cookie()) } else { Ok(()) }
    }

    /// What a login needs: it proves who the visitor is, so it does not matter what became of their token.
    pub(crate) fn begin_login(&mut self) -> Result<()> {
        if self.is_cut_off() && !self.sent {
            return self.begin_read();
        }
        self.begin_write_ticket()
    }

    pub(crate) fn check_not_ended(&self) -> Result<()> {
        match self.standing {
            Standing::Ended => Err(ended()),
            _ => Ok(()),
        }
    }

    /// As [`check_writable`](Self::check_writable), for the end of the session: a sealed one ends with its cookie. A token
    /// that was cut off may still end what it was replaced by, for that is always the safe direction.
    pub(crate) fn check_endable(&self) -> Result<()> {
        // Whoever was told that it is over has no power over what came after it.
        self.check_not_ended()?;
        let seen = self.beside.iter().any(|beside| matches!(beside, Beside::Seen(Held::Sealed(_))));
        if self.sent && (seen || matches!(self.held, Some(Held::Sealed(_)))) {
            return Err(needs_cookie());
        }
        if self.is_cut_off() { Ok(()) } else { self.check_writable() }
    }

    /// What was said not to be kept is not kept later.
    pub(crate) fn check_keepable(&self) -> Result<()> {
        if self.standing == Standing::Failed {
            return Err(Error::new(ErrorKind::Unavailable, "the response said that the session could not be kept"));
        }
        self.check_not_ended()
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        let why = match self.standing {
            Standing::Replaced => {
                "this ticket was replaced a moment ago; the visitor's next request brings the new one"
            }
            Standing::Ahead => {
                "this session was written by a host whose clock is ahead of this one's; set the clocks right, or let the \
                 visitor log in again"
            }
            Standing::Outage => "the session store is away, so nothing can be kept",
            Standing::Failed => return self.check_keepable(),
            Standing::Usable | Standing::Ended => return Ok(()),
        };
        Err(Error::new(ErrorKind::ReadOnly, why))
    }
}

pub(crate) fn needs_cookie() -> Error {
    Error::new(ErrorKind::NeedsCookie, "this needs a cookie, and the response head has been sent")
}

pub(crate) fn ended() -> Error {
    Error::new(ErrorKind::Ended, "another request ended this session")
}

impl std::fmt::Debug for ChangeLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangeLog").field("is_empty", &self.is_empty()).finish_non_exhaustive()
    }
}

/// Values for this request only.
#[derive(Debug)]
pub(crate) struct Transient {
    values: Values,
    pub(crate) user: Option<Arc<str>>,
    /// Whether all writes go here.
    pub(crate) takes_all: bool,
}

impl Default for Transient {
    fn default() -> Self {
        Self { values: Values::EMPTY, user: None, takes_all: false }
    }
}

impl Transient {
    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        self.values.get(Space::Application, key)
    }

    pub(crate) fn set(&mut self, key: &str, value: &[u8]) -> Result<()> {
        self.values.set(Space::Application, key, value, usize::MAX)
    }

    pub(crate) fn remove(&mut self, key: &str) -> bool {
        self.values.remove(Space::Application, key)
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear(Space::Application);
    }
}
