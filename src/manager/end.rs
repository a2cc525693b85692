//! Ending: one session, one by its handle, or all of a user; and what else a store can tell.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::open::moved;
use super::pages::Pages;
use super::{Patience, SessionManager, to_the_end};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::events::Event;
use crate::record::{Handle, Note, Record, RecordKind, Values};
use crate::session::Session;
use crate::store::{FindBy, IndexEntry};
use crate::token::StoreKey;

/// The sessions of a user that are listed at once: more than anybody reads.
const MOST_LISTED: usize = 1_000;

/// A live session, as its owner or an operator sees it.
///
/// ```
/// # async fn example(sessions: cloakroom::SessionManager) -> cloakroom::Result<()> {
/// for info in sessions.sessions_of("ana").await? {
///     println!("{} since {:?}", info.handle, info.created);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// What to call it, and to revoke it by.
    pub handle: Handle,
    /// Whose it is.
    pub user: Option<Arc<str>>,
    /// When it began.
    pub created: SystemTime,
    /// When activity was last noted: exact to the share of the idle time that the manager is set to.
    pub seen: SystemTime,
    /// When it ends if nothing happens.
    pub expires: SystemTime,
    /// Whether it is the session of the request that asks, as [`Session::current`] knows it.
    pub current: bool,
    /// What the application [noted](Session::note) of it: nothing by itself.
    pub note: Option<String>,
}

impl SessionInfo {
    fn new(record: Record, current: Option<Handle>) -> Self {
        Self {
            handle: record.handle,
            created: record.created.into(),
            seen: record.seen.into(),
            expires: record.expires().into(),
            current: current.is_some_and(|current| current == record.handle),
            // A note that cannot be read is no reason to hide a session from who may want to end it.
            note: Values::from_stored(record.data)
                .ok()
                .and_then(|values| values.own::<Note>().ok()?)
                .map(|note| note.0),
            user: record.user,
        }
    }
}

/// Whose request asks.
fn current() -> Option<Handle> {
    Session::ambient().and_then(|session| session.if_loaded(|open| open.handle).flatten())
}

/// A part of all live sessions: [`SessionManager::list`] answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionPage {
    /// The sessions.
    pub sessions: Vec<SessionInfo>,
    /// Where the next page begins; none if this is the last.
    pub next: Option<Cursor>,
}

/// A place between two pages of sessions. Its text is safe in a URL, and opens nothing.
///
/// ```
/// # async fn example(sessions: cloakroom::SessionManager) -> cloakroom::Result<()> {
/// if let Some(cursor) = sessions.list(None, 100).await?.next {
///     let again: cloakroom::Cursor = cursor.to_string().parse()?;
///     assert_eq!(again, cursor);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(StoreKey);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Base64Display::new(self.0.as_bytes(), &URL_SAFE_NO_PAD))
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        match bytes {
            Some(bytes) => Ok(Self(StoreKey::from_bytes(bytes))),
            None => Err(Error::new(ErrorKind::Decode, "a cursor is 43 characters of base64url")),
        }
    }
}

/// Beyond one request: what a store can tell of all sessions, and how to end them. A store without a
/// [`SessionIndex`](crate::SessionIndex) answers [`Unsupported`](ErrorKind::Unsupported).
impl SessionManager {
    /// How many sessions are live.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable), [`Unsupported`](ErrorKind::Unsupported).
    ///
    /// ```
    /// # async fn example(sessions: cloakroom::SessionManager) -> cloakroom::Result<()> {
    /// println!("{} visitors", sessions.count().await?);
    /// # Ok(()) }
    /// ```
    pub async fn count(&self) -> Result<u64> {
        self.new_patience().wait(self.store()?.index()?.count(self.now())).await
    }

    /// Deletes the records that expired at least ten minutes ago, and returns how many that were. A background task
    /// does so as well. An expired session is neither opened, counted nor listed from its deadline on; its record is
    /// kept those ten minutes because the clock of another host may be behind, and there the session is still live. It
    /// takes as long as the store needs, in steps that keep nobody waiting.
    ///
    /// # Errors
    ///
    /// As for [`count`](SessionManager::count).
    ///
    /// ```
    /// # async fn example(sessions: cloakroom::SessionManager) -> cloakroom::Result<()> {
    /// sessions.sweep().await?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "gc")]
    #[doc(alias = "clear_expired")]
    pub async fn sweep(&self) -> Result<u64> {
        let swept = self.store()?.index()?.sweep(self.now()).await?;
        self.events().tell(Event::Swept { deleted: swept });
        Ok(swept)
    }

