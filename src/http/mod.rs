//! What adapters share that are built on the crates `http` and `http-body`: tower, Poem and Salvo.

mod body;
mod head;

pub use body::SessionBody;
