//! What was promised to whom: from it every answer of a host, and every step of the store, is judged.
//!
//! It knows what hosts acknowledged, and what they may have done without acknowledging it. It knows nothing of how.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use cloakroom::Handle;
use tokio::time::Instant;

use crate::plan::COUNTERS;
use crate::rule::{Rule, Violation};

/// A token is followed for at least this long after a periodic renewal.
const GRACE: Duration = Duration::from_secs(9);

/// A request, and what it sends last, is over by then; and clocks that are set right drift apart by less.
const SLACK: Duration = Duration::from_secs(90);

/// A request, by its number.
pub(crate) type RequestId = u32;

/// All sessions that ever began.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) sessions: BTreeMap<Handle, Life>,
    tokens: HashMap<String, Handle>,
    /// Whether clocks are apart: then no renewal is followed for sure.
    skewed: bool,
    /// For how long after it was seen and born a session is alive for sure: a handler may halve its lifetime.
    surely_alive: (Duration, Duration),
    /// After how long without a request it has expired by every clock.
    surely_expired: Duration,
    /// Users whose sessions are being ended, or may be.
    pub(crate) revoking: BTreeSet<&'static str>,
}

/// One session.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) owner: usize,
    /// Who was logged in by an answer, and when.
    pub(crate) user: Option<(&'static str, Instant)>,
    /// Who may have been logged in.
    pub(crate) users_tried: BTreeSet<&'static str>,
    /// When its end was acknowledged.
    pub(crate) ended: Option<Instant>,
    /// Whether anybody tried to end it, or may have.
    pub(crate) may_end: bool,
    counters: [Counter; COUNTERS],
    sets: BTreeSet<u32>,
    sets_begun: BTreeSet<u32>,
    /// Values that were removed, by whom nobody may bring them back.
    removed: BTreeSet<u32>,
    removals_begun: BTreeSet<u32>,
    /// Whether values may be gone that were acknowledged, or there that were not.
    pub(crate) values_unknown: bool,
    tokens: Vec<Token>,
    /// Requests that have it open and were not answered, since when, and whether they cut tokens off.
    open: BTreeMap<RequestId, (Instant, bool)>,
    /// Grows with whatever may keep a token from opening it.
    disturbed: u32,
    seen: Instant,
    born: Instant,
    /// When a request opened it last.
    opened: Instant,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    acknowledged: u32,
    begun: u32,
}

#[derive(Debug, Clone)]
struct Token {
    text: String,
    /// When an answer said that it opens nothing any more.
    cut: Option<Instant>,
    /// When a periodic renewal gave another one out.
    superseded: Option<Instant>,
}

impl Life {
    fn new(owner: usize) -> Self {
        Self {
            owner,
            user: None,
            users_tried: BTreeSet::new(),
            ended: None,
            may_end: false,
            counters: Default::default(),
            sets: BTreeSet::new(),
            sets_begun: BTreeSet::new(),
            removed: BTreeSet::new(),
            removals_begun: BTreeSet::new(),
            values_unknown: false,
            tokens: Vec::new(),
            open: BTreeMap::new(),
            disturbed: 0,
            seen: Instant::now(),
            born: Instant::now(),
            opened: Instant::now(),
        }
    }

    /// Something may keep a token from opening it.
    pub(crate) fn disturb(&mut self) {
        self.disturbed += 1;
    }

    pub(crate) fn begin_increment(&mut self, counter: usize) {
        self.counters[counter].begun += 1;
    }

    pub(crate) fn begin_set(&mut self, number: u32) {
        self.sets_begun.insert(number);
    }

    /// Returns whether it is gone for good once that is acknowledged: whoever set it may set it again.
    pub(crate) fn begin_removal(&mut self, number: u32) -> bool {
        self.removals_begun.insert(number);
        !self.open.contains_key(&number)
    }

    pub(crate) fn acknowledge_removals(&mut self, removed: &[u32]) {
        self.removed.extend(removed);
    }

