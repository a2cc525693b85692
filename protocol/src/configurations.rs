//! What is searched: sizes small enough to be searched completely, and faults that must be found in them.

use crate::design::{Design, EndOrder, Fault};
use crate::engine::Request::{self, Login, Logout, Read, Renew, RenewPeriodically, Revoke, RevokeUser, Write};
use crate::invariants::ANA;
use crate::world::Source::{self, Jar, Old};
use crate::world::World;

/// How the engine ends a session.
pub const ENGINE: EndOrder = EndOrder::FarEndThenHandle;

/// A search, and what it must come to.
#[derive(Debug, Clone)]
pub struct Search {
    /// What comes together in it; of a planted fault, which one.
    pub name: String,
    /// The requests.
    pub world: World,
    /// What it must come to.
    pub expected: Expected,
}

/// What a search must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// All invariants hold, in so many states at least: a search that visits fewer has not searched.
    Holds(usize),
    /// An invariant does not hold.
    Fails,
}

/// One session of Ana.
const ANAS: &[Option<u8>] = &[Some(ANA)];

/// What must hold.
pub fn complete() -> Vec<Search> {
    let search = |name: &str, at_least, sessions, requests, mishaps, hours| {
        let world = world(sessions, requests, mishaps, hours);
        Search { name: name.to_owned(), world, expected: Expected::Holds(at_least) }
    };
    let limited = |mut search: Search| {
        search.world.design.limit = Some(1);
        search
    };
    let mut sleeping = limited(search(
        "a login at limit 1 that sleeps, and another",
        380_000,
        &[],
        &[(Login(ANA), Jar(1)), (Login(ANA), Jar(2))],
        1,
        4,
    ));
    (sleeping.world.longest, sleeping.world.delay) = (9, 0);
    let mut moved = search(
        "a session that has just moved, a renewal and two logouts",
        1_300_000,
        ANAS,
        &[(Renew, Jar(0)), (Logout, Old(0)), (Logout, Old(0))],
        1,
        1,
    );
    moved.world.has_moved = true;
    vec![
        moved,
        search("two renewals and a logout", 500_000, ANAS, &[(Renew, Jar(0)), (Renew, Old(0)), (Logout, Jar(0))], 1, 1),
        search(
            "a renewal and two logouts",
            400_000,
            ANAS,
            &[(Renew, Jar(0)), (Logout, Old(0)), (Logout, Old(0))],
            1,
            1,
        ),
        search(
            "a periodic renewal and two logouts",
            800_000,
            ANAS,
            &[(RenewPeriodically, Jar(0)), (Logout, Old(0)), (Logout, Old(0))],
            1,
            1,
        ),
        search(
            "two periodic renewals and a logout",
            700_000,
            ANAS,
            &[(RenewPeriodically, Jar(0)), (RenewPeriodically, Jar(0)), (Logout, Old(0))],
            1,
            1,
        ),
        search(
            "a renewal that is taken back, and a logout",
            700_000,
            ANAS,
            &[(Renew, Jar(0)), (Read, Old(0)), (Logout, Old(0))],
            2,
            2,
        ),
        search(
            "both renewals and a write",
            800_000,
            ANAS,
            &[(Renew, Jar(0)), (RenewPeriodically, Old(0)), (Write, Old(0))],
            1,
            2,
        ),
        search(
            "a login with a planted token",
            250_000,
            &[None],
            &[(Login(ANA), Jar(0)), (Read, Old(0)), (RenewPeriodically, Old(0))],
            1,
            2,
        ),
        limited(search(
            "two logins at limit 1 with one old session",
            140_000,
            &[Some(ANA), None],
            &[(Login(ANA), Jar(1)), (Login(ANA), Jar(2))],
            1,
            3,
        )),
        limited(search(
            "a login at limit 1 and a renewal",
            250_000,
            ANAS,
            &[(Login(ANA), Jar(1)), (Renew, Jar(0)), (Read, Old(0))],
            1,
            2,
        )),
        sleeping,
        search(
            "the end of a user's sessions, a login and a renewal",
            150_000,
            &[Some(ANA), None],
            &[(RevokeUser(ANA), Jar(2)), (Login(ANA), Jar(1)), (RenewPeriodically, Jar(0))],
            1,
            1,
        ),
        search(
            "an end by handle and both renewals",
            500_000,
            ANAS,
            &[(Revoke(0), Jar(2)), (Renew, Jar(0)), (RenewPeriodically, Old(0))],
            1,
            1,
        ),
    ]
}

/// Faults that must be found: orders of an end that do not hold, and those that are planted.
pub fn planted() -> Vec<Search> {
    let complete = complete();
    let of =
        |name: &str| complete.iter().find(|search| search.name == name).cloned().expect("a name of the list above");
    let mut planted = Vec::new();
    for (end, name) in
        [(EndOrder::MarkerFirst, "a renewal and two logouts"), (EndOrder::FarEndUnchecked, "two renewals and a logout")]
    {
        let mut search = of(name);
        (search.name, search.expected) = (format!("{end:?}"), Expected::Fails);
        search.world.design.end = end;
        planted.push(search);
    }
    // Limits that are stated: they must still be there, or the page is wrong.
    let mut twice = of("two renewals and a logout");
    (twice.name, twice.expected, twice.world.overtaking) =
        ("limit: a verb takes effect twice".to_owned(), Expected::Fails, true);
    let mut strict = of("a renewal and two logouts");
    (strict.name, strict.expected, strict.world.is_strict) =
        ("limit: a logout finds no session".to_owned(), Expected::Fails, true);
    planted.extend([twice, strict]);
    for fault in Fault::ALL {
        let mut search = of(found_in(fault));
        (search.name, search.expected) = (format!("{fault:?}"), Expected::Fails);
        search.world.design.fault = Some(fault);
        planted.push(search);
    }
    planted
}

/// Which of the complete searches finds a fault.
fn found_in(fault: Fault) -> &'static str {
    match fault {
        Fault::PromotionSkipped | Fault::OwnWriteUnknown | Fault::PendingShortLived => "both renewals and a write",
        Fault::CreatedLive | Fault::SwapIgnoresRevision => "two renewals and a logout",
        Fault::PendingNotStopped | Fault::TakenBackAtOnce => "a renewal that is taken back, and a logout",
        Fault::NoSlotRecord => "two logins at limit 1 with one old session",
        Fault::PromotedByOldClock => "a login at limit 1 that sleeps, and another",
        Fault::ExplicitFollowed => "a login with a planted token",
        Fault::EndDoesNotFollow => "a renewal and two logouts",
        Fault::SwapCreates | Fault::FindsLiveOnly | Fault::FindsOnce => "an end by handle and both renewals",
    }
}

fn world(sessions: &[Option<u8>], requests: &[(Request, Source)], mishaps: u8, hours: u8) -> World {
    World {
        design: Design::new(ENGINE),
        sessions: sessions.to_vec(),
        has_moved: false,
        requests: requests.to_vec(),
        mishaps,
        hours,
        longest: 1,
        delay: 1,
        is_strict: false,
        overtaking: false,
    }
}
