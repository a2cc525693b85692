// In the README these names lead to the files. Markdown takes the first definition, so here they lead to the pages.
//! [lifecycle]: crate::guide::lifecycle
//! [users]: crate::guide::users
//! [security]: crate::guide::security
//! [ambient]: crate::guide::ambient
//! [concurrency]: crate::guide::concurrency
//! [stores]: crate::guide::stores
//! [operations]: crate::guide::operations
//! [command line]: crate::guide::command_line
//! [testing]: crate::guide::testing
//! [coming from]: crate::guide::coming_from
//!
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod access;
#[cfg(feature = "actix-web-4")]
pub mod actix_web;
pub mod adapter;
#[cfg(feature = "axum-0_8")]
mod axum;
mod clock;
mod codec;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cookie;
mod error;
mod events;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(feature = "http-1")]
mod http;
mod key;
mod lifetime;
mod manager;
#[cfg(feature = "operators-axum-0_8")]
pub mod operators;
#[cfg(feature = "poem-3")]
pub mod poem;
mod random;
mod record;
#[cfg(feature = "rocket-0_5")]
pub mod rocket;
#[cfg(feature = "salvo-1")]
pub mod salvo;
mod sealed;
mod session;
mod store;
pub mod templates;
#[cfg(feature = "testing")]
pub mod testing;
mod token;
#[cfg(feature = "tower")]
pub mod tower;

pub use access::{FreshUser, Policy, Require, User};
pub use clock::{Clock, SystemClock, Timestamp};
pub use config::{Config, Finding, Standard};
pub use cookie::{CookieConfig, SameSite};
pub use error::{ConfigError, Error, ErrorKind, Result};
pub use events::{Event, Observer, Refusal, RenewalReason};
pub use key::{AsKey, Key};
pub use lifetime::{CookieKind, Lifetime};
pub use manager::{
    Backend, Cursor, LimitPolicy, OutagePolicy, SessionInfo, SessionManager, SessionManagerBuilder, SessionPage,
};
pub use record::{Data, Handle, MAX_NOTE_BYTES, MAX_USER_BYTES, Record, RecordKind, Revision};
pub use sealed::{CookieStore, Secrets};
pub use session::{Flash, Scope, Session, View};
pub use store::{
    Announcement, BoxFuture, Created, FindBy, Found, IndexEntry, IndexPage, MemoryStore, Removal, RemovalListener,
    SessionIndex, SessionStore, Swap, Touched, store_from_url,
};
#[cfg(feature = "file")]
pub use store::{Durability, FileStore, FileStoreBuilder};
#[cfg(feature = "redis-1")]
pub use store::{RedisConnection, RedisStore, RedisStoreBuilder};
pub use token::StoreKey;
