//! One request: the cookies that it brings, what its handler does, and what its answer promises.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use cloakroom::adapter::Committed;
use cloakroom::{Error, ErrorKind, Handle, Result, Session};
use tokio::time::{Instant, sleep, timeout};

use crate::lock;
use crate::net::Net;
use crate::plan::{Action, COUNTERS, Cookies, Request, USERS};
use crate::rule::Rule;
use crate::truth::{Life, RequestId, Seen};
use crate::world::World;

/// No request waits for the store for longer than this, in all.
const BOUND: Duration = Duration::from_millis(5_000);

/// The key of what lives for one request.
const TRANSIENT: &str = "for this request";

/// What a browser has.
#[derive(Debug, Default)]
pub(crate) struct Jar {
    pub(crate) cookie: Option<String>,
    /// What it had before, the newest last.
    pub(crate) older: Vec<String>,
}

impl Jar {
    /// The cookies of a request, as it sends them.
    fn cookies(&self, which: Cookies) -> Vec<String> {
        let older = |back: usize| self.older.len().checked_sub(back).and_then(|at| self.older.get(at)).cloned();
        match which {
            Cookies::Current => self.cookie.iter().cloned().collect(),
            Cookies::Older(back) => older(back).into_iter().collect(),
            Cookies::OlderAndCurrent(back) => older(back).into_iter().chain(self.cookie.clone()).collect(),
            Cookies::None => Vec::new(),
        }
    }

    fn take(&mut self, cookie: Option<String>) {
        let before = std::mem::replace(&mut self.cookie, cookie);
        if before != self.cookie {
            self.older.extend(before);
        }
    }
}

/// What a request did to its session, and no answer has acknowledged yet.
#[derive(Debug, Default)]
struct Doings {
    increments: [u32; COUNTERS],
    sets: Vec<u32>,
    removed: Vec<u32>,
    login: Option<&'static str>,
    /// The sessions that it ended: a logout in the middle of a request begins another one.
    ended: Vec<Handle>,
}

impl Doings {
    /// Puts back what could not be committed.
    fn give_back(&mut self, before: Self) {
        self.increments.iter_mut().zip(before.increments).for_each(|(count, more)| *count += more);
        self.sets.extend(before.sets);
        self.removed.extend(before.removed);
        self.login = self.login.or(before.login);
        self.ended.extend(before.ended);
    }
}

/// A request that is under way.
pub(crate) struct Visit {
    world: Arc<World>,
    net: Arc<Net>,
    id: RequestId,
    visitor: usize,
    has_two_tasks: bool,
    /// What came with the request.
    cookies: Vec<String>,
    begun: Instant,
    session: Session,
    doings: Mutex<Doings>,
    /// Whether the answer gives out a token that cuts the earlier ones off.
    cuts: AtomicBool,
    /// The same, as far as it was committed in the middle of the request.
    cut: AtomicBool,
    /// How often it was about to cut them off.
    cuttings: AtomicU32,
    /// Whether what is not committed is discarded with the response.
    discards: AtomicBool,
    /// Whether a save failed, which may have done a part of its work.
    is_unsure: AtomicBool,
    /// The session that it opened, and how often that had been disturbed, if nothing was under way that may end it.
    calm: OnceLock<(Handle, u32)>,
    /// Whether a user is logged in for this request only: then nothing that it does is the session's.
    passing: AtomicBool,
    /// The sessions whose tokens, replaced a moment ago, this request brought.
    replaced: OnceLock<BTreeSet<Handle>>,
}

