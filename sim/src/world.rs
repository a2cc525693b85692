//! One simulation: hosts, visitors, their store, and what holds after every step of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloakroom::testing::Randomness;
use cloakroom::{
    Clock, Event, Handle, Lifetime, LimitPolicy, Record, RecordKind, Refusal, RenewalReason, SessionManager, StoreKey,
    Timestamp,
};
use fastrand::Rng;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::clock::{HostClock, millis, true_time};
use crate::lock;
use crate::met::Met;
use crate::net::{Fate, Net};
use crate::plan::{Plan, USERS, What};
use crate::planted::Planted;
use crate::rule::{Rule, Violation};
use crate::stores::Shared;
use crate::story::Story;
use crate::truth::{Life, Truth};
use crate::visit::{Jar, serve};

/// Whatever is under way when the last step has begun is over after this long.
const SETTLED: Duration = Duration::from_secs(90);

/// Operators wait for no longer than this.
const OPERATOR_BOUND: Duration = Duration::from_secs(30);

/// Everything that the tasks of one simulation share.
pub(crate) struct World {
    pub(crate) plan: Plan,
    planted: Option<Planted>,
    start: Instant,
    rng: Mutex<Rng>,
    shared: Shared,
    /// The clock of the store, if it has one.
    clock: HostClock,
    hosts: Mutex<Vec<Host>>,
    pub(crate) jars: Mutex<Vec<Jar>>,
    pub(crate) truth: Mutex<Truth>,
    /// What the store has, as the last write of each key left it.
    records: Mutex<BTreeMap<StoreKey, Record>>,
    outages: Mutex<Vec<(Option<usize>, Instant)>>,
    latest: Mutex<Timestamp>,
    pub(crate) story: Story,
    met: Mutex<Met>,
    violation: Mutex<Option<Violation>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("seed", &self.plan.seed).finish_non_exhaustive()
    }
}

/// A host, and the process that runs on it at the moment.
struct Host {
    clock: HostClock,
    manager: SessionManager,
    net: Arc<Net>,
}

/// What one simulation came to.
pub(crate) struct Outcome {
    pub(crate) violation: Option<Violation>,
    pub(crate) met: Met,
    pub(crate) story: Vec<String>,
}

/// Plays a plan to its end, or until something is wrong.
pub(crate) fn play(plan: Plan, planted: Option<Planted>, tells: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    runtime.block_on(async {
        let world = World::new(plan, planted, tells);
        world.run().await;
        let outcome = Outcome {
            violation: lock(&world.violation).take(),
            met: lock(&world.met).clone(),
            story: world.story.lines(),
        };
        // Managers hold their stores, which hold the world.
        lock(&world.hosts).clear();
        outcome
    })
}

impl World {
    fn new(plan: Plan, planted: Option<Planted>, tells: bool) -> Arc<Self> {
        let start = Instant::now();
        let mut rng = Rng::with_seed(plan.seed);
        // A key is kept for ten minutes longer than its record, which has to do for all clocks.
        let most = millis(plan.settings.skew / 4);
        let drift = if most == 0 { 0 } else { rng.i64(-200..=200) };
        let clock = HostClock::new(start, rng.i64(-most..=most), drift);
        let world = Arc::new(Self {
            planted,
            start,
            rng: Mutex::new(rng),
            shared: Shared::open(plan.settings.store, plan.settings.room, clock.clone()),
            clock,
            hosts: Mutex::default(),
            jars: Mutex::new((0..plan.settings.visitors).map(|_| Jar::default()).collect()),
            truth: Mutex::new(Truth::new(plan.settings.skew, plan.settings.lifetime)),
            records: Mutex::default(),
            outages: Mutex::default(),
            latest: Mutex::new(Timestamp::from_millis(0)),
            story: Story::new(start, tells),
            met: Mutex::default(),
            violation: Mutex::default(),
            plan,
        });
        world.story.tell(|| format!("{:?}", world.plan.settings));
        for host in 0..world.plan.settings.hosts {
            let most = millis(world.plan.settings.skew);
            let offset = lock(&world.rng).i64(-most..=most);
            let drift = if most == 0 { 0 } else { lock(&world.rng).i64(-200..=200) };
            let host = world.start_host(host, HostClock::new(start, offset, drift));
            lock(&world.hosts).push(host);
        }
        world
    }

