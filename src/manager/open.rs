//! Opening: find the ticket, check its form, look it up.

use super::backend::Keeper;
use super::{OutagePolicy, Patience, SessionManager};
use crate::clock::Timestamp;
use crate::cookie::candidates;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{Event, Refusal, RenewalReason};
use crate::record::{Moved, Record, RecordKind};
use crate::session::state::{Beside, Channel, Held, Open, Standing, Ticket};
use crate::session::{Draft, Session};
use crate::store::Swap;
use crate::token::{NONCE_BYTES, StoreKey, Token};

/// How many tickets of one request are looked up.
const MOST_TICKETS: usize = 4;

/// How many renewals a ticket is followed through; more than one means that a visitor was cut off twice.
const MOST_MOVES: usize = 8;

/// What a ticket opens.
#[allow(clippy::large_enum_variant, reason = "taken apart at once; a box would cost every look-up an allocation")]
enum Opened {
    Nothing,
    /// A session, and whether the visitor has yet to be told its new ticket.
    Session(Ticket, Draft, bool),
    /// A session that has moved: its marker.
    Moved(Ticket),
    /// A session that has moved to a ticket that this visitor is just being given: its marker.
    Replaced(Ticket),
    /// A session that was written by a clock that is ahead.
    Ahead(Ticket),
    /// What nobody can read.
    Unreadable(Error),
}

/// How far the opening of a session comes without waiting for anybody.
pub(crate) enum Loaded {
    Open(Box<Open>),
    Waits(Box<Search>),
}

/// A session that is being opened, and the tickets that have not been looked up yet.
pub(crate) struct Search {
    open: Box<Open>,
    tickets: [Option<(Channel, Token)>; MOST_TICKETS],
}

impl SessionManager {
    /// Opens the session of a request, an empty one where no ticket opens any, as far as nobody has to be waited for.
    pub(crate) fn load_at_once(&self, session: &Session) -> Result<Loaded> {
        let mut open = Box::new(Open::empty(self.settings().record_limit));
        let store = match &self.0.keeper {
            Keeper::Store(store) => store,
            Keeper::Sealed(sealer, None) => {
                self.unseal_at_once(sealer, session, &mut open);
                return Ok(Loaded::Open(open));
            }
            Keeper::Sealed(_, Some(_)) => {
                let tickets = [const { None }; MOST_TICKETS];
                return Ok(Loaded::Waits(Box::new(Search { open, tickets })));
            }
        };
        let mut tickets = self.tickets(session, &mut open);
        let now = self.now();
        for place in &mut tickets {
            let Some((channel, token)) = place.take() else { break };
            let key = token.store_key();
            let opened = match store.try_load(&key, now) {
                Some(Ok(None)) => Opened::Nothing,
                Some(Ok(Some(record))) if record.kind != RecordKind::Moved => {
                    self.opened_by(Ticket { token, key, record }, now).or_else(unreadable)?
                }
                Some(Err(error)) => match unreadable(error) {
                    Ok(opened) => opened,
                    Err(error) => return self.without_a_store(open, error).map(Loaded::Open),
                },
                // The store has to be waited for.
                _ => {
                    *place = Some((channel, token));
                    return Ok(Loaded::Waits(Box::new(Search { open, tickets })));
                }
            };
            if self.take_over(&mut open, channel, opened)? {
                break;
            }
        }
        open.leave_beside(&mut tickets);
        Ok(Loaded::Open(open))
    }

    /// Goes on with a search that has to wait for the store.
    pub(crate) async fn load(&self, session: &Session, mut search: Box<Search>) -> Result<Box<Open>> {
        let loaded = match &self.0.keeper {
            Keeper::Store(_) => self.load_first(session.patience(), &mut search).await,
            Keeper::Sealed(sealer, _) => self.unseal(sealer, session, &mut search.open).await,
        };
        match loaded {
            Ok(()) => Ok(search.open),
            Err(error) => self.without_a_store(search.open, error),
        }
    }

