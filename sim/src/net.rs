//! What lies between a host and the store: messages that are slow, late or lost, while their sender may give up or die.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cloakroom::{Error, ErrorKind, Result};
use fastrand::Rng;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::plan::{LATE, one_of};
use crate::world::World;

/// One host's way to the store, for as long as its process lives.
pub(crate) struct Net {
    pub(crate) world: Arc<World>,
    pub(crate) host: usize,
    dead: AtomicBool,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").field("host", &self.host).finish_non_exhaustive()
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fate {
    /// How long it takes to the store.
    there: Duration,
    /// How long the answer takes.
    back: Duration,
    lost: bool,
    answer_lost: bool,
    /// Whether the sender hears nothing at all of what was lost.
    silent: bool,
    /// Whether it arrives although its sender died.
    survives: bool,
}

impl Fate {
    pub(crate) fn draw(rng: &mut Rng, faults: u32, is_late: bool) -> (Self, &'static str) {
        let mut fate = Self {
            there: hop(rng),
            back: hop(rng),
            lost: false,
            answer_lost: false,
            silent: rng.bool(),
            survives: rng.bool(),
        };
        if is_late && rng.u8(..3) == 0 {
            fate.there = Duration::from_millis(one_of(rng, &LATE) + rng.u64(..60));
            return (fate, "late");
        }
        if rng.u32(..1_000) >= faults {
            return (fate, "delivered");
        }
        let name = match rng.u8(..5) {
            0 => {
                fate.lost = true;
                "lost"
            }
            1 => {
                fate.answer_lost = true;
                "answer lost"
            }
            2 => {
                // The sender has given up by then.
                fate.there = Duration::from_millis(rng.u64(4_500..30_000));
                "late"
            }
            3 => {
                fate.there = Duration::from_millis(rng.u64(100..4_000));
                "slow"
            }
            _ => {
                fate.back = Duration::from_millis(rng.u64(100..4_000));
                "answer slow"
            }
        };
        (fate, name)
    }
}

/// One way, if nothing is wrong.
fn hop(rng: &mut Rng) -> Duration {
    Duration::from_millis(if rng.bool() { 0 } else { rng.u64(..12) })
}

impl Net {
    pub(crate) fn new(world: Arc<World>, host: usize) -> Arc<Self> {
        Arc::new(Self { world, host, dead: AtomicBool::new(false) })
    }

    /// The host's process is gone.
    pub(crate) fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Whether the store answers a load without a message this time.
    pub(crate) fn is_at_once(&self) -> bool {
        !self.is_dead() && self.world.is_at_once(self.host)
    }

    /// Has something done at the store, and returns what it says. What has been sent takes effect, if it arrives, even if
    /// this future is dropped.
    pub(crate) async fn send<T: Send + 'static>(
        self: &Arc<Self>,
        what: impl FnOnce() -> String,
        effect: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        self.send_as(false, what, effect).await
    }

    /// The same for a write, as which it may be late where writes often are.
    pub(crate) async fn send_write<T: Send + 'static>(
        self: &Arc<Self>,
        what: impl FnOnce() -> String,
        effect: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        self.send_as(true, what, effect).await
    }

    async fn send_as<T: Send + 'static>(
        self: &Arc<Self>,
        is_write: bool,
        what: impl FnOnce() -> String,
        effect: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        if self.is_dead() {
            return Err(away());
        }
        let (fate, name) = self.world.fate(is_write);
        let text = self.world.story.tells().then(what);
        let (tell, told) = oneshot::channel();
        let net = Arc::clone(self);
        let deliver = async move {
            if !fate.there.is_zero() {
                sleep(fate.there).await;
            }
            let cut = (net.is_dead() && !fate.survives) || net.world.is_away(net.host);
            if let Some(text) = text {
                let gone = if fate.lost || cut { "does not arrive" } else { name };
                net.world.story.tell(|| format!("host {} > {text}: {gone}", net.host));
            }
            if fate.lost || cut {
                net.world.met("fault: lost");
                return;
            }
            let answer = effect();
            if !fate.back.is_zero() {
                sleep(fate.back).await;
            }
            if fate.answer_lost || net.is_dead() {
                net.world.met("fault: answer lost");
                return;
            }
            // Nobody may wait any more.
            if tell.send(answer).is_err() {
                net.world.met("fault: caller gave up");
            }
        };
        if fate.there.is_zero() && fate.back.is_zero() {
            deliver.await;
        } else {
            tokio::spawn(deliver);
        }
        match told.await {
            Ok(answer) => Ok(answer),
            Err(_) if fate.silent && !self.is_dead() => pending().await,
            Err(_) => Err(away()),
        }
    }
}

pub(crate) fn away() -> Error {
    Error::new(ErrorKind::Unavailable, "the network lost it")
}
