//! A store that fails or does not answer, and records that cannot be read.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use cloakroom::testing::Verb;
use cloakroom::{Data, ErrorKind, OutagePolicy, RecordKind};
use tokio::time::Instant;

use crate::harness::*;

/// Answers within five seconds, the answer of a handler included.
const AT_ONCE: Duration = Duration::from_secs(5);

// behaviours 35 and 101, defect 17
#[tokio::test(start_paused = true)]
async fn a_load_that_fails_is_no_empty_session() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    site.store.on(Verb::Load).always().fail_before();
    let session = visitor.request(&site);
    assert_eq!(kind(session.load().await), Some(ErrorKind::Unavailable));
    assert_eq!(kind(session.set("a", 2)), Some(ErrorKind::NotLoaded));
    assert!(session.commit(200).await.edits.is_empty());
    assert_eq!(site.store.total_calls(), 1 + 3, "it was tried three times, and nothing was written");
    site.store.forget_faults();
    session.load().await?;
    assert_eq!(session.get::<u32>("a")?, Some(1), "the next call tries again");
    assert_eq!(visitor.number(&site, "a").await?, Some(1));
    Ok(())
}

// behaviour 101
#[tokio::test(start_paused = true)]
async fn with_the_anonymous_policy_the_request_goes_on_and_keeps_nothing() -> Result {
    let site = Site::with(|builder| builder.outage(OutagePolicy::Anonymous));
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    visitor.visit(&site, |session| session.set("a", 1)).await?;
    site.store.on(Verb::Load).always().fail_before();
    let session = visitor.arrive(&site).await?;
    site.store.forget_faults();
    assert_eq!((session.get::<u32>("a")?, session.user()?, session.len()?), (None, None, 0));
    let refused = [
        kind(session.set("a", 2)),
        kind(session.update_now("a", one_more).await),
        kind(session.flash("info", "a")),
        kind(session.login("eve")),
        kind(session.logout()),
    ];
    assert_eq!(refused, [Some(ErrorKind::ReadOnly); 5]);
    session.set_transient("t", 1)?;
    assert!(is_plain(&visitor.leave(&session).await), "the cookie is still good");
    assert_eq!(visitor.number(&site, "a").await?, Some(1));
    Ok(())
}

// behaviour 102
#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_is_bounded() -> Result {
    let site = Site::new();
    let visitor = Visitor::with(&site, &[("a", 1)]).await?;
    site.store.on(Verb::Load).hang();
    let start = Instant::now();
    assert_eq!(kind(visitor.request(&site).load().await), Some(ErrorKind::Unavailable));
    assert!(start.elapsed() < AT_ONCE);
    Ok(())
}

// behaviour 102
#[tokio::test(start_paused = true)]
async fn a_request_waits_for_its_store_in_all_and_not_for_each_call() -> Result {
    for hangs in [false, true] {
        for (verb, renews) in [(Verb::Swap, false), (Verb::Touch, false), (Verb::Create, true), (Verb::Delete, false)] {
            let site = Site::new();
            let visitor = Visitor::with(&site, &[("a", 1)]).await?;
            site.clock.advance(2 * DAY);
            site.store.on(Verb::Load).delay(3 * SECOND);
            // An end swaps the record, or finds it by its handle and deletes it.
            for verb in [verb, if verb == Verb::Delete { Verb::Swap } else { verb }] {
                let when = site.store.on(verb).always();
                if hangs { when.hang() } else { when.delay(3 * SECOND) }
            }
            let start = Instant::now();
            let session = visitor.arrive(&site).await?;
            assert_eq!(session.get::<u32>("a")?, Some(1));
            match verb {
                Verb::Swap => session.set("a", 2)?,
                Verb::Delete => session.destroy()?,
                _ if renews => session.renew()?,
                _ => {}
            }
            let committed = session.commit(200).await;
            let expected = if verb == Verb::Touch { None } else { Some(ErrorKind::Unavailable) };
            assert_eq!(error_of(&committed), expected, "{verb:?}");
            assert!(start.elapsed() < AT_ONCE, "{verb:?}: {:?}", start.elapsed());
        }
    }
    Ok(())
}

