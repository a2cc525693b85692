//! What a stranger sends and what a store holds, made up by a fuzzer: never a panic, never a session that was not, and
//! never a session that is lost.
//!
//! Each target is a function of bytes that panics where something is wrong. `cargo xtask fuzz` lets a fuzzer look for
//! such bytes; the tests run each target on its corpus.

#![forbid(unsafe_code)]

mod cookie_header;
mod environment;
mod input;
mod record;
mod sealed_value;
mod visit;

/// Panics if the library does not do what it should with these bytes.
pub type Target = fn(&[u8]);

/// All targets; each has its corpus under its name. A new one is a line here and a directory there.
pub const TARGETS: &[(&str, Target)] = &[
    ("cookie_header", cookie_header::run),
    ("environment", environment::run),
    ("record", record::run),
    ("sealed_value", sealed_value::run),
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

/// The names of all targets.
pub fn names() -> String {
    TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