    /// The live sessions of a user, the newest first, and no more than the newest thousand: a list for a page on which users
    /// see their devices. [`list_of`](SessionManager::list_of) shows all of them, however many.
    ///
    /// # Errors
    ///
    /// As for [`count`](SessionManager::count).
    ///
    /// ```
    /// # async fn example(sessions: cloakroom::SessionManager) -> cloakroom::Result<()> {
    /// let devices = sessions.sessions_of("ana").await?;
    /// # Ok(()) }
    /// ```
    pub async fn sessions_of(&self, user: &str) -> Result<Vec<SessionInfo>> {
        let patience = self.patience_of_steps();
        let mut newest = BTreeSet::new();
        let mut pages = Pages::new(FindBy::User(user));
        while let Some(entries) = self.next_page(&patience, &mut pages).await? {
            let now = self.now();
            for entry in entries.iter().filter(|entry| entry.is_live(now)) {
                newest.insert((Reverse(entry.created), entry.handle, entry.key));
                if newest.len() > MOST_LISTED {
                    newest.pop_last();
                }
            }
        }
        let keys: Vec<_> = newest.into_iter().map(|(_, _, key)| key).collect();
        self.infos_of(user, &patience, &keys).await
    }

    /// The live sessions of a user, a page at a time and in no order that means anything: at most `limit`, from the beginning
    /// or from where an earlier page ended. A session that is live throughout is shown once. For a user with more sessions
    /// than [`sessions_of`](SessionManager::sessions_of) lists; each page goes through all of them.
    ///
    /// # Errors
    ///
    /// As for [`count`](SessionManager::count).
    ///
    /// ```
    /// # async fn example(sessions: cloakroom::SessionManager) -> cloakroom::Result<()> {
    /// let first = sessions.list_of("robot", None, 100).await?;
    /// let second = sessions.list_of("robot", first.next, 100).await?;
    /// # Ok(()) }
    /// ```
    pub async fn list_of(&self, user: &str, after: Option<Cursor>, limit: usize) -> Result<SessionPage> {
        let (patience, limit) = (self.patience_of_steps(), limit.max(1));
        let mut first = BTreeSet::new();
        let mut pages = Pages::new(FindBy::User(user));
        while let Some(entries) = self.next_page(&patience, &mut pages).await? {
            let now = self.now();
            let wanted = |entry: &&IndexEntry| entry.is_live(now) && after.is_none_or(|after| entry.key > after.0);
            for entry in entries.iter().filter(wanted) {
                first.insert(entry.key);
                if first.len() > limit {
                    first.pop_last();
                }
            }
        }
        let next = first.last().filter(|_| first.len() == limit).copied().map(Cursor);
        let keys: Vec<_> = first.into_iter().collect();
        Ok(SessionPage { sessions: self.infos_of(user, &patience, &keys).await?, next })
    }

