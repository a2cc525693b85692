//! The task that finds out what ended elsewhere, or expired.

use std::collections::HashMap;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout_at};

use super::Endings;
use crate::clock::Timestamp;
use crate::error::{ErrorKind, Result};
use crate::events;
use crate::manager::open::moved;
use crate::manager::{Engine, Patience, SessionManager};
use crate::record::{Handle, RecordKind};
use crate::store::{AT_ONCE, BoxFuture, SessionStore, all_of};
use crate::token::StoreKey;

/// How often the store is asked, so that an end is known within a second.
const TICK: Duration = Duration::from_millis(750);

/// How long after a store was no longer heard it is listened to again. It is asked meanwhile.
const PAUSE: Duration = Duration::from_secs(5);

/// How many sessions are asked for at once.
const BATCH: usize = 1_000;

/// Of how many sessions those who wait are woken before others go on: a runtime takes some sixty tasks in a turn, and whoever
/// is woken behind thousands waits for all of them.
const MOST_WOKEN: usize = 50;

/// How many renewals a session is followed through from one look to the next.
const MOST_MOVES: usize = 64;

impl SessionManager {
    /// Begins to look, unless a task does already. One that ended with its runtime is begun again.
    pub(super) fn watch_ends(&self) {
        let Ok(runtime) = runtime::Handle::try_current() else { return };
        if std::mem::replace(&mut self.0.endings.lock().watched, true) {
            return;
        }
        let (engine, endings) = (Arc::downgrade(&self.0), Arc::clone(&self.0.endings));
        let store = self.store().ok().map(|store| Arc::clone(&store.store));
        let watched = Watched(Some(Arc::clone(&endings)));
        runtime.spawn(async move {
            let mut listening = pin!(listen(store, &endings));
            let mut looking = pin!(look_again_and_again(engine, &endings, watched));
            poll_fn(|cx| {
                // Goes on for ever.
                let _ = listening.as_mut().poll(cx);
                looking.as_mut().poll(cx)
            })
            .await;
        });
    }

    /// Asks the store for all sessions that are due, and lets others go on in between; false if nobody waits for any.
    async fn look(&self) -> Result<bool> {
        let (endings, now) = (&self.0.endings, self.now());
        let all = endings.begin_look();
        let (mut last, mut due, mut goes_on, mut asked) = (None, Vec::new(), true, Ok(()));
        while goes_on {
            let mut over = Vec::new();
            goes_on = endings.go_through(&mut last, all, now, &mut due, &mut over);
            for over in over.chunks(MOST_WOKEN) {
                for over in over {
                    over.send_replace(true);
                }
                yield_now().await;
            }
            if due.len() >= BATCH || !goes_on {
                let due = std::mem::take(&mut due);
                if asked.is_ok() {
                    asked = self.ask_for_all(&due, now).await;
                }
            }
            yield_now().await;
        }
        if endings.is_waited_for() { asked.map(|()| true) } else { Ok(false) }
    }

    async fn ask_for_all(&self, due: &[(Handle, StoreKey)], now: Timestamp) -> Result<()> {
        for batch in due.chunks(BATCH) {
            self.ask_for(batch, now).await?;
        }
        Ok(())
    }

    async fn ask_for(&self, batch: &[(Handle, StoreKey)], now: Timestamp) -> Result<()> {
        let Ok(index) = self.store()?.index() else { return self.load_each(batch, now).await };
        let handles: Vec<_> = batch.iter().map(|(handle, _)| *handle).collect();
        let answer = self.new_patience().wait(index.expiries(&handles, now)).await?;
        let expiries: HashMap<_, _> = answer.into_iter().collect();
        let mut over = 0;
        for (handle, key) in batch {
            let lives = expiries.get(handle).map(|expires| (*key, *expires));
            over += usize::from(lives.is_none());
            self.0.endings.found(*handle, lives);
            if over == MOST_WOKEN {
                over = 0;
                yield_now().await;
            }
        }
        Ok(())
    }

