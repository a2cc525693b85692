//! Sessions whose end is waited for: one registry and one task for each manager, however many wait.
//!
//! What ends in this process is told to the registry by whoever ends it. What other processes end, and what expires, the
//! task finds out: it asks the store for all sessions at once, again and again, or seldom if the store announces ends.

mod watch;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch as channel};
use tokio::time::Instant;

use super::SessionManager;
use crate::clock::Timestamp;
use crate::events::Event;
use crate::record::Handle;
use crate::session::{Awaited, Session};
use crate::store::{Announcement, Removal};
use crate::token::StoreKey;

/// How often a store is asked all the same that announces ends: a word may get lost.
const TICK_OF_THE_ANNOUNCED: Duration = Duration::from_secs(30);

/// How many sessions are gone through before others go on.
const PAGE: usize = 250;

/// Who waits for the end of which session.
#[derive(Debug, Default)]
pub(super) struct Endings {
    waiting: Mutex<Waiting>,
    /// Whether the store announces ends at the moment.
    announced: AtomicBool,
    /// Somebody has to be looked at at once.
    nudge: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In an order, so that they can be gone through in pages.
    sessions: BTreeMap<Handle, Entry>,
    /// Whether there is a task that looks at them.
    watched: bool,
    /// Whether all have to be asked for, whenever they were asked for last.
    all_due: bool,
    /// Those that may have ended, as the store has announced.
    announced: Vec<Handle>,
}

#[derive(Debug)]
struct Entry {
    /// Where it was last seen to live; none where it is in a cookie.
    key: Option<StoreKey>,
    expires: Timestamp,
    look_at: Instant,
    /// Whether anybody began to wait since the last look.
    wanted: bool,
    /// Its receivers are those who wait.
    over: channel::Sender<bool>,
}

impl Endings {
    /// A session is over.
    pub(super) fn over(&self, handle: Handle) {
        // Whoever is woken is so without the lock.
        let over = self.lock().sessions.get(&handle).map(|entry| entry.over.clone());
        if let Some(over) = over {
            over.send_replace(true);
        }
    }

    /// A session lives until then.
    pub(super) fn lives(&self, handle: Handle, expires: Timestamp) {
        if let Some(entry) = self.lock().sessions.get_mut(&handle) {
            entry.expires = expires;
        }
    }

    /// A sealed session lives until then at least: an older copy of its cookie says less.
    pub(super) fn lives_on(&self, handle: Handle, expires: Timestamp) {
        if let Some(entry) = self.lock().sessions.get_mut(&handle) {
            entry.expires = entry.expires.max(expires);
        }
    }

    fn wait_for(&self, handle: Handle, key: Option<StoreKey>, expires: Timestamp) -> channel::Receiver<bool> {
        let mut waiting = self.lock();
        let entry = waiting.sessions.entry(handle).or_insert_with(|| Entry {
            key,
            expires,
            look_at: Instant::now(),
            wanted: true,
            over: channel::Sender::new(false),
        });
        entry.wanted = true;
        entry.over.subscribe()
    }

    fn announce(&self, announcement: Announcement) {
        let mut waiting = self.lock();
        match announcement {
            // What ended before may have been missed.
            Announcement::Listening => {
                self.announced.store(true, Ordering::Relaxed);
                waiting.all_due = true;
            }
            Announcement::Deleted(handle) => {
                let Some(entry) = waiting.sessions.get_mut(&handle) else { return };
                entry.look_at = Instant::now();
                waiting.announced.push(handle);
            }
        }
        self.nudge.notify_one();
    }

    /// The store announces nothing any more, and what it should have announced a moment ago may be lost: it is asked
    /// for all at once. Returns whether it announced anything before.
    fn is_deaf(&self) -> bool {
        let heard = self.announced.swap(false, Ordering::Relaxed);
        if heard {
            self.lock().all_due = true;
            self.nudge.notify_one();
        }
        heard
    }

    /// The first of the sessions that the store has announced since the last look; none if it is asked for all anyway.
    fn take_announced(&self, most: usize) -> Option<Vec<(Handle, StoreKey)>> {
        let (mut waiting, next) = (self.lock(), Instant::now() + TICK_OF_THE_ANNOUNCED);
        if waiting.all_due {
            return None;
        }
        let most = most.min(waiting.announced.len());
        let announced: Vec<_> = waiting.announced.drain(..most).collect();
        if !waiting.announced.is_empty() {
            self.nudge.notify_one();
        }
        let due = announced.into_iter().filter_map(|handle| {
            let entry = waiting.sessions.get_mut(&handle)?;
            entry.look_at = next;
            Some((handle, entry.key?))
        });
        Some(due.collect())
    }

