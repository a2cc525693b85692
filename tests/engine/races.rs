//! Requests that change one session at the same time.

use cloakroom::testing::Verb;
use cloakroom::{ErrorKind, Lifetime, Session};

use crate::harness::*;

// behaviour 36, defect 6
#[tokio::test]
async fn changes_of_different_keys_both_survive() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let (one, two) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
    one.set("b", 2)?;
    one.remove("a")?;
    two.set("c", 3)?;
    two.flash("info", "hello")?;
    assert!(is_plain(&visitor.leave(&one).await) && is_plain(&visitor.leave(&two).await));
    assert_eq!(two.keys()?, ["b", "c"], "a request sees what it was merged with");
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.keys()?, session.flashes()?.len()), (vec!["b".into(), "c".into()], 1));
    Ok(())
}

// behaviour 36
#[tokio::test]
async fn a_change_that_lands_in_the_middle_of_a_commit_survives() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let late = visitor.arrive(&site).await?;
    late.set("late", 1)?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let task = commit_until(&late, &stop).await;
    visitor.visit(&site, |session| session.set("quick", 1)).await?;
    stop.resume();
    assert!(is_plain(&task.await.expect("no panic")));
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["a", "late", "quick"]);
    Ok(())
}

// behaviours 37 and 39
#[tokio::test]
async fn of_two_changes_of_one_key_the_last_to_commit_stays() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let (one, two) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
    one.set("new", 1)?;
    two.set("new", 2)?;
    visitor.leave(&two).await;
    assert!(is_plain(&visitor.leave(&one).await));
    assert_eq!(visitor.number(&site, "new").await?, Some(1));
    Ok(())
}

// behaviour 38
#[tokio::test]
async fn several_changes_of_one_key_end_in_the_last() -> Result {
    type Changes = fn(&Session) -> Result;
    let cases: [(Changes, Option<u32>); 7] = [
        (|s| s.set("k", 1).and_then(|()| s.set("k", 2)), Some(2)),
        (|s| s.set("k", 1).and_then(|()| s.remove("k").map(drop)), None),
        (|s| s.remove("k").and_then(|_| s.set("k", 3)), Some(3)),
        (|s| s.remove("k").and_then(|_| s.set("k", 4)).and_then(|()| s.remove("k").map(drop)), None),
        (|s| s.set("k", 5).and_then(|()| s.clear()).and_then(|()| s.set("k", 6)), Some(6)),
        (|s| s.set("k", 5).and_then(|()| s.update("k", one_more).map(drop)), Some(6)),
        (|s| s.update("k", one_more).and_then(|_| s.set("k", 8)), Some(8)),
    ];
    let site = Site::new();
    for (i, (change, expected)) in cases.into_iter().enumerate() {
        for (before, conflicts) in [(None, false), (Some(100), false), (None, true), (Some(100), true)] {
            let mut visitor = Visitor::with(&site, &[("other", 1)]).await?;
            if let Some(before) = before {
                visitor.visit(&site, |session| session.set("k", before)).await?;
            }
            let session = visitor.arrive(&site).await?;
            change(&session)?;
            if conflicts {
                visitor.visit(&site, |session| session.set("k", 50)).await?;
            }
            visitor.leave(&session).await;
            // A request that leaves all as it found it writes nothing, so it cannot meet another.
            let expected = if expected == before && conflicts { Some(50) } else { expected };
            assert_eq!(visitor.number(&site, "k").await?, expected, "case {i}, before: {before:?}, {conflicts}");
        }
    }
    Ok(())
}

