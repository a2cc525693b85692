//! Sessions in sealed cookies, where time stands still and a response ends when a test says so.

use std::collections::BTreeMap;
use std::time::Duration;

use cloakroom::adapter::Committed;
use cloakroom::testing::FakeClock;
use cloakroom::{
    Clock, CookieConfig, CookieStore, ErrorKind, Lifetime, SameSite, Secrets, Session, SessionManager,
    SessionManagerBuilder,
};

use crate::harness::{DAY, HOUR, Result, SECOND, error_of, is_plain, kind, one_more};

const SECRET: &str = "the secret of a test, 32 bytes long";
const OLD_SECRET: &str = "the secret of yesterday, also long";

const MILLISECOND: Duration = Duration::from_millis(1);

/// One process that serves an application and keeps nothing.
struct Site {
    clock: FakeClock,
    sessions: SessionManager,
}

impl Site {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(configure: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder) -> Self {
        Self::sealing([SECRET], FakeClock::new(), configure)
    }

    /// A site that opens what these secrets sealed.
    fn sealing<const N: usize>(
        secrets: [&str; N],
        clock: FakeClock,
        configure: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder,
    ) -> Self {
        let store = CookieStore::new(Secrets::new(secrets).expect("secrets"));
        let builder = SessionManager::builder(store).clock(clock.clone());
        Self { clock, sessions: configure(builder).build().expect("a valid configuration") }
    }
}

/// A browser with a jar that tells no time: whether a session is over is the server's to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Visitor(BTreeMap<String, String>);

impl Visitor {
    /// A visitor whose session has a number under the key `a`.
    async fn with(site: &Site, value: u32) -> Result<Self> {
        let mut visitor = Self::default();
        visitor.visit(site, |session| session.set("a", value)).await?;
        Ok(visitor)
    }

    /// A request whose handler asked for the session.
    async fn arrive(&self, site: &Site) -> Result<Session> {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let session = site.sessions.open(pairs.join("; "));
        session.load().await?;
        Ok(session)
    }

    /// Takes the answer.
    async fn leave(&mut self, session: &Session) -> Committed {
        let committed = session.commit(200).await;
        for header in committed.edits.set_cookies() {
            let (name, value) = header.split(';').next().and_then(|pair| pair.split_once('=')).expect("name=value");
            if header.contains("; Max-Age=0;") {
                assert!(self.0.remove(name).is_some(), "only what is there is removed: {header}");
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
        committed
    }

    /// A whole request, whose answer arrives.
    async fn visit<R>(&mut self, site: &Site, handler: impl FnOnce(&Session) -> Result<R>) -> Result<R> {
        let session = self.arrive(site).await?;
        let result = handler(&session)?;
        match self.leave(&session).await.error {
            Some(error) => Err(error),
            None => Ok(result),
        }
    }

    /// What is under the key `a`; looking changes nothing in the jar.
    async fn value(&self, site: &Site) -> Result<Option<u32>> {
        self.arrive(site).await?.get("a")
    }

    async fn is_known(&self, site: &Site) -> Result<bool> {
        Ok(self.arrive(site).await?.handle()?.is_some())
    }
}

/// What no compression makes small.
fn noise(bytes: usize) -> Vec<u32> {
    let mut state = 1_u64;
    let step = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32 | 1 << 31
    };
    std::iter::repeat_with(step).take(bytes / 5).collect()
}

// behaviours 42 and 56
#[tokio::test]
async fn a_change_that_outlives_its_session_is_dropped() -> Result {
    let lifetime = Lifetime::default().idle(HOUR).absolute(2 * HOUR);
    let site = Site::with(|builder| builder.lifetime(lifetime));
    for change in [
        (|session: &Session| session.set("a", 2)) as fn(&Session) -> Result,
        |session| session.update("a", one_more).map(drop),
        |session| session.renew(),
        |session| session.login("ana"),
        |session| session.remember(DAY),
    ] {
        let visitor = Visitor::with(&site, 1).await?;
        let (mut saving, mut leaving) = (visitor.clone(), visitor.clone());
        let (saved, left) = (saving.arrive(&site).await?, leaving.arrive(&site).await?);
        change(&saved)?;
        change(&left)?;
        site.clock.advance(HOUR);
        assert_eq!(kind(saved.save().await), Some(ErrorKind::Ended));
        assert_eq!(kind(saved.get::<u32>("a")), Some(ErrorKind::Ended));
        assert!(is_plain(&saving.leave(&saved).await) && is_plain(&leaving.leave(&left).await));
        assert!(!visitor.is_known(&site).await?);
    }
    // Nor does a read that took long bring it back.
    let mut visitor = Visitor::with(&site, 1).await?;
    let session = visitor.arrive(&site).await?;
    assert_eq!(session.get::<u32>("a")?, Some(1));
    site.clock.advance(HOUR);
    assert!(is_plain(&visitor.leave(&session).await));
    Ok(())
}

#[tokio::test]
async fn an_end_that_could_not_be_told_is_told_later() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, 1).await?;
    let session = visitor.arrive(&site).await?;
    session.destroy()?;
    session.set("b", noise(20_000))?;
    assert_eq!(kind(session.save().await), Some(ErrorKind::TooLarge));
    session.remove("b")?;
    assert_eq!(error_of(&visitor.leave(&session).await), None);
    assert_eq!(visitor, Visitor::default());
    Ok(())
}

