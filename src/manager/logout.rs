//! Logging out: what a request destroyed ends with its commit, and all else that its tokens lead to.

use super::commit::Work;
use super::{Patience, SessionManager};
use crate::clock::Timestamp;
use crate::error::{ErrorKind, Result};
use crate::record::{Handle, RecordKind};
use crate::session::state::{Beside, Held, Ticket};
use crate::store::{FindBy, IndexEntry};

impl SessionManager {
    /// Looks up the tokens that the request brought beside the one that opened its session, where it signed out.
    pub(super) async fn look_beside(&self, patience: &Patience, work: &mut Work, now: Timestamp) -> Result<()> {
        for beside in std::mem::take(&mut work.beside) {
            let Beside::Unseen(token) = beside else {
                work.beside.push(beside);
                continue;
            };
            match self.store()?.load(patience, &token.store_key(), now.by_slowest_clock()).await {
                Ok(Some(record)) if record.kind == RecordKind::Ended => {}
                Ok(Some(record)) => work.beside.push(Beside::Seen(Held::Kept(Ticket::new(token, record)))),
                Ok(None) => {}
                // What cannot be read opens nothing.
                Err(error) if error.kind() == ErrorKind::Decode => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends what the request destroyed. Returns whether it was still there; nothing if the request asked for no end.
    pub(super) async fn end_destroyed(
        &self,
        patience: &Patience,
        work: &mut Work,
        now: Timestamp,
    ) -> Result<Option<bool>> {
        while let Some((key, handle)) = work.unborn.last() {
            Box::pin(self.end_unborn(patience, *key, *handle, now)).await?;
            work.unborn.pop();
        }
        let mut ended = None;
        while let Some(held) = work.ending.last() {
            // The first is the one that the request came with: the cookie goes with that session.
            ended = Some(self.end_held(patience, held, now).await?);
            work.ending.pop();
        }
        while let Some(Beside::Seen(held)) = work.beside.last() {
            let one = self.end_held(patience, held, now).await?;
            ended = Some(one || ended == Some(true));
            work.beside.pop();
        }
        if let (Some(successor), Some(user)) = (work.successor, work.draft.user.clone())
            && self.needs_place(None, Some(&user))
        {
            Box::pin(self.end_successor(patience, &user, successor)).await?;
        }
        Ok(ended)
    }

    /// Two logins of one visitor, as after a double click, hold one place: the later one ends the session of the earlier,
    /// if that is the same user's.
    async fn end_successor(&self, patience: &Patience, user: &str, successor: Handle) -> Result<()> {
        let of_user = |entry: &IndexEntry| entry.user.as_deref() == Some(user);
        self.end_all(patience, FindBy::Handle(successor), of_user, |entry| self.evicted(entry)).await.map(drop)
    }

    async fn end_held(&self, patience: &Patience, held: &Held, now: Timestamp) -> Result<bool> {
        let record = held.record();
        let key = match held {
            Held::Kept(ticket) => Some(ticket.key),
            Held::Sealed(record) => self.registered_at(record),
        };
        let ended = match key {
            Some(key) => Box::pin(self.end(patience, key, record.handle, now)).await?,
            // Nobody but the visitor knows of it.
            None => true,
        };
        if ended {
            self.0.endings.over(record.handle);
            self.events().destroyed(record);
        }
        Ok(ended)
    }
}
