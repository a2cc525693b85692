//! Visitors with real sessions and with those of the model, compared at every step.

use std::collections::BTreeMap;
use std::time::Duration;

use cloakroom::testing::FakeClock;
use cloakroom::{ErrorKind, Lifetime, MemoryStore, SessionManager, Timestamp};

use crate::plain::{self, Action, Change, Content, GRACE, IDLE, LONGEST_REQUEST, USERS};

pub(crate) struct World {
    clock: FakeClock,
    manager: SessionManager,
    /// The model's sessions by number.
    sessions: BTreeMap<usize, plain::Session>,
    next: usize,
    visitors: Vec<Visitor>,
}

struct Visitor {
    cookie: Option<String>,
    /// The session that the cookie is for, in the model, and how often that was renewed before the cookie was issued.
    session: Option<(usize, usize)>,
    /// A ticket that a renewal cut off, the session that it was for, and when.
    replaced: Option<(String, usize, Timestamp)>,
    requests: Vec<Option<Request>>,
}

/// A request that is under way.
struct Request {
    real: cloakroom::Session,
    cookie: Option<String>,
    /// The session that it opened, how often that was written, and how often renewed.
    opened: Option<(usize, u64, usize)>,
    base: Content,
    view: Content,
    changes: Vec<Change>,
    renews: bool,
    ending: Option<(usize, usize)>,
    used: bool,
    ended: bool,
    /// Whether it came with a ticket that was just replaced.
    read_only: bool,
    /// Whether an earlier save of this request has a cookie for its response.
    issues: bool,
    removes: bool,
}

impl World {
    pub(crate) fn new(visitors: usize, slots: usize) -> Self {
        let clock = FakeClock::new();
        let manager = SessionManager::builder(MemoryStore::new())
            .clock(clock.clone())
            .lifetime(Lifetime::default().idle(IDLE).absolute(plain::ABSOLUTE).browser_cookie())
            .grace(GRACE)
            .longest_request(LONGEST_REQUEST)
            .touch_share(0.0)
            .without_sweeper()
            .build()
            .expect("a valid configuration");
        let visitor =
            || Visitor { cookie: None, session: None, replaced: None, requests: (0..slots).map(|_| None).collect() };
        let visitors = (0..visitors).map(|_| visitor()).collect();
        Self { clock, manager, sessions: BTreeMap::new(), next: 0, visitors }
    }

    fn now(&self) -> Timestamp {
        cloakroom::Clock::now(&self.clock)
    }

    fn live(&self, number: usize) -> Option<&plain::Session> {
        self.sessions.get(&number).filter(|session| session.is_live(self.now()))
    }

    /// The session that a visitor's cookie opens.
    fn opened_by(&self, visitor: usize) -> Option<(usize, &plain::Session)> {
        let (number, epoch) = self.visitors[visitor].session?;
        let session = self.live(number).filter(|session| session.renewals.len() == epoch)?;
        Some((number, session))
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.clock.advance(time);
    }

    pub(crate) async fn sweep(&mut self) {
        self.manager.sweep().await.expect("sweeps");
    }

    pub(crate) async fn open(&mut self, visitor: usize, slot: usize) {
        if self.visitors[visitor].requests[slot].is_some() {
            return;
        }
        let cookie = self.visitors[visitor].cookie.clone();
        let real = self.manager.open(cookie.clone().unwrap_or_default());
        real.load().await.expect("loads");
        let opened = self.opened_by(visitor);
        let replaced = self.visitors[visitor].session.and_then(|(number, epoch)| {
            let at = self.sessions.get(&number)?.renewals.get(epoch)?;
            Some(self.now() < *at + GRACE)
        });
        let base = opened.map(|(_, session)| session.content.clone()).unwrap_or_default();
        let opened = opened.map(|(number, session)| (number, session.revision, session.renewals.len()));
        self.visitors[visitor].requests[slot] = Some(Request {
            real,
            cookie,
            opened,
            view: base.clone(),
            base,
            read_only: replaced.unwrap_or(false),
            changes: Vec::new(),
            renews: false,
            ending: None,
            used: false,
            ended: false,
            issues: false,
            removes: false,
        });
    }