    /// What a request gets whose store is away.
    fn without_a_store(&self, mut open: Box<Open>, error: Error) -> Result<Box<Open>> {
        if self.settings().outage != OutagePolicy::Anonymous {
            return Err(error);
        }
        self.events().tell(Event::Outage { error: &error });
        open.standing = Standing::Outage;
        Ok(open)
    }

    /// The tickets of the request that have the form of one: of the header first, then of the cookies in their order.
    fn tickets(&self, session: &Session, open: &mut Open) -> [Option<(Channel, Token)>; MOST_TICKETS] {
        let mut tickets = [const { None }; MOST_TICKETS];
        let (mut found, mut forged) = (0, 0);
        let mut add = |channel, text: &[u8]| match Token::parse(text) {
            Some(token) if found < MOST_TICKETS => {
                tickets[found] = Some((channel, token));
                found += 1;
            }
            Some(_) => {}
            None => forged += 1,
        };
        let header = self.settings().ticket_header.as_ref().and_then(|_| session.head().ticket_header());
        if let Some(text) = header {
            add(Channel::Header, text.trim_ascii());
        }
        let name = self.cookie_name();
        session.head().cookie_headers(&mut |cookies| {
            for text in candidates(cookies, name) {
                open.cookie_sent = true;
                add(Channel::Cookie, text);
            }
        });
        if header.is_some() && !open.cookie_sent {
            open.channel = Channel::Header;
        }
        (0..forged).for_each(|_| self.events().refused(Refusal::Forged));
        tickets
    }

    async fn load_first(&self, patience: &Patience, search: &mut Search) -> Result<()> {
        for place in &mut search.tickets {
            let Some((channel, token)) = place.take() else { continue };
            let opened = self.open_ticket(patience, token).await?;
            if self.take_over(&mut search.open, channel, opened)? {
                break;
            }
        }
        search.open.leave_beside(&mut search.tickets);
        Ok(())
    }

    /// Makes what a ticket opens the session of the request; answers whether that ends the search.
    fn take_over(&self, open: &mut Open, channel: Channel, opened: Opened) -> Result<bool> {
        match opened {
            Opened::Session(ticket, draft, moved) => {
                self.events().loaded(&ticket.record);
                open.channel = channel;
                open.standing = Standing::Usable;
                open.handle = Some(ticket.record.handle);
                open.draft = draft;
                if moved {
                    open.reply = self.issue(&ticket, &open.draft)?;
                }
                open.held = Some(Held::Kept(ticket));
                return Ok(true);
            }
            // Another cookie of the name may still open a session.
            Opened::Replaced(marker) => {
                self.events().refused(Refusal::Replaced);
                open.standing = Standing::Replaced;
                open.beside.push(Beside::Seen(Held::Kept(marker)));
            }
            Opened::Ahead(ticket) => self.pass_over(open, Held::Kept(ticket)),
            Opened::Nothing | Opened::Moved(_) => self.events().refused(Refusal::Unknown),
            Opened::Unreadable(error) => self.events().unreadable(&error),
        }
        Ok(false)
    }

    /// Leaves a session closed that was written by a clock that is ahead.
    pub(super) fn pass_over(&self, open: &mut Open, held: Held) {
        self.events().ahead(held.record());
        open.standing = Standing::Ahead;
        open.beside.push(Beside::Seen(held));
    }

    async fn open_ticket(&self, patience: &Patience, token: Token) -> Result<Opened> {
        let now = self.now();
        let key = token.store_key();
        let record = match self.store()?.load(patience, &key, now).await {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(Opened::Nothing),
            Err(error) => return unreadable(error),
        };
        let opened = match self.opened_by(Ticket { token, key, record }, now) {
            // In a box, because it is rare, and large.
            Ok(Opened::Moved(marker)) => Box::pin(self.open_moved(patience, marker, now)).await,
            opened => opened,
        };
        opened.or_else(unreadable)
    }

    fn opened_by(&self, ticket: Ticket, now: Timestamp) -> Result<Opened> {
        match ticket.record.kind {
            RecordKind::Live => self.opened(ticket, false, now),
            // Nobody has the ticket of a pending record yet.
            RecordKind::Pending | RecordKind::Ended => Ok(Opened::Nothing),
            RecordKind::Moved => Ok(Opened::Moved(ticket)),
            RecordKind::Unknown(code) => Err(unknown(code)),
        }
    }

