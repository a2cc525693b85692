//! Writes that fail without saying whether they took effect, and arrive late, or not at all.

use std::sync::{Arc, Mutex};

use cloakroom::testing::{FakeClock, FaultStore, Verb};
use cloakroom::{
    BoxFuture, Created, Error, ErrorKind, LimitPolicy, MemoryStore, Record, Revision, SessionIndex, SessionManager,
    SessionManagerBuilder, SessionStore, StoreKey, Swap, Timestamp, Touched,
};

use crate::harness::*;

/// A store that messages do not reach until the test lets them arrive, and whose answers their senders never hear.
#[derive(Debug, Clone)]
pub(crate) struct LateStore {
    store: FaultStore<Arc<MemoryStore>>,
    state: Arc<Mutex<(usize, Vec<Message>)>>,
}

type Message = (StoreKey, Option<Revision>, Record);

impl LateStore {
    /// Holds back the next writes.
    pub(crate) fn hold_back(&self, writes: usize) {
        self.state.lock().expect("no panic").0 = writes;
    }

    /// Lets all that was held back arrive, the newest first.
    pub(crate) async fn arrive(&self, now: Timestamp) -> Result {
        let store = self.store.store();
        let messages = std::mem::take(&mut self.state.lock().expect("no panic").1);
        for (key, expected, record) in messages.into_iter().rev() {
            match expected {
                None => drop(store.create(&key, &record, now).await?),
                Some(expected) => drop(store.swap(&key, expected, &record, now).await?),
            }
        }
        Ok(())
    }

    fn holds(&self, key: &StoreKey, expected: Option<Revision>, record: &Record) -> Result {
        let mut state = self.state.lock().expect("no panic");
        if state.0 == 0 {
            return Ok(());
        }
        state.0 -= 1;
        state.1.push((*key, expected, record.clone()));
        Err(Error::new(ErrorKind::Unavailable, "the message is late"))
    }
}

impl SessionStore for LateStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        self.store.load(key, now)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        Box::pin(async move {
            self.holds(key, None, record)?;
            self.store.create(key, record, now).await
        })
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        Box::pin(async move {
            self.holds(key, Some(expected), record)?;
            self.store.swap(key, expected, record, now).await
        })
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        self.store.touch(key, revision, idle_deadline, now)
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        self.store.delete(key, now)
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.store.index()
    }
}

pub(crate) fn late_site(configure: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder) -> (Site, LateStore) {
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    let (late, clock) = (LateStore { store: store.clone(), state: Arc::default() }, FakeClock::new());
    let builder = SessionManager::builder(late.clone()).clock(clock.clone()).without_sweeper();
    let sessions = configure(builder).build().expect("a valid configuration");
    (Site { store, clock, sessions }, late)
}

/// How often a write is tried.
pub(crate) const TRIES: usize = 3;

#[tokio::test(start_paused = true)]
async fn a_session_whose_creation_is_late_is_created_once() -> Result {
    for arrives_before in [false, true] {
        let (site, late) = late_site(|builder| builder);
        let mut visitor = Visitor::new();
        let session = visitor.arrive(&site).await?;
        session.set("first", 1)?;
        late.hold_back(TRIES);
        assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
        session.set("second", 2)?;
        if arrives_before {
            late.arrive(site.now()).await?;
        }
        assert_eq!(error_of(&visitor.leave(&session).await), None);
        late.arrive(site.now()).await?;
        assert_eq!(site.count().await, 1, "arrives before: {arrives_before}");
        assert_eq!(visitor.number(&site, "first").await?, Some(1));
        assert_eq!(visitor.number(&site, "second").await?, Some(2));
    }
    Ok(())
}

/// What keeps a late creation out is under the key of the session, and is not the session.
#[tokio::test(start_paused = true)]
async fn a_second_end_does_not_let_a_late_creation_in() -> Result {
    let (site, late) = late_site(|builder| builder);
    let mut visitor = Visitor::new();
    let session = visitor.arrive(&site).await?;
    session.set("n", 1)?;
    late.hold_back(1);
    assert_eq!(error_of(&visitor.leave(&session).await), None);
    let (first, second) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
    for session in [&first, &second] {
        session.logout()?;
        assert_eq!(error_of(&session.commit(200).await), None);
    }
    late.arrive(site.now()).await?;
    assert_eq!(site.count().await, 0);
    assert!(!visitor.is_known(&site).await?);
    Ok(())
}

