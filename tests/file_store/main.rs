//! The file store on a real disk: what it survives, what it refuses, and what it says.

mod clocks;
mod life;
mod place;
mod refused;
mod replaced;
mod room;
mod standing;
mod unknown;
mod workshop;
