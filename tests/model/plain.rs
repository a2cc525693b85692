//! The model: sessions as plain maps.

use std::collections::BTreeMap;
use std::time::Duration;

use cloakroom::Timestamp;

pub(crate) const USERS: [&str; 2] = ["ana", "bo"];

pub(crate) const IDLE: Duration = Duration::from_secs(60);
pub(crate) const ABSOLUTE: Duration = Duration::from_secs(300);
pub(crate) const GRACE: Duration = Duration::from_secs(10);
pub(crate) const LONGEST_REQUEST: Duration = Duration::from_secs(60);

/// What a handler does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    /// Reads all there is, as every other action does too.
    Read,
    Set(&'static str, i64),
    Increment(&'static str),
    Remove(&'static str),
    /// Moves what is under one key to another, in a transaction.
    Move(&'static str, &'static str),
    Clear,
    Renew,
    Login(usize),
    Logout,
    Save,
}

/// A change as it is made again when the request commits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Set(&'static str, i64),
    Increment(&'static str),
    Remove(&'static str),
    Move(&'static str, &'static str),
    Clear,
    Login(&'static str, Timestamp),
}

/// What a session holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) values: BTreeMap<&'static str, i64>,
    pub(crate) user: Option<&'static str>,
    /// When the user logged in, and with it when the session ends in any case.
    pub(crate) login: Option<Timestamp>,
}

impl Content {
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Set(key, value) => {
                self.values.insert(key, value);
            }
            Change::Increment(key) => *self.values.entry(key).or_default() += 1,
            Change::Remove(key) => {
                self.values.remove(key);
            }
            Change::Move(from, to) => {
                if let Some(value) = self.values.remove(from) {
                    self.values.insert(to, value);
                }
            }
            Change::Clear => self.values.clear(),
            Change::Login(user, at) => {
                self.user = Some(user);
                self.login = Some(at);
            }
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.values.is_empty() && self.user.is_none()
    }
}

/// A session that is alive, or was when it was last looked at.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) content: Content,
    pub(crate) idle: Timestamp,
    pub(crate) absolute: Timestamp,
    /// How often it was written.
    pub(crate) revision: u64,
    /// When it was renewed: each time an older ticket was cut off.
    pub(crate) renewals: Vec<Timestamp>,
}

impl Session {
    pub(crate) fn new(content: Content, now: Timestamp) -> Self {
        let absolute = content.login.unwrap_or(now) + ABSOLUTE;
        Self { content, idle: (now + IDLE).min(absolute), absolute, revision: 0, renewals: Vec::new() }
    }

    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        now < self.idle.min(self.absolute)
    }

    /// Every use moves the idle deadline.
    pub(crate) fn touch(&mut self, now: Timestamp) {
        self.idle = self.idle.max(now + IDLE).min(self.absolute);
    }

    pub(crate) fn write(&mut self, changes: &[Change], now: Timestamp) {
        let login = self.content.login;
        changes.iter().for_each(|change| self.content.apply(*change));
        if let Some(at) = self.content.login.filter(|at| Some(*at) != login) {
            self.absolute = at + ABSOLUTE;
            self.idle = (now + IDLE).min(self.absolute);
        }
        self.touch(now);
        self.revision += 1;
    }
}