    pub(crate) async fn act(&mut self, visitor: usize, slot: usize, action: Action) {
        let now = self.now();
        let Some(mut request) = self.visitors[visitor].requests[slot].take() else { return };
        if request.ended {
            let error = request.real.get::<i64>("a").expect_err("the session has ended");
            assert_eq!(error.kind(), ErrorKind::Ended);
        } else if request.read_only {
            assert!(request.real.is_empty().expect("reads"));
            for error in [request.real.set("a", 1), request.real.login("ana"), request.real.logout()] {
                assert_eq!(error.expect_err("cannot write").kind(), ErrorKind::ReadOnly);
            }
        } else if matches!(action, Action::Save) {
            let kept = self.carry_out(&mut request, now);
            let saved = request.real.save().await;
            assert_eq!(saved.is_ok(), kept, "{saved:?}");
        } else {
            request.act(action, now);
        }
        self.visitors[visitor].requests[slot] = Some(request);
    }

    pub(crate) async fn commit(&mut self, visitor: usize, slot: usize) {
        let now = self.now();
        let Some(mut request) = self.visitors[visitor].requests[slot].take() else { return };
        if !request.ended {
            self.carry_out(&mut request, now);
        }
        let committed = request.real.commit(200).await;
        assert!(committed.error.is_none(), "{:?}", committed.error);
        let cookie = committed.edits.set_cookies().next().map(str::to_owned);
        let jar = &mut self.visitors[visitor];
        if request.issues {
            let cookie = cookie.expect("a new ticket");
            let pair = cookie.split(';').next().expect("never empty").to_owned();
            if let (Some(old), Some((number, epoch))) = (jar.cookie.replace(pair), jar.session)
                && let Some(at) = self.sessions.get(&number).and_then(|session| session.renewals.get(epoch))
            {
                jar.replaced = Some((old, number, *at));
            }
            jar.session = request.opened.map(|(number, _, epoch)| (number, epoch));
        } else if request.removes && request.cookie.is_some() {
            assert!(cookie.expect("a removal").contains("Max-Age=0"));
            (jar.cookie, jar.session) = (None, None);
        } else {
            assert_eq!(cookie, None, "no other response sets a cookie");
        }
    }

    /// What the store is asked to do, in the model. Answers whether the request's session was still there for it.
    fn carry_out(&mut self, request: &mut Request, now: Timestamp) -> bool {
        if let Some((number, epoch)) = request.ending.take() {
            // The end follows the session through every renewal whose marker is still there.
            let reached = self
                .sessions
                .get(&number)
                .is_some_and(|session| session.renewals[epoch..].iter().all(|at| now < *at + GRACE + LONGEST_REQUEST));
            // The cookie goes with the session, and not if somebody else has ended it.
            let ended = reached && self.sessions.remove(&number).is_some_and(|session| session.is_live(now));
            (request.removes, request.issues) = (ended, false);
        }
        let Some((number, revision, epoch)) = request.opened else {
            if !request.changes.is_empty() && !request.view.is_nothing() {
                let session = plain::Session::new(request.view.clone(), now);
                self.sessions.insert(self.next, session);
                request.opened = Some((self.next, 0, 0));
                request.base = request.view.clone();
                self.next += 1;
                request.issues = true;
            }
            (request.changes, request.renews, request.used) = (Vec::new(), false, false);
            return true;
        };
        // A clear counts even if this request has nothing to lose by it: another one may have added something.
        let clears = request.changes.iter().any(|change| matches!(change, Change::Clear));
        let changed = request.view != request.base || clears;
        let session = self.sessions.get_mut(&number).filter(|session| session.is_live(now));
        let same_place = session.as_ref().is_some_and(|session| session.renewals.len() == epoch);
        match session {
            Some(session) if changed || request.renews => {
                if !same_place {
                    return request.end();
                }
                session.write(&request.changes, now);
                if request.renews {
                    session.renewals.push(now);
                    request.issues = true;
                }
            }
            Some(session) if request.used && same_place && session.revision == revision => session.touch(now),
            None if changed || request.renews => return request.end(),
            Some(_) | None => {}
        }
        (request.changes, request.renews, request.used) = (Vec::new(), false, false);
        if let Some(session) = self.sessions.get(&number).filter(|_| changed || request.issues) {
            request.opened = Some((number, session.revision, session.renewals.len()));
            request.base = session.content.clone();
            request.view = session.content.clone();
        }
        true
    }

    /// A ticket that an explicit renewal cut off opens nothing, and its cookie stays.
    pub(crate) async fn replay(&mut self, visitor: usize) {
        let Some((cookie, number, at)) = self.visitors[visitor].replaced.clone() else { return };
        let session = self.manager.open(cookie);
        session.load().await.expect("loads");
        assert!(session.is_empty().expect("reads") && session.user().expect("reads").is_none());
        if self.now() < at + GRACE && self.live(number).is_some() {
            assert_eq!(session.set("a", 1).expect_err("too late").kind(), ErrorKind::ReadOnly);
        }
        let committed = session.commit(200).await;
        assert!(committed.error.is_none() && committed.edits.set_cookies().next().is_none());
    }