    /// Begins a look at all of them; returns whether the store is asked for each of them, whenever it was asked last.
    fn begin_look(&self) -> bool {
        let mut waiting = self.lock();
        // They are due.
        waiting.announced.clear();
        std::mem::take(&mut waiting.all_due)
    }

    /// Goes through the next sessions behind `last` and adds those to `due` that the store has to be asked for, and those to
    /// `over` that have expired; false after the last one.
    fn go_through(
        &self,
        last: &mut Option<Handle>,
        all: bool,
        now: Timestamp,
        due: &mut Vec<(Handle, StoreKey)>,
        over: &mut Vec<channel::Sender<bool>>,
    ) -> bool {
        let (at, announced) = (Instant::now(), self.announced.load(Ordering::Relaxed));
        let (mut unwanted, mut seen) = (Vec::new(), 0);
        let mut waiting = self.lock();
        let behind = last.map_or(Bound::Unbounded, Bound::Excluded);
        for (handle, entry) in waiting.sessions.range_mut((behind, Bound::Unbounded)).take(PAGE) {
            (*last, seen) = (Some(*handle), seen + 1);
            // Whoever waits again and again, and does something else in between, is looked after in between.
            if !std::mem::take(&mut entry.wanted) && entry.over.receiver_count() == 0 {
                unwanted.push(*handle);
                continue;
            }
            match entry.key {
                _ if *entry.over.borrow() => {}
                None if now >= entry.expires => over.push(entry.over.clone()),
                Some(key) if all || !announced || now >= entry.expires || at >= entry.look_at => {
                    entry.look_at = at + TICK_OF_THE_ANNOUNCED;
                    due.push((*handle, key));
                }
                _ => {}
            }
        }
        for handle in unwanted {
            waiting.sessions.remove(&handle);
        }
        seen == PAGE
    }

    /// Whether anybody still waits; if not, the task that looks ends.
    fn is_waited_for(&self) -> bool {
        let mut waiting = self.lock();
        #[cfg(feature = "metrics")]
        crate::events::metrics::awaited(waiting.sessions.len());
        waiting.watched = !waiting.sessions.is_empty();
        waiting.watched
    }

    /// What was found out of a session.
    fn found(&self, handle: Handle, lives: Option<(StoreKey, Timestamp)>) {
        match lives {
            Some((key, expires)) => {
                if let Some(entry) = self.lock().sessions.get_mut(&handle) {
                    (entry.key, entry.expires) = (Some(key), expires);
                }
            }
            None => self.over(handle),
        }
    }

    /// Some could not be found out: all are asked for soon.
    fn unknown(&self) {
        self.lock().all_due = true;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionManager {
    /// Waits for the end of a session; before that for its beginning, where there is none.
    pub(crate) async fn ended(&self, session: &Session) {
        let endings = &self.0.endings;
        loop {
            let mut over = match session.awaited() {
                Awaited::Over => return,
                Awaited::Session { handle, key, expires } => endings.wait_for(handle, key, expires),
                Awaited::Nothing => {
                    let waiting = session.waiting();
                    let mut begun = pin!(waiting.notified());
                    begun.as_mut().enable();
                    // It may have begun before that.
                    if matches!(session.awaited(), Awaited::Nothing) {
                        begun.await;
                    }
                    continue;
                }
            };
            loop {
                self.watch_ends();
                if *over.borrow_and_update() {
                    return;
                }
                if over.changed().await.is_err() {
                    break;
                }
            }
        }
    }

    /// Tells of sessions that the store removes by itself.
    pub(super) fn listen_for_removals(&self) {
        let Some(index) = self.store().ok().and_then(|store| store.index().ok()) else { return };
        let engine = Arc::downgrade(&self.0);
        index.on_removal(Arc::new(move |why, record| {
            let Some(engine) = engine.upgrade() else { return };
            let (handle, user) = (record.handle, record.user.as_deref());
            engine.events.tell(match why {
                Removal::Expired => Event::Expired { handle, user },
                Removal::Evicted => Event::Evicted { handle, user },
            });
            engine.endings.over(handle);
        }));
    }
}
