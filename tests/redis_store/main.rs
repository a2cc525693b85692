//! The Redis store on real servers: every law on every way to run Redis, outages, and what only Redis does.

mod bench;
mod chaos;
mod clocks;
mod ended;
mod failover;
mod keys;
mod laws;
mod outages;
mod outcomes;
mod round_trips;
mod ways;
