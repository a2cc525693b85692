//! What the guestbook knows and shows. It names no framework: `guestbook` serves it with axum, and `guestbook-actix` with
//! actix-web.
//!
//! - [`models`] know what a cart and a guestbook are. They find the session themselves: nobody passes it to them.
//! - `templates/` show it as `{{ session.email }}`, in pages, in what they include and in macros that they import.
//!   [`Pages`] makes pages of them.

pub mod models;
mod pages;
mod protection;
pub mod words;

pub use pages::{LIVE, Pages, STYLE, session_error};
pub use protection::{POLICY, comes_from_elsewhere};