    /// All live sessions, a page at a time and in no order that means anything: at most `limit`, from the beginning or
    /// from where an earlier page ended. A session that is live throughout is shown once.
    ///
    /// # Errors
    ///
    /// As for [`count`](SessionManager::count).
    ///
    /// ```
    /// # async fn example(sessions: cloakroom::SessionManager) -> cloakroom::Result<()> {
    /// let mut next = None;
    /// loop {
    ///     let page = sessions.list(next, 100).await?;
    ///     for info in page.sessions {
    ///         println!("{} {:?}", info.handle, info.user);
    ///     }
    ///     next = page.next;
    ///     if next.is_none() {
    ///         break;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn list(&self, after: Option<Cursor>, limit: usize) -> Result<SessionPage> {
        let (now, limit) = (self.now(), limit.max(1));
        let list = self.store()?.index()?.list(after.map(|cursor| cursor.0), limit, now);
        let found = self.new_patience().wait(list).await?;
        let next = found.last().filter(|_| found.len() == limit).map(|last| Cursor(last.key));
        let current = current();
        let sessions = found.into_iter().map(|found| SessionInfo::new(found.record, current)).collect();
        Ok(SessionPage { sessions, next })
    }

    /// The sessions of a user that are under these keys, as they are shown to whoever asks.
    async fn infos_of(&self, user: &str, patience: &Patience, keys: &[StoreKey]) -> Result<Vec<SessionInfo>> {
        let (now, current) = (self.now(), current());
        let info = |record: Record| {
            let lives = record.is_live(now) && record.user.as_deref() == Some(user);
            lives.then(|| SessionInfo::new(record, current))
        };
        self.read_each(patience, keys, info).await
    }

    /// Ends the session of this handle, wherever its visitor is; returns whether there was one. A request that is under
    /// way with it cannot save any more. Once begun it goes on if the caller is dropped, as by a client that hangs up, and
    /// so do the three below.
    ///
    /// # Errors
    ///
    /// As for [`count`](SessionManager::count).
    ///
    /// ```
    /// # async fn example(sessions: cloakroom::SessionManager, handle: cloakroom::Handle) -> cloakroom::Result<()> {
    /// sessions.revoke(handle).await?;
    /// # Ok(()) }
    /// ```
    pub async fn revoke(&self, handle: Handle) -> Result<bool> {
        let manager = self.clone();
        let work = async move { Ok(manager.revoke_found(FindBy::Handle(handle), |_| true).await? > 0) };
        to_the_end(Box::pin(work)).await
    }

    /// Ends the session of this handle if it is this user's; answers whether it was. For a page on which users end their own
    /// sessions: a handle that comes from a form may be anybody's.
    ///
    /// # Errors
    ///
    /// As for [`count`](SessionManager::count).
    ///
    /// ```
    /// # async fn example(
    /// #     sessions: cloakroom::SessionManager, session: cloakroom::Session, handle: cloakroom::Handle,
    /// # ) -> cloakroom::Result<()> {
    /// let ended = sessions.revoke_of(&session.require_user()?, handle).await?;
    /// # Ok(()) }
    /// ```
    pub async fn revoke_of(&self, user: &str, handle: Handle) -> Result<bool> {
        let (manager, user) = (self.clone(), user.to_owned());
        let work = async move {
            // By the handle: the user may have any number of others.
            let of_user = |entry: &IndexEntry| entry.user.as_deref() == Some(user.as_str());
            Ok(manager.revoke_found(FindBy::Handle(handle), of_user).await? > 0)
        };
        to_the_end(Box::pin(work)).await
    }

    /// Ends all sessions of a user, those too that begin or are renewed meanwhile; answers how many.
    ///
    /// # Errors
    ///
    /// As for [`count`](SessionManager::count).
    ///
    /// ```
    /// # async fn example(sessions: cloakroom::SessionManager) -> cloakroom::Result<()> {
    /// let ended = sessions.revoke_user("ana").await?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "logout_everywhere")]
    pub async fn revoke_user(&self, user: &str) -> Result<usize> {
        self.revoke_user_but(user, None).await
    }

    /// Ends all sessions of this session's user but this one; answers how many.
    ///
    /// # Errors
    ///
    /// As for [`count`](SessionManager::count) and [`Session::user`].
    ///
    /// ```
    /// # async fn example(sessions: cloakroom::SessionManager, session: cloakroom::Session) -> cloakroom::Result<()> {
    /// sessions.revoke_others(&session).await?;
    /// # Ok(()) }
    /// ```
    pub async fn revoke_others(&self, session: &Session) -> Result<usize> {
        match (session.user()?, session.handle()?) {
            (Some(user), own) => self.revoke_user_but(&user, own).await,
            (None, _) => Ok(0),
        }
    }

    async fn revoke_user_but(&self, user: &str, own: Option<Handle>) -> Result<usize> {
        let (manager, user) = (self.clone(), user.to_owned());
        let work = async move { manager.revoke_found(FindBy::User(&user), |entry| Some(entry.handle) != own).await };
        to_the_end(Box::pin(work)).await
    }

    async fn revoke_found(&self, by: FindBy<'_>, which: impl Fn(&IndexEntry) -> bool) -> Result<usize> {
        let patience = self.patience_of_steps();
        Ok(self.end_all(&patience, by, which, |entry| self.revoked(entry)).await?.len())
    }

    /// Ends the session of a handle; returns whose it ended.
    pub(super) async fn end_handle(
        &self,
        patience: &Patience,
        handle: Handle,
        revoked: impl Fn(&IndexEntry),
    ) -> Result<BTreeSet<Handle>> {
        self.end_all(patience, FindBy::Handle(handle), |_| true, revoked).await
    }

    fn revoked(&self, entry: &IndexEntry) {
        self.events().tell(Event::Revoked { handle: entry.handle, user: entry.user.as_deref() });
    }

    /// Ends one session for good, wherever it went meanwhile. Returns whether it was still there.
    pub(super) async fn end(&self, patience: &Patience, key: StoreKey, handle: Handle, now: Timestamp) -> Result<bool> {
        let ended = match self.end_chain(patience, key, handle, now).await {
            // Its handle does not tell whether it may begin again.
            Ok(Chain::Unsettled(error)) => return Err(error),
            Ok(Chain::Deleted(ended)) => Ok(ended),
            Err(error) => Err(error),
        };
        // An earlier end may have been cut off on the way, or an answer was lost, and with it where the session went.
        let is_unsure = match &ended {
            Ok(ended) => !ended,
            Err(error) => error.kind() == ErrorKind::Unavailable,
        };
        if !is_unsure || !self.store()?.has_index() {
            return ended;
        }
        // The event is told by the caller, who knows why the session ends.
        let found = self.end_handle(patience, handle, |_| {}).await;
        match ended {
            Ok(_) => Ok(!found?.is_empty()),
            Err(error) => found.map(|_| true).map_err(|_| error),
        }
    }

    /// Walks from a record through the markers to the session, and deletes from that far end back to the beginning: an end
    /// that is cut off leaves the way for the next one. Returns whether a session was among what it deleted.
    pub(super) async fn end_chain(
        &self,
        patience: &Patience,
        key: StoreKey,
        handle: Handle,
        now: Timestamp,
    ) -> Result<Chain> {
        // What has expired here may be live, or lead on, where the clock is behind.
        let (store, slowest) = (self.store()?, now.by_slowest_clock());
        let mut ended = false;
        // The places on the way, where each led, and whether its record may yet be created once more.
        let mut way: Vec<(StoreKey, Option<StoreKey>, bool)> = Vec::new();
        let mut next = Some(key);
        loop {
            while let Some(place) = next.filter(|next| way.iter().all(|(known, _, _)| known != next)) {
                let record = store.load(patience, &place, slowest).await?;
                next = record.as_ref().and_then(|record| lead(record, handle));
                // Another handle bars the key of this session, which has ended: it has to stay.
                if record.as_ref().is_none_or(|record| record.handle == handle) {
                    way.push((place, next, record.is_some_and(|record| self.may_come_again(&record, now))));
                }
            }
            let Some((place, led, comes_again)) = way.pop() else { return Ok(Chain::Deleted(ended)) };
            let (removed, lost) = match store.delete(patience, &place, slowest).await {
                Ok((_, true)) if comes_again => return Ok(Chain::Unsettled(lost_answer())),
                Err(error) if comes_again => return Ok(Chain::Unsettled(error)),
                deleted => deleted?,
            };
            let bars = |record: &Record| record.handle != handle || self.may_come_again(record, now);
            if comes_again || removed.as_ref().is_some_and(bars) {
                Box::pin(self.bar(patience, &place, handle, now)).await?;
            }
            if lost {
                return Err(lost_answer());
            }
            let is_session = |record: &Record| record.handle == handle && record.kind != RecordKind::Moved;
            ended |= removed.as_ref().is_some_and(|record| is_session(record) && !record.is_expired(now));
            // The session may have been renewed since the walk passed here: then there is more to follow.
            next = removed.and_then(|record| lead(&record, handle)).filter(|to| Some(*to) != led);
        }
    }
}

/// How the end of a chain went.
pub(super) enum Chain {
    /// All of it is deleted, and whether a session was among it.
    Deleted(bool),
    /// A delete may yet take effect, and take away what bars a key whose session may be created once more.
    Unsettled(Error),
}

impl Chain {
    pub(super) fn settled(self) -> Result<bool> {
        match self {
            Self::Deleted(ended) => Ok(ended),
            Self::Unsettled(error) => Err(error),
        }
    }
}

fn lost_answer() -> Error {
    Error::new(ErrorKind::Unavailable, "the store failed while a session was ended")
}

/// Where a marker of this session leads. One that cannot be read leads nowhere: the session is still found by its handle.
fn lead(record: &Record, handle: Handle) -> Option<StoreKey> {
    let is_marker = record.kind == RecordKind::Moved && record.handle == handle;
    is_marker.then(|| moved(record).ok().map(|moved| moved.to)).flatten()
}
