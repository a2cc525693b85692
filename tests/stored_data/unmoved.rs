//! Sessions that were never renewed, and the index of a store.

use std::collections::BTreeSet;
use std::sync::Arc;

use cloakroom::{Found, LimitPolicy, RecordKind, Result, SessionManager, Timestamp};

use crate::compare::{Times, is_as_written, is_empty};
use crate::folder::line;
use crate::samples::{
    Contents, DAY, HOUR, SECOND, Sample, WRITTEN, before, build, expired, lifetime, manager, unmoved_samples, visit,
};
use crate::stored::{Line, Stored};

/// Every record, of every kind, by its key, its handle and its user.
pub(crate) async fn every_record_is_as_it_was_written(stored: &Stored) -> Result<()> {
    let (long_ago, now) = (Timestamp::from_millis(0), WRITTEN.as_millis());
    let among = |which: &dyn Fn(&Line) -> bool| -> BTreeSet<String> {
        stored.lines.iter().filter(|line| line.expires > now && which(line)).map(|line| line.text.clone()).collect()
    };
    let shown = |found: Vec<Found>| -> BTreeSet<String> { found.iter().map(line).collect() };
    for known in &stored.lines {
        let record = stored.store.load(&known.key, long_ago).await?.expect(&known.text);
        assert_eq!(line(&Found::new(known.key, record.clone())), known.text);
        let is_there = stored.store.load(&known.key, WRITTEN).await?.is_some();
        assert_eq!(is_there, known.expires > now, "{}", known.text);
        let found = stored.index().find_by_handle(known.handle, WRITTEN).await?;
        assert_eq!(shown(found), among(&|other| other.handle == known.handle));
        if let Some(user) = &record.user {
            let found = stored.index().find_by_user(user, WRITTEN).await?;
            assert_eq!(shown(found), among(&|other| other.user == known.user));
        }
    }
    let live = among(&|line| line.is_live);
    assert_eq!(stored.index().count(WRITTEN).await?, live.len() as u64);
    assert_eq!(shown(stored.index().list(None, 1_000, WRITTEN).await?), live);
    Ok(())
}

pub(crate) async fn every_session_opens_with_all_that_it_held(stored: &Stored) -> Result<()> {
    let sessions = stored.sessions();
    for Sample { name, contents, began, seen } in unmoved_samples() {
        let session = stored.visitor(&sessions, name).session().await?;
        let times = Times { active: before(seen), ..Times::all(before(began)) };
        is_as_written(&session, &contents, times, name)?;
        assert_eq!(session.handle()?, Some(stored.client(name).handle), "{name}");
        has_note(stored, &sessions, name, &contents).await?;
    }
    let Sample { name, contents, began, .. } = expired();
    is_empty(&stored.visitor(&sessions, name).session().await?, name)?;
    stored.clock.set(before(began));
    is_as_written(&stored.visitor(&sessions, name).session().await?, &contents, Times::all(before(began)), name)
}

/// Asserts that the list of a user has the session, with its note.
pub(crate) async fn has_note(stored: &Stored, of: &SessionManager, name: &str, contents: &Contents) -> Result<()> {
    let Some(user) = &contents.user else { return Ok(()) };
    let listed = of.sessions_of(user).await?;
    let info = listed.iter().find(|info| info.handle == stored.client(name).handle).expect(name);
    assert_eq!(info.note.as_deref(), contents.note, "{name}");
    Ok(())
}

/// This version writes to the sessions of an earlier one.
pub(crate) async fn every_session_goes_on(stored: &Stored) -> Result<()> {
    let sessions = stored.sessions();
    for Sample { name, contents, .. } in unmoved_samples() {
        let mut visitor = stored.visitor(&sessions, name);
        visit(&mut visitor, |session| session.set("written later", name.to_owned())).await?;
        let session = visitor.session().await?;
        assert_eq!(session.get::<String>("written later")?.as_deref(), Some(name));
        assert_eq!(session.user()?.as_deref(), contents.user.as_deref(), "{name}");
        visit(&mut visitor, |session| session.remove("written later")).await?;
        assert!(!visitor.session().await?.contains("written later")?);
    }
    let mut visitor = stored.visitor(&sessions, "few");
    stored.clock.advance(3 * DAY);
    visit(&mut visitor, |session| session.keys().map(drop)).await?;
    let deadline = Some((WRITTEN + 3 * DAY + lifetime().idle_duration()).into());
    assert_eq!(visitor.session().await?.idle_deadline()?, deadline);
    Ok(())
}

pub(crate) async fn what_has_expired_is_swept(stored: &Stored) -> Result<()> {
    stored.clock.advance(200 * SECOND);
    let now = (WRITTEN + 200 * SECOND).as_millis();
    let expired = stored.lines.iter().filter(|line| line.expires <= now).count();
    let live = stored.lines.iter().filter(|line| line.expires > now && line.is_live).count();
    assert!(expired > 1 && live > 1);
    // By the slowest clock there may be.
    let swept = stored.index().sweep(WRITTEN + 200 * SECOND + Timestamp::MAX_SKEW).await?;
    assert_eq!((swept, stored.sessions().count().await?), (expired as u64, live as u64));
    Ok(())
}

pub(crate) async fn sessions_can_be_ended(stored: &Stored) -> Result<()> {
    let sessions = stored.sessions();
    for name in
        ["few", "for ever", "periodic, new", "periodic cut off", "renewed cut off", "login cut off", "registered"]
    {
        let handle = stored.client(name).handle;
        assert!(sessions.revoke(handle).await?, "{name}");
        let mut left = stored.index().find_by_handle(handle, WRITTEN).await?;
        left.retain(|found| found.record.kind != RecordKind::Ended);
        assert_eq!(left, [], "{name}");
    }
    assert_eq!(sessions.revoke_user("ana").await?, 2);
    stored.clock.advance(6 * SECOND);
    for name in ["few", "for ever", "ana at home", "ana on her phone", "periodic, new", "periodic"] {
        is_empty(&stored.visitor(&sessions, name).session().await?, name)?;
    }
    for name in ["periodic cut off", "renewed cut off", "login cut off"] {
        is_empty(&stored.visitor(&sessions, name).session().await?, name)?;
    }
    is_empty(&stored.visitor(&stored.registered(), "registered").session().await?, "registered")
}

/// One session of the user had begun, and the login of another was cut off: both hold a slot.
pub(crate) async fn pending_logins_count_against_the_limit(stored: &Stored) -> Result<()> {
    let limited = |limit| {
        let builder = manager(Arc::clone(&stored.store), &stored.clock);
        build(builder.sessions_per_user(limit, LimitPolicy::Refuse))
    };
    let session = stored.visitor(&stored.sessions(), "limited").session().await?;
    is_as_written(&session, &Contents::of("dora"), Times::all(WRITTEN), "limited")?;
    stored.clock.advance(6 * SECOND);
    let log_in = async |limit| {
        let mut visitor = cloakroom::testing::Visitor::new(&limited(limit));
        visit(&mut visitor, |session| session.login("dora")).await.map_err(|error| error.kind())
    };
    assert_eq!(log_in(2).await, Err(cloakroom::ErrorKind::TooManySessions));
    assert_eq!(log_in(3).await, Ok(()));
    assert_eq!(log_in(3).await, Err(cloakroom::ErrorKind::TooManySessions));
    // The login that was cut off has expired, and its slot is free again.
    stored.clock.advance(HOUR);
    assert_eq!(log_in(3).await, Ok(()));
    Ok(())
}
