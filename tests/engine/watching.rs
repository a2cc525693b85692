//! What it costs to wait for ends, and that whoever waits is looked after.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast;
use tokio::time::{Instant, timeout};

use crate::asked::Asked;
use crate::harness::*;
use crate::until_ended::{ends, ends_at_once, socket, through, waits};

// behaviour 139
#[tokio::test(start_paused = true)]
async fn thousands_cost_a_few_questions_and_leave_nothing() -> Result {
    let site = Site::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let reader = through(&site, |store| Asked { asked: Arc::clone(&asked), ..Asked::new(store, true) });
    let mut sockets = Vec::new();
    for _ in 0..2_500 {
        let visitor = Visitor::with(&site, &[("a", 1)]).await?;
        sockets.push(socket(&visitor, &reader).await?);
    }
    // Several for one session cost no more than one.
    let mut waiting = tokio::task::JoinSet::new();
    for session in sockets.iter().chain(&sockets) {
        waiting.spawn(session.ended());
    }
    tokio::time::sleep(SECOND * 15).await;
    let questions = asked.load(Ordering::SeqCst);
    assert!((54..=60).contains(&questions), "three questions every three quarters of a second: {questions}");
    waiting.shutdown().await;
    tokio::time::sleep(SECOND).await;
    let before = asked.swap(0, Ordering::SeqCst);
    tokio::time::sleep(HOUR).await;
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody waits, nobody asks; {before} before");
    // And whoever waits again, is looked after again.
    let mut ended = pin!(sockets[0].ended());
    assert!(waits(&mut ended).await);
    site.sessions.revoke(sockets[0].handle()?.expect("a session")).await?;
    assert!(ends(ended).await);
    Ok(())
}

// behaviour 139
#[tokio::test(start_paused = true)]
async fn a_loop_that_makes_it_again_for_each_message_misses_nothing() -> Result {
    let site = Site::new();
    let reader = through(&site, |store| Asked::new(store, true));
    let visitor = Visitor::logged_in(&site, "ana").await?;
    let socket = socket(&visitor, &reader).await?;
    let sessions = site.sessions.clone();
    let handle = socket.handle()?.expect("a session");
    let revoker = tokio::spawn(async move {
        tokio::time::sleep(SECOND * 5).await;
        sessions.revoke(handle).await
    });
    let start = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = socket.ended() => break,
            () = tokio::time::sleep(SECOND / 50) => {}
        }
        // The message is dealt with, and nobody waits meanwhile.
        tokio::time::sleep(SECOND / 20).await;
        assert!(start.elapsed() < SECOND * 6, "it was missed");
    }
    assert!(start.elapsed() >= SECOND * 5);
    assert!(revoker.await.expect("no panic")?);
    Ok(())
}

// behaviour 139
#[tokio::test(start_paused = true)]
async fn a_store_that_announces_ends_is_asked_seldom_and_believed_when_it_answers() -> Result {
    let site = Site::new();
    let (announced, asked) = (broadcast::Sender::new(16), Arc::new(AtomicUsize::new(0)));
    let reader = through(&site, |store| Asked {
        announced: Some(announced.clone()),
        asked: Arc::clone(&asked),
        ..Asked::new(store, true)
    });
    let visitor = Visitor::logged_in(&site, "ana").await?;
    let sockets = [socket(&visitor, &reader).await?, socket(&visitor, &reader).await?];
    let handle = sockets[0].handle()?.expect("a session");
    let mut ended = pin!(sockets[0].ended());
    assert!(timeout(SECOND * 60, ended.as_mut()).await.is_err());
    let questions = asked.swap(0, Ordering::SeqCst);
    assert!((2..=4).contains(&questions), "{questions} in a minute");
    let heard = announced.send(handle);
    assert!(heard.is_ok() && waits(&mut ended).await, "a word is no end as long as the store knows the session");
    assert_eq!(asked.swap(0, Ordering::SeqCst), 1, "it is asked at once");
    site.sessions.revoke(handle).await?;
    let _ = announced.send(handle);
    assert!(ends_at_once(ended).await, "as soon as it was announced");

    // A word that was lost is made good, and a deadline needs none.
    let visitor = Visitor::logged_in(&site, "ana").await?;
    let session = socket(&visitor, &reader).await?;
    let mut ended = pin!(session.ended());
    assert!(waits(&mut ended).await);
    site.sessions.revoke(session.handle()?.expect("a session")).await?;
    assert!(timeout(SECOND * 31, ended).await.is_ok());
    let mut visitor = Visitor::new();
    visitor.visit(&reader, |session| session.set("a", 1)).await?;
    let session = socket(&visitor, &reader).await?;
    let mut ended = pin!(session.ended());
    assert!(waits(&mut ended).await);
    site.clock.advance(DAY);
    assert!(ends(ended).await);
    Ok(())
}