    /// Starts a process on a host.
    fn start_host(self: &Arc<Self>, number: usize, clock: HostClock) -> Host {
        let settings = &self.plan.settings;
        let net = Net::new(Arc::clone(self), number);
        let store = self.shared.connect(Arc::clone(&net), self.planted);
        let (idle, absolute) = settings.lifetime;
        let lifetime = Lifetime::default().idle(idle).absolute(absolute);
        let lifetime = settings.renews_every.map_or(lifetime, |every| lifetime.renew_every(every));
        let source = Source(Mutex::new(Rng::with_seed(lock(&self.rng).u64(..))));
        let world = Arc::downgrade(self);
        let observer = move |event: &Event<'_>| {
            if let (Some(world), Some(name)) = (world.upgrade(), name_of(event)) {
                world.met(name);
            }
        };
        let mut builder = SessionManager::builder(store)
            .lifetime(lifetime)
            .clock(clock.clone())
            .randomness(source)
            .observer(observer)
            .roll_back_on(|status| status >= 500)
            .without_sweeper();
        if let Some((limit, refuses)) = settings.user_limit {
            let policy = if refuses { LimitPolicy::Refuse } else { LimitPolicy::EndOldest };
            builder = builder.sessions_per_user(limit, policy);
        }
        if self.planted == Some(Planted::TakenBackAtOnce) && number > 0 {
            builder = builder.store_timeout(Duration::from_millis(15));
        }
        let manager = builder.build().unwrap_or_else(|error| panic!("a configuration of the simulation: {error}"));
        Host { clock, manager, net }
    }

    async fn run(self: &Arc<Self>) {
        for (number, step) in self.plan.steps.clone().into_iter().enumerate() {
            sleep_until(self.start + step.at).await;
            if self.is_violated() {
                return;
            }
            self.begin(u32::try_from(number).unwrap_or(u32::MAX), step.what);
        }
        // Late messages arrive, waits end, markers expire.
        sleep(SETTLED).await;
        if !self.is_violated() {
            self.leaves_nothing().await;
        }
    }

    fn begin(self: &Arc<Self>, number: u32, what: What) {
        let world = Arc::clone(self);
        match what {
            What::Request(request) => {
                let hangs_up = request.hangs_up;
                let task = tokio::spawn(serve(Arc::clone(&world), number, request));
                if let Some(after) = hangs_up {
                    tokio::spawn(async move {
                        sleep(after).await;
                        if !task.is_finished() {
                            world.met("fault: hung up");
                            world.story.tell(|| format!("request {number}: the client hangs up"));
                            task.abort();
                        }
                    });
                }
            }
            What::Revoke { host, visitor } => drop(tokio::spawn(world.revoke(host, visitor))),
            What::RevokeOf { host, visitor, user } => drop(tokio::spawn(world.revoke_of(host, visitor, USERS[user]))),
            What::RevokeUser { host, user, hangs_up } => {
                let task = tokio::spawn(Arc::clone(&world).revoke_user(host, USERS[user]));
                if let Some(after) = hangs_up {
                    tokio::spawn(async move {
                        sleep(after).await;
                        world.story.tell(|| "the operator hangs up".to_owned());
                        task.abort();
                    });
                }
            }
            What::Sweep { host } => drop(tokio::spawn(world.sweep(host))),
            What::Crash { host } => {
                self.met("fault: crash");
                self.story.tell(|| format!("host {host} dies, and starts again"));
                let mut hosts = lock(&self.hosts);
                hosts[host].net.die();
                hosts[host] = self.start_host(host, hosts[host].clock.clone());
            }
            What::Jump { host, offset } => {
                self.met("fault: clock jumped");
                self.story.tell(|| format!("the clock of host {host} is {offset} ms ahead"));
                self.latest();
                lock(&self.hosts)[host].clock.jump(offset);
                // A clock that jumps in the middle of a request may take a step of it for one that came too late.
                lock(&self.truth).sessions.values_mut().for_each(Life::try_to_end);
            }
            What::JumpOfStore { offset } => {
                self.met("fault: clock of the store jumped");
                self.story.tell(|| format!("the clock of the store is {offset} ms ahead"));
                self.clock.jump(offset);
            }
            What::Outage { host, lasts } => {
                self.met("fault: outage");
                self.story.tell(|| format!("the store is away for {lasts:?}, for host {host:?}"));
                lock(&self.outages).push((host, Instant::now() + lasts));
            }
        }
    }

    async fn revoke(self: Arc<Self>, host: usize, visitor: usize) {
        let (manager, net) = self.host(host);
        let cookie = lock(&self.jars)[visitor].cookie.clone();
        let Some(handle) = cookie.and_then(|cookie| lock(&self.truth).session_of(&cookie)) else { return };
        self.story.tell(|| format!("an operator revokes {handle} of visitor {visitor}"));
        if let Some(life) = lock(&self.truth).sessions.get_mut(&handle) {
            life.try_to_end();
        }
        let begun = Instant::now();
        let revoked = manager.revoke(handle).await;
        self.keep_time(begun, "revoke");
        if revoked.is_ok() && !net.is_dead() {
            self.revoked(&[handle]);
        }
    }

    /// Ends the session of a visitor's cookie if it is this user's.
    async fn revoke_of(self: Arc<Self>, host: usize, visitor: usize, user: &'static str) {
        let (manager, net) = self.host(host);
        let cookie = lock(&self.jars)[visitor].cookie.clone();
        let Some(handle) = cookie.and_then(|cookie| lock(&self.truth).session_of(&cookie)) else { return };
        self.story.tell(|| format!("{user} revokes {handle} of visitor {visitor}"));
        let is_of_user = |life: &mut Life| {
            life.try_to_end();
            // Before a login is acknowledged, only what it has done so far ends: the session is not the user's yet.
            life.user.is_some_and(|(known, _)| known == user)
        };
        let is_of_user = lock(&self.truth).sessions.get_mut(&handle).is_some_and(is_of_user);
        let begun = Instant::now();
        let revoked = manager.revoke_of(user, handle).await;
        self.keep_time(begun, "revoke_of");
        if matches!(revoked, Ok(true)) && !net.is_dead() {
            if is_of_user {
                self.revoked(&[handle]);
            }
            let tried = lock(&self.truth).sessions.get(&handle).is_some_and(|life| life.users_tried.contains(user));
            if !tried {
                self.violate(|| {
                    Rule::NobodySeesAnothers.broken(format!("{user} ended the session {handle} of another"))
                });
            }
        }
    }

    async fn revoke_user(self: Arc<Self>, host: usize, user: &'static str) {
        let (manager, net) = self.host(host);
        let sessions = self.about_to_revoke(user, |_| true);
        lock(&self.truth).revoking.insert(user);
        self.story.tell(|| format!("an operator revokes {user}: {sessions:?}"));
        let begun = Instant::now();
        let revoked = manager.revoke_user(user).await;
        self.keep_time(begun, "revoke_user");
        if revoked.is_ok() && !net.is_dead() {
            self.revoked(&sessions);
            // Those that began meanwhile may have ended, too; those that begin from now on do not.
            self.about_to_revoke(user, |_| true);
            lock(&self.truth).revoking.remove(user);
        }
    }

    /// Sessions of a user that are about to be ended: those that logged in so far. Others of the user may be, too.
    pub(crate) fn about_to_revoke(&self, user: &str, which: impl Fn(Handle) -> bool) -> Vec<Handle> {
        let mut truth = lock(&self.truth);
        let mut sessions = Vec::new();
        for (handle, life) in truth.of_user(user).filter(|(handle, _)| which(**handle)) {
            life.try_to_end();
            sessions.extend(life.user.is_some_and(|(known, _)| known == user).then_some(*handle));
        }
        sessions
    }

    /// The end of these sessions is acknowledged.
    pub(crate) fn revoked(&self, sessions: &[Handle]) {
        {
            let mut truth = lock(&self.truth);
            for handle in sessions {
                if let Some(life) = truth.sessions.get_mut(handle) {
                    life.end();
                }
            }
        }
        self.story.tell(|| format!("the end of {sessions:?} is acknowledged"));
        self.check_records();
    }

    async fn sweep(self: Arc<Self>, host: usize) {
        let (manager, _) = self.host(host);
        // Failures are what outages are for. A sweep takes as long as its store.
        let _ = timeout(OPERATOR_BOUND, manager.sweep()).await;
        let _ = manager.count().await;
        let (begun, mut next) = (Instant::now(), None);
        while let Ok(page) = manager.list(next, 2).await {
            self.judge(|truth| truth.judge_listed(begun, None, page.sessions.iter().map(|info| info.handle)));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
    }

    /// The process that runs on a host now, and its network.
    pub(crate) fn host(&self, number: usize) -> (SessionManager, Arc<Net>) {
        let hosts = lock(&self.hosts);
        (hosts[number].manager.clone(), Arc::clone(&hosts[number].net))
    }

    /// What becomes of the next message.
    pub(crate) fn fate(&self, is_write: bool) -> (Fate, &'static str) {
        let settings = &self.plan.settings;
        Fate::draw(&mut lock(&self.rng), settings.faults, is_write && settings.late_writes)
    }

    /// Whether the store answers a load of this host at once.
    pub(crate) fn is_at_once(&self, host: usize) -> bool {
        self.plan.settings.at_once && !self.is_away(host) && lock(&self.rng).bool()
    }

    /// Whether no message is lost or late, no clock is apart, and no session given up for another.
    pub(crate) fn is_smooth(&self) -> bool {
        let settings = &self.plan.settings;
        settings.faults == 0 && !settings.late_writes && settings.room.is_none() && settings.skew.is_zero()
    }

    pub(crate) fn is_away(&self, host: usize) -> bool {
        self.was_away(host, Instant::now())
    }

    /// Whether its store has been away from a host since then.
    pub(crate) fn was_away(&self, host: usize, since: Instant) -> bool {
        lock(&self.outages).iter().any(|(whose, until)| whose.is_none_or(|whose| whose == host) && since < *until)
    }

    /// Something was written under this key: looks at what is there now, and whether that may be.
    pub(crate) fn wrote(&self, key: StoreKey) {
        match self.shared.look(&key) {
            Some(record) => lock(&self.records).insert(key, record),
            None => lock(&self.records).remove(&key),
        };
        self.check_records();
    }

    /// The latest time that any clock has shown: what had expired by it does not count, though a clock jumped back since.
    fn latest(&self) -> Timestamp {
        let shown = lock(&self.hosts).iter().map(|host| host.clock.now()).max();
        let mut latest = lock(&self.latest);
        *latest = (*latest).max(shown.unwrap_or_else(|| true_time(self.start)));
        *latest
    }

    /// Never two live records of one session; none of one whose end was acknowledged; never more of a user than may be.
    fn check_records(&self) {
        let now = self.latest();
        let records = lock(&self.records);
        // The store may have given up, or swept, what nobody wrote.
        let live = || {
            let live = records.iter().filter(|(_, record)| record.kind == RecordKind::Live && !record.is_expired(now));
            live.filter(|(key, record)| self.shared.look(key).as_ref() == Some(record)).map(|(_, record)| record)
        };
        let (mut handles, mut users) = (BTreeMap::<Handle, usize>::new(), BTreeMap::<&str, usize>::new());
        for (_, record) in records.iter().filter(|(_, record)| record.kind == RecordKind::Live) {
            *handles.entry(record.handle).or_default() += 1;
            if let Some(user) = &record.user {
                *users.entry(user).or_default() += 1;
            }
        }
        for handle in handles.iter().filter(|(_, count)| **count > 1).map(|(handle, _)| handle) {
            if live().filter(|record| record.handle == *handle).count() > 1 {
                self.violate(|| Rule::OneLiveRecord.broken(format!("there are two of the session {handle}")));
            }
        }
        let ended = |handle: &Handle| lock(&self.truth).sessions.get(handle).is_some_and(|life| life.ended.is_some());
        for handle in handles.keys().filter(|handle| ended(handle)) {
            if live().any(|record| record.handle == *handle) {
                self.violate(|| Rule::EndsHold.broken(format!("the session {handle} has a live record")));
            }
        }
        let Some((limit, _)) = self.plan.settings.user_limit else { return };
        for user in users.iter().filter(|(_, count)| **count > limit).map(|(user, _)| *user) {
            let count = live().filter(|record| record.user.as_deref() == Some(user)).count();
            if count > limit {
                self.violate(|| Rule::LimitsHold.broken(format!("{user} has {count} sessions, and may have {limit}")));
            }
        }
    }

    /// When all is over, nothing is left: no record, no task.
    async fn leaves_nothing(self: &Arc<Self>) {
        lock(&self.outages).clear();
        sleep(2 * self.plan.settings.lifetime.1).await;
        // By a store that is never away.
        let left = self.shared.sweep(true_time(self.start) + self.plan.settings.skew).await;
        if let Err(error) = left {
            self.violate(|| Rule::FailuresAreKnown.broken(format!("the sweep failed: {error}")));
        }
        let keys: Vec<_> = lock(&self.records).keys().copied().collect();
        for record in keys.iter().filter_map(|key| self.shared.look(key)) {
            self.violate(|| Rule::NothingLeaks.broken(format!("a record is left: {record:?}")));
        }
        lock(&self.hosts).iter().for_each(|host| host.net.die());
        lock(&self.hosts).clear();
        sleep(SETTLED).await;
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        if tasks > 0 {
            self.violate(|| Rule::NothingLeaks.broken(format!("{tasks} tasks are left")));
        }
    }

    pub(crate) fn judge(&self, judge: impl FnOnce(&Truth) -> Result<(), Violation>) {
        let judged = judge(&lock(&self.truth));
        if let Err(why) = judged {
            self.violate(|| why);
        }
    }

    pub(crate) fn violate(&self, why: impl FnOnce() -> Violation) {
        let mut violation = lock(&self.violation);
        if violation.is_none() {
            let why = why();
            self.story.tell(|| format!("WRONG: {why}"));
            *violation = Some(why);
        }
    }

    fn is_violated(&self) -> bool {
        lock(&self.violation).is_some()
    }

    pub(crate) fn met(&self, what: &'static str) {
        lock(&self.met).note(what);
    }

    fn keep_time(&self, begun: Instant, what: &str) {
        let took = begun.elapsed();
        if took > OPERATOR_BOUND {
            self.violate(|| Rule::CallsAreBounded.broken(format!("{what} took {took:?}")));
        }
    }
}

