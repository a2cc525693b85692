//! Two processes, sixteen visitors and a server to which everything happens, at random, against a model of what was
//! acknowledged. It runs for two minutes, most of which is waiting; `CHAOS_SECONDS` changes that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cloakroom::{Error, ErrorKind, Session, SessionManager};
use servers::{Proxy, Redis, RedisOptions};
use tokio::time::sleep;

use crate::bench::{Result, later};

const VISITORS: u64 = 16;

/// What the engine promises, and what a busy machine adds.
const BOUND: Duration = Duration::from_millis(5_500);

// behaviours 40, 41, 49, 102, 103
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_kept_whatever_happens() {
    let seconds = std::env::var("CHAOS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(120);
    let mut server = RedisOptions::default().durable().start();
    let proxy = Arc::new(Proxy::start(server.port()));
    let process = || SessionManager::new(later(&proxy.redis_url()));
    let processes = [process(), process()];
    let over = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let visitors: Vec<_> = (0..VISITORS)
        .map(|id| {
            let mut visitor = Visitor::new(id, processes.clone());
            let (over, acknowledged) = (Arc::clone(&over), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                while !over.load(Ordering::Acquire) {
                    if visitor.step().await {
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                }
                visitor
            })
        })
        .collect();
    let harm = tokio::task::spawn_blocking(move || {
        let harms = harm(&mut server, &proxy, Duration::from_secs(seconds));
        (server, proxy, harms)
    });
    let (server, proxy, harms) = harm.await.expect("the harm is done");
    over.store(true, Ordering::Release);
    let mut last = Vec::new();
    for visitor in visitors {
        last.push(visitor.await.expect("a visitor saw what must not be"));
    }
    for visitor in &mut last {
        visitor.look_back().await;
    }
    let [one, other] = &processes;
    for visitor in &mut last {
        one.revoke_user(&visitor.name()).await.expect("the server is back");
        assert_eq!(other.sessions_of(&visitor.name()).await.expect("the server is back"), []);
        visitor.is_out().await;
    }
    let done = acknowledged.load(Ordering::Relaxed);
    assert!(harms >= seconds / 3 && done >= seconds * 10, "{harms} harms and {done} acknowledged changes are no load");
    drop((server, proxy));
}

/// Does harm until the time is over, and then puts all in order. Answers how often.
fn harm(server: &mut Redis, proxy: &Proxy, time: Duration) -> u64 {
    let mut random = Random::new(u64::from(server.port()));
    let start = Instant::now();
    let mut harms = 0;
    let pause = |most: u64, random: &mut Random| std::thread::sleep(Duration::from_millis(random.below(most)));
    while start.elapsed() < time {
        pause(1_500, &mut random);
        harms += 1;
        match random.below(8) {
            0 | 1 => proxy.cut(),
            2 => proxy.cut_next_request(),
            3 => proxy.cut_next_answer(),
            4 => {
                proxy.stall(true);
                pause(3_000, &mut random);
                proxy.stall(false);
            }
            5 => {
                server.pause();
                pause(3_000, &mut random);
                server.resume();
            }
            6 => {
                server.kill();
                pause(2_000, &mut random);
                server.restart();
            }
            _ => server.restart(),
        }
    }
    harms
}

/// Somebody with a browser, who knows what was acknowledged.
struct Visitor {
    id: u64,
    processes: [SessionManager; 2],
    random: Random,
    cookie: Option<String>,
    /// The count is at least and at most this.
    low: u64,
    high: u64,
    /// A login or a renewal failed: whether the cookie still opens the session is not known.
    doubtful: bool,
    /// Cookies of sessions whose end was acknowledged, and those that a login replaced.
    dead: Vec<String>,
}

impl Visitor {
    fn new(id: u64, processes: [SessionManager; 2]) -> Self {
        let random = Random::new(id + 1);
        Self { id, processes, random, cookie: None, low: 0, high: 0, doubtful: false, dead: Vec::new() }
    }

    fn name(&self) -> String {
        format!("visitor-{}", self.id)
    }

    /// A request at random; answers whether it changed something and that was acknowledged.
    async fn step(&mut self) -> bool {
        sleep(Duration::from_millis(self.random.below(40))).await;
        match self.random.below(20) {
            0 => self.log_out().await,
            1 | 2 => self.log_in().await,
            3 => {
                self.try_dead_cookies(4).await;
                false
            }
            4..=8 => self.count_twice_at_once().await,
            9..=13 => {
                self.arrive().await;
                false
            }
            _ => self.count().await,
        }
    }

    /// A request whose session is loaded, and is what the model says.
    async fn arrive(&mut self) -> Option<Session> {
        let cookie = self.cookie.clone();
        let session = self.open(cookie.as_deref());
        if !load(&session).await {
            return None;
        }
        if self.cookie.is_some() && session.handle().expect("it is loaded").is_none() {
            assert!(self.doubtful, "an acknowledged session of {} is lost", self.name());
            self.forget();
            return None;
        }
        if self.cookie.is_some() {
            self.doubtful = false;
            let owner = session.get::<u64>("owner").expect("a number");
            assert_eq!(owner, Some(self.id), "somebody sees another one's session");
            self.check(session.get("n").expect("a number").unwrap_or(0), "read");
        }
        Some(session)
    }

    fn open(&mut self, cookie: Option<&str>) -> Session {
        let process = &self.processes[usize::from(self.random.below(2) == 1)];
        match cookie {
            Some(cookie) => process.open(cookie.to_owned()),
            None => process.open(()),
        }
    }

    fn check(&self, n: u64, how: &str) {
        assert!((self.low..=self.high).contains(&n), "{how} {n}, acknowledged {}, at most {}", self.low, self.high);
    }

    fn forget(&mut self) {
        (self.cookie, self.low, self.high, self.doubtful) = (None, 0, 0, false);
    }

    /// One count, committed: from here on no write of the past can take effect any more.
    async fn count(&mut self) -> bool {
        let Some(session) = self.arrive().await else { return false };
        if self.cookie.is_none() {
            session.set("owner", self.id).expect("a new session");
            let began = self.leave(&session).await;
            return began && self.cookie.is_some();
        }
        let start = Instant::now();
        let counted = session.update_now("n", |n: Option<u64>| n.unwrap_or(0) + 1).await;
        assert!(start.elapsed() < BOUND, "a count took {:?}", start.elapsed());
        match counted {
            Ok(n) => {
                self.low += 1;
                self.high += 1;
                self.check(n, "counted");
                (self.low, self.high) = (n, n);
                true
            }
            Err(error) => {
                is_outage(&error);
                self.high += 1;
                false
            }
        }
    }

    async fn count_twice_at_once(&mut self) -> bool {
        let (Some(one), Some(other)) = (self.arrive().await, self.arrive().await) else { return false };
        if self.cookie.is_none() {
            return false;
        }
        for session in [&one, &other] {
            session.update("n", |n: Option<u64>| n.unwrap_or(0) + 1).expect("it is loaded");
        }
        let (one, other) = tokio::join!(commit(&one), commit(&other));
        self.low += u64::from(one.is_ok()) + u64::from(other.is_ok());
        self.high += 2;
        one.is_ok() && other.is_ok()
    }

    /// A login moves the session to a fresh ticket, and cuts the old one.
    async fn log_in(&mut self) -> bool {
        let Some(session) = self.arrive().await else { return false };
        let Some(old) = self.cookie.clone() else { return false };
        session.login(self.name()).expect("it is loaded");
        let acknowledged = self.leave(&session).await;
        if acknowledged {
            self.dead.push(old);
        } else {
            self.doubtful = true;
        }
        acknowledged
    }

    async fn log_out(&mut self) -> bool {
        let Some(session) = self.arrive().await else { return false };
        let Some(old) = self.cookie.clone() else { return false };
        session.logout().expect("it is loaded");
        let acknowledged = commit(&session).await.is_ok();
        if acknowledged {
            self.dead.push(old);
        }
        self.forget();
        acknowledged
    }

    /// The answer arrives, with its cookie.
    async fn leave(&mut self, session: &Session) -> bool {
        match commit(session).await {
            Ok(cookie) => {
                self.cookie = cookie.or(self.cookie.take());
                true
            }
            Err(_) => false,
        }
    }

    /// What has ended opens nothing, ever.
    async fn try_dead_cookies(&mut self, most: usize) {
        for _ in 0..most.min(self.dead.len()) {
            let one = usize::try_from(self.random.below(self.dead.len() as u64)).unwrap_or(0);
            let dead = self.dead[one].clone();
            self.is_dead(&dead).await;
        }
    }

    /// Whether the server could say that a cookie opens nothing. It never says that one of these opens something.
    async fn is_dead(&mut self, cookie: &str) -> bool {
        let session = self.open(Some(cookie));
        let loaded = load(&session).await;
        if loaded {
            assert_eq!(session.handle().expect("it is loaded"), None, "a session of {} is back", self.name());
        }
        loaded
    }

    /// With everything in order: the count is what it must be, and what has ended is still over.
    async fn look_back(&mut self) {
        for dead in self.dead.clone() {
            assert!(self.is_dead(&dead).await, "the server is back");
        }
        while self.cookie.is_some() && !self.count().await {}
        while self.cookie.is_some() && !self.log_in().await {}
    }

    async fn is_out(&mut self) {
        if let Some(cookie) = self.cookie.take() {
            assert!(self.is_dead(&cookie).await, "the server is back");
        }
    }
}

/// Loads a session, or finds that the server is away.
async fn load(session: &Session) -> bool {
    let start = Instant::now();
    let loaded = session.load().await;
    assert!(start.elapsed() < BOUND, "a load took {:?}", start.elapsed());
    loaded.inspect_err(is_outage).is_ok()
}

/// Commits, and answers the cookie of the response.
async fn commit(session: &Session) -> Result<Option<String>> {
    let start = Instant::now();
    let committed = session.commit(200).await;
    assert!(start.elapsed() < BOUND, "a commit took {:?}", start.elapsed());
    if let Some(error) = committed.error {
        is_outage(&error);
        assert_eq!(committed.edits.set_cookies().count(), 0, "a cookie for what was not kept");
        return Err(error);
    }
    let header = committed.edits.set_cookies().next();
    Ok(header
        .filter(|header| !header.contains("Max-Age=0;"))
        .and_then(|header| header.split(';').next())
        .map(str::to_owned))
}

fn is_outage(error: &Error) {
    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Conflict), "{error:?}");
}

/// Numbers that nobody has to guess.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }
}