    /// The same for a store that cannot find a session by its handle.
    async fn load_each(&self, batch: &[(Handle, StoreKey)], now: Timestamp) -> Result<()> {
        for batch in batch.chunks(AT_ONCE) {
            let loads = batch.iter().map(|(handle, key)| -> BoxFuture<'_, _> {
                Box::pin(async move {
                    match self.find_from(*key, *handle, now).await {
                        Ok(lives) => self.0.endings.found(*handle, lives),
                        // What cannot be read has not ended.
                        Err(error) if error.kind() == ErrorKind::Decode => {}
                        Err(error) => return Err(error),
                    }
                    Ok(())
                })
            });
            all_of(loads.collect()).await?;
        }
        Ok(())
    }

    /// Where a session lives that was at `key`, and until when.
    async fn find_from(&self, key: StoreKey, handle: Handle, now: Timestamp) -> Result<Option<(StoreKey, Timestamp)>> {
        let patience = self.new_patience();
        let found = self.follow_from(&patience, key, handle, now).await?;
        match found {
            Some(found) => Ok(Some(found)),
            // A renewal may have been taken back meanwhile.
            None => self.follow_from(&patience, key, handle, now).await,
        }
    }

    async fn follow_from(
        &self,
        patience: &Patience,
        key: StoreKey,
        handle: Handle,
        now: Timestamp,
    ) -> Result<Option<(StoreKey, Timestamp)>> {
        let mut place = key;
        for _ in 0..MOST_MOVES {
            let record = self.store()?.load(patience, &place, now).await?;
            let Some(record) = record.filter(|record| record.handle == handle) else { return Ok(None) };
            match record.kind {
                RecordKind::Live => return Ok(Some((place, record.expires()))),
                RecordKind::Pending => return Ok((place != key).then_some((key, record.expires()))),
                RecordKind::Moved => place = moved(&record)?.to,
                RecordKind::Ended => return Ok(None),
                // What a newer version made of it has not ended.
                RecordKind::Unknown(_) => return Ok(Some((place, record.expires()))),
            }
        }
        Ok(None)
    }
}

async fn look_again_and_again(engine: Weak<Engine>, endings: &Endings, mut watched: Watched) {
    let (mut failing, mut next_look) = (false, Instant::now() + TICK);
    loop {
        // A store that announces without a pause puts no look at all of them off.
        let nudged = Instant::now() < next_look && timeout_at(next_look, endings.nudge.notified()).await.is_ok();
        let Some(engine) = engine.upgrade() else { return };
        let manager = SessionManager(engine);
        let asked = match if nudged { endings.take_announced(BATCH) } else { None } {
            Some(announced) => manager.ask_for_all(&announced, manager.now()).await.map(|()| true),
            None => {
                let asked = manager.look().await;
                next_look = Instant::now() + TICK;
                asked
            }
        };
        match asked {
            Ok(true) => failing = false,
            Ok(false) => {
                watched.0 = None;
                return;
            }
            Err(error) => {
                endings.unknown();
                if !std::mem::replace(&mut failing, true) {
                    events::watch_failed(&error);
                }
            }
        }
    }
}

/// Listens to a store that announces ends, for as long as it is polled.
async fn listen(store: Option<Arc<dyn SessionStore>>, endings: &Endings) {
    let Some(index) = store.as_ref().and_then(|store| store.index()) else { return pending().await };
    let mut failing = false;
    loop {
        let tell = |announcement| endings.announce(announcement);
        let Some(announcements) = index.announcements(&tell) else { return pending().await };
        let result = announcements.await;
        failing &= !endings.is_deaf();
        if let Err(error) = result
            && !std::mem::replace(&mut failing, true)
        {
            events::announcements_failed(&error);
        }
        sleep(PAUSE).await;
    }
}

/// Whether a task looks: if it ends with its runtime, those who wait on another begin another.
struct Watched(Option<Arc<Endings>>);

impl Drop for Watched {
    fn drop(&mut self) {
        let Some(endings) = self.0.take() else { return };
        endings.announced.store(false, Ordering::Relaxed);
        let waiting: Vec<_> = {
            let mut waiting = endings.lock();
            waiting.watched = false;
            waiting.sessions.values().map(|entry| entry.over.clone()).collect()
        };
        waiting.iter().for_each(|over| over.send_modify(|_| {}));
    }
}
