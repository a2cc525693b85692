//! Changing the store changes no behaviour: the same calls of one visitor are answered alike by a store and by sealed
//! cookies.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use cloakroom::testing::FakeClock;
use cloakroom::{Backend, CookieStore, Handle, Lifetime, MemoryStore, Secrets, Session, SessionManager};
use proptest::prelude::*;

use crate::harness::{Result, one_more};

const IDLE: Duration = Duration::from_secs(60);
const ABSOLUTE: Duration = Duration::from_secs(150);

/// What happens next to a visitor.
#[derive(Debug, Clone)]
enum Event {
    /// The handler of the request under way calls its session.
    Call(Call),
    /// The request is answered with this status, and the visitor takes the answer.
    Answer(u16),
    Wait(Duration),
}

#[derive(Debug, Clone)]
enum Call {
    Get(&'static str),
    Set(&'static str, u32),
    SetText(&'static str),
    Remove(&'static str),
    Take(&'static str),
    Clear,
    Update(&'static str),
    UpdateNow(&'static str),
    Move(&'static str, &'static str),
    SetTransient(&'static str, u32),
    RemoveTransient(&'static str),
    Flash,
    FlashNow,
    Flashes,
    Login(&'static str),
    Renew,
    Destroy,
    Remember(Duration),
    SetLifetime,
    Save,
    /// Asks for whatever there is to ask.
    Look,
    /// Asks for what is no activity to ask for.
    Deadlines,
}

fn call() -> impl Strategy<Value = Call> {
    let key = prop::sample::select(vec!["a", "b", "c"]);
    let user = prop::sample::select(vec!["ana", "bob"]);
    prop_oneof![
        4 => key.clone().prop_map(Call::Get),
        4 => (key.clone(), 0..3_u32).prop_map(|(key, value)| Call::Set(key, value)),
        1 => key.clone().prop_map(Call::SetText),
        2 => key.clone().prop_map(Call::Remove),
        2 => key.clone().prop_map(Call::Take),
        1 => Just(Call::Clear),
        3 => key.clone().prop_map(Call::Update),
        2 => key.clone().prop_map(Call::UpdateNow),
        2 => (key.clone(), key.clone()).prop_map(|(from, to)| Call::Move(from, to)),
        2 => (key.clone(), 0..3_u32).prop_map(|(key, value)| Call::SetTransient(key, value)),
        1 => key.prop_map(Call::RemoveTransient),
        1 => Just(Call::Flash),
        1 => Just(Call::FlashNow),
        1 => Just(Call::Flashes),
        2 => user.prop_map(Call::Login),
        1 => Just(Call::Renew),
        2 => Just(Call::Destroy),
        1 => (1..200_u64).prop_map(|seconds| Call::Remember(Duration::from_secs(seconds))),
        1 => Just(Call::SetLifetime),
        3 => Just(Call::Save),
        4 => Just(Call::Look),
        2 => Just(Call::Deadlines),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => call().prop_map(Event::Call),
        4 => prop::sample::select(vec![200, 200, 404, 500]).prop_map(Event::Answer),
        2 => prop::sample::select(vec![1, 2_999, 3_000, 20_000, 59_999, 60_000])
            .prop_map(|millis| Event::Wait(Duration::from_millis(millis))),
    ]
}

/// One visitor of one site.
struct Side {
    clock: FakeClock,
    sessions: SessionManager,
    jar: BTreeMap<String, String>,
    request: Option<Session>,
    /// Every handle that was seen: what counts is which are the same.
    handles: Vec<Handle>,
}

impl Side {
    fn new(backend: impl Into<Backend>) -> Self {
        let clock = FakeClock::new();
        let sessions = SessionManager::builder(backend)
            .clock(clock.clone())
            .lifetime(Lifetime::default().idle(IDLE).absolute(ABSOLUTE))
            .roll_back_on(|status| status >= 500)
            .without_sweeper()
            .build()
            .expect("a valid configuration");
        Self { clock, sessions, jar: BTreeMap::new(), request: None, handles: Vec::new() }
    }

    /// What is seen of an event.
    async fn play(&mut self, event: &Event) -> Result<String> {
        match event {
            Event::Wait(time) => self.clock.advance(*time),
            Event::Call(call) => {
                let session = self.request().await?;
                return Ok(self.call(&session, call).await);
            }
            Event::Answer(status) => {
                let session = self.request().await?;
                self.request = None;
                let committed = session.commit(*status).await;
                for header in committed.edits.set_cookies() {
                    let (name, value) =
                        header.split(';').next().and_then(|pair| pair.split_once('=')).expect("name=value");
                    if header.contains("; Max-Age=0;") {
                        self.jar.remove(name);
                    } else {
                        self.jar.insert(name.to_owned(), value.to_owned());
                    }
                }
                return Ok(format!("{:?}", committed.error.map(|error| error.kind())));
            }
        }
        Ok(String::new())
    }

    /// The request under way, or the next one.
    async fn request(&mut self) -> Result<Session> {
        if let Some(session) = &self.request {
            return Ok(session.clone());
        }
        let pairs: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let session = self.sessions.open(pairs.join("; "));
        session.load().await?;
        Ok(self.request.insert(session).clone())
    }

    async fn call(&mut self, session: &Session, call: &Call) -> String {
        match call.clone() {
            Call::Get(key) => shown(session.get::<u32>(key)),
            Call::Set(key, value) => shown(session.set(key, value)),
            Call::SetText(key) => shown(session.set(key, "text")),
            Call::Remove(key) => shown(session.remove(key)),
            Call::Take(key) => shown(session.take::<u32>(key)),
            Call::Clear => shown(session.clear()),
            Call::Update(key) => shown(session.update(key, one_more)),
            Call::UpdateNow(key) => shown(session.update_now(key, one_more).await),
            Call::Move(from, to) => shown(session.transaction(move |view| {
                let value = view.get::<u32>(from)?;
                view.remove(from);
                view.set(to, value.unwrap_or(7))?;
                Ok(view.contains(from))
            })),
            Call::SetTransient(key, value) => shown(session.set_transient(key, value)),
            Call::RemoveTransient(key) => shown(session.remove_transient(key)),
            Call::Flash => shown(session.flash("info", "saved")),
            Call::FlashNow => shown(session.flash_now("info", "now")),
            Call::Flashes => shown(session.flashes()),
            Call::Login(user) => shown(session.login(user)),
            Call::Renew => shown(session.renew()),
            Call::Destroy => shown(session.destroy()),
            Call::Remember(idle) => shown(session.remember(idle)),
            Call::SetLifetime => shown(session.set_lifetime(Lifetime::default().idle(IDLE).absolute(2 * IDLE))),
            Call::Save => shown(session.save().await),
            Call::Look => {
                let values = ["a", "b", "c"].map(|key| shown(session.get::<u32>(key)));
                let transient = ["a", "b", "c"].map(|key| shown(session.get_transient::<u32>(key)));
                let rest = [
                    shown(session.keys()),
                    shown(session.len()),
                    shown(session.contains("a")),
                    shown(session.user()),
                    shown(session.peek_flashes()),
                    shown(session.authenticated_at()),
                ];
                format!("{values:?} {transient:?} {rest:?} {}", self.handle(session))
            }
            Call::Deadlines => {
                let instants = [session.created(), session.idle_deadline(), session.absolute_deadline()].map(shown);
                format!("{instants:?} {} {}", shown(session.expires_in()), shown(session.lifetime()))
            }
        }
    }

    fn handle(&mut self, session: &Session) -> String {
        shown(session.handle().map(|handle| {
            let handle = handle?;
            Some(self.handles.iter().position(|known| *known == handle).unwrap_or_else(|| {
                self.handles.push(handle);
                self.handles.len() - 1
            }))
        }))
    }
}

fn shown<T: Debug>(result: Result<T>) -> String {
    format!("{:?}", result.map_err(|error| error.kind()))
}

async fn play(events: Vec<Event>) -> Result {
    let secrets = || Secrets::new(["the secret of a test, 32 bytes long"]).expect("a secret");
    let mut store = Side::new(MemoryStore::new());
    let mut encrypted = Side::new(CookieStore::new(secrets()));
    let mut signed = Side::new(CookieStore::new(secrets()).insecure_readable());
    let looks = [Event::Answer(200), Event::Call(Call::Deadlines), Event::Call(Call::Look), Event::Answer(200)];
    for event in events.iter().chain(&looks) {
        let answer = store.play(event).await?;
        assert_eq!(encrypted.play(event).await?, answer, "{event:?}");
        assert_eq!(signed.play(event).await?, answer, "{event:?}");
    }
    Ok(())
}

/// Some hundreds, or what `PROPTEST_CASES` says.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(500)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    // defect 26
    #[test]
    fn a_store_and_sealed_cookies_answer_alike(events in prop::collection::vec(event(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(play(events)).expect("neither fails");
    }
}