// behaviour 49
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_increments_all_count() -> Result {
    const N: u32 = 40;
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..2 * N {
        let (site, mut visitor) = (site.clone(), visitor.clone());
        tasks.spawn(async move {
            let session = visitor.arrive(&site).await?;
            tokio::task::yield_now().await;
            let now = if i % 2 == 0 { Some(session.update_now("n", one_more).await?) } else { None };
            if now.is_none() {
                session.update("n", one_more)?;
            }
            session.set(format!("key {i}"), i)?;
            assert!(is_plain(&visitor.leave(&session).await));
            Result::Ok(now)
        });
    }
    let mut seen = Vec::new();
    while let Some(result) = tasks.join_next().await {
        seen.extend(result.expect("no panic")?);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), N as usize, "`update_now` answers what the store has, so no two see the same");
    assert_eq!(visitor.number(&site, "n").await?, Some(2 * N));
    assert_eq!(visitor.arrive(&site).await?.len()?, 1 + 2 * N as usize);
    Ok(())
}

/// After a pause the record that a conflict brought is as old as the pause: where others write without end, a swap of that
/// one could never succeed.
// behaviour 49
#[tokio::test(start_paused = true)]
async fn after_a_pause_the_newest_record_is_changed() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
    let session = visitor.arrive(&site).await?;
    session.update("n", one_more)?;
    let swaps = site.store.calls(Verb::Swap);
    let first = site.store.on(Verb::Swap).pause_before();
    let task = commit_until(&session, &first).await;
    visitor.visit(&site, |session| session.set("n", 10)).await?;
    let second = site.store.on(Verb::Swap).pause_before();
    first.resume();
    second.reached().await;
    visitor.visit(&site, |session| session.set("n", 20)).await?;
    second.resume();
    // It has met its second conflict, and waits.
    while site.store.calls(Verb::Swap) < swaps + 4 {
        tokio::task::yield_now().await;
    }
    visitor.visit(&site, |session| session.set("n", 30)).await?;
    assert!(is_plain(&task.await.expect("no panic")));
    assert_eq!(visitor.number(&site, "n").await?, Some(31));
    assert_eq!(site.store.calls(Verb::Swap), swaps + 6, "three of others, and three of this request");
    Ok(())
}

#[tokio::test]
async fn update_answers_the_provisional_value_and_update_now_the_committed_one() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
    let (late, now) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
    visitor.visit(&site, |session| session.set("n", 10)).await?;
    assert_eq!(now.update_now("n", one_more).await?, 11);
    assert_eq!(late.update("n", one_more)?, 1);
    visitor.leave(&late).await;
    assert_eq!((late.get::<u32>("n")?, visitor.number(&site, "n").await?), (Some(12), Some(12)));
    Ok(())
}

#[tokio::test]
async fn an_update_that_cannot_run_again_fails_the_commit() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
    let late = visitor.arrive(&site).await?;
    late.update("n", one_more)?;
    late.set("other", 1)?;
    visitor.visit(&site, |session| session.set("n", "a word")).await?;
    assert_eq!(error_of(&visitor.leave(&late).await), Some(ErrorKind::Decode));
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["n"], "nothing of it was kept");
    Ok(())
}

#[tokio::test]
async fn a_transaction_is_all_or_nothing_and_runs_again() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("stock", 1)]).await?;
    let take = |session: &Session| {
        session.transaction(|view| {
            let stock = view.get::<u32>("stock")?.unwrap_or(0);
            if stock > 0 {
                view.set("stock", stock - 1)?;
                let taken = view.get("taken")?;
                view.set("taken", one_more(taken))?;
            }
            Ok(stock > 0)
        })
    };
    let (one, two) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
    assert!(take(&one)? && take(&two)?, "the second is provisional");
    visitor.leave(&one).await;
    visitor.leave(&two).await;
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.get::<u32>("stock")?, session.get::<u32>("taken")?), (Some(0), Some(1)));

    let failed = session.transaction(|view| {
        view.set("taken", 9)?;
        view.remove("stock");
        view.get::<String>("taken")
    });
    assert_eq!((kind(failed), session.get::<u32>("taken")?), (Some(ErrorKind::Decode), Some(1)));
    visitor.leave(&session).await;
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["stock", "taken"]);
    Ok(())
}