/// The answer says that nothing was kept, so the session has not ended either.
#[tokio::test]
async fn an_end_with_what_is_too_large_ends_nothing() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, 1).await?;
    visitor.visit(&site, |session| session.login("ana")).await?;
    let before = visitor.clone();
    for end in [(|session: &Session| session.destroy()) as fn(&Session) -> Result, |session| session.login("bob")] {
        let session = visitor.arrive(&site).await?;
        end(&session)?;
        session.set("b", noise(20_000))?;
        let committed = visitor.leave(&session).await;
        assert_eq!((error_of(&committed), committed.edits.set_cookies().count()), (Some(ErrorKind::TooLarge), 0));
        assert_eq!((session.get::<u32>("a")?, session.user()?.as_deref()), (Some(1), Some("ana")));
        assert_eq!(visitor, before);
    }
    Ok(())
}

// behaviour 80
#[tokio::test]
async fn after_the_head_nothing_can_be_changed() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, 1).await?;
    let session = visitor.arrive(&site).await?;
    visitor.leave(&session).await;
    for refused in [
        session.set("a", 2),
        session.remove("a").map(drop),
        session.clear(),
        session.update("a", one_more).map(drop),
        session.update_now("a", one_more).await.map(drop),
        session.transaction(|view| view.set("a", 2)),
        session.flash("info", "saved"),
        session.login("ana"),
        session.renew(),
        session.remember(DAY),
        session.destroy(),
    ] {
        assert_eq!(kind(refused), Some(ErrorKind::NeedsCookie));
    }
    session.set_transient("b", 2)?;
    assert_eq!((session.get::<u32>("a")?, session.get::<u32>("b")?), (Some(1), Some(2)));
    session.save().await?;
    assert_eq!(visitor.value(&site).await?, Some(1));
    // What is not there needs no cookie to be removed, nor what is as it was to be renewed.
    let empty = Visitor::default().arrive(&site).await?;
    assert!(is_plain(&empty.commit(200).await));
    assert!(!empty.remove("a")?);
    empty.clear()?;
    empty.renew()?;
    empty.destroy()?;
    empty.save().await?;
    assert_eq!(kind(empty.set("a", 1)), Some(ErrorKind::NeedsCookie));
    Ok(())
}

// behaviours 10, 56, 57 and 116
#[tokio::test]
async fn a_cookie_is_over_at_the_instant_of_its_deadline() -> Result {
    let lifetime = Lifetime::default().idle(HOUR).absolute(HOUR + HOUR / 2);
    let site = Site::with(|builder| builder.lifetime(lifetime).touch_share(0.5));
    let mut visitor = Visitor::with(&site, 1).await?;
    let first = visitor.clone();
    site.clock.advance(HOUR - MILLISECOND);
    assert_eq!(visitor.value(&site).await?, Some(1));
    visitor.visit(&site, |session| session.get::<u32>("a")).await?;
    assert_ne!(visitor, first);
    site.clock.advance(MILLISECOND);
    assert!(!first.is_known(&site).await?, "its idle time is over");
    assert_eq!(visitor.value(&site).await?, Some(1));
    // Activity moves the idle deadline up to the absolute one.
    site.clock.advance(HOUR / 2 - MILLISECOND);
    visitor.visit(&site, |session| session.set("a", 2)).await?;
    assert_eq!(visitor.arrive(&site).await?.expires_in()?, Some(MILLISECOND));
    site.clock.advance(MILLISECOND);
    assert!(!visitor.is_known(&site).await?);
    // What is written then begins anew.
    visitor.visit(&site, |session| session.set("b", 3)).await?;
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.keys()?, session.expires_in()?), (vec!["b".to_owned()], Some(HOUR)));
    Ok(())
}