    pub(crate) async fn revoke(&mut self, user: usize) {
        let now = self.now();
        let ended = self.manager.revoke_user(USERS[user]).await.expect("revokes");
        self.sessions.retain(|_, session| session.is_live(now));
        let live = self.sessions.len();
        self.sessions.retain(|_, session| session.content.user != Some(USERS[user]));
        assert_eq!(ended, live - self.sessions.len());
    }

    /// What can be seen from outside of any request.
    pub(crate) async fn check(&mut self) {
        let now = self.now();
        let live = self.sessions.values().filter(|session| session.is_live(now));
        assert_eq!(self.manager.count().await.expect("counts"), live.count() as u64);
        for user in USERS {
            let live = self.sessions.values().filter(|s| s.is_live(now) && s.content.user == Some(user)).count();
            assert_eq!(self.manager.sessions_of(user).await.expect("lists").len(), live);
        }
        for (index, visitor) in self.visitors.iter().enumerate() {
            // Asking for deadlines is no activity, so this changes nothing.
            let session = self.manager.open(visitor.cookie.clone().unwrap_or_default());
            session.load().await.expect("loads");
            let expected = self.opened_by(index).map(|(_, session)| session);
            let deadline = session.idle_deadline().expect("is loaded").map(Timestamp::from);
            assert_eq!(deadline, expected.map(|session| session.idle));
            let deadline = session.absolute_deadline().expect("is loaded").map(Timestamp::from);
            assert_eq!(deadline, expected.map(|session| session.absolute));
        }
    }
}

impl Request {
    fn act(&mut self, action: Action, now: Timestamp) {
        let real = &self.real;
        self.used = true;
        match action {
            Action::Read | Action::Save => {}
            Action::Set(key, value) => {
                real.set(key, value).expect("sets");
                self.change(Change::Set(key, value));
            }
            Action::Increment(key) => {
                let value = real.update(key, |n: Option<i64>| n.unwrap_or(0) + 1).expect("updates");
                self.change(Change::Increment(key));
                assert_eq!(self.view.values.get(key), Some(&value));
            }
            Action::Remove(key) => {
                let removed = real.remove(key).expect("removes");
                assert_eq!(removed, self.view.values.contains_key(key));
                if removed {
                    self.change(Change::Remove(key));
                }
            }
            Action::Move(from, to) => {
                real.transaction(move |view| {
                    if let Some(value) = view.get::<i64>(from)? {
                        view.remove(from);
                        view.set(to, value)?;
                    }
                    Ok(())
                })
                .expect("runs");
                self.change(Change::Move(from, to));
            }
            Action::Clear => {
                real.clear().expect("clears");
                if !self.view.values.is_empty() || !self.changes.is_empty() {
                    self.change(Change::Clear);
                }
            }
            Action::Renew => {
                real.renew().expect("renews");
                self.renews |= self.opened.is_some();
            }
            Action::Login(user) => {
                real.login(USERS[user]).expect("logs in");
                if self.view.user.is_some_and(|known| known != USERS[user]) {
                    self.forget();
                }
                self.change(Change::Login(USERS[user], now));
                self.renews = true;
            }
            Action::Logout => {
                real.logout().expect("logs out");
                self.forget();
            }
        }
        let view = &self.view;
        for key in ["a", "b", "c"] {
            assert_eq!(self.real.get::<i64>(key).expect("reads"), view.values.get(key).copied());
        }
        assert_eq!(self.real.len().expect("reads"), view.values.len());
        assert_eq!(self.real.user().expect("reads").as_deref(), view.user);
    }

    fn change(&mut self, change: Change) {
        self.view.apply(change);
        self.changes.push(change);
    }

    /// The session is over: the response says nothing of tickets. Answers that nothing was kept.
    fn end(&mut self) -> bool {
        (self.ended, self.issues, self.removes) = (true, false, false);
        false
    }

    /// What a request that ends its session has left.
    fn forget(&mut self) {
        if let Some((number, _, epoch)) = self.opened.take() {
            self.ending.get_or_insert((number, epoch));
        }
        (self.view, self.base) = (Content::default(), Content::default());
        (self.changes, self.renews) = (Vec::new(), false);
    }
}