#[tokio::test]
async fn a_closure_may_use_the_session_itself() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("n", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    let inside = session.clone();
    let first = std::sync::atomic::AtomicBool::new(true);
    let n = session.update("n", move |n: Option<u32>| {
        if first.swap(false, std::sync::atomic::Ordering::Relaxed) {
            inside.set("n", 5).expect("no lock is held");
        }
        one_more(n)
    })?;
    assert_eq!(n, 6, "it ran again, for the value had changed under it");
    visitor.leave(&session).await;
    assert_eq!(visitor.number(&site, "n").await?, Some(6));
    Ok(())
}

#[tokio::test]
async fn clearing_removes_what_others_added_before_the_commit() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let clearing = visitor.arrive(&site).await?;
    clearing.clear()?;
    clearing.set("mine", 1)?;
    visitor.visit(&site, |session| session.set("theirs", 1)).await?;
    visitor.leave(&clearing).await;
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["mine"]);
    Ok(())
}

// behaviours 17 and 42
#[tokio::test]
async fn a_touch_does_not_undo_a_shortened_lifetime() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    site.clock.advance(2 * DAY);
    let reading = visitor.arrive(&site).await?;
    reading.get::<u32>("a")?;
    visitor.visit(&site, |session| session.set_lifetime(Lifetime::default().idle(SECOND).absolute(HOUR))).await?;
    let stop = site.store.on(Verb::Touch).pause_before();
    let task = commit_until(&reading, &stop).await;
    stop.resume();
    assert!(is_plain(&task.await.expect("no panic")), "nor is the cookie's life prolonged");
    site.clock.advance(SECOND);
    assert!(!visitor.is_known(&site).await?);
    Ok(())
}

// behaviour 17
#[tokio::test]
async fn a_write_does_not_undo_a_shortened_lifetime() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let writing = visitor.arrive(&site).await?;
    writing.set("a", 2)?;
    visitor.visit(&site, |session| session.set_lifetime(Lifetime::default().idle(SECOND).absolute(HOUR))).await?;
    visitor.leave(&writing).await;
    assert_eq!(visitor.number(&site, "a").await?, Some(2));
    site.clock.advance(SECOND);
    assert!(!visitor.is_known(&site).await?);
    Ok(())
}

#[tokio::test]
async fn a_change_during_a_save_is_saved_by_the_next() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.set("b", 1)?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let saving = save_until(&session, &stop).await;
    session.set("c", 1)?;
    session.remove("b")?;
    stop.resume();
    saving.await.expect("no panic")?;
    assert_eq!(session.keys()?, ["a", "c"]);
    assert!(is_plain(&visitor.leave(&session).await));
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["a", "c"]);
    Ok(())
}

#[tokio::test]
async fn a_session_that_is_destroyed_during_a_save_stays_destroyed() -> Result {
    let cases =
        [(false, false, Verb::Create), (true, false, Verb::Swap), (true, true, Verb::Create), (true, true, Verb::Swap)];
    for (begun, renews, verb) in cases {
        for after in [false, true] {
            let site = Site::new();
            let mut visitor = if begun { Visitor::with(&site, &[("a", 1)]).await? } else { Visitor::new() };
            let session = visitor.arrive(&site).await?;
            session.set("secret", 1)?;
            if renews {
                session.renew()?;
            }
            let stop = Point { verb, nth: 1, after }.stop(&site);
            let saving = save_until(&session, &stop).await;
            session.destroy()?;
            session.set("after", 1)?;
            stop.resume();
            saving.await.expect("no panic")?;
            assert_eq!(session.keys()?, ["after"], "begun: {begun}, renews: {renews}");
            assert_eq!(error_of(&visitor.leave(&session).await), None);
            assert_eq!((visitor.arrive(&site).await?.keys()?, site.count().await), (vec!["after".to_owned()], 1));
        }
    }
    Ok(())
}
