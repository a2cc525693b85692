//! `Cookie` headers that a stranger sends.
//!
//! The first byte says how sessions are kept and the second where a real cookie goes; then each line is a header. In them
//! 0x01 stands for a cookie that has expired, 0x02 for the ticket of a session that was ended, and 0x03 for the cookie's
//! name.

use std::sync::LazyLock;
use std::time::Duration;

use cloakroom::testing::FakeClock;
use cloakroom::{Backend, CookieStore, Lifetime, MemoryStore, Secrets, SessionManager};

use crate::input::Input;
use crate::visit::{Cookies, block_on, commit, incompressible, manager, open, values};

/// How many cookies of one name a manager looks at.
const MOST: usize = 4;

pub(crate) fn run(input: &[u8]) {
    let mut input = Input(input);
    let site = &SITES[input.index(SITES.len())];
    let place = usize::from(input.byte());
    let junk = input.0.split(|byte| *byte == b'\n').map(|line| site.expand(line)).collect();
    block_on(site.visit(Cookies(junk), place));
}

/// A manager for each way to keep sessions, and for sessions in one cookie and in several.
static SITES: LazyLock<Vec<Site>> = LazyLock::new(|| {
    let store = || CookieStore::new(Secrets::new(["a secret of the fuzzer, of 32 bytes"]).expect("a secret"));
    let limited = |_: &[u8]| true;
    vec![
        Site::new(MemoryStore::new(), 10, |value| value.len() == 43),
        Site::new(store(), 10, limited),
        Site::new(store(), 5_000, limited),
        Site::new(store().insecure_readable(), 10, limited),
        Site::new(store().insecure_readable(), 5_000, limited),
    ]
});

/// A manager, and a visitor with a session.
struct Site {
    manager: SessionManager,
    /// The visitor's cookies as `name=value`.
    real: Vec<String>,
    value: String,
    expired: Vec<u8>,
    ended: Vec<u8>,
    /// Whether a value is one of those of which a manager looks at some only.
    counts: fn(&[u8]) -> bool,
}

impl Site {
    fn new(backend: impl Into<Backend>, bytes: usize, counts: fn(&[u8]) -> bool) -> Self {
        let clock = FakeClock::new();
        let lifetime = Lifetime::default().idle(Duration::from_secs(3_600));
        let manager = manager(backend, &clock).lifetime(lifetime).build().expect("it can be built");
        let value = incompressible(bytes);
        let expired = block_on(begin(&manager, &value, Cookies::default()));
        clock.advance(Duration::from_secs(7_200));
        let ended = block_on(begin(&manager, &value, Cookies::default()));
        block_on(end(&manager, &ended));
        let first = |pairs: &[String]| pairs[0].split_once('=').expect("a pair").1.as_bytes().to_vec();
        // A sealed cookie that somebody kept opens its session still.
        let is_kept = block_on(manager.count()).is_ok();
        let (expired, ended) = (first(&expired), first(if is_kept { &ended } else { &expired }));
        let real = block_on(begin(&manager, &value, Cookies::default()));
        Self { manager, real, value, expired, ended, counts }
    }

    fn expand(&self, line: &[u8]) -> Vec<u8> {
        let mut expanded = Vec::with_capacity(line.len());
        for byte in line {
            match byte {
                1 => expanded.extend(&self.expired),
                2 => expanded.extend(&self.ended),
                3 => expanded.extend(self.manager.cookie_name().as_bytes()),
                _ => expanded.push(*byte),
            }
        }
        expanded
    }

    async fn visit(&self, junk: Cookies, place: usize) {
        // Junk opens nothing, and keeps nobody from a new session.
        let session = open(&self.manager, junk.clone()).await;
        assert_eq!(session.keys().expect("it is loaded"), Vec::<String>::new());
        assert_eq!((session.user().expect("it is loaded"), session.handle().expect("it is loaded")), (None, None));
        assert_eq!(commit(&session).await, Vec::<String>::new());
        let begun = begin(&self.manager, &self.value, junk.clone()).await;
        end(&self.manager, &begun).await;

        // A real cookie opens its session in the midst of it.
        let (all, before) = with(&junk, &self.real, place);
        let session = open(&self.manager, all).await;
        let is_seen = self.real.iter().all(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            values(&before, name).into_iter().filter(|value| (self.counts)(value)).count() < MOST
        });
        if is_seen {
            assert_eq!(session.get::<String>("value").expect("a string").as_ref(), Some(&self.value));
            assert_eq!(session.user().expect("it is loaded").as_deref(), Some("ana"));
        }
        assert_eq!(commit(&session).await, Vec::<String>::new());
    }
}

/// The junk with real cookies in it, and what of it comes before them.
fn with(junk: &Cookies, real: &[String], place: usize) -> (Cookies, Cookies) {
    let real = real.join("; ").into_bytes();
    let (header, how) = (place / 3 % junk.0.len(), place % 3);
    let (mut all, mut before) = (junk.clone(), Cookies(junk.0[..header].to_vec()));
    match how {
        0 => all.0.insert(header, real),
        1 => all.0[header] = [&*real, b";", &junk.0[header]].concat(),
        _ => {
            all.0[header] = [&*junk.0[header], b"; ", &real].concat();
            before.0.push(junk.0[header].clone());
        }
    }
    (all, before)
}

async fn begin(manager: &SessionManager, value: &str, cookies: Cookies) -> Vec<String> {
    let session = open(manager, cookies).await;
    session.set("value", value).expect("it fits");
    session.login("ana").expect("nobody is logged in");
    commit(&session).await
}

/// Ends a session that is there.
async fn end(manager: &SessionManager, pairs: &[String]) {
    let session = open(manager, Cookies::of(pairs)).await;
    assert!(session.user().expect("it is loaded").is_some(), "it was just begun");
    session.destroy().expect("it is loaded");
    commit(&session).await;
}
