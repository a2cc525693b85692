//! What happens in one simulation, drawn from its seed before it begins: settings and steps, as data that can be cut down.

use std::time::Duration;

use fastrand::Rng;

use crate::stores::StoreKind;

/// Names of users: few, so that visitors share them.
pub const USERS: [&str; 2] = ["ana", "bo"];

/// Counters that handlers increment.
pub const COUNTERS: usize = 3;

/// Everything that one simulation does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// From which tokens, pauses and the fates of messages are drawn.
    pub seed: u64,
    /// How the hosts are set up.
    pub settings: Settings,
    /// What happens, in the order of the time of its beginning.
    pub steps: Vec<Step>,
}

/// How the hosts are set up, and how rough the world is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which store the hosts share.
    pub store: StoreKind,
    /// How many hosts there are.
    pub hosts: usize,
    /// How many visitors.
    pub visitors: usize,
    /// Whether tokens are renewed every so often.
    pub renews_every: Option<Duration>,
    /// How many sessions a user may have, and whether the login that is one too many is refused.
    pub user_limit: Option<(usize, bool)>,
    /// How many sessions the memory store holds.
    pub room: Option<usize>,
    /// How far clocks are apart, at most.
    pub skew: Duration,
    /// How often a message meets a fate of its own, in thousandths.
    pub faults: u32,
    /// Whether handlers clear all values.
    pub clears: bool,
    /// Idle and absolute timeout of the sessions.
    pub lifetime: (Duration, Duration),
    /// Whether the store often answers loads at once.
    pub at_once: bool,
    /// Whether writes are often so late that their sender has given up.
    pub late_writes: bool,
}

/// One step, and when it begins.
#[derive(Debug, Clone)]
pub struct Step {
    /// Since the beginning.
    pub at: Duration,
    /// What happens.
    pub what: What,
}

/// What happens in a step.
#[derive(Debug, Clone)]
pub enum What {
    /// A visitor sends a request.
    Request(Request),
    /// An operator ends the session that a visitor has a cookie of.
    Revoke {
        /// On which host.
        host: usize,
        /// Whose.
        visitor: usize,
    },
    /// A user ends the session that a visitor has a cookie of, if it is the user's own.
    RevokeOf {
        /// On which host.
        host: usize,
        /// Whose cookie.
        visitor: usize,
        /// Index into [`USERS`].
        user: usize,
    },
    /// An operator ends all sessions of a user.
    RevokeUser {
        /// On which host.
        host: usize,
        /// Index into [`USERS`].
        user: usize,
        /// The operator's client hangs up after this long.
        hangs_up: Option<Duration>,
    },
    /// A host sweeps, lists and counts.
    Sweep {
        /// Which host.
        host: usize,
    },
    /// A host dies, and another process takes its place.
    Crash {
        /// Which host.
        host: usize,
    },
    /// A clock jumps.
    Jump {
        /// Whose.
        host: usize,
        /// To how far from the true time, in milliseconds.
        offset: i64,
    },
    /// The clock of the store jumps.
    JumpOfStore {
        /// To how far from the true time, in milliseconds.
        offset: i64,
    },
    /// The store is away.
    Outage {
        /// For whom; all if none is named.
        host: Option<usize>,
        /// For how long.
        lasts: Duration,
    },
}

/// A request of a visitor.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whose browser it is.
    pub visitor: usize,
    /// Which host serves it.
    pub host: usize,
    /// Which cookies it brings.
    pub cookies: Cookies,
    /// What the handler does.
    pub actions: Vec<Action>,
    /// Whether every other action runs in a task of its own beside the handler.
    pub two_tasks: bool,
    /// The client goes away after this long.
    pub hangs_up: Option<Duration>,
    /// How long the answer is on its way; none if it never arrives.
    pub answer: Option<Duration>,
    /// The status of the response: one from 500 on rolls the changes back.
    pub status: u16,
}

/// Which cookies a request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookies {
    /// What the browser has.
    Current,
    /// One that it had before: so many back.
    Older(usize),
    /// What it has, behind an older one.
    OlderAndCurrent(usize),
    /// None, as of somebody who comes for the first time.
    None,
}

