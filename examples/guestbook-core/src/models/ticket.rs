//! What can be said of a session besides its values.

use cloakroom::{Result, Session};
use serde::Serialize;

use crate::words;

/// A session for people to read.
#[derive(Debug, Serialize)]
pub struct Ticket {
    /// Its public name, which stays the same when the ticket is renewed, and opens nothing.
    handle: String,
    began: String,
    signed_in: Option<String>,
    ends_without_activity: String,
    ends_in_any_case: String,
}

/// None where nothing is kept for this visitor.
///
/// # Errors
///
/// Those of the session.
pub fn current() -> Result<Option<Ticket>> {
    let session = Session::current()?;
    let Some(handle) = session.handle()? else { return Ok(None) };
    // A session that begins with this very request has no deadlines yet.
    let until = |deadline: Option<_>| deadline.map_or_else(|| "shown with the next page".to_owned(), words::until);
    Ok(Some(Ticket {
        handle: handle.to_string(),
        began: session.created()?.map_or_else(|| "just now".to_owned(), words::ago),
        signed_in: session.authenticated_at()?.map(words::ago),
        ends_without_activity: until(session.idle_deadline()?),
        ends_in_any_case: until(session.absolute_deadline()?),
    }))
}