/// Numbers that repeat.
#[derive(Debug)]
struct Source(Mutex<Rng>);

impl Randomness for Source {
    fn fill(&self, bytes: &mut [u8]) {
        lock(&self.0).fill(bytes);
    }
}

fn name_of(event: &Event<'_>) -> Option<&'static str> {
    Some(match event {
        Event::Created { .. } => "event: created",
        Event::Saved { .. } => "event: saved",
        Event::Touched { .. } => "event: touched",
        Event::Conflict { .. } => "event: conflict",
        Event::Dropped { .. } => "event: dropped",
        Event::Renewed { why: RenewalReason::Asked, .. } => "event: renewed, asked",
        Event::Renewed { why: RenewalReason::Periodic, .. } => "event: renewed, periodic",
        Event::Renewed { why: RenewalReason::TakenBack, .. } => "event: renewed, taken back",
        Event::Refused { why: Refusal::Replaced, .. } => "event: refused, replaced",
        Event::Refused { why: Refusal::Unknown, .. } => "event: refused, unknown",
        Event::LoggedIn { .. } => "event: logged in",
        Event::Destroyed { .. } => "event: destroyed",
        Event::Revoked { .. } => "event: revoked",
        Event::Expired { .. } => "event: expired",
        Event::Evicted { .. } => "event: evicted",
        Event::StoreFailed { .. } => "event: store failed",
        Event::Swept { .. } => "event: swept",
        _ => return None,
    })
}