// behaviour 103, defect 23
#[tokio::test(start_paused = true)]
async fn a_session_that_cannot_be_created_gives_out_no_cookie() -> Result {
    let site = Site::new();
    site.store.on(Verb::Create).always().fail_before();
    let mut visitor = Visitor::new();
    let session = visitor.arrive(&site).await?;
    session.set("a", 1)?;
    let committed = visitor.leave(&session).await;
    assert_eq!(error_of(&committed), Some(ErrorKind::Unavailable));
    assert_eq!((committed.edits.set_cookies().next(), site.count().await), (None, 0));
    assert!(site.store.calls(Verb::Create) >= 3, "it is tried again");
    site.store.forget_faults();
    assert!(!session.contains("a")?, "what the visitor was told did not happen does not happen later");
    assert!(is_plain(&session.commit(200).await));
    assert_eq!(site.count().await, 0);
    Ok(())
}

// behaviour 103
#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_saved_is_an_error_and_not_there() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    site.store.on(Verb::Swap).always().fail_before();
    let session = visitor.arrive(&site).await?;
    session.set("a", 2)?;
    assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
    assert_eq!(session.get::<u32>("a")?, Some(2), "to be saved again");
    assert_eq!(error_of(&visitor.leave(&session).await), Some(ErrorKind::Unavailable));
    site.store.forget_faults();
    assert_eq!(visitor.number(&site, "a").await?, Some(1));

    site.store.on(Verb::Swap).fail_before();
    visitor.visit(&site, |session| session.set("a", 2)).await?;
    assert_eq!(visitor.number(&site, "a").await?, Some(2), "one failure is tried over");
    Ok(())
}

// behaviour 106
#[tokio::test(start_paused = true)]
async fn a_save_that_failed_is_made_up_for_at_the_end() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::new();
    let session = visitor.arrive(&site).await?;
    for nth in 1..=3 {
        site.store.on(Verb::Create).nth(nth).fail_before();
    }
    session.set("a", 1)?;
    assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
    session.set("b", 2)?;
    visitor.leave(&session).await;
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["a", "b"]);

    // A save that was cut off goes on, and the commit waits for it.
    let session = visitor.arrive(&site).await?;
    let swaps = site.store.calls(Verb::Swap);
    session.update("a", one_more)?;
    site.store.on(Verb::Swap).delay(SECOND);
    let saving = session.save();
    assert!(tokio::time::timeout(Duration::from_millis(10), saving).await.is_err());
    visitor.leave(&session).await;
    assert_eq!((visitor.number(&site, "a").await?, site.store.calls(Verb::Swap) - swaps), (Some(2), 1));
    Ok(())
}

// behaviour 105
#[tokio::test(start_paused = true)]
async fn a_touch_that_fails_is_no_reason_to_fail_a_request() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    for (after, moved) in [(false, 0), (true, 2)] {
        site.clock.advance(2 * DAY);
        let before = site.record().await.record.seen;
        let when = site.store.on(Verb::Touch);
        if after {
            when.fail_after()
        } else {
            when.fail_before()
        }
        let session = visitor.arrive(&site).await?;
        session.get::<u32>("a")?;
        assert!(is_plain(&visitor.leave(&session).await));
        let seen = site.record().await.record.seen;
        assert_eq!(seen.since(before), if moved == 0 { Duration::ZERO } else { site.now().since(before) });
    }
    Ok(())
}

// behaviours 48 and 107
#[tokio::test]
async fn a_record_that_cannot_be_read_is_an_empty_session_and_never_an_error_for_ever() -> Result {
    let own = |field: &str, value: &[u8]| {
        let head = [1, 0, field.len() as u8];
        [&head, field.as_bytes(), &[value.len() as u8], value].concat()
    };
    let garbage: [(&str, Vec<u8>); 9] = [
        ("junk", vec![0xff; 100]),
        ("a newer format", vec![2, 1, 1, b'a', 1, 1]),
        ("cut short", vec![1, 1, 1, b'a', 9, 1]),
        ("a version and nothing else", vec![1]),
        ("a damaged lifetime", own("lifetime", &[0xc0])),
        ("a lifetime of a newer form", own("lifetime", &[0x81, 0xa1, b'x', 1])),
        ("a damaged renewal", own("renewed", &[0xa1, b'x'])),
        ("damaged messages", own("flash", &[0xa1, b'x'])),
        ("a damaged login", own("authenticated", &[0xa1, b'x'])),
    ];
    for (what, bytes) in garbage {
        let site = Site::renewing();
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let old = visitor.clone();
        site.clock.advance(2 * DAY);
        site.overwrite(&site.record().await, |record| record.data = Data::from(bytes)).await?;
        for _ in 0..2 {
            let empty = visitor
                .visit(&site, |session| {
                    session.flashes()?;
                    session.authenticated_at()?;
                    session.lifetime()?;
                    session.is_empty()
                })
                .await;
            assert_eq!(empty.ok(), Some(true), "{what}");
        }
        visitor.visit(&site, |session| session.set("b", 1)).await?;
        assert_eq!(visitor.arrive(&site).await?.keys()?, ["b"], "{what}");
        assert!(visitor != old || what == "a version and nothing else", "{what}");
        visitor.visit(&site, |session| session.destroy()).await?;
    }
    Ok(())
}

