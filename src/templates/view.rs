//! What any template engine that takes serde values can be given.

use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::codec::Encoded;
use crate::error::Result;
use crate::record::{Record, Space, Values};
use crate::session::Session;

/// The values of a session as they are at this moment, for template engines: serde writes it as a map.
///
/// It shows the regular and the transient values by key, and under `user` who is logged in, unless a value has that key.
/// There is nothing else to see: no methods, no ticket.
///
/// ```
/// # fn example(session: cloakroom::Session) -> Result<(), Box<dyn std::error::Error>> {
/// let shown = serde_json::to_value(session.view()?)?;
/// println!("{}", shown["email"]);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SessionView {
    entries: Vec<(String, Vec<u8>)>,
    user: Option<Arc<str>>,
}

impl Session {
    /// The values as they are now, for a template engine that takes serde values.
    ///
    /// # Errors
    ///
    /// As for every read.
    ///
    /// ```
    /// # fn example() -> cloakroom::Result<()> {
    /// let view = cloakroom::Session::current()?.view()?;
    /// # Ok(()) }
    /// ```
    pub fn view(&self) -> Result<SessionView> {
        self.read(|open| {
            let entries = open.entries().into_iter().map(|(key, value)| (key.to_owned(), value.to_vec())).collect();
            Ok(SessionView { entries, user: open.user().cloned() })
        })
    }
}

impl Record {
    /// The values of the session, for tools that show what a store holds. They are the visitor's: who may see them?
    ///
    /// # Errors
    ///
    /// [`Decode`](crate::ErrorKind::Decode) if the data is damaged or of an unknown version.
    ///
    /// ```
    /// # fn example(record: &cloakroom::Record) -> Result<(), Box<dyn std::error::Error>> {
    /// let keys: Vec<String> = record.view()?.keys().map(str::to_owned).collect();
    /// let values = serde_json::to_value(record.view()?)?;
    /// # Ok(()) }
    /// ```
    pub fn view(&self) -> Result<SessionView> {
        let values = Values::from_stored(self.data.clone())?;
        let entries = values.iter(Space::Application).map(|(key, value)| (key.to_owned(), value.to_vec())).collect();
        Ok(SessionView { entries, user: self.user.clone() })
    }
}

impl SessionView {
    /// The keys of the values, in order; `user` is not among them unless it is the key of a value.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let number = session.view()?.keys().count();
    /// # Ok(()) }
    /// ```
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(key, _)| &**key)
    }
}

impl Serialize for SessionView {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let user = self.user.as_ref().filter(|_| self.entries.iter().all(|(key, _)| key != USER));
        let mut map = serializer.serialize_map(Some(self.entries.len() + usize::from(user.is_some())))?;
        for (key, value) in &self.entries {
            map.serialize_entry(key, &Encoded(value))?;
        }
        if let Some(user) = user {
            map.serialize_entry(USER, &**user)?;
        }
        map.end()
    }
}

/// The name under which templates see who is logged in.
pub(super) const USER: &str = "user";

impl fmt::Debug for SessionView {
    /// Its keys: the values are the visitor's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries.iter().map(|(key, _)| key)).finish()
    }
}