    fn opened(&self, ticket: Ticket, moved: bool, now: Timestamp) -> Result<Opened> {
        let (draft, is_ahead) = Draft::of_loaded(&ticket.record, self.settings().record_limit, now)?;
        Ok(if is_ahead { Opened::Ahead(ticket) } else { Opened::Session(ticket, draft, moved) })
    }

    /// A ticket that was replaced. After a periodic renewal its holder follows; after an explicit one nobody does.
    async fn open_moved(&self, patience: &Patience, mut marker: Ticket, now: Timestamp) -> Result<Opened> {
        for _ in 0..MOST_MOVES {
            let moved = moved(&marker.record)?;
            let in_grace = now < moved.at + self.settings().grace;
            let Some(nonce) = moved.nonce else {
                return self.open_cut_off(patience, marker, &moved, in_grace, now).await;
            };
            // Beyond the grace period too, if the renewal was cut off before anybody was given the new ticket.
            if !in_grace && !self.is_pending(patience, &moved, now).await? {
                return Ok(Opened::Nothing);
            }
            match self.next_place(patience, &marker, &moved, &nonce, now).await? {
                Some(ticket) if ticket.record.kind == RecordKind::Live => return self.opened(ticket, true, now),
                Some(ticket) => marker = ticket,
                None => return Ok(Opened::Nothing),
            }
        }
        Ok(Opened::Nothing)
    }

    /// A ticket that an explicit renewal cut off.
    async fn open_cut_off(
        &self,
        patience: &Patience,
        marker: Ticket,
        moved: &Moved,
        in_grace: bool,
        now: Timestamp,
    ) -> Result<Opened> {
        if let Some(record) = self.take_back(patience, &marker.key, &marker.record, moved, now).await? {
            return self.opened(Ticket { record, ..marker }, false, now);
        }
        let replaced = in_grace || self.is_undecided(patience, moved, now).await?;
        Ok(if replaced { Opened::Replaced(marker) } else { Opened::Nothing })
    }

    /// Whether whoever renews it may still be at it, or the renewal may still be taken back.
    pub(super) async fn is_undecided(&self, patience: &Patience, moved: &Moved, now: Timestamp) -> Result<bool> {
        Ok(now < moved.at + self.settings().store_timeout && self.is_pending(patience, moved, now).await?)
    }

