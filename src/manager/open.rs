//! Opening: find the ticket, check its form, look it up.

use super::backend::Keeper;
use super::{OutagePolicy, Patience, SessionManager};
use crate::clock::Timestamp;
use crate::cookie::candidates;
use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::record::{Moved, Record, RecordKind};
use crate::session::state::{Channel, Held, Open, Standing, Ticket};
use crate::session::{Draft, Session};
use crate::store::Swap;
use crate::token::Token;

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
    /// A session that has moved to a ticket that this visitor is just being given.
    Replaced,
}

impl SessionManager {
    /// Opens the session of a request; an empty one where no ticket opens any.
    pub(crate) async fn load(&self, session: &Session) -> Result<Box<Open>> {
        let mut open = Box::new(Open::empty(self.settings().record_limit));
        let loaded = match &self.0.keeper {
            Keeper::Store(_) => {
                let tickets = self.tickets(session, &mut open);
                self.load_first(session.patience(), tickets, &mut open).await
            }
            Keeper::Sealed(sealer) => {
                self.unseal(sealer, session, &mut open);
                Ok(())
            }
        };
        match loaded {
            Ok(()) => Ok(open),
            Err(error) if self.settings().outage == OutagePolicy::Anonymous => {
                events::outage(&error);
                open.standing = Standing::Outage;
                Ok(open)
            }
            Err(error) => Err(error),
        }
    }

