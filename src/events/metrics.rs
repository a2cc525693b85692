//! What happens, in numbers, through the `metrics` facade. `docs/guide/operations.md` has the table of names.

use std::time::Duration;

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::{Event, Refusal, RenewalReason};

/// A metric with a label that is known when it is compiled, which costs no allocation.
macro_rules! by_verb {
    ($metric:ident, $name:literal, $verb:expr) => {
        match $verb {
            "load" => $metric!($name, "verb" => "load"),
            "create" => $metric!($name, "verb" => "create"),
            "swap" => $metric!($name, "verb" => "swap"),
            "touch" => $metric!($name, "verb" => "touch"),
            _ => $metric!($name, "verb" => "delete"),
        }
    };
}

/// Says what the numbers are, to the recorder that is installed by now.
pub(crate) fn describe() {
    describe_counter!("cloakroom_tickets_total", Unit::Count, "Tickets that requests brought, by what they opened");
    describe_counter!("cloakroom_sessions_created_total", Unit::Count, "Sessions that began");
    describe_counter!(
        "cloakroom_sessions_renewed_total",
        Unit::Count,
        "Sessions that moved to a fresh ticket, by reason"
    );
    describe_counter!("cloakroom_logins_total", Unit::Count, "Logins that were kept");
    describe_counter!("cloakroom_sessions_ended_total", Unit::Count, "Sessions that ended, by how they did");
    describe_counter!(
        "cloakroom_saves_total",
        Unit::Count,
        "Requests whose changes were kept in a session that there was"
    );
    describe_counter!("cloakroom_touches_total", Unit::Count, "Times that activity alone was noted");
    describe_counter!("cloakroom_conflicts_total", Unit::Count, "Times that changes had to be made again");
    describe_counter!("cloakroom_dropped_total", Unit::Count, "Requests whose changes came after the session's end");
    describe_counter!("cloakroom_outages_total", Unit::Count, "Requests that went on without their session");
    describe_counter!("cloakroom_swept_total", Unit::Count, "Expired records that were deleted");
    describe_gauge!("cloakroom_sessions_live", Unit::Count, "Live sessions, counted after each sweep");
    describe_gauge!("cloakroom_sessions_awaited", Unit::Count, "Sessions whose end is waited for in this process");
    describe_histogram!("cloakroom_store_seconds", Unit::Seconds, "How long the store took, by verb");
    describe_counter!("cloakroom_store_errors_total", Unit::Count, "Answers of the store that were errors, by verb");
    describe_counter!("cloakroom_store_retries_total", Unit::Count, "Verbs that were tried again, by verb");
}

pub(super) fn count(event: &Event<'_>) {
    match event {
        Event::Created { .. } => counter!("cloakroom_sessions_created_total").increment(1),
        Event::Loaded { .. } => counter!("cloakroom_tickets_total", "outcome" => "opened").increment(1),
        Event::Refused { why } => match why {
            Refusal::Unknown => counter!("cloakroom_tickets_total", "outcome" => "unknown"),
            Refusal::Forged => counter!("cloakroom_tickets_total", "outcome" => "forged"),
            Refusal::Expired => counter!("cloakroom_tickets_total", "outcome" => "expired"),
            Refusal::Replaced => counter!("cloakroom_tickets_total", "outcome" => "replaced"),
            Refusal::Unreadable => counter!("cloakroom_tickets_total", "outcome" => "unreadable"),
            Refusal::Ahead => counter!("cloakroom_tickets_total", "outcome" => "ahead"),
        }
        .increment(1),
        Event::Saved { .. } => counter!("cloakroom_saves_total").increment(1),
        Event::Touched { .. } => counter!("cloakroom_touches_total").increment(1),
        Event::Conflict { .. } => counter!("cloakroom_conflicts_total").increment(1),
        Event::Dropped { .. } => counter!("cloakroom_dropped_total").increment(1),
        Event::Renewed { why, .. } => match why {
            RenewalReason::Asked => counter!("cloakroom_sessions_renewed_total", "why" => "asked"),
            RenewalReason::Periodic => counter!("cloakroom_sessions_renewed_total", "why" => "periodic"),
            RenewalReason::TakenBack => counter!("cloakroom_sessions_renewed_total", "why" => "taken_back"),
        }
        .increment(1),
        Event::Destroyed { .. } => counter!("cloakroom_sessions_ended_total", "how" => "destroyed").increment(1),
        Event::Revoked { .. } => counter!("cloakroom_sessions_ended_total", "how" => "revoked").increment(1),
        Event::Expired { .. } => counter!("cloakroom_sessions_ended_total", "how" => "expired").increment(1),
        Event::Evicted { .. } => counter!("cloakroom_sessions_ended_total", "how" => "evicted").increment(1),
        Event::LoggedIn { .. } => counter!("cloakroom_logins_total").increment(1),
        Event::StoreAnswered { verb, took, attempt } => answered(verb, *took, *attempt),
        Event::StoreFailed { verb, .. } => by_verb!(counter, "cloakroom_store_errors_total", *verb).increment(1),
        Event::Outage { .. } => counter!("cloakroom_outages_total").increment(1),
        Event::Swept { deleted } => counter!("cloakroom_swept_total").increment(*deleted),
    }
}

fn answered(verb: &'static str, took: Duration, attempt: u32) {
    by_verb!(histogram, "cloakroom_store_seconds", verb).record(took);
    if attempt > 1 {
        by_verb!(counter, "cloakroom_store_retries_total", verb).increment(1);
    }
}

pub(crate) fn live(sessions: u64) {
    gauge!("cloakroom_sessions_live").set(sessions as f64);
}

pub(crate) fn awaited(sessions: usize) {
    gauge!("cloakroom_sessions_awaited").set(sessions as f64);
}
