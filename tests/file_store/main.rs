//! The file store on a real disk: what it survives, what it refuses, and what it says.

mod life;
mod place;
mod refused;
mod room;
mod unknown;
mod workshop;
