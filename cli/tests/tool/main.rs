//! The tool as its users run it: a process of its own on real stores.

mod backup;
mod copying;
mod looking;
mod others;
mod redis;
mod revoking;
mod terminal;
mod workshop;