/// A clock that stands some minutes behind the one of the server that sealed it opens it all the same.
#[tokio::test]
async fn a_cookie_from_the_near_future_opens() -> Result {
    let site = Site::new();
    let now = site.clock.now();
    site.clock.advance(HOUR / 6);
    let mut visitor = Visitor::with(&site, 1).await?;
    site.clock.set(now);
    let session = visitor.arrive(&site).await?;
    assert_eq!(session.get::<u32>("a")?, Some(1));
    assert!(is_plain(&visitor.leave(&session).await));
    visitor.visit(&site, |session| session.set("a", 2)).await?;
    assert_eq!(visitor.value(&site).await?, Some(2));
    Ok(())
}

// behaviours 15 and 117
#[tokio::test]
async fn a_read_seals_it_anew_when_its_share_of_the_idle_time_is_over() -> Result {
    let lifetime = Lifetime::default().idle(100 * SECOND).absolute(DAY);
    let site = Site::with(|builder| builder.lifetime(lifetime).touch_share(0.25));
    let mut visitor = Visitor::with(&site, 1).await?;
    let session = visitor.arrive(&site).await?;
    let (created, absolute, handle) = (session.created()?, session.absolute_deadline()?, session.handle()?);
    let read = async |visitor: &mut Visitor| {
        let session = visitor.arrive(&site).await?;
        session.get::<u32>("a")?;
        Result::Ok(!is_plain(&visitor.leave(&session).await))
    };
    site.clock.advance(25 * SECOND - MILLISECOND);
    assert!(!read(&mut visitor).await?);
    site.clock.advance(MILLISECOND);
    // Asking for deadlines, or for the handle, is no activity.
    let asking = visitor.arrive(&site).await?;
    assert_eq!((asking.expires_in()?, asking.handle()?), (Some(75 * SECOND), handle));
    assert!(is_plain(&visitor.leave(&asking).await));
    assert!(read(&mut visitor).await?);
    assert!(!read(&mut visitor).await?);
    let session = visitor.arrive(&site).await?;
    assert_eq!(session.expires_in()?, Some(100 * SECOND));
    assert_eq!((session.created()?, session.absolute_deadline()?, session.handle()?), (created, absolute, handle));
    // A write moves the deadline at any time; when activity was last noted stays as exact as it was.
    site.clock.advance(SECOND);
    visitor.visit(&site, |session| session.set("a", 2)).await?;
    assert_eq!(visitor.arrive(&site).await?.expires_in()?, Some(100 * SECOND));
    Ok(())
}

// behaviour 105
#[tokio::test]
async fn a_read_that_cannot_be_noted_is_answered_all_the_same() -> Result {
    let clock = FakeClock::new();
    let site = Site::sealing([SECRET], clock.clone(), |builder| builder.touch_share(0.0));
    let mut visitor = Visitor::with(&site, 1).await?;
    // As large as it can be.
    let (mut fits, mut too_large) = (0, 20_000);
    while too_large - fits > 5 {
        let size = usize::midpoint(fits, too_large);
        match kind(visitor.visit(&site, |session| session.set("big", noise(size))).await) {
            None => fits = size,
            Some(kind) => (too_large, _) = (size, assert_eq!(kind, ErrorKind::TooLarge)),
        }
    }
    assert_eq!(visitor.0.len(), 4);
    // Another configuration leaves less room.
    let longer = CookieConfig::default().same_site(SameSite::None).partitioned();
    let site = Site::sealing([SECRET], clock, |builder| builder.touch_share(0.0).cookie(longer));
    let session = visitor.arrive(&site).await?;
    assert_eq!(session.get::<u32>("a")?, Some(1));
    assert!(is_plain(&visitor.leave(&session).await));
    assert_eq!(kind(visitor.visit(&site, |session| session.set("a", 2)).await), Some(ErrorKind::TooLarge));
    assert_eq!(visitor.value(&site).await?, Some(1));
    Ok(())
}