/// A store that announces ends without a pause is asked for all sessions all the same.
#[tokio::test(start_paused = true)]
async fn steady_announcements_keep_no_lost_one_from_being_made_good() -> Result {
    let site = Site::new();
    let announced = broadcast::Sender::new(16);
    let reader = through(&site, |store| Asked {
        announced: Some(announced.clone()),
        takes: SECOND / 500,
        ..Asked::new(store, true)
    });
    let (busy, quiet) = (Visitor::logged_in(&site, "ana").await?, Visitor::logged_in(&site, "ben").await?);
    let (busy, quiet) = (socket(&busy, &reader).await?, socket(&quiet, &reader).await?);
    let (mut lives, mut ended) = (pin!(busy.ended()), pin!(quiet.ended()));
    assert!(waits(&mut lives).await && waits(&mut ended).await);
    let handle = busy.handle()?.expect("a session");
    let announcing = tokio::spawn(async move {
        loop {
            let _ = announced.send(handle);
            tokio::time::sleep(SECOND / 1_000).await;
        }
    });
    site.sessions.revoke(quiet.handle()?.expect("a session")).await?;
    assert!(timeout(SECOND * 31, ended).await.is_ok(), "it ended without a word");
    announcing.abort();
    assert!(waits(&mut lives).await);
    Ok(())
}

/// Whoever waits on one runtime is looked after when the runtime of the task that looked is gone.
#[test]
fn the_end_of_a_runtime_leaves_nobody_waiting() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().expect("a runtime")
    };
    let (first, second) = (runtime(), runtime());
    let site = Site::new();
    let other = site.restarted(|builder| builder);
    let (one, two) = first.block_on(async {
        let visitor = Visitor::logged_in(&site, "ana").await.expect("memory");
        let sockets = (socket(&visitor, &site).await, socket(&visitor, &site).await);
        (sockets.0.expect("memory"), sockets.1.expect("memory"))
    });
    first.block_on(async { assert!(waits(&mut pin!(one.ended())).await) });
    let waiting = second.spawn(two.ended());
    second.block_on(tokio::task::yield_now());
    drop(first);
    second.block_on(async {
        assert!(other.sessions.revoke_user("ana").await.is_ok_and(|ended| ended == 1));
        assert!(timeout(SECOND, waiting).await.is_ok_and(|joined| joined.is_ok()));
    });
}

/// Many who wait are gone through in parts, and whoever shares the thread with them goes on in between.
#[tokio::test(start_paused = true)]
async fn thousands_who_wait_keep_no_other_task_waiting() -> Result {
    let (site, asked) = (Site::new(), Arc::new(AtomicUsize::new(0)));
    let reader = through(&site, |store| Asked { asked: Arc::clone(&asked), ..Asked::new(store, true) });
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..10_000 {
        let visitor = Visitor::with(&site, &[("a", 1)]).await?;
        waiting.spawn(visitor.arrive(&reader).await?.ended());
    }
    let turns = async |mut last: usize| {
        let mut most = 0;
        for _ in 0..5_000 {
            tokio::task::yield_now().await;
            let now = asked.load(Ordering::SeqCst);
            (last, most) = (now, most.max(now - last));
        }
        (last, most)
    };
    // All begin to wait.
    turns(0).await;
    for _ in 0..3 {
        let before = asked.load(Ordering::SeqCst);
        // The next look is due.
        tokio::time::advance(SECOND).await;
        let (after, most) = turns(before).await;
        assert_eq!(after, before + 10, "a question for each thousand");
        assert_eq!(most, 1, "another task has its turn between two questions");
    }
    assert_eq!(waiting.len(), 10_000);
    Ok(())
}