    pub(crate) fn acknowledge(&mut self, increments: &[u32; COUNTERS], sets: &[u32], login: Option<&'static str>) {
        for (counter, more) in self.counters.iter_mut().zip(increments) {
            counter.acknowledged += more;
        }
        self.sets.extend(sets);
        self.seen = Instant::now();
        if let Some(user) = login {
            self.user = Some((user, self.seen));
        }
    }

    /// Somebody is about to end it.
    pub(crate) fn try_to_end(&mut self) {
        self.may_end = true;
        self.disturb();
    }

    pub(crate) fn end(&mut self) {
        self.try_to_end();
        self.ended.get_or_insert_with(Instant::now);
    }

    /// Whether this token has to open it, as far as anybody knows.
    fn has_to_open(&self, text: &str, skewed: bool, surely_alive: (Duration, Duration)) -> bool {
        let now = Instant::now();
        let Some(at) = self.tokens.iter().position(|token| token.text == text) else { return false };
        let token = &self.tokens[at];
        let undisturbed = !self.may_end
            && self.open.len() <= 2
            && self.open.values().all(|(since, cuts)| !cuts && !skewed && now - *since < GRACE);
        let current = token.cut.is_none()
            && match token.superseded {
                None => true,
                // Renewals are followed, but not any number of them.
                Some(superseded) => !skewed && now - superseded < GRACE && self.tokens.len() - at <= 3,
            };
        undisturbed && current && now - self.seen < surely_alive.0 && now - self.born < surely_alive.1
    }
}

/// What is known when a request begins.
#[derive(Debug)]
pub(crate) struct Glimpse {
    begun: Instant,
    /// The cookies that it brings, and what is known of their sessions.
    known: Vec<Known>,
    /// The session that has to open, and how often it was disturbed.
    has_to_open: Option<(Handle, u32)>,
}

#[derive(Debug)]
struct Known {
    handle: Handle,
    is_cut: bool,
    life: Life,
}

/// What a request saw of its session.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) handle: Option<Handle>,
    pub(crate) user: Option<String>,
    pub(crate) owner: Option<usize>,
    pub(crate) counters: [u32; COUNTERS],
    pub(crate) sets: Vec<u32>,
}

impl Glimpse {
    /// How often this session had been disturbed, if nothing was under way that may end it, or cut it off.
    pub(crate) fn calm(&self, handle: Handle) -> Option<u32> {
        let life = &self.known.iter().find(|known| known.handle == handle)?.life;
        let calm = !life.may_end && life.open.values().all(|(_, cuts)| !cuts);
        calm.then_some(life.disturbed)
    }

    /// Whether it was this session that had to open.
    pub(crate) fn had_to_open(&self, seen: &Seen) -> bool {
        seen.handle.is_some() && self.has_to_open.map(|(handle, _)| handle) == seen.handle
    }
}

impl Truth {
    pub(crate) fn new(skew: Duration, lifetime: (Duration, Duration)) -> Self {
        Self {
            skewed: !skew.is_zero(),
            surely_alive: (lifetime.0 / 5, lifetime.1 / 5),
            surely_expired: lifetime.0 + 2 * skew + SLACK,
            ..Self::default()
        }
    }

    pub(crate) fn life(&mut self, handle: Handle, owner: usize) -> &mut Life {
        self.sessions.entry(handle).or_insert_with(|| Life::new(owner))
    }

    pub(crate) fn session_of(&self, token: &str) -> Option<Handle> {
        self.tokens.get(token).copied()
    }

    pub(crate) fn of_user(&mut self, user: &str) -> impl Iterator<Item = (&Handle, &mut Life)> {
        self.sessions.iter_mut().filter(move |(_, life)| life.users_tried.contains(user))
    }