// behaviour 75
#[tokio::test]
async fn what_is_saved_before_the_head_goes_out_with_it() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::default();
    let session = visitor.arrive(&site).await?;
    session.set("a", 1)?;
    session.save().await?;
    let handle = session.handle()?;
    assert!(handle.is_some() && session.created()?.is_some());
    // Unchanged since: the one cookie of the save.
    assert_eq!(visitor.leave(&session).await.edits.set_cookies().count(), 1);
    assert_eq!(visitor.value(&site).await?, Some(1));

    // Changed since: the later one, and once.
    let session = visitor.arrive(&site).await?;
    session.set("big", noise(9_000))?;
    session.save().await?;
    session.remove("big")?;
    session.set("a", 2)?;
    session.save().await?;
    session.set("a", 3)?;
    assert_eq!(visitor.leave(&session).await.edits.set_cookies().count(), 1);
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.get::<u32>("a")?, session.handle()?, session.len()?), (Some(3), handle, 1));

    // What was saved and then ended leaves nothing behind.
    let mut other = Visitor::default();
    let session = other.arrive(&site).await?;
    session.set("a", 1)?;
    session.save().await?;
    session.destroy()?;
    assert_eq!(other.leave(&session).await.edits.set_cookies().count(), 0);
    assert_eq!(other, Visitor::default());
    Ok(())
}

#[tokio::test]
async fn what_save_kept_stays_when_the_rest_is_too_large() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, 1).await?;
    let session = visitor.arrive(&site).await?;
    session.set("a", 2)?;
    session.save().await?;
    session.set("big", noise(20_000))?;
    assert_eq!(error_of(&visitor.leave(&session).await), Some(ErrorKind::TooLarge));
    assert_eq!((session.get::<u32>("a")?, session.contains("big")?), (Some(2), false));
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.get::<u32>("a")?, session.len()?), (Some(2), 1));
    Ok(())
}

#[tokio::test]
async fn update_now_answers_what_is_in_the_cookie() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::default();
    let session = visitor.arrive(&site).await?;
    assert_eq!(session.update_now("a", one_more).await?, 1);
    assert_eq!(session.update_now("a", one_more).await?, 2);
    assert_eq!(visitor.leave(&session).await.edits.set_cookies().count(), 1);
    assert_eq!(visitor.value(&site).await?, Some(2));
    // Of two requests at once each answers what it saw, and the later answer stays.
    let (mut first, mut second) = (visitor.clone(), visitor.clone());
    let (one, two) = (first.arrive(&site).await?, second.arrive(&site).await?);
    assert_eq!((one.update_now("a", one_more).await?, two.update_now("a", one_more).await?), (3, 3));
    first.leave(&one).await;
    second.leave(&two).await;
    assert_eq!((first.value(&site).await?, second.value(&site).await?), (Some(3), Some(3)));
    Ok(())
}

#[tokio::test]
async fn a_transaction_changes_all_or_nothing() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, 5).await?;
    let spend = |by: u32| {
        move |view: &mut cloakroom::View<'_>| {
            let left = view.get::<u32>("a")?.unwrap_or(0);
            view.set("spent", by)?;
            view.set("a", left.checked_sub(by).ok_or_else(|| view.get::<String>("a").expect_err("a number"))?)
        }
    };
    visitor.visit(&site, |session| session.transaction(spend(2))).await?;
    let session = visitor.arrive(&site).await?;
    assert_eq!(kind(session.transaction(spend(4))), Some(ErrorKind::Decode));
    assert!(is_plain(&visitor.leave(&session).await));
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.get::<u32>("a")?, session.get::<u32>("spent")?), (Some(3), Some(2)));
    Ok(())
}

// behaviours 63 and 65
#[tokio::test]
async fn destroy_then_set_is_another_session_in_one_answer() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::default();
    visitor.visit(&site, |session| session.login("ana").and_then(|()| session.set("big", noise(9_000)))).await?;
    assert_eq!(visitor.0.len(), 3);
    let session = visitor.arrive(&site).await?;
    let (handle, absolute) = (session.handle()?, session.absolute_deadline()?);
    site.clock.advance(HOUR);
    session.destroy()?;
    assert_eq!((session.handle()?, session.user()?, session.len()?), (None, None, 0));
    session.set("b", 1)?;
    let committed = visitor.leave(&session).await;
    assert_eq!(committed.edits.set_cookies().count(), 3, "one is set, and two are taken away");
    assert_eq!(visitor.0.len(), 1);
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.keys()?, session.user()?), (vec!["b".to_owned()], None));
    assert!(session.handle()? != handle && session.absolute_deadline()? > absolute);
    // With a save in between as well, and again.
    session.destroy()?;
    session.save().await?;
    session.set("c", 1)?;
    session.destroy()?;
    session.set("d", 1)?;
    visitor.leave(&session).await;
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["d"]);
    Ok(())
}