/// Serves a request, and brings its answer to the browser.
pub(crate) async fn serve(world: Arc<World>, id: RequestId, request: Request) {
    let (manager, net) = world.host(request.host);
    let cookies = lock(&world.jars)[request.visitor].cookies(request.cookies);
    world.story.tell(|| {
        let Request { visitor, host, actions, .. } = &request;
        format!("request {id}: visitor {visitor} to host {host} with {} cookies: {actions:?}", cookies.len())
    });
    let glimpse = lock(&world.truth).glimpse(&cookies, world.plan.settings.room.is_some());
    let session = match cookies.is_empty() {
        true => manager.open(()),
        false => manager.open(cookies.join("; ")),
    };
    let begun = Instant::now();
    let visit = Arc::new(Visit {
        world: Arc::clone(&world),
        net,
        id,
        visitor: request.visitor,
        has_two_tasks: request.two_tasks,
        cookies,
        begun,
        session,
        doings: Mutex::default(),
        cuts: AtomicBool::new(false),
        cut: AtomicBool::new(false),
        cuttings: AtomicU32::new(0),
        discards: AtomicBool::new(false),
        is_unsure: AtomicBool::new(false),
        calm: OnceLock::new(),
        passing: AtomicBool::new(false),
        replaced: OnceLock::new(),
    });
    let loaded = visit.session.load().await;
    visit.keep_time(begun, "load");
    if let Err(error) = loaded {
        visit.failed(&error);
        return;
    }
    match visit.look() {
        Ok(seen) => {
            world.met(if seen.handle.is_some() { "opened: one" } else { "opened: none" });
            if let Some(handle) = seen.handle {
                if let Some(calm) = glimpse.calm(handle).filter(|_| world.is_smooth()) {
                    let _ = visit.calm.set((handle, calm));
                }
                lock(&world.truth).open(handle, id);
            }
            visit.note_replaced(&seen);
            if glimpse.had_to_open(&seen) {
                world.met("opened: had to");
            }
            world.judge(|truth| truth.judge(&glimpse, request.visitor, &seen));
            world.story.tell(|| format!("request {id}: sees {seen:?}"));
        }
        Err(error) => visit.failed(&error),
    }
    if !visit.act_all(&request).await {
        return;
    }
    let (committing, mut doings) = (Instant::now(), visit.take_doings());
    if request.status >= 500 || visit.discards.load(Ordering::Relaxed) {
        world.met("request: rolled back");
        doings = Doings::default();
        visit.cuts.store(visit.cut.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    let committed = visit.session.commit(request.status).await;
    visit.keep_time(committing, "commit");
    visit.note_renewal_cut_off(committing);
    if visit.net.is_dead() {
        return;
    }
    let cookie = visit.answer(&committed, doings);
    let Some(delay) = request.answer else { return };
    if let Some(cookie) = cookie {
        sleep(delay).await;
        lock(&world.jars)[request.visitor].take(cookie);
    }
}

impl Visit {
    /// Everything that a request can see of its session.
    fn look(&self) -> Result<Seen> {
        let session = &self.session;
        self.look_for_transients()?;
        let mut counters = [0; COUNTERS];
        for (number, counter) in counters.iter_mut().enumerate() {
            *counter = session.get(counter_key(number))?.unwrap_or(0);
        }
        let sets = session.keys()?.iter().filter_map(|key| key.strip_prefix("set ")?.parse().ok()).collect();
        let user = session.user()?.map(|user| user.to_string());
        Ok(Seen { handle: session.handle()?, user, owner: session.get("owner")?, counters, sets })
    }

    /// What lives for one request is there in no other.
    fn look_for_transients(&self) -> Result<()> {
        if self.session.contains(TRANSIENT)? || self.session.get_transient::<u32>(TRANSIENT)?.is_some() {
            let foreign = || Rule::NobodySeesAnothers.broken(format!("request {} has a transient value", self.id));
            self.world.violate(foreign);
        }
        Ok(())
    }

    /// A token that was replaced a moment ago opens an empty session that cannot be changed.
    fn note_replaced(&self, seen: &Seen) {
        let brought: BTreeSet<_> = {
            let truth = lock(&self.world.truth);
            self.cookies.iter().filter_map(|cookie| truth.session_of(cookie)).collect()
        };
        if seen.handle.is_some() || brought.is_empty() {
            return;
        }
        // Where it may be changed, this changes nothing.
        let change = self.session.transaction(|_| Err::<(), _>(Error::new(ErrorKind::Encode, "only asked")));
        if change.is_err_and(|error| error.kind() == ErrorKind::ReadOnly) {
            let _ = self.replaced.set(brought);
        }
    }

    /// Runs the handler; false if the answer is an error of its own, without a commit.
    async fn act_all(self: &Arc<Self>, request: &Request) -> bool {
        let (mine, others): (Vec<_>, Vec<_>) =
            request.actions.iter().copied().enumerate().partition(|(at, _)| !request.two_tasks || at % 2 == 0);
        let beside = (!others.is_empty()).then(|| {
            let visit = Arc::clone(self);
            tokio::spawn(async move { visit.act_each(others).await })
        });
        self.act_each(mine).await;
        if let Some(beside) = beside {
            return beside.await.is_ok();
        }
        true
    }

    async fn act_each(&self, actions: Vec<(usize, Action)>) {
        for (_, action) in actions {
            if let Err(error) = self.act(action).await {
                self.failed(&error);
            }
        }
    }

    async fn act(&self, action: Action) -> Result<()> {
        let session = &self.session;
        if self.passing.load(Ordering::Relaxed) {
            return Ok(());
        }
        match action {
            Action::Read => {
                session.get::<u32>(counter_key(0))?;
            }
            Action::Set => {
                session.set(format!("set {}", self.id), self.id)?;
                self.wrote(|doings| doings.sets.push(self.id), |life| life.begin_set(self.id))?;
            }
            Action::Increment(number) => {
                session.update(counter_key(number), one_more)?;
                self.increments(number)?;
            }
            Action::Transaction(number) => {
                session.transaction(move |view| {
                    let count = view.get(counter_key(number))?;
                    view.set(counter_key(number), one_more(count))
                })?;
                self.increments(number)?;
            }
            Action::IncrementNow(number) => {
                self.wrote(|_| {}, |life| life.begin_increment(number))?;
                self.commits("update_now", |doings| doings.increments[number] += 1, async {
                    session.update_now(counter_key(number), one_more).await.map(drop)
                })
                .await?;
            }
            Action::Clear => {
                session.clear()?;
                self.wrote(|_| {}, |life| life.values_unknown = true)?;
            }
            Action::Remove { take } => self.remove(take)?,
            Action::Discard => {
                // Where another task saves at the same time, nobody can say what was saved before it.
                if !self.has_two_tasks {
                    self.session.discard();
                    self.discards.store(true, Ordering::Relaxed);
                }
            }
            Action::Login(user) => self.login(USERS[user])?,
            Action::Logout | Action::Destroy => {
                // An end goes through, to the session that a replaced token leads to.
                let had = session.handle()?;
                if action == Action::Destroy {
                    session.destroy()?
                } else {
                    session.logout()?
                }
                self.ends(had);
                self.may_end_all_brought();
            }
            Action::Renew => {
                let had = session.handle()?;
                session.renew()?;
                self.cuts(had);
            }
            Action::Save => self.commits("save", |_| {}, session.save()).await?,
            Action::Flash => {
                session.flash("info", "saved")?;
                self.wrote(|_| {}, |_| {})?;
            }
            Action::TakeFlashes => drop(session.flashes()?),
            Action::PeekFlashes => {
                session.flash_now("info", "here")?;
                session.peek_flashes()?;
            }
            Action::Transient => self.keep_for_the_request()?,
            Action::WriteTransient => {
                session.write_transient(true)?;
                session.set("set for the request", self.id)?;
                self.passing.store(true, Ordering::Relaxed);
            }
            Action::Ask => self.ask()?,
            Action::Devices => self.list_devices().await?,
            Action::Lifetime => {
                let (idle, absolute) = self.world.plan.settings.lifetime;
                session.set_lifetime(session.lifetime()?.idle(idle / 2).absolute(absolute / 2))?;
                self.wrote(|_| {}, |_| {})?;
            }
            Action::Remember => {
                session.remember(self.world.plan.settings.lifetime.0)?;
                self.wrote(|_| {}, |_| {})?;
            }
            Action::Note => {
                session.note("a browser")?;
                self.wrote(|_| {}, |_| {})?;
            }
            Action::LoginTransient => {
                session.login_transient(USERS[0])?;
                self.passing.store(true, Ordering::Relaxed);
            }
            Action::RevokeOthers => self.revoke_others().await?,
            Action::WaitForEnd => {
                // That it did not end is as good.
                let _ = timeout(Duration::from_millis(800), session.ended()).await;
            }
            Action::Work(millis) => sleep(Duration::from_millis(millis)).await,
        }
        Ok(())
    }

    /// Commits in the middle of the request: what was done so far is as good as answered.
    async fn commits(
        &self,
        what: &str,
        also: impl FnOnce(&mut Doings),
        commit: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        // What other tasks do meanwhile is for a later commit.
        let (begun, mut doings, handle) = (Instant::now(), self.take_doings(), self.session.handle()?);
        let cuts = self.cuts.load(Ordering::Relaxed);
        let result = commit.await;
        self.keep_time(begun, what);
        self.note_renewal_cut_off(begun);
        match &result {
            Ok(()) if !self.net.is_dead() => {
                also(&mut doings);
                self.cut.fetch_or(cuts, Ordering::Relaxed);
                self.acknowledge(handle, doings);
            }
            _ => {
                self.is_unsure.store(true, Ordering::Relaxed);
                lock(&self.doings).give_back(doings);
            }
        }
        result
    }

    fn take_doings(&self) -> Doings {
        std::mem::take(&mut lock(&self.doings))
    }

    fn login(&self, user: &'static str) -> Result<()> {
        let had = self.session.handle()?;
        let before = self.session.user()?;
        self.session.login(user)?;
        if before.is_some_and(|before| &*before != user) {
            self.ends(had);
        } else {
            self.cuts(had);
        }
        // Where a user may have so many sessions, it takes the place of what a replaced token leads to.
        for replaced in self.replaced.get().into_iter().flatten() {
            lock(&self.world.truth).life(*replaced, self.visitor).try_to_end();
        }
        let may_end = matches!(self.world.plan.settings.user_limit, Some((_, false)))
            || lock(&self.world.truth).revoking.contains(user);
        self.wrote(
            |doings| doings.login = Some(user),
            |life| {
                life.users_tried.insert(user);
                // A login with a replaced token goes on with the values of before.
                life.values_unknown |= had.is_none() && !self.cookies.is_empty();
                life.may_end |= may_end;
            },
        )
    }

    /// Removes the oldest value that another request has set.
    fn remove(&self, take: bool) -> Result<()> {
        let keys = self.session.keys()?;
        let numbers = keys.iter().filter_map(|key| key.strip_prefix("set ")?.parse::<u32>().ok());
        let Some(number) = numbers.filter(|number| *number != self.id).min() else { return Ok(()) };
        let key = format!("set {number}");
        let is_there = if take { self.session.take::<u32>(&key)?.is_some() } else { self.session.remove(&key)? };
        if !is_there {
            return Ok(());
        }
        let mut for_good = false;
        self.with_life(|life| for_good = life.begin_removal(number))?;
        if for_good {
            lock(&self.doings).removed.push(number);
        }
        Ok(())
    }

    fn keep_for_the_request(&self) -> Result<()> {
        self.session.set_transient(TRANSIENT, self.id)?;
        if self.session.get::<u32>(TRANSIENT)? != Some(self.id) {
            self.world.violate(|| Rule::NothingIsLost.broken(format!("request {} lost a transient value", self.id)));
        }
        if !self.has_two_tasks {
            self.session.remove_transient(TRANSIENT)?;
        }
        Ok(())
    }

    /// What a session can tell besides its values.
    fn ask(&self) -> Result<()> {
        let session = &self.session;
        session.lifetime()?;
        let (idle, absolute) = (session.idle_deadline()?, session.absolute_deadline()?);
        if let (Some(idle), Some(absolute)) = (idle, absolute)
            && idle > absolute
        {
            let late = || Rule::ExpiryHolds.broken(format!("request {}: idle until after the end", self.id));
            self.world.violate(late);
        }
        session.created()?;
        session.expires_in()?;
        session.authenticated_at()?;
        if session.is_empty()? != (session.len()? == 0) && !self.has_two_tasks {
            self.world.violate(|| Rule::NothingIsLost.broken(format!("request {}: empty, or not", self.id)));
        }
        // That nobody is logged in is an answer.
        let _ = (session.require_user(), session.require_fresh(Duration::from_secs(60)), session.has_token("any"));
        Ok(())
    }

    async fn list_devices(&self) -> Result<()> {
        let Some(user) = self.session.user()? else { return Ok(()) };
        let (manager, _) = self.world.host(self.net.host);
        let begun = Instant::now();
        let mut listed = manager.sessions_of(&user).await?;
        listed.extend(manager.list_of(&user, None, 1).await?.sessions);
        self.world.judge(|truth| truth.judge_listed(begun, Some(&user), listed.iter().map(|info| info.handle)));
        Ok(())
    }

    async fn revoke_others(&self) -> Result<()> {
        let Some(user) = self.session.user()? else { return Ok(()) };
        let own = self.session.handle()?;
        let (manager, _) = self.world.host(self.net.host);
        let others = self.world.about_to_revoke(&user, |handle| Some(handle) != own);
        let name = USERS.into_iter().find(|known| *known == &*user);
        lock(&self.world.truth).revoking.extend(name);
        manager.revoke_others(&self.session).await?;
        if !self.net.is_dead() {
            self.world.revoked(&others);
            self.world.about_to_revoke(&user, |handle| Some(handle) != own);
            lock(&self.world.truth).revoking.remove(&*user);
        }
        Ok(())
    }

    /// A write that may begin a session, as this request means it and as the session has it from now on.
    fn wrote(&self, note: impl FnOnce(&mut Doings), begin: impl FnOnce(&mut Life)) -> Result<()> {
        if self.session.get::<usize>("owner")?.is_none() {
            self.session.set("owner", self.visitor)?;
        }
        note(&mut lock(&self.doings));
        self.with_life(begin)
    }

    fn increments(&self, number: usize) -> Result<()> {
        self.wrote(|doings| doings.increments[number] += 1, |life| life.begin_increment(number))
    }

    /// What is known of the session that this request writes to.
    fn with_life(&self, f: impl FnOnce(&mut Life)) -> Result<()> {
        let Some(handle) = self.session.handle()? else { return Ok(()) };
        let mut truth = lock(&self.world.truth);
        let is_new = !truth.sessions.contains_key(&handle);
        f(truth.life(handle, self.visitor));
        if is_new {
            truth.open(handle, self.id);
        }
        Ok(())
    }

    /// This request is about to end the session that it had.
    fn ends(&self, had: Option<Handle>) {
        self.cuts.store(false, Ordering::Relaxed);
        {
            // What was done to it is of no account any more.
            let mut doings = lock(&self.doings);
            let mut ended = std::mem::take(&mut *doings).ended;
            ended.extend(had);
            doings.ended = ended;
        }
        let Some(had) = had else { return };
        if let Some(life) = lock(&self.world.truth).sessions.get_mut(&had) {
            life.try_to_end();
        }
    }

    /// A logout ends the sessions of all cookies that came with it, if they open any.
    fn may_end_all_brought(&self) {
        let mut truth = lock(&self.world.truth);
        for cookie in &self.cookies {
            if let Some(handle) = truth.session_of(cookie)
                && let Some(life) = truth.sessions.get_mut(&handle)
            {
                life.try_to_end();
            }
        }
    }

    /// This request is about to cut off the tokens of the session that it has.
    fn cuts(&self, had: Option<Handle>) {
        let Some(had) = had else { return };
        self.cuts.store(true, Ordering::Relaxed);
        self.cuttings.fetch_add(1, Ordering::Relaxed);
        lock(&self.world.truth).cut(had, self.id);
    }

    fn acknowledge(&self, handle: Option<Handle>, doings: Doings) {
        let mut truth = lock(&self.world.truth);
        for ended in doings.ended {
            if let Some(life) = truth.sessions.get_mut(&ended) {
                life.end();
                self.world.story.tell(|| format!("request {}: the end of {ended} is acknowledged", self.id));
            }
        }
        let Some(handle) = handle else { return };
        let life = truth.life(handle, self.visitor);
        life.acknowledge(&doings.increments, &doings.sets, doings.login);
        life.acknowledge_removals(&doings.removed);
    }

    /// What the answer promises; returns what it does to the browser's cookie.
    fn answer(&self, committed: &Committed, doings: Doings) -> Option<Option<String>> {
        let header = committed.edits.set_cookies().next();
        let cookie = header.map(|header| {
            let pair = header.split(';').next().unwrap_or_default();
            (!header.contains("Max-Age=0;")).then(|| pair.to_owned())
        });
        if let Some(error) = &committed.error {
            self.failed(error);
            // What an earlier save did is told all the same.
            if let (Some(Some(text)), Some(handle)) = (&cookie, self.session.handle().ok().flatten()) {
                lock(&self.world.truth).issue(text, handle, self.visitor, false, self.begun);
            }
            return cookie;
        }
        // What another request ended, or cut off, was not changed by this one.
        let dropped = self.session.contains("owner").is_err();
        let handle = self.session.handle().ok().flatten();
        if !dropped {
            self.acknowledge(handle, doings);
        } else if let Some((handle, calm)) = self.calm.get()
            && self.begun.elapsed() < Duration::from_secs(4)
        {
            let cuttings = self.cuttings.load(Ordering::Relaxed);
            self.world.judge(|truth| truth.judge_dropped(*handle, *calm, cuttings));
        }
        let mut truth = lock(&self.world.truth);
        if let (Some(Some(text)), Some(handle)) = (&cookie, handle) {
            truth.issue(text, handle, self.visitor, self.cuts.load(Ordering::Relaxed), self.begun);
        }
        // What a save in the middle began may still be under way, as far as anybody knows.
        if !self.is_unsure.load(Ordering::Relaxed) {
            truth.close(self.id);
        }
        drop(truth);
        self.world.story.tell(|| {
            let change = match &cookie {
                None => "no cookie",
                Some(None) => "a removal",
                Some(Some(_)) => "a cookie",
            };
            format!("request {}: answered with {change}, session {handle:?}, dropped: {dropped}", self.id)
        });
        cookie
    }

    /// A request that only read is answered although its periodic renewal was cut off. Its visitor can follow, but who then
    /// stays away for longer than the grace period is logged out if the renewal came to its end after all.
    fn note_renewal_cut_off(&self, committing: Instant) {
        let Ok(Some(handle)) = self.session.handle() else { return };
        let took_long = committing.elapsed() > Duration::from_secs(1);
        let renews = self.world.plan.settings.renews_every.is_some();
        if renews && (took_long || self.world.was_away(self.net.host, committing)) {
            lock(&self.world.truth).life(handle, self.visitor).try_to_end();
        }
    }

    fn failed(&self, error: &Error) {
        self.world.story.tell(|| format!("request {}: {error}", self.id));
        let name = match error.kind() {
            ErrorKind::Ended => "failed: ended",
            ErrorKind::ReadOnly => "failed: read_only",
            ErrorKind::Conflict => "failed: conflict",
            ErrorKind::Unavailable => "failed: unavailable",
            ErrorKind::Full => "failed: full",
            ErrorKind::TooManySessions => "failed: too_many_sessions",
            // Nothing that a handler does here may fail in another way.
            _ => {
                let failed = || Rule::FailuresAreKnown.broken(format!("request {} failed with {error:?}", self.id));
                self.world.violate(failed);
                "failed: otherwise"
            }
        };
        self.world.met(name);
    }

    /// Every wait is bounded.
    fn keep_time(&self, begun: Instant, what: &str) {
        let took = begun.elapsed();
        if took > BOUND {
            let late = || Rule::CallsAreBounded.broken(format!("request {}: {what} took {took:?}", self.id));
            self.world.violate(late);
        }
    }
}

fn counter_key(number: usize) -> &'static str {
    ["n0", "n1", "n2"][number]
}

fn one_more(count: Option<u32>) -> u32 {
    count.unwrap_or(0) + 1
}