    /// What is known when a request begins. A crowded store keeps no session for sure.
    pub(crate) fn glimpse(&self, cookies: &[String], crowded: bool) -> Glimpse {
        let known = cookies.iter().filter_map(|text| {
            let handle = self.session_of(text)?;
            let life = self.sessions.get(&handle)?.clone();
            let is_cut = life.tokens.iter().any(|token| token.text == *text && token.cut.is_some());
            Some(Known { handle, is_cut, life })
        });
        let known: Vec<_> = known.collect();
        let has_to_open = match (cookies, &*known) {
            ([text], [known]) if !crowded => known
                .life
                .has_to_open(text, self.skewed, self.surely_alive)
                .then_some((known.handle, known.life.disturbed)),
            _ => None,
        };
        Glimpse { begun: Instant::now(), known, has_to_open }
    }

    /// Judges what a request was shown.
    pub(crate) fn judge(&self, glimpse: &Glimpse, visitor: usize, seen: &Seen) -> Result<(), Violation> {
        let Some(handle) = seen.handle else {
            let Some((handle, disturbed)) = glimpse.has_to_open else { return Ok(()) };
            let undisturbed = self.sessions.get(&handle).is_some_and(|life| life.disturbed == disturbed);
            return match undisturbed {
                true => Err(Rule::NothingIsLost.broken(format!("the session {handle} does not open"))),
                false => Ok(()),
            };
        };
        let Some(life) = self.sessions.get(&handle) else {
            return Err(Rule::NobodySeesAnothers.broken(format!("the session {handle} opened, which nobody began")));
        };
        let brought: Vec<_> = glimpse.known.iter().filter(|known| known.handle == handle).collect();
        if brought.is_empty() {
            return Err(Rule::NobodySeesAnothers.broken(format!("the session {handle} opened by a foreign token")));
        }
        if let Some(ended) = life.ended.filter(|ended| *ended < glimpse.begun) {
            let since = glimpse.begun - ended;
            return Err(Rule::EndsHold.broken(format!("the session {handle} opened, {since:?} after its end")));
        }
        if brought.iter().all(|known| glimpse.begun - known.life.opened > self.surely_expired) {
            return Err(Rule::ExpiryHolds.broken(format!("the session {handle} opened long after it expired")));
        }
        if brought.iter().all(|known| known.is_cut) {
            return Err(Rule::OldTokensAreCut.broken(format!("an old token opened the session {handle}")));
        }
        if life.owner != visitor || seen.owner.is_some_and(|owner| owner != visitor) {
            let what = format!("visitor {visitor} sees the session {handle} of visitor {}", life.owner);
            return Err(Rule::NobodySeesAnothers.broken(what));
        }
        judge_user(life, glimpse, seen).and_then(|()| judge_values(handle, life, &brought, seen))
    }

    /// Judges a list of live sessions that was asked for at `begun`, of a user if one is named.
    pub(crate) fn judge_listed(
        &self,
        begun: Instant,
        user: Option<&str>,
        mut listed: impl Iterator<Item = Handle>,
    ) -> Result<(), Violation> {
        listed.try_for_each(|handle| {
            // One that nobody has heard of may have begun by a request that was cut off.
            let Some(life) = self.sessions.get(&handle) else { return Ok(()) };
            if life.ended.is_some_and(|ended| ended < begun) {
                return Err(Rule::EndsHold.broken(format!("the session {handle} is listed after its end")));
            }
            match user {
                Some(user) if !life.users_tried.contains(user) => {
                    Err(Rule::NobodySeesAnothers.broken(format!("the session {handle} is listed for {user}")))
                }
                _ => Ok(()),
            }
        })
    }

    /// An answer that gives out a token.
    /// The request that it answers began at `begun`.
    pub(crate) fn issue(&mut self, text: &str, handle: Handle, owner: usize, cuts: bool, begun: Instant) {
        let (now, skewed) = (Instant::now(), self.skewed);
        self.tokens.insert(text.to_owned(), handle);
        let life = self.life(handle, owner);
        if life.tokens.last().is_some_and(|token| token.text == text) {
            return;
        }
        for token in life.tokens.iter_mut().filter(|token| token.text != text) {
            token.superseded.get_or_insert(now);
            if cuts {
                token.cut.get_or_insert(now);
            }
        }
        if cuts || skewed {
            life.disturb();
        }
        // An explicit renewal may have come between the request and its answer: then this one is old already.
        let is_old = !cuts && life.tokens.iter().any(|token| token.cut.is_some_and(|cut| cut >= begun));
        // Another request may have given it out already, and a later one another.
        if !is_old && life.tokens.iter().all(|token| token.text != text) {
            life.tokens.push(Token { text: text.to_owned(), cut: None, superseded: None });
        }
    }

