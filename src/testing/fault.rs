//! What can go wrong with a call, and when it shall.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::error::{Error, ErrorKind, Result};

/// A verb of [`SessionStore`](crate::SessionStore).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `load` and `try_load`.
    Load,
    /// `create`.
    Create,
    /// `swap`.
    Swap,
    /// `touch`.
    Touch,
    /// `delete`.
    Delete,
}

/// Chooses the call that something happens to: the next one, unless [`nth`](When::nth) or [`always`](When::always) says
/// otherwise. Several faults of one call all happen to it.
///
/// ```
/// use cloakroom::MemoryStore;
/// use cloakroom::testing::{FaultStore, Verb};
///
/// let store = FaultStore::new(MemoryStore::new());
/// store.on(Verb::Touch).always().fail_before();
/// store.on_any().nth(3).hang();
/// ```
#[must_use = "nothing happens until it is said what"]
#[derive(Debug)]
pub struct When<'a> {
    plan: &'a Plan,
    verb: Option<Verb>,
    turn: Turn,
}

impl<'a> When<'a> {
    pub(super) fn new(plan: &'a Plan, verb: Option<Verb>) -> Self {
        Self { plan, verb, turn: Turn::In(1) }
    }

    /// The nth call from now; 1 is the next one.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::{FaultStore, Verb}};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// store.on(Verb::Load).nth(2).fail_before();
    /// ```
    pub fn nth(self, n: usize) -> Self {
        Self { turn: Turn::In(n.max(1)), ..self }
    }

    /// Every call from now on.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::{FaultStore, Verb}};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// store.on(Verb::Load).always().fail_before();
    /// ```
    pub fn always(self) -> Self {
        Self { turn: Turn::Always, ..self }
    }

    /// Fails the call and leaves the store as it is.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::{FaultStore, Verb}};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// store.on(Verb::Create).fail_before();
    /// ```
    pub fn fail_before(self) {
        self.add(Fault::FailBefore);
    }

    /// Does what was asked, and loses the answer.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::{FaultStore, Verb}};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// store.on(Verb::Swap).fail_after();
    /// ```
    pub fn fail_after(self) {
        self.add(Fault::FailAfter);
    }

    /// Sleeps before the call; in a test with paused time that takes no time.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::{FaultStore, Verb}};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// store.on(Verb::Load).delay(std::time::Duration::from_secs(3));
    /// ```
    pub fn delay(self, by: Duration) {
        self.add(Fault::Delay(by));
    }

    /// Never answers, and leaves the store as it is.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::{FaultStore, Verb}};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// store.on(Verb::Load).hang();
    /// ```
    pub fn hang(self) {
        self.add(Fault::Hang);
    }

    /// Stops the call before it takes effect, until the test lets it go on.
    ///
    /// ```
    /// # async fn example() {
    /// # use cloakroom::{MemoryStore, testing::{FaultStore, Verb}};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// let swap = store.on(Verb::Swap).pause_before();
    /// // … a request that swaps is spawned here …
    /// swap.reached().await;
    /// // … what shall happen meanwhile …
    /// swap.resume();
    /// # }
    /// ```
    pub fn pause_before(self) -> Paused {
        let gate = Arc::new(Gate::new());
        self.add(Fault::PauseBefore(Arc::clone(&gate)));
        Paused { gate }
    }

    /// Stops the call when it has taken effect but not answered, until the test lets it go on.
    ///
    /// ```
    /// # async fn example() {
    /// # use cloakroom::{MemoryStore, testing::{FaultStore, Verb}};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// let deleted = store.on(Verb::Delete).pause_after();
    /// # }
    /// ```
    pub fn pause_after(self) -> Paused {
        let gate = Arc::new(Gate::new());
        self.add(Fault::PauseAfter(Arc::clone(&gate)));
        Paused { gate }
    }

    fn add(self, fault: Fault) {
        self.plan.lock().faults.push(Planned { verb: self.verb, turn: self.turn, fault });
    }
}

/// A call that stops where it was told to. Dropping this lets the call go on, so that a test that fails does not hang.
#[must_use = "dropping it lets the call go on"]
#[derive(Debug)]
pub struct Paused {
    gate: Arc<Gate>,
}

impl Paused {
    /// Waits until the call has come to where it stops.
    ///
    /// ```
    /// # async fn example(swap: cloakroom::testing::Paused) {
    /// swap.reached().await;
    /// # }
    /// ```
    pub async fn reached(&self) {
        Gate::pass(&self.gate.reached).await;
    }

