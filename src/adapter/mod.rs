//! What a framework's adapter needs of the engine: two calls and a scope.
//!
//! 1. [`SessionManager::arrive`](crate::SessionManager::arrive) with the [`Head`] of the request, which costs an
//!    allocation;
//! 2. [`Arrival::serve`] runs the handler inside of [`Session::scope`](crate::Session::scope), and calls
//!    [`Session::commit`](crate::Session::commit) when the head of the response is ready;
//! 3. [`HeaderEdits::apply`] on that head.
//!
//! The body then goes out with a [`BodySession`], and an error is answered as [`ErrorAnswer`] says. The engine knows
//! strings, and no framework's types.

mod answer;
mod arrival;
mod body;
mod commit;
mod edits;
mod head;
mod serving;

pub use crate::access::{FromSession, extract};
#[cfg(feature = "http-1")]
pub use crate::http::SessionBody;
pub use answer::ErrorAnswer;
pub use arrival::Arrival;
pub use body::BodySession;
pub use commit::{Commit, Committed};
pub(crate) use edits::TicketChange;
pub use edits::{HeaderEdits, ResponseHead};
pub use head::{Head, RequestHead, RequestHeaders};
pub use serving::{Served, Serving, StatusOf};