/// What a handler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Reads.
    Read,
    /// Sets a value under a key of its own.
    Set,
    /// Adds one to a counter.
    Increment(usize),
    /// Adds one to a counter and commits at once.
    IncrementNow(usize),
    /// Adds one to a counter, in a transaction.
    Transaction(usize),
    /// Removes all values.
    Clear,
    /// Removes a value that another request has set, and reads it if `take` says so.
    Remove {
        /// By `take`.
        take: bool,
    },
    /// Discards what is not committed when the response is sent.
    Discard,
    /// Logs a user in.
    Login(usize),
    /// Ends the session.
    Logout,
    /// Ends the session by the other name.
    Destroy,
    /// Moves it to a fresh token.
    Renew,
    /// Commits what was done so far.
    Save,
    /// Leaves a message for the next request.
    Flash,
    /// Takes the messages.
    TakeFlashes,
    /// Leaves a message for this request, and reads the messages without taking them.
    PeekFlashes,
    /// Keeps a value for this request.
    Transient,
    /// Keeps all that it writes from here on for this request.
    WriteTransient,
    /// Asks all else that a session can tell.
    Ask,
    /// Lists the sessions of the user.
    Devices,
    /// Gives the session a lifetime.
    Lifetime,
    /// Gives it a cookie that the browser keeps.
    Remember,
    /// Notes something for the list of devices.
    Note,
    /// Logs a user in for this request.
    LoginTransient,
    /// Ends the other sessions of the user.
    RevokeOthers,
    /// Waits, for a moment, until the session ends.
    WaitForEnd,
    /// Does something else for so many milliseconds.
    Work(u64),
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64, store: StoreKind) -> Self {
        let mut rng = Rng::with_seed(seed);
        let settings = Settings::draw(&mut rng, store);
        let mut at = Duration::ZERO;
        let steps = (0..rng.usize(4..28)).map(|_| {
            at += pause(&mut rng);
            Step { at, what: What::draw(&mut rng, &settings) }
        });
        let mut steps: Vec<_> = steps.collect();
        if rng.u8(..6) == 0 {
            let at = steps.get(rng.usize(..steps.len())).map_or(Duration::ZERO, |step| step.at);
            steps.extend(besieged_renewal(&mut rng, &settings, at));
            steps.sort_by_key(|step| step.at);
        }
        Self { seed: rng.u64(..), settings, steps }
    }
}

impl Settings {
    fn draw(rng: &mut Rng, store: StoreKind) -> Self {
        let seconds = Duration::from_secs;
        let skew = one_of(rng, &[Duration::ZERO, Duration::ZERO, seconds(2), seconds(240)]);
        let (long, short) = ((seconds(40 * 60), seconds(6 * 3_600)), (seconds(120), seconds(600)));
        Self {
            store,
            hosts: rng.usize(1..=3),
            visitors: rng.usize(1..=3),
            renews_every: one_of(rng, &[None, Some(seconds(1)), Some(seconds(20)), Some(seconds(600))]),
            user_limit: one_of(rng, &[None, None, None, Some((1, false)), Some((1, true)), Some((2, false))]),
            room: one_of(rng, &[None, None, None, None, None, Some(5)]).filter(|_| store == StoreKind::Memory),
            skew,
            faults: one_of(rng, &[0, 0, 30, 30, 150]),
            clears: rng.u8(..4) == 0,
            // Clocks that are apart by more than a session lives are for the tests of skew.
            lifetime: if skew > seconds(2) { long } else { one_of(rng, &[long, long, short]) },
            at_once: store == StoreKind::Memory && rng.u8(..4) == 0,
            late_writes: rng.u8(..8) == 0,
        }
    }
}

impl What {
    fn draw(rng: &mut Rng, settings: &Settings) -> Self {
        let host = rng.usize(..settings.hosts);
        match rng.u32(..100) {
            0..2 => Self::Revoke { host, visitor: rng.usize(..settings.visitors) },
            2..5 => {
                let hangs_up = (rng.u8(..4) == 0).then(|| Duration::from_millis(rng.u64(..100)));
                Self::RevokeUser { host, user: rng.usize(..USERS.len()), hangs_up }
            }
            5 => Self::RevokeOf { host, visitor: rng.usize(..settings.visitors), user: rng.usize(..USERS.len()) },
            6..8 => Self::Sweep { host },
            8..10 if settings.faults > 0 => Self::Crash { host },
            10..12 if !settings.skew.is_zero() => {
                let most = settings.skew.as_millis() as i64;
                if settings.store == StoreKind::Redis && rng.u8(..4) == 0 {
                    return Self::JumpOfStore { offset: rng.i64(-most / 4..=most / 4) };
                }
                Self::Jump { host, offset: rng.i64(-most..=most) }
            }
            12..14 if settings.faults > 0 => {
                let lasts = Duration::from_millis(one_of(rng, &[50, 1_000, 4_000, 10_000]));
                Self::Outage { host: (rng.u8(..2) == 0).then_some(host), lasts }
            }
            _ => Self::Request(Request::draw(rng, settings, host)),
        }
    }
}

