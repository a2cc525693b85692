//! Values that live for this request only.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Session;
use crate::codec;
use crate::error::Result;
use crate::key::AsKey;

/// Transient values: they live for this request only, are never sent to any store, and are seen by
/// [`get`](Session::get), [`contains`](Session::contains), [`keys`](Session::keys), templates and models like any other
/// value. Where a key has both, the regular value is what is read. They change nothing else: they neither begin a session
/// nor keep it alive.
impl Session {
    /// Sets a value for this request only.
    ///
    /// # Errors
    ///
    /// [`Encode`](crate::ErrorKind::Encode), and as for every read.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.set_transient("locale", "pt")?;
    /// assert_eq!(session.get::<String>("locale")?.as_deref(), Some("pt"));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "set_t")]
    pub fn set_transient<T: Serialize>(&self, key: impl AsKey<T>, value: T) -> Result<()> {
        let bytes = codec::encode(&value)?;
        self.transient(|transient| transient.set(key.name(), &bytes))
    }

    /// The transient value of a key; never a regular one.
    ///
    /// # Errors
    ///
    /// As for [`get`](Session::get).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let locale: Option<String> = session.get_transient("locale")?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "get_t")]
    pub fn get_transient<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>> {
        codec::decode_copied(key.name(), |show| self.transient(|transient| Ok(transient.get(key.name()).map(show))))
    }

    /// Removes the transient value of a key, and answers whether there was one.
    ///
    /// # Errors
    ///
    /// As for every read.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.remove_transient("locale")?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "delete_t")]
    pub fn remove_transient(&self, key: impl AsRef<str>) -> Result<bool> {
        self.transient(|transient| Ok(transient.remove(key.as_ref())))
    }

    /// From here on `set`, `update`, `remove`, `clear` and `login` of this request go to the transient values, or, with
    /// `false`, no longer: for a request that comes with credentials of its own and should leave nothing behind.
    ///
    /// # Errors
    ///
    /// As for every read.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.write_transient(true)?;
    /// session.set("email", "robot@example.org")?; // no cookie, no record
    /// # Ok(()) }
    /// ```
    pub fn write_transient(&self, all: bool) -> Result<()> {
        self.transient(|transient| {
            transient.takes_all = all;
            Ok(())
        })
    }

    /// Makes `user` the [user](Session::user) of this request only, as an API token does. A user who is logged in is what
    /// is read.
    ///
    /// # Errors
    ///
    /// As for every read.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.login_transient("ana")?;
    /// assert_eq!(session.user()?.as_deref(), Some("ana"));
    /// # Ok(()) }
    /// ```
    pub fn login_transient(&self, user: impl Into<Arc<str>>) -> Result<()> {
        self.transient(|transient| {
            transient.user = Some(user.into());
            Ok(())
        })
    }

    pub(super) fn writes_transient(&self) -> Result<bool> {
        self.transient(|transient| Ok(transient.takes_all))
    }

    /// Not through `read`: what lives for one request is no activity of the session.
    fn transient<R>(&self, f: impl FnOnce(&mut super::state::Transient) -> Result<R>) -> Result<R> {
        self.with(|open| {
            open.check_not_ended()?;
            f(&mut open.transient)
        })
    }
}