// behaviour 96
#[tokio::test]
async fn what_an_error_status_rolls_back_sets_no_cookie() -> Result {
    let site = Site::with(|builder| builder.roll_back_on(|status| status >= 500));
    let visitor = Visitor::with(&site, 1).await?;
    for change in [
        (|session: &Session| session.set("a", 2)) as fn(&Session) -> Result,
        |session| session.set("big", noise(20_000)),
        |session| session.destroy(),
        |session| session.destroy().and_then(|()| session.set("a", 2)),
        |session| session.login("ana"),
        |session| session.renew(),
        |session| session.flash("info", "saved"),
    ] {
        let session = visitor.arrive(&site).await?;
        change(&session)?;
        assert!(is_plain(&session.commit(500).await));
        assert_eq!((session.get::<u32>("a")?, session.user()?), (Some(1), None));
    }
    let session = visitor.arrive(&site).await?;
    session.set("a", 2)?;
    assert!(!is_plain(&session.commit(499).await));
    Ok(())
}

// behaviour 113
#[tokio::test]
async fn an_old_secret_costs_one_fresh_cookie() -> Result {
    let clock = FakeClock::new();
    let old = Site::sealing([OLD_SECRET], clock.clone(), |builder| builder);
    let both = Site::sealing([SECRET, OLD_SECRET], clock.clone(), |builder| builder);
    let new = Site::sealing([SECRET], clock, |builder| builder);
    let mut visitor = Visitor::default();
    visitor.visit(&old, |session| session.set("a", 1).and_then(|()| session.set("big", noise(9_000)))).await?;
    assert!(!visitor.is_known(&new).await?);
    let deadline = visitor.arrive(&both).await?.absolute_deadline()?;
    assert_eq!(visitor.visit(&both, |session| session.get::<u32>("a")).await?, Some(1));
    let session = visitor.arrive(&both).await?;
    assert_eq!((session.get::<u32>("a")?, session.absolute_deadline()?), (Some(1), deadline));
    assert!(is_plain(&visitor.leave(&session).await), "once");
    assert!(!visitor.is_known(&old).await? && visitor.is_known(&new).await?);
    Ok(())
}

/// What would be renewed from time to time is a ticket, and a sealed session has none.
#[tokio::test]
async fn periodic_renewal_asks_nothing_of_a_sealed_session() -> Result {
    let site = Site::with(|builder| builder.lifetime(Lifetime::default().renew_every(SECOND)));
    let mut visitor = Visitor::with(&site, 1).await?;
    site.clock.advance(HOUR);
    let session = visitor.arrive(&site).await?;
    assert_eq!(session.get::<u32>("a")?, Some(1));
    assert!(is_plain(&visitor.leave(&session).await));
    Ok(())
}

#[tokio::test]
async fn what_needs_a_store_says_so() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::default();
    visitor.visit(&site, |session| session.login("ana")).await?;
    let session = visitor.arrive(&site).await?;
    let handle = session.handle()?.expect("a session");
    let sessions = &site.sessions;
    for refused in [
        sessions.count().await.map(drop),
        sessions.sweep().await.map(drop),
        sessions.sessions_of("ana").await.map(drop),
        sessions.revoke(handle).await.map(drop),
        sessions.revoke_user("ana").await.map(drop),
        sessions.revoke_others(&session).await.map(drop),
    ] {
        assert_eq!(kind(refused), Some(ErrorKind::Unsupported));
    }
    Ok(())
}

/// The cookie of a save goes out even if what came after it is dropped: it is the end of the session before.
#[tokio::test]
async fn an_end_that_was_saved_is_told_whatever_becomes_of_the_next_session() -> Result {
    let site = Site::with(|builder| builder.lifetime(Lifetime::default().idle(HOUR)));
    let mut visitor = Visitor::with(&site, 1).await?;
    visitor.visit(&site, |session| session.remember(DAY)).await?;
    let session = visitor.arrive(&site).await?;
    session.destroy()?;
    session.set("b", 1)?;
    session.save().await?;
    session.set("b", 2)?;
    site.clock.advance(HOUR);
    visitor.leave(&session).await;
    assert!(!visitor.is_known(&site).await?);
    Ok(())
}

#[tokio::test]
async fn a_renewal_notes_the_activity() -> Result {
    let site = Site::with(|builder| builder.lifetime(Lifetime::default().idle(100 * SECOND)).touch_share(0.25));
    let mut visitor = Visitor::with(&site, 1).await?;
    site.clock.advance(24 * SECOND);
    visitor.visit(&site, |session| session.renew()).await?;
    site.clock.advance(24 * SECOND);
    let session = visitor.arrive(&site).await?;
    assert_eq!(session.get::<u32>("a")?, Some(1));
    assert!(is_plain(&visitor.leave(&session).await), "it was noted a moment ago");
    Ok(())
}