impl Request {
    fn draw(rng: &mut Rng, settings: &Settings, host: usize) -> Self {
        let cookies = match rng.u8(..20) {
            0..2 => Cookies::Older(rng.usize(1..4)),
            2 => Cookies::OlderAndCurrent(rng.usize(1..4)),
            3 => Cookies::None,
            _ => Cookies::Current,
        };
        let answer = match rng.u8(..20) {
            0 => None,
            1 => Some(Duration::from_millis(rng.u64(..20_000))),
            _ => Some(Duration::from_millis(rng.u64(..30))),
        };
        let two_tasks = rng.u8(..8) == 0;
        Self {
            visitor: rng.usize(..settings.visitors),
            host,
            cookies,
            actions: (0..rng.usize(1..4)).map(|_| Action::draw(rng, settings)).collect(),
            two_tasks,
            status: if !two_tasks && rng.u8(..24) == 0 { 500 } else { 200 },
            hangs_up: (rng.u8(..16) == 0).then(|| Duration::from_millis(rng.u64(..120))),
            answer,
        }
    }
}

impl Action {
    fn draw(rng: &mut Rng, settings: &Settings) -> Self {
        match rng.u32(..100) {
            0..6 => Self::Read,
            6..8 => Self::Ask,
            8 => Self::Devices,
            9 => Self::Discard,
            10 => Self::Transient,
            11..14 => Self::Remove { take: rng.bool() },
            14..28 => Self::Set,
            28..45 => Self::Increment(rng.usize(..COUNTERS)),
            45..49 => Self::IncrementNow(rng.usize(..COUNTERS)),
            49..53 => Self::Transaction(rng.usize(..COUNTERS)),
            53..55 if settings.clears => Self::Clear,
            53..66 => Self::Login(rng.usize(..USERS.len())),
            66..72 => Self::Logout,
            72..74 => Self::Destroy,
            74..80 => Self::Renew,
            80..84 => Self::Save,
            84..86 => Self::Flash,
            86 => Self::TakeFlashes,
            87 => Self::PeekFlashes,
            88 => one_of(rng, &[Self::Lifetime, Self::Remember]),
            89 => Self::Note,
            90 => one_of(rng, &[Self::LoginTransient, Self::WriteTransient]),
            91..93 => Self::RevokeOthers,
            93 => Self::WaitForEnd,
            _ => Self::Work(one_of(rng, &[1, 20, 200, 3_000])),
        }
    }
}

/// A renewal whose answer never comes, and requests with the old token: while it is under way, and when it may be taken
/// back.
fn besieged_renewal(rng: &mut Rng, settings: &Settings, at: Duration) -> Vec<Step> {
    let visitor = rng.usize(..settings.visitors);
    let request = |host, actions, answer| {
        What::Request(Request {
            visitor,
            host,
            cookies: Cookies::Current,
            actions,
            two_tasks: false,
            hangs_up: None,
            answer,
            status: 200,
        })
    };
    let renewal = one_of(rng, &[Action::Renew, Action::Login(0)]);
    let mut steps = vec![
        Step { at, what: request(rng.usize(..settings.hosts), vec![Action::Set], Some(Duration::ZERO)) },
        Step { at: at + Duration::from_millis(200), what: request(rng.usize(..settings.hosts), vec![renewal], None) },
    ];
    for _ in 0..rng.usize(2..6) {
        let later = one_of(rng, &[0, 0, LATE[0], LATE[1], LATE[2]]) + rng.u64(..60);
        let at = at + Duration::from_millis(200 + later);
        steps.push(Step { at, what: request(rng.usize(..settings.hosts), vec![Action::Read], None) });
    }
    steps
}

/// How late late writes are, in milliseconds: their sender has just given up.
pub(crate) const LATE: [u64; 3] = [4_600, 5_000, 6_000];

/// How long after the last step the next one begins: often at the same time, sometimes much later.
fn pause(rng: &mut Rng) -> Duration {
    Duration::from_millis(match rng.u32(..100) {
        0..30 => 0,
        30..75 => rng.u64(..40),
        75..90 => rng.u64(..2_000),
        90..97 => rng.u64(..15_000),
        97..99 => rng.u64(..120_000),
        _ => rng.u64(..3_000_000),
    })
}

pub(crate) fn one_of<T: Clone>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())].clone()
}