    /// The tickets of the request that have the form of one: of the header first, then of the cookies in their order.
    fn tickets(&self, session: &Session, open: &mut Open) -> [Option<(Channel, Token)>; MOST_TICKETS] {
        let mut tickets = [const { None }; MOST_TICKETS];
        let mut found = 0;
        let mut add = |channel, text: &[u8]| match Token::parse(text) {
            Some(token) if found < MOST_TICKETS => {
                tickets[found] = Some((channel, token));
                found += 1;
            }
            Some(_) => {}
            None => events::forged(),
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
        tickets
    }

    async fn load_first(
        &self,
        patience: &Patience,
        tickets: [Option<(Channel, Token)>; MOST_TICKETS],
        open: &mut Open,
    ) -> Result<()> {
        for (channel, token) in tickets.into_iter().flatten() {
            match self.open_ticket(patience, token).await? {
                Opened::Session(ticket, draft, moved) => {
                    events::loaded(ticket.record.handle);
                    open.channel = channel;
                    open.standing = Standing::Usable;
                    open.handle = Some(ticket.record.handle);
                    open.draft = draft;
                    if moved {
                        open.reply = self.issue(&ticket, &open.draft)?;
                    }
                    open.held = Some(Held::Kept(ticket));
                    return Ok(());
                }
                // Another cookie of the name may still open a session.
                Opened::Replaced => open.standing = Standing::Replaced,
                Opened::Nothing => events::expired(),
            }
        }
        Ok(())
    }

    async fn open_ticket(&self, patience: &Patience, token: Token) -> Result<Opened> {
        let now = self.now();
        let key = token.store_key();
        let record = match self.store()?.load(patience, &key, now).await {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(Opened::Nothing),
            Err(error) => return unreadable(error),
        };
        let result = match record.kind {
            RecordKind::Live => self.opened(Ticket { token, key, record }, false),
            // Nobody has the ticket of a pending record yet.
            RecordKind::Pending => return Ok(Opened::Nothing),
            RecordKind::Moved => self.open_moved(patience, Ticket { token, key, record }, now).await,
        };
        result.or_else(unreadable)
    }

    fn opened(&self, ticket: Ticket, moved: bool) -> Result<Opened> {
        let draft = Draft::of(&ticket.record, self.settings().record_limit)?;
        Ok(Opened::Session(ticket, draft, moved))
    }

    /// A ticket that was replaced. After a periodic renewal its holder follows; after an explicit one nobody does.
    async fn open_moved(&self, patience: &Patience, marker: Ticket, now: Timestamp) -> Result<Opened> {
        let moved = moved(&marker.record)?;
        let in_grace = now < moved.at + self.settings().grace;
        if moved.nonce.is_some() {
            // Beyond the grace period too, if the renewal was cut off before anybody was given the new ticket.
            if !in_grace && !self.is_pending(patience, &moved, now).await? {
                return Ok(Opened::Nothing);
            }
            return match self.follow(patience, marker, now).await? {
                Some(ticket) => self.opened(ticket, true),
                None => Ok(Opened::Nothing),
            };
        }
        if let Some(ticket) = self.take_back(patience, &marker, &moved, now).await? {
            return self.opened(ticket, false);
        }
        // Whoever renews it may still be at it, or the renewal may still be taken back.
        let undecided =
            now < moved.at + self.settings().store_timeout && self.is_pending(patience, &moved, now).await?;
        Ok(if in_grace || undecided { Opened::Replaced } else { Opened::Nothing })
    }

    /// Follows a session through periodic renewals, to where it lives now.
    pub(super) async fn follow(&self, patience: &Patience, marker: Ticket, now: Timestamp) -> Result<Option<Ticket>> {
        let mut ticket = marker;
        for _ in 0..MOST_MOVES {
            let moved = moved(&ticket.record)?;
            let Some(nonce) = moved.nonce else { return Ok(None) };
            let token = ticket.token.successor(&nonce);
            let key = token.store_key();
            if key != moved.to {
                return Ok(None);
            }
            let Some(mut record) = self.store()?.load(patience, &key, now).await? else { return Ok(None) };
            if record.kind == RecordKind::Pending {
                // Whoever renewed it was cut off, or is about to do just this.
                match self.promote(patience, &Ticket { token: token.clone(), key, record }, &moved, now).await? {
                    Some(promoted) => record = promoted,
                    None => return Ok(None),
                }
            }
            ticket = Ticket { token, key, record };
            if ticket.record.kind == RecordKind::Live {
                return Ok(Some(ticket));
            }
        }
        Ok(None)
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
        live.revision = pending.record.revision.next();
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
    async fn take_back(
        &self,
        patience: &Patience,
        marker: &Ticket,
        moved: &Moved,
        now: Timestamp,
    ) -> Result<Option<Ticket>> {
        // A marker may outlive the session that it stands for.
        let expired = now >= moved.idle_deadline.min(moved.absolute_deadline);
        if expired || now < moved.at + self.settings().store_timeout {
            return Ok(None);
        }
        let store = self.store()?;
        let pending = store.load(patience, &moved.to, now).await?;
        let Some(pending) = pending.filter(|record| record.kind == RecordKind::Pending) else {
            return self.taken_back(patience, marker, now).await;
        };
        // With another revision it can no longer be promoted by whoever made it.
        let mut stopped = pending.clone();
        stopped.revision = pending.revision.next();
        if store.swap(patience, &moved.to, pending.revision, &stopped, now).await? != Swap::Swapped {
            return self.taken_back(patience, marker, now).await;
        }
        let mut draft = Draft::of(&marker.record, usize::MAX)?;
        draft.values.remove_own::<Moved>();
        let mut live = marker.record.clone();
        live.kind = RecordKind::Live;
        live.revision = marker.record.revision.next();
        live.idle_deadline = moved.idle_deadline;
        live.absolute_deadline = moved.absolute_deadline;
        live.data = draft.values.to_data();
        if store.swap(patience, &marker.key, marker.record.revision, &live, now).await? != Swap::Swapped {
            return self.taken_back(patience, marker, now).await;
        }
        store.delete(patience, &moved.to, now).await?;
        events::renewed(live.handle, "a renewal that was cut off is taken back");
        Ok(Some(Ticket { record: live, ..marker.clone() }))
    }

    /// The session at its old place, if another request was quicker to take the renewal back.
    async fn taken_back(&self, patience: &Patience, marker: &Ticket, now: Timestamp) -> Result<Option<Ticket>> {
        let record = self.store()?.load(patience, &marker.key, now).await?;
        let live = record.filter(|record| record.kind == RecordKind::Live);
        Ok(live.map(|record| Ticket { record, ..marker.clone() }))
    }
}

/// Where a marker says that its session went.
pub(super) fn moved(record: &Record) -> Result<Moved> {
    let values = crate::record::Values::from_stored(record.data.clone())?;
    values.own()?.ok_or_else(|| Error::new(ErrorKind::Decode, "a marker does not say where its session went"))
}

/// What cannot be read opens nothing, and is left to expire; a store that fails is no absent session.
fn unreadable(error: Error) -> Result<Opened> {
    if error.kind() != ErrorKind::Decode {
        return Err(error);
    }
    events::unreadable(&error);
    Ok(Opened::Nothing)
}