    /// Follows a session through periodic renewals, to where it lives now.
    pub(super) async fn follow(&self, patience: &Patience, marker: Ticket, now: Timestamp) -> Result<Option<Ticket>> {
        let mut ticket = marker;
        for _ in 0..MOST_MOVES {
            let moved = moved(&ticket.record)?;
            let Some(nonce) = moved.nonce else { return Ok(None) };
            match self.next_place(patience, &ticket, &moved, &nonce, now).await? {
                Some(next) if next.record.kind == RecordKind::Live => return Ok(Some(next)),
                Some(next) => ticket = next,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Where a periodic renewal has moved a session: live, or moved once more.
    async fn next_place(
        &self,
        patience: &Patience,
        marker: &Ticket,
        moved: &Moved,
        nonce: &[u8; NONCE_BYTES],
        now: Timestamp,
    ) -> Result<Option<Ticket>> {
        let token = marker.token.successor(nonce);
        let key = token.store_key();
        if key != moved.to {
            return Ok(None);
        }
        let record = self.store()?.load(patience, &key, now).await?;
        let Some(record) = record.filter(|record| record.kind != RecordKind::Ended) else { return Ok(None) };
        let place = Ticket { token, key, record };
        if place.record.kind != RecordKind::Pending {
            return Ok(Some(place));
        }
        // Whoever renewed it was cut off, or is about to do just this.
        let promoted = self.promote(patience, &place, moved, now).await?;
        Ok(promoted
            .filter(|record| matches!(record.kind, RecordKind::Live | RecordKind::Moved))
            .map(|record| Ticket { record, ..place }))
    }

    async fn is_pending(&self, patience: &Patience, moved: &Moved, now: Timestamp) -> Result<bool> {
        let record = self.store()?.load(patience, &moved.to, now).await?;
        Ok(record.is_some_and(|record| record.kind == RecordKind::Pending))
    }

    async fn promote(
        &self,
        patience: &Patience,
        pending: &Ticket,
        moved: &Moved,
        now: Timestamp,
    ) -> Result<Option<Record>> {
        let mut live = pending.record.clone();
        live.kind = RecordKind::Live;
        live.revision = pending.record.revision.next_by(self.random());
        live.absolute_deadline = moved.absolute_deadline;
        live.idle_deadline = moved.idle_deadline;
        // A marker may outlive the session that it stands for.
        if live.is_expired(now) {
            return Ok(None);
        }
        match self.store()?.swap(patience, &pending.key, pending.record.revision, &live, now).await? {
            Swap::Swapped => Ok(Some(live)),
            Swap::Conflict(current) => Ok(Some(current)),
            Swap::Gone => Ok(None),
        }
    }

    /// Takes back an explicit renewal that a crash cut off before anybody was given the new ticket: the session lives on
    /// at its old place. Whoever renews may take as long as it waits for a store, so it is left alone for that long.
    pub(super) async fn take_back(
        &self,
        patience: &Patience,
        key: &StoreKey,
        marker: &Record,
        moved: &Moved,
        now: Timestamp,
    ) -> Result<Option<Record>> {
        // A marker may outlive the session that it stands for.
        let expired = now >= moved.idle_deadline.min(moved.absolute_deadline);
        if expired || now < moved.at + self.settings().store_timeout {
            return Ok(None);
        }
        let store = self.store()?;
        let pending = store.load(patience, &moved.to, now).await?;
        let Some(pending) = pending.filter(|record| record.kind == RecordKind::Pending) else {
            return self.taken_back(patience, key, now).await;
        };
        // With another revision it can no longer be promoted by whoever made it.
        let mut stopped = pending.clone();
        stopped.revision = pending.revision.next_by(self.random());
        if store.swap(patience, &moved.to, pending.revision, &stopped, now).await? != Swap::Swapped {
            return self.taken_back(patience, key, now).await;
        }
        let mut draft = Draft::of(marker, usize::MAX)?;
        draft.values.remove_own::<Moved>();
        let mut live = marker.clone();
        live.kind = RecordKind::Live;
        live.revision = marker.revision.next_by(self.random());
        live.idle_deadline = moved.idle_deadline;
        live.absolute_deadline = moved.absolute_deadline;
        live.data = draft.values.to_data();
        if store.swap(patience, key, marker.revision, &live, now).await? != Swap::Swapped {
            return self.taken_back(patience, key, now).await;
        }
        store.delete(patience, &moved.to, now).await?;
        self.events().renewed(&live, RenewalReason::TakenBack);
        Ok(Some(live))
    }

    /// The session at its old place, if another request was quicker to take the renewal back.
    async fn taken_back(&self, patience: &Patience, key: &StoreKey, now: Timestamp) -> Result<Option<Record>> {
        let record = self.store()?.load(patience, key, now).await?;
        Ok(record.filter(|record| record.kind == RecordKind::Live))
    }
}

/// Where a marker says that its session went.
pub(super) fn moved(record: &Record) -> Result<Moved> {
    record.own()?.ok_or_else(|| Error::new(ErrorKind::Decode, "a marker does not say where its session went"))
}

/// What a newer version made of a record is not for this one to read or to change.
pub(super) fn unknown(code: u8) -> Error {
    Error::new(ErrorKind::Decode, format!("a stored record has the unknown kind {code}"))
}

/// What cannot be read opens nothing, and is left to expire; a store that fails is no absent session.
fn unreadable(error: Error) -> Result<Opened> {
    if error.kind() != ErrorKind::Decode {
        return Err(error);
    }
    Ok(Opened::Unreadable(error))
}