    /// A request has a session open.
    pub(crate) fn open(&mut self, handle: Handle, request: RequestId) {
        let skewed = self.skewed;
        if let Some(life) = self.sessions.get_mut(&handle) {
            life.opened = Instant::now();
            life.open.insert(request, (life.opened, false));
            // It may renew the session, and whose clock is apart may find the renewal too old to be followed.
            if skewed {
                life.disturb();
            }
        }
    }

    /// Judges that a request was told that its session has ended, which was calm when it began, and whose tokens it
    /// was about to cut off so often itself.
    pub(crate) fn judge_dropped(&self, handle: Handle, calm: u32, cuts: u32) -> Result<(), Violation> {
        let undisturbed = self.sessions.get(&handle).is_some_and(|life| !life.may_end && life.disturbed == calm + cuts);
        match undisturbed {
            true => Err(Rule::NothingIsLost.broken(format!("the session {handle} is said to have ended"))),
            false => Ok(()),
        }
    }

    /// A request that has a session open is about to cut its tokens off.
    pub(crate) fn cut(&mut self, handle: Handle, request: RequestId) {
        if let Some(life) = self.sessions.get_mut(&handle) {
            life.open.insert(request, (Instant::now(), true));
            life.disturb();
        }
    }

    /// A request was answered.
    pub(crate) fn close(&mut self, request: RequestId) {
        for life in self.sessions.values_mut() {
            life.open.remove(&request);
        }
    }
}

fn judge_user(life: &Life, glimpse: &Glimpse, seen: &Seen) -> Result<(), Violation> {
    let before = life.user.filter(|(_, since)| *since < glimpse.begun).map(|(user, _)| user);
    match (&seen.user, before) {
        (Some(user), _) if !life.users_tried.contains(&**user) => {
            Err(Rule::NobodySeesAnothers.broken(format!("{user} never logged in")))
        }
        (user, Some(before)) if user.as_deref() != Some(before) => {
            let what = format!("{before} is logged in, and the session says {user:?}");
            Err(Rule::NobodySeesAnothers.broken(what))
        }
        _ => Ok(()),
    }
}

fn judge_values(handle: Handle, life: &Life, brought: &[&Known], seen: &Seen) -> Result<(), Violation> {
    if life.values_unknown {
        return Ok(());
    }
    let Some(known) = brought.first() else { return Ok(()) };
    for (number, count) in seen.counters.into_iter().enumerate() {
        let (least, most) = (known.life.counters[number].acknowledged, life.counters[number].begun);
        if !(least..=most).contains(&count) {
            let what = format!("counter {number} of {handle} is {count}: {least} acknowledged, {most} begun");
            return Err(Rule::WritesCountOnce.broken(what));
        }
    }
    let is_lost = |number: &&u32| !seen.sets.contains(number) && !life.removals_begun.contains(number);
    if let Some(back) = known.life.removed.iter().find(|number| seen.sets.contains(number)) {
        let what = format!("the session {handle} has the value again that request {back} had set, and another removed");
        return Err(Rule::WritesCountOnce.broken(what));
    }
    if let Some(lost) = known.life.sets.iter().find(is_lost) {
        let what = format!("the session {handle} lost the value that request {lost} set");
        return Err(Rule::WritesCountOnce.broken(what));
    }
    match seen.sets.iter().find(|number| !life.sets_begun.contains(number)) {
        Some(foreign) => {
            let what = format!("the session {handle} has a value of request {foreign}, which set none there");
            Err(Rule::WritesCountOnce.broken(what))
        }
        None => Ok(()),
    }
}
