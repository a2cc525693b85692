//! Values by key.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Session;
use crate::codec;
use crate::error::Result;
use crate::key::AsKey;

/// Values. All of them answer [`NotLoaded`](crate::ErrorKind::NotLoaded) before the session is loaded, and
/// [`Ended`](crate::ErrorKind::Ended) once another request is known to have ended it.
impl Session {
    /// The value of a key, if there is one; where there is none, the [transient](Session::set_transient) one.
    ///
    /// # Errors
    ///
    /// [`Decode`](crate::ErrorKind::Decode) if the value is of another type.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let email: Option<String> = session.get("email")?;
    /// let visits = session.get::<u32>("visits")?.unwrap_or(0);
    /// # Ok(()) }
    /// ```
    pub fn get<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>> {
        codec::decode_copied(key.name(), |show| self.read(|open| Ok(open.get(key.name()).map(show))))
    }

    /// Sets a value. Setting the value that this request found there counts as activity and stores nothing, so that it
    /// comes before what another request makes of the value at the same time.
    ///
    /// # Errors
    ///
    /// [`Encode`](crate::ErrorKind::Encode) if serde cannot write the value, [`TooLarge`](crate::ErrorKind::TooLarge) if
    /// the session would grow beyond its limit, [`ReadOnly`](crate::ErrorKind::ReadOnly) if this request cannot change
    /// it, [`NeedsCookie`](crate::ErrorKind::NeedsCookie) if it would begin a session after the response head has been
    /// sent. In each case the session is as it was.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.set("email", "ana@example.org")?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "insert")]
    pub fn set<T: Serialize>(&self, key: impl AsKey<T>, value: T) -> Result<()> {
        codec::encoded(&value, |bytes| {
            self.with(|open| {
                if open.transient.takes_all {
                    open.begin_read()?;
                    return open.transient.set(key.name(), bytes);
                }
                open.begin_write()?;
                open.set(key.name(), bytes)
            })
        })
    }

    /// Removes a value, and answers whether there was one. With both a regular and a
    /// [transient](Session::set_transient) value the regular one goes, and the transient one shows.
    ///
    /// Removing what is not there changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`set`](Session::set).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.remove("cart")?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "delete")]
    pub fn remove(&self, key: impl AsRef<str>) -> Result<bool> {
        let key = key.as_ref();
        self.read(|open| {
            if open.transient.takes_all || open.draft.get(key).is_none() {
                return Ok(open.transient.remove(key));
            }
            open.begin_write()?;
            open.remove(key)
        })
    }

    /// Removes a value and answers what it was.
    ///
    /// # Errors
    ///
    /// As for [`get`](Session::get) and [`set`](Session::set); a value of another type stays where it is.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// if let Some(next) = session.take::<String>("return_to")? {
    ///     println!("back to {next}");
    /// }
    /// # Ok(()) }
    /// ```
    #[doc(alias = "pop")]
    pub fn take<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>> {
        let name = key.name();
        let value = self.get::<T>(name)?;
        if value.is_some() {
            self.remove(name)?;
        }
        Ok(value)
    }

    /// Whether a key has a value, regular or transient.
    ///
    /// # Errors
    ///
    /// As for every read.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let known = session.contains("email")?;
    /// # Ok(()) }
    /// ```
    pub fn contains(&self, key: impl AsRef<str>) -> Result<bool> {
        self.read(|open| Ok(open.get(key.as_ref()).is_some()))
    }

    /// The keys of all values, regular and transient, each once, in order.
    ///
    /// # Errors
    ///
    /// As for every read.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// for key in session.keys()? {
    ///     println!("{key}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn keys(&self) -> Result<Vec<String>> {
        self.read(|open| Ok(open.entries().into_iter().map(|(key, _)| key.to_owned()).collect()))
    }

    /// How many keys have a value.
    ///
    /// # Errors
    ///
    /// As for every read.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// assert_eq!(session.len()?, session.keys()?.len());
    /// # Ok(()) }
    /// ```
    pub fn len(&self) -> Result<usize> {
        self.read(|open| Ok(open.entries().len()))
    }

    /// Whether no key has a value.
    ///
    /// # Errors
    ///
    /// As for every read.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// if session.is_empty()? {
    ///     println!("welcome");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Removes all values, those too that another request adds before this one is committed. The session, its user and
    /// waiting messages stay; [`destroy`](Session::destroy) ends it. Clearing a session in which this request sees nothing
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`set`](Session::set).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.clear()?;
    /// # Ok(()) }
    /// ```
    pub fn clear(&self) -> Result<()> {
        self.read(|open| {
            open.transient.clear();
            // Where there is nothing to remove there is nothing to commit, and nothing that would need a cookie.
            if open.transient.takes_all || (open.draft.is_empty() && open.log.is_empty()) {
                return Ok(());
            }
            open.begin_write()?;
            open.clear();
            Ok(())
        })
    }
}
