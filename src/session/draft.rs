//! What a request has made of the session, and how it did so: enough to do it again on a newer record.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::record::{Record, Space, Values};

/// The session as this request sees it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) values: Values,
    pub(crate) user: Option<Arc<str>>,
    /// Set where a lifetime of its own or a login moves it; else the record's stays.
    pub(crate) absolute_deadline: Option<Timestamp>,
    limit: usize,
}

impl Draft {
    pub(crate) fn empty(limit: usize) -> Self {
        Self { values: Values::EMPTY, user: None, absolute_deadline: None, limit }
    }

    /// A draft without changes.
    pub(crate) fn of(record: &Record, limit: usize) -> Result<Self> {
        let values = Values::from_stored(record.data.clone())?;
        values.check_own()?;
        Ok(Self { values, user: record.user.clone(), absolute_deadline: None, limit })
    }

    /// The same, and whether the record tells of a future that no clock that is right can know: it was written by a host
    /// whose clock was ahead, and its deadlines and logins mean nothing.
    pub(crate) fn of_loaded(record: &Record, limit: usize, now: Timestamp) -> Result<(Self, bool)> {
        let values = Values::from_stored(record.data.clone())?;
        let login = values.check_own()?.map_or(record.created, |at| at.0);
        let is_ahead = record.created.max(record.seen).max(login).is_ahead_of(now);
        Ok((Self { values, user: record.user.clone(), absolute_deadline: None, limit }, is_ahead))
    }

    /// The same of a record that this request has read or written itself.
    pub(crate) fn trusted(record: &Record, limit: usize) -> Self {
        let values = Values::Shared(record.data.clone());
        Self { values, user: record.user.clone(), absolute_deadline: None, limit }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        self.values.get(Space::Application, key)
    }

    pub(crate) fn set(&mut self, key: &str, value: &[u8]) -> Result<()> {
        self.values.set(Space::Application, key, value, self.limit)
    }

    pub(crate) fn remove(&mut self, key: &str) -> bool {
        self.values.remove(Space::Application, key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter(Space::Application).next().is_none()
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear(Space::Application);
    }

    /// Whether writing this draft would change the record.
    pub(crate) fn differs_from(&self, record: &Record) -> bool {
        self.values.as_bytes() != &*record.data
            || self.user != record.user
            || self.absolute_deadline.is_some_and(|deadline| deadline != record.absolute_deadline)
    }
}

/// A change that can be made again.
pub(crate) type Change = Box<dyn Fn(&mut Draft) -> Result<()> + Send>;

enum Step {
    /// What a session began with, which is in the draft: there is no newer record to do it again on.
    Begin,
    /// Keys that were set or removed, in whatever order: they do not meet.
    Plain(Patch),
    Clear,
    Run(Change),
}

/// What became of keys: the last of several changes of one key is the one that counts. One buffer holds all that was set.
struct Patch {
    set: Values,
    removed: Values,
}

impl Patch {
    const EMPTY: Self = Self { set: Values::EMPTY, removed: Values::EMPTY };

    fn set(&mut self, key: &str, value: &[u8]) -> Result<()> {
        self.removed.remove(Space::Application, key);
        self.set.set(Space::Application, key, value, usize::MAX)
    }

    fn remove(&mut self, key: &str) -> Result<()> {
        self.set.remove(Space::Application, key);
        self.removed.set(Space::Application, key, &[], usize::MAX)
    }

    fn apply(&self, draft: &mut Draft) -> Result<()> {
        for (key, _) in self.removed.iter(Space::Application) {
            draft.remove(key);
        }
        for (key, value) in self.set.iter(Space::Application) {
            draft.values.set(Space::Application, key, value, usize::MAX)?;
        }
        // Not before: what one key gives up, another may take.
        draft.values.check_limit(draft.limit)
    }
}

/// The changes of one request, in order.
#[derive(Default)]
pub(crate) struct ChangeLog {
    steps: Vec<Step>,
}

impl ChangeLog {
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(crate) fn set(&mut self, key: &str, value: &[u8]) -> Result<()> {
        self.patch().set(key, value)
    }

    pub(crate) fn remove(&mut self, key: &str) -> Result<()> {
        self.patch().remove(key)
    }

    /// Notes that the draft is more than nothing.
    pub(crate) fn begin(&mut self) {
        if self.steps.is_empty() {
            self.steps.push(Step::Begin);
        }
    }

    /// Where plain changes go, as long as nothing else could have seen those before.
    fn patch(&mut self) -> &mut Patch {
        if !matches!(self.steps.last(), Some(Step::Plain(_))) {
            self.steps.push(Step::Plain(Patch::EMPTY));
        }
        match self.steps.last_mut() {
            Some(Step::Plain(patch)) => patch,
            _ => unreachable!("it was just put there"),
        }
    }

    /// All that is there when it is committed goes; what this request did to values before does not matter any more,
    /// but what it did by `run` may concern more than values.
    pub(crate) fn clear(&mut self) {
        self.steps.retain(|step| matches!(step, Step::Run(_)));
        self.steps.push(Step::Clear);
    }

    /// Whether there is a change that can do more to a newer record than to the one that this request has seen.
    pub(crate) fn clears(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Clear))
    }

    pub(crate) fn run(&mut self, change: Change) {
        self.steps.push(Step::Run(change));
    }

    /// Does all of it again.
    pub(crate) fn apply(&self, draft: &mut Draft) -> Result<()> {
        for step in &self.steps {
            match step {
                Step::Begin => {}
                Step::Plain(patch) => patch.apply(draft)?,
                Step::Clear => draft.clear(),
                Step::Run(change) => change(draft)?,
            }
        }
        Ok(())
    }

    /// Puts what came later behind.
    pub(crate) fn append(&mut self, mut later: Self) {
        self.steps.append(&mut later.steps);
    }
}