/// The clock of the host that ends the session may be ahead of the one whose creation is late, or behind it.
#[tokio::test(start_paused = true)]
async fn an_end_by_another_clock_keeps_a_late_creation_out() -> Result {
    for is_ahead in [true, false] {
        let (site, late) = late_site(|builder| builder);
        let clock = FakeClock::new();
        let sessions = SessionManager::builder(late.clone()).clock(clock.clone()).without_sweeper().build();
        let other = Site { store: site.store.clone(), clock, sessions: sessions.expect("a valid configuration") };
        let ahead = if is_ahead { &other } else { &site };
        ahead.clock.advance(480 * SECOND);
        let mut visitor = Visitor::new();
        let session = visitor.arrive(&site).await?;
        session.set("n", 1)?;
        late.hold_back(1);
        assert_eq!(error_of(&visitor.leave(&session).await), None);
        let session = visitor.arrive(&other).await?;
        session.logout()?;
        assert_eq!(error_of(&session.commit(200).await), None);
        late.arrive(site.now()).await?;
        assert_eq!(site.count().await, 0, "the clock is ahead: {is_ahead}");
        assert!(!visitor.is_known(&site).await?, "the clock is ahead: {is_ahead}");
    }
    Ok(())
}

/// With a limit, a login begins as a pending record, and a swap makes that a session.
#[tokio::test(start_paused = true)]
async fn a_login_under_a_limit_whose_answer_is_lost_begins_one_session() -> Result {
    let site = Site::with(|builder| builder.sessions_per_user(3, LimitPolicy::EndOldest));
    let mut visitor = Visitor::new();
    let session = visitor.arrive(&site).await?;
    session.login("ana")?;
    for nth in 1..=TRIES {
        site.store.on(Verb::Swap).nth(nth).fail_after();
    }
    assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
    assert_eq!(error_of(&visitor.leave(&session).await), None);
    assert_eq!(site.count().await, 1);
    assert!(visitor.is_known(&site).await?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_change_that_arrives_late_counts_once() -> Result {
    for arrives_before in [false, true] {
        for renews in [false, true] {
            let (site, late) = late_site(renews_hourly);
            let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
            if renews {
                site.clock.advance(HOUR);
            }
            let session = visitor.arrive(&site).await?;
            session.update("n", one_more)?;
            late.hold_back(TRIES);
            let saved = session.save().await;
            session.update("n", one_more)?;
            if arrives_before {
                late.arrive(site.now()).await?;
            }
            let committed = visitor.leave(&session).await;
            late.arrive(site.now()).await?;
            let label = format!("arrives before: {arrives_before}, renews: {renews}");
            assert_eq!(kind(saved), Some(ErrorKind::Unavailable), "{label}");
            assert_eq!(error_of(&committed), None, "{label}");
            assert_eq!(visitor.number(&site, "n").await?, Some(2), "{label}");
        }
    }
    Ok(())
}

/// The save took effect, and somebody else has written since: then nobody knows.
#[tokio::test(start_paused = true)]
async fn a_save_that_nobody_can_know_of_is_not_made_again() -> Result {
    for periodic in [false, true] {
        let site = Site::renewing();
        let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
        if periodic {
            site.clock.advance(HOUR);
        }
        let session = visitor.arrive(&site).await?;
        session.update("n", one_more)?;
        for nth in 1..=TRIES {
            site.store.on(Verb::Swap).nth(nth).fail_after();
        }
        assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
        visitor.visit(&site, |session| session.set("other", 1)).await?;
        let committed = session.commit(200).await;
        assert!(visitor.number(&site, "n").await? <= Some(1), "periodic: {periodic}");
        assert!(periodic || error_of(&committed) == Some(ErrorKind::Unavailable), "{committed:?}");
    }
    Ok(())
}

/// Nobody wrote since: then the record tells.
#[tokio::test(start_paused = true)]
async fn a_save_that_took_effect_is_found_again() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
    let session = visitor.arrive(&site).await?;
    session.update("n", one_more)?;
    for nth in 1..=TRIES {
        site.store.on(Verb::Swap).nth(nth).fail_after();
    }
    assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
    assert_eq!(error_of(&visitor.leave(&session).await), None);
    assert_eq!(visitor.number(&site, "n").await?, Some(1));
    Ok(())
}

/// Another request wrote over the same record, so the late write cannot take effect any more.
#[tokio::test(start_paused = true)]
async fn a_save_that_another_request_outran_is_made_again() -> Result {
    let (site, late) = late_site(|builder| builder);
    let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
    let session = visitor.arrive(&site).await?;
    session.update("n", one_more)?;
    late.hold_back(TRIES);
    assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
    visitor.visit(&site, |session| session.update("n", one_more).map(drop)).await?;
    assert_eq!(error_of(&visitor.leave(&session).await), None);
    late.arrive(site.now()).await?;
    assert_eq!(visitor.number(&site, "n").await?, Some(2));
    Ok(())
}

/// A session that is over stays over when an attempt to create it arrives.
#[tokio::test(start_paused = true)]
async fn a_creation_that_arrives_after_the_end_brings_no_session_back() -> Result {
    for renewed in [false, true] {
        for by_user in [false, true] {
            let (site, late) = late_site(|builder| builder);
            let mut visitor = Visitor::new();
            if renewed {
                visitor = Visitor::logged_in(&site, "ana").await?;
            }
            late.hold_back(1);
            visitor.visit(&site, |session| session.login("ana")).await?;
            let old = visitor.clone();
            if by_user {
                assert_eq!(site.sessions.revoke_user("ana").await?, 1);
            } else {
                visitor.visit(&site, |session| session.logout()).await?;
            }
            site.clock.advance(SECOND);
            late.arrive(site.now()).await?;
            let label = format!("renewed: {renewed}, by user: {by_user}");
            assert!(!old.is_known(&site).await?, "{label}");
            assert_eq!(site.count().await, 0, "{label}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_destroyed_before_it_is_known_to_exist_never_begins() -> Result {
    for arrives_before in [false, true] {
        for destroys in [false, true] {
            let (site, late) = late_site(|builder| builder);
            let session = Visitor::new().arrive(&site).await?;
            session.set("n", 1)?;
            late.hold_back(TRIES);
            assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
            if arrives_before {
                late.arrive(site.now()).await?;
            }
            if destroys {
                session.destroy()?
            } else {
                session.discard()
            }
            assert_eq!(error_of(&session.commit(200).await), None);
            late.arrive(site.now()).await?;
            assert_eq!(site.count().await, 0, "arrives before: {arrives_before}, destroys: {destroys}");
        }
    }
    Ok(())
}

/// What goes on for hours after that, as a WebSocket, hears of it once and then goes on with the newest record.
#[tokio::test(start_paused = true)]
async fn what_nobody_can_know_is_said_once() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
    let session = visitor.arrive(&site).await?;
    visitor.leave(&session).await;
    session.set("n", 1)?;
    for nth in 1..=TRIES {
        site.store.on(Verb::Swap).nth(nth).fail_after();
    }
    assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
    for n in [1, 2] {
        visitor.visit(&site, |session| session.set("other", n)).await?;
    }
    session.set("late", 1)?;
    assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
    assert_eq!(session.get::<u32>("other")?, Some(2));
    session.save().await?;
    assert_eq!(visitor.number(&site, "late").await?, Some(1));
    assert_eq!(visitor.number(&site, "other").await?, Some(2));
    Ok(())
}

/// The cookie goes out with a token that the visitor does not have, and with no other.
#[tokio::test(start_paused = true)]
async fn a_repeated_write_gives_out_no_token_again() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
    let session = visitor.arrive(&site).await?;
    session.set("n", 1)?;
    for nth in 1..=TRIES {
        site.store.on(Verb::Swap).nth(nth).fail_after();
    }
    assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
    assert!(is_plain(&visitor.leave(&session).await));
    assert_eq!(visitor.number(&site, "n").await?, Some(1));
    Ok(())
}

/// What is begun after an end may exist already, so nothing is over.
#[tokio::test(start_paused = true)]
async fn a_session_that_may_have_begun_is_not_over() -> Result {
    let site = Site::new();
    let visitor = Visitor::with(&site, &[("n", 0)]).await?;
    let session = visitor.arrive(&site).await?;
    session.destroy()?;
    session.save().await?;
    session.set("n", 1)?;
    for nth in 1..=TRIES {
        site.store.on(Verb::Create).nth(nth).fail_after();
    }
    assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
    assert!(tokio::time::timeout(SECOND / 10, session.ended()).await.is_err());
    Ok(())
}
