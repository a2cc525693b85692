//! The engine on its own: driven as an adapter drives it, on a store that fails, stops or dies where a test wants it to.

mod adapter;
mod alike;
mod asked;
#[cfg(feature = "metrics")]
mod clocks;
mod counted;
mod crashes;
mod deadlines;
mod ended;
mod ends;
mod faults;
mod harness;
mod late_creations;
mod lifecycle;
mod logout;
mod lost;
mod outcomes;
mod places;
mod races;
mod register;
mod renewals;
mod sealed;
mod secrecy;
mod skew;
mod sweeper;
mod tasks;
mod told;
mod transient;
mod unknown;
mod unresolved;
mod until_ended;
mod users;
mod watching;
