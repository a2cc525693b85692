//! What every adapter leaves to the engine: arrivals within arrivals, bodies, and what is discarded.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use cloakroom::adapter::BodySession;
use cloakroom::testing::Verb;
use cloakroom::{Error, Session};

use crate::harness::*;

/// A body that changes the session of its task when it is polled, and then ends.
fn body(_cx: &mut Context<'_>) -> Poll<Option<Result>> {
    Poll::Ready(Session::current().and_then(|session| session.set("body", 1)).err().map(Err))
}

async fn end(session: &mut BodySession) -> Option<Result> {
    poll_fn(|cx| session.poll(cx, body, |error| error)).await
}

// behaviour 98
#[tokio::test]
async fn a_request_that_is_passed_on_keeps_its_session() -> Result {
    let (site, other) = (Site::new(), Site::new());
    let outer = site.sessions.arrive(|| ());
    assert!(!outer.is_nested);
    outer.session.load().await?;
    outer.session.set("a", 1)?;
    outer.session.enter(|| {
        let inner = site.sessions.arrive(|| ());
        assert!(inner.is_nested);
        assert_eq!(inner.session.get::<u32>("a")?, Some(1));
        assert!(!other.sessions.arrive(|| ()).is_nested, "another manager's session is another");
        Ok(())
    })
}

// behaviour 99
#[tokio::test]
async fn what_an_adapter_discards_is_not_committed() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.set("a", 2)?;
    session.discard();
    session.set("b", 2)?;
    assert!(is_plain(&visitor.leave(&session).await));
    assert_eq!(visitor.number(&site, "a").await?, Some(1));
    assert_eq!(visitor.number(&site, "b").await?, None);
    Ok(())
}

#[tokio::test]
async fn what_a_body_changes_is_saved_with_its_end() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    visitor.leave(&session).await;
    let mut going = BodySession::of(&session);
    assert!(going.is_saved());
    assert!(end(&mut going).await.is_none());
    assert!(going.is_saved());
    assert_eq!(visitor.number(&site, "body").await?, Some(1));
    Ok(())
}

// behaviour 104
#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_saved_ends_with_an_error() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    visitor.leave(&session).await;
    site.store.on(Verb::Swap).always().fail_before();
    let mut going = BodySession::of(&session);
    assert_eq!(end(&mut going).await.and_then(kind), Some(cloakroom::ErrorKind::Unavailable));
    let ended = poll_fn(|cx| going.poll(cx, |_| Poll::Ready(None::<Result>), |error: Error| error)).await;
    assert!(ended.is_none(), "and then it ends");
    Ok(())
}

#[tokio::test]
async fn what_a_body_changed_before_it_is_dropped_is_saved() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    visitor.leave(&session).await;
    let mut going = BodySession::of(&session);
    let part: fn(&mut Context<'_>) -> Poll<Option<Result>> = |cx| body(cx).map(|_| Some(Ok(())));
    assert!(going.poll(&mut Context::from_waker(Waker::noop()), part, |error| error).is_ready());
    assert!(!going.is_saved());
    drop(going);
    tokio::task::yield_now().await;
    assert_eq!(visitor.number(&site, "body").await?, Some(1));
    Ok(())
}

// behaviour 99
#[tokio::test]
async fn what_a_body_changed_before_it_panicked_is_discarded() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    visitor.leave(&session).await;
    let mut going = BodySession::of(&session);
    let unwinds = |cx: &mut Context<'_>| -> Poll<Option<Result>> {
        let _ = body(cx);
        panic!("in the middle of a body")
    };
    let polled =
        catch_unwind(AssertUnwindSafe(|| going.poll(&mut Context::from_waker(Waker::noop()), unwinds, |error| error)));
    assert!(polled.is_err());
    assert!(going.is_saved());
    drop((going, session));
    tokio::task::yield_now().await;
    assert_eq!(visitor.number(&site, "body").await?, None);
    Ok(())
}
