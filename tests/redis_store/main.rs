//! The Redis store on real servers: every law on every way to run Redis, outages, and what only Redis does.

mod bench;
mod laws;
