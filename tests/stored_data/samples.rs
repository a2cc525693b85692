//! The sessions of a folder: their contents, and when they began. The writer writes them, the tests expect them.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::testing::{FakeClock, Visitor};
use cloakroom::{
    Backend, CookieConfig, CookieStore, Lifetime, Result, Secrets, Session, SessionManager, SessionManagerBuilder,
    SessionStore, Timestamp,
};

use crate::values::Values;

/// The time at which a folder is written, by its fake clock: 2026-02-01 00:00 UTC.
pub(crate) const WRITTEN: Timestamp = Timestamp::from_millis(1_769_904_000_000);

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// The instant `age` before [`WRITTEN`].
pub(crate) fn before(age: Duration) -> Timestamp {
    Timestamp::from_millis(WRITTEN.as_millis() - u64::try_from(age.as_millis()).expect("not so old"))
}

/// What a session holds.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    pub(crate) values: Values,
    pub(crate) user: Option<String>,
    pub(crate) note: Option<&'static str>,
    pub(crate) flashes: &'static [(&'static str, &'static str)],
    /// The lifetime of this session alone.
    pub(crate) lifetime: Option<Lifetime>,
}

impl Contents {
    pub(crate) fn anonymous(values: Values) -> Self {
        Self { values, user: None, note: None, flashes: &[], lifetime: None }
    }

    pub(crate) fn of(user: impl Into<String>) -> Self {
        Self { user: Some(user.into()), ..Self::anonymous(Values::Few) }
    }

    /// A user's session with a note, flashes and a lifetime.
    pub(crate) fn full(user: &str, lifetime: Lifetime) -> Self {
        let flashes = &[("info", "saved"), ("error", "")];
        Self { note: Some("Firefox on Linux, \"日本\""), flashes, lifetime: Some(lifetime), ..Self::of(user) }
    }
}

/// A session, and how long before [`WRITTEN`] it began and was last active.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) contents: Contents,
    pub(crate) began: Duration,
    pub(crate) seen: Duration,
}

/// Sessions that were never renewed.
pub(crate) fn unmoved_samples() -> Vec<Sample> {
    let sample = |name, began, contents| Sample { name, contents, began, seen: began };
    let for_ever = Lifetime::default().idle(Duration::from_millis(u64::MAX)).absolute(Duration::from_millis(u64::MAX));
    vec![
        sample("few", DAY, Contents::anonymous(Values::Few)),
        sample("odd", DAY, Contents::anonymous(Values::Odd)),
        sample("large", DAY, Contents::anonymous(Values::Large)),
        Sample { seen: HOUR, ..sample("touched", 5 * DAY, Contents::anonymous(Values::Few)) },
        sample("ana at home", HOUR, Contents::full("ana", own_lifetime())),
        sample("ana on her phone", 2 * DAY, Contents { note: Some("phone"), ..Contents::of("ana") }),
        sample("unicode", DAY, Contents::of("Ångström \"日本\"\n🧥")),
        sample("longest name", DAY, Contents::of("u".repeat(512))),
        sample("for ever", DAY, Contents { lifetime: Some(for_ever), ..Contents::of("ulla") }),
    ]
}

/// A session that has expired and was not swept.
pub(crate) fn expired() -> Sample {
    let short = Lifetime::default().idle(HOUR / 2).absolute(HOUR / 2);
    let contents = Contents { lifetime: Some(short), ..Contents::of("xaver") };
    Sample { name: "expired", contents, began: HOUR, seen: HOUR }
}

/// A session that is renewed every hour, and began [`RENEWED`] before its renewal.
pub(crate) fn periodic() -> Contents {
    Contents::full("ben", Lifetime::default().idle(DAY).absolute(9 * DAY).renew_every(HOUR))
}

pub(crate) const RENEWED: Duration = Duration::from_secs(2 * 3_600);

/// A session that the application renews.
pub(crate) fn renewed() -> Contents {
    Contents::full("carl", own_lifetime())
}

/// The session of a visitor before they log in.
pub(crate) fn stranger() -> Contents {
    Contents { flashes: &[("info", "log in, please")], ..Contents::anonymous(Values::Few) }
}

pub(crate) fn own_lifetime() -> Lifetime {
    Lifetime::default().idle(6 * HOUR).absolute(3 * DAY).renew_every(2 * DAY).browser_cookie()
}

/// The lifetime of all other sessions.
pub(crate) fn lifetime() -> Lifetime {
    Lifetime::default().idle(31 * DAY).absolute(365 * DAY)
}

/// A manager with fixed settings, because a later version may have other defaults.
pub(crate) fn manager(backend: impl Into<Backend>, clock: &FakeClock) -> SessionManagerBuilder {
    SessionManager::builder(backend)
        .cookie(CookieConfig::new("kept"))
        .lifetime(lifetime())
        .grace(10 * SECOND)
        .longest_request(60 * SECOND)
        .store_timeout(4 * SECOND)
        .clock(clock.clone())
        .without_sweeper()
}

pub(crate) fn build(builder: SessionManagerBuilder) -> SessionManager {
    builder.build().expect("a valid configuration")
}

/// How cookies are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Encrypted,
    Signed,
}

pub(crate) const FORMS: [(Form, &str); 2] = [(Form::Encrypted, "encrypted"), (Form::Signed, "signed")];

impl Form {
    /// Seals with the first of these secrets.
    pub(crate) fn store(self, secrets: &[String]) -> CookieStore {
        let store = CookieStore::new(Secrets::new(secrets).expect("secrets"));
        if self == Self::Signed { store.insecure_readable() } else { store }
    }
}

/// Encrypted sessions that are registered in a store.
pub(crate) fn registered(store: Arc<dyn SessionStore>, secrets: &[String]) -> CookieStore {
    Form::Encrypted.store(secrets).revocable_with(store)
}

/// How long before [`WRITTEN`] the sealed sessions began.
pub(crate) const SEALED: Duration = Duration::from_secs(3 * 3_600);

/// Sessions that the newest secret seals.
pub(crate) fn sealed_samples() -> Vec<(&'static str, Contents)> {
    vec![
        ("few", Contents::anonymous(Values::Few)),
        ("odd", Contents::anonymous(Values::Odd)),
        ("large", Contents::anonymous(Values::Large)),
        ("parts", Contents { values: Values::Noise, ..Contents::full("ana", own_lifetime()) }),
        ("ana", Contents::full("ana", own_lifetime())),
    ]
}

/// A whole request.
pub(crate) async fn visit<R>(visitor: &mut Visitor, handler: impl FnOnce(&Session) -> Result<R>) -> Result<R> {
    let session = visitor.session().await?;
    let result = handler(&session)?;
    let committed = session.commit(200).await;
    visitor.receive_cookies(committed.edits.set_cookies());
    committed.error.map_or(Ok(result), Err)
}
