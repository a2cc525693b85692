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
    Set { key: Box<str>, value: Vec<u8> },
    Remove { key: Box<str> },
    Clear,
    Run(Change),
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

    pub(crate) fn set(&mut self, key: &str, value: Vec<u8>) {
        self.put(key, |key| Step::Set { key, value });
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.put(key, |key| Step::Remove { key });
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

    /// The last of several plain changes of one key is the one that counts, as long as nothing else could have seen it.
    fn put(&mut self, key: &str, step: impl FnOnce(Box<str>) -> Step) {
        for earlier in self.steps.iter_mut().rev() {
            match earlier {
                Step::Set { key: known, .. } | Step::Remove { key: known } if **known == *key => {
                    *earlier = step(std::mem::take(known));
                    return;
                }
                Step::Set { .. } | Step::Remove { .. } => {}
                Step::Clear | Step::Run(_) => break,
            }
        }
        self.steps.push(step(key.into()));
    }

    /// Does all of it again.
    pub(crate) fn apply(&self, draft: &mut Draft) -> Result<()> {
        for step in &self.steps {
            match step {
                Step::Set { key, value } => draft.set(key, value)?,
                Step::Remove { key } => {
                    draft.remove(key);
                }
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