// behaviour 107
#[tokio::test]
async fn a_record_that_becomes_unreadable_under_a_request_fails_this_request_only() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.set("a", 2)?;
    site.overwrite(&site.record().await, |record| record.data = Data::from(vec![9; 9])).await?;
    let committed = visitor.leave(&session).await;
    assert_eq!((error_of(&committed), committed.edits.set_cookies().next()), (Some(ErrorKind::Decode), None));
    visitor.visit(&site, |session| session.set("b", 1)).await?;
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["b"]);
    Ok(())
}

// behaviour 107
#[tokio::test]
async fn a_marker_that_leads_nowhere_opens_nothing() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    for kind in [RecordKind::Moved, RecordKind::Pending] {
        site.overwrite(&site.record().await, |record| record.kind = kind).await?;
        let old = visitor.clone();
        assert!(!visitor.is_known(&site).await?);
        visitor.visit(&site, |session| session.set("b", 1)).await?;
        assert_ne!(visitor, old);
    }
    Ok(())
}

// behaviour 99
#[tokio::test]
async fn a_handler_that_is_dropped_or_panics_changes_nothing() -> Result {
    let site = Site::new();
    let visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let calls = site.store.total_calls();
    let session = visitor.arrive(&site).await?;
    session.set("a", 2)?;
    session.renew()?;
    drop(session);
    let session = visitor.arrive(&site).await?;
    let clone = session.clone();
    let handler = tokio::spawn(async move {
        session.set("a", 3).expect("loaded");
        let _ = session.update("a", |_: Option<u32>| -> u32 { panic!("in the handler's closure") });
    });
    assert!(handler.await.expect_err("it panicked").is_panic());
    assert_eq!(clone.get::<u32>("a")?, Some(3), "no lock is poisoned");
    drop(clone);
    assert_eq!(site.store.total_calls(), calls + 2, "two loads");
    assert_eq!(visitor.clone().number(&site, "a").await?, Some(1));
    Ok(())
}

// behaviour 100
#[tokio::test(start_paused = true)]
async fn a_commit_that_was_begun_is_carried_out_without_anyone_waiting() -> Result {
    type Change = fn(&cloakroom::Session) -> Result;
    let changes: [(Verb, Change); 3] = [
        (Verb::Swap, |session| session.set("a", 2)),
        (Verb::Create, |session| session.renew()),
        (Verb::Delete, |session| session.destroy()),
    ];
    for (verb, change) in changes {
        let site = Site::new();
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let session = visitor.arrive(&site).await?;
        change(&session)?;
        // An end swaps the record.
        site.store.on(if verb == Verb::Delete { Verb::Swap } else { verb }).delay(SECOND);
        let mut commit = Box::pin(session.commit(200));
        std::future::poll_fn(|cx| {
            assert!(commit.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(commit);
        drop(session);
        tokio::time::sleep(2 * SECOND).await;
        match verb {
            Verb::Swap => assert_eq!(visitor.number(&site, "a").await?, Some(2)),
            _ => assert!(!visitor.is_known(&site).await?),
        }
        assert_eq!(site.count().await, u64::from(verb != Verb::Delete));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_load_that_was_cut_off_is_begun_again() -> Result {
    let site = Site::new();
    let visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.request(&site);
    site.store.on(Verb::Load).hang();
    assert!(tokio::time::timeout(SECOND, session.load()).await.is_err());
    session.load().await?;
    assert_eq!(session.get::<u32>("a")?, Some(1));
    Ok(())
}

// defect 28
#[tokio::test(start_paused = true)]
async fn a_load_that_fails_once_is_tried_again() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    site.store.on(Verb::Load).fail_before();
    assert_eq!(visitor.number(&site, "a").await?, Some(1));
    Ok(())
}
