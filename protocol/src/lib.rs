//! The protocol of renewal, ending and user limits as a model, checked exhaustively: see `protocol/README.md`.

pub mod configurations;
pub mod design;
pub mod engine;
pub mod explore;
pub mod invariants;
pub mod process;
pub mod store;
pub mod world;