    /// Lets the call go on.
    ///
    /// ```
    /// # fn example(swap: cloakroom::testing::Paused) {
    /// swap.resume();
    /// # }
    /// ```
    pub fn resume(&self) {
        self.gate.resumed.close();
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.resume();
    }
}

/// Two doors that open once. A closed semaphore is an open door: whoever waits, or comes later, passes.
#[derive(Debug)]
pub(super) struct Gate {
    reached: Semaphore,
    resumed: Semaphore,
}

impl Gate {
    fn new() -> Self {
        Self { reached: Semaphore::new(0), resumed: Semaphore::new(0) }
    }

    async fn pass(door: &Semaphore) {
        // No permit is ever given out, so there is only the error to wait for.
        let _ = door.acquire().await;
    }

    async fn stop(&self) {
        self.reached.close();
        Self::pass(&self.resumed).await;
    }
}

#[derive(Debug, Clone)]
pub(super) enum Fault {
    FailBefore,
    FailAfter,
    Delay(Duration),
    Hang,
    PauseBefore(Arc<Gate>),
    PauseAfter(Arc<Gate>),
}

impl Fault {
    pub(super) async fn before(&self, verb: Verb) -> Result<()> {
        match self {
            Self::FailBefore => return Err(away(format!("{verb:?} was told to fail"))),
            Self::Delay(by) => tokio::time::sleep(*by).await,
            Self::Hang => std::future::pending().await,
            Self::PauseBefore(gate) => gate.stop().await,
            Self::FailAfter | Self::PauseAfter(_) => {}
        }
        Ok(())
    }

    pub(super) async fn after(&self, verb: Verb) -> Result<()> {
        match self {
            Self::FailAfter => return Err(away(format!("the answer of {verb:?} was told to get lost"))),
            Self::PauseAfter(gate) => gate.stop().await,
            Self::FailBefore | Self::Delay(_) | Self::Hang | Self::PauseBefore(_) => {}
        }
        Ok(())
    }
}

/// What shall happen, and what has been called.
#[derive(Debug, Default)]
pub(super) struct Plan(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    gone: bool,
    calls: [usize; 5],
    faults: Vec<Planned>,
}

#[derive(Debug)]
struct Planned {
    verb: Option<Verb>,
    turn: Turn,
    fault: Fault,
}

#[derive(Debug, Clone, Copy)]
enum Turn {
    In(usize),
    Always,
}

impl Planned {
    fn concerns(&self, verb: Verb) -> bool {
        self.verb.is_none_or(|planned| planned == verb)
    }
}

impl Plan {
    /// Counts a call and answers what happens to it.
    pub(super) fn begin(&self, verb: Verb) -> Result<Vec<Fault>> {
        let mut state = self.lock();
        state.calls[verb as usize] += 1;
        state.check()?;
        let mut due = Vec::new();
        state.faults.retain_mut(|planned| {
            if !planned.concerns(verb) {
                return true;
            }
            match &mut planned.turn {
                Turn::In(calls) if *calls > 1 => {
                    *calls -= 1;
                    return true;
                }
                Turn::In(_) | Turn::Always => due.push(planned.fault.clone()),
            }
            matches!(planned.turn, Turn::Always)
        });
        Ok(due)
    }

    /// Counts a call if nothing stands in the way of it, nor of a later one.
    pub(super) fn count_if_clear(&self, verb: Verb) -> bool {
        let mut state = self.lock();
        let clear = !state.gone && !state.faults.iter().any(|planned| planned.concerns(verb));
        state.calls[verb as usize] += usize::from(clear);
        clear
    }

    /// Fails while the store is away.
    pub(super) fn check(&self) -> Result<()> {
        self.lock().check()
    }

    pub(super) fn set_gone(&self, gone: bool) {
        self.lock().gone = gone;
    }

    pub(super) fn forget_faults(&self) {
        self.lock().faults.clear();
    }

    pub(super) fn calls(&self, verb: Verb) -> usize {
        self.lock().calls[verb as usize]
    }

    pub(super) fn total_calls(&self) -> usize {
        self.lock().calls.iter().sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self) -> Result<()> {
        if self.gone { Err(away("the store was told to go away")) } else { Ok(()) }
    }
}

fn away(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unavailable, message)
}
