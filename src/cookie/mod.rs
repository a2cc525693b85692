//! The cookie that carries the ticket: how it is set, and how it is found.

mod config;
mod parse;

pub(crate) use config::Cookie;
pub use config::{CookieConfig, SameSite};
pub(crate) use parse::{candidates, pairs, value_of};
