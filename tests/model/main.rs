//! Random requests of several visitors, overlapping as they like, against a plain model of what sessions are.
//!
//! The model keeps a map of values for each session and applies a request's changes when it commits; it knows nothing of
//! tickets, revisions or markers. Time is a fake clock, and every read moves the idle deadline, so that the model can
//! tell to the millisecond what is alive.

mod plain;
mod visitors;

use std::time::Duration;

use proptest::prelude::*;

use plain::{Action, USERS};
use visitors::World;

/// What happens next.
#[derive(Debug, Clone)]
enum Event {
    /// A visitor sends a request, which stays open.
    Open {
        visitor: usize,
        slot: usize,
    },
    /// The handler of an open request does something.
    Do {
        visitor: usize,
        slot: usize,
        action: Action,
    },
    /// An open request is answered.
    Commit {
        visitor: usize,
        slot: usize,
    },
    /// A visitor's earlier ticket is presented.
    Replay {
        visitor: usize,
    },
    /// Time passes.
    Wait(Duration),
    /// All sessions of a user are ended.
    RevokeUser(usize),
    Sweep,
}

const VISITORS: usize = 3;
const SLOTS: usize = 2;

fn action() -> impl Strategy<Value = Action> {
    let key = prop::sample::select(vec!["a", "b", "c"]);
    prop_oneof![
        4 => (key.clone(), -3..3_i64).prop_map(|(key, value)| Action::Set(key, value)),
        4 => key.clone().prop_map(Action::Increment),
        3 => Just(Action::Read),
        2 => key.clone().prop_map(Action::Remove),
        2 => (key.clone(), key).prop_map(|(from, to)| Action::Move(from, to)),
        1 => Just(Action::Clear),
        1 => Just(Action::Renew),
        1 => (0..USERS.len()).prop_map(Action::Login),
        1 => Just(Action::Logout),
        1 => Just(Action::Save),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let (visitor, slot) = (0..VISITORS, 0..SLOTS);
    prop_oneof![
        3 => (visitor.clone(), slot.clone()).prop_map(|(visitor, slot)| Event::Open { visitor, slot }),
        9 => (visitor.clone(), slot.clone(), action())
            .prop_map(|(visitor, slot, action)| Event::Do { visitor, slot, action }),
        4 => (visitor.clone(), slot).prop_map(|(visitor, slot)| Event::Commit { visitor, slot }),
        1 => visitor.prop_map(|visitor| Event::Replay { visitor }),
        2 => prop::sample::select(vec![1, 4_000, 11_000, 59_999, 60_000, 200_000])
            .prop_map(|millis| Event::Wait(Duration::from_millis(millis))),
        1 => (0..USERS.len()).prop_map(Event::RevokeUser),
        1 => Just(Event::Sweep),
    ]
}

async fn play(events: Vec<Event>) {
    let mut world = World::new(VISITORS, SLOTS);
    for event in events {
        match event {
            Event::Open { visitor, slot } => world.open(visitor, slot).await,
            Event::Do { visitor, slot, action } => world.act(visitor, slot, action).await,
            Event::Commit { visitor, slot } => world.commit(visitor, slot).await,
            Event::Replay { visitor } => world.replay(visitor).await,
            Event::Wait(time) => world.wait(time),
            Event::RevokeUser(user) => world.revoke(user).await,
            Event::Sweep => world.sweep().await,
        }
        world.check().await;
    }
}

/// A thousand, or what `PROPTEST_CASES` says.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sessions_are_what_the_model_says(events in prop::collection::vec(event(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(play(events));
    }
}
