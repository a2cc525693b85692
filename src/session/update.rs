//! Changes that hold under concurrency: they are made again on the newest record.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Draft, Session};
use crate::codec;
use crate::error::Result;
use crate::key::AsKey;

impl Session {
    /// Changes a value by what it was, and answers what it is now.
    ///
    /// When another request changed the session meanwhile, `f` runs again on the newest value, so that of N parallel
    /// increments all N count. So `f` owns what it captures (`move`, and `clone` what it consumes), does nothing but make the
    /// new value, and the value that this call answers is provisional: [`update_now`](Session::update_now) answers the committed one. If `f` fails to run again, because the
    /// value became one of another type, the commit fails.
    ///
    /// # Errors
    ///
    /// As for [`get`](Session::get) and [`set`](Session::set).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let visits = session.update("visits", |n: Option<u32>| n.unwrap_or(0) + 1)?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "increment")]
    pub fn update<T, F>(&self, key: impl AsKey<T>, f: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: Fn(Option<T>) -> T + Send + 'static,
    {
        let name = key.name().to_owned();
        if self.writes_transient()? {
            let value = f(self.get::<T>(name.as_str())?);
            self.set_transient(name, &value)?;
            return Ok(value);
        }
        self.change(move |draft| {
            let value = f(draft.get(&name).map(|value| codec::decode_at(&name, value)).transpose()?);
            codec::encoded(&value, |bytes| draft.set(&name, bytes))?;
            Ok(value)
        })
    }

    /// The same, committed at once together with all other changes of this request so far: answers the value that the
    /// store has.
    ///
    /// # Errors
    ///
    /// As for [`update`](Session::update) and [`save`](Session::save).
    ///
    /// ```
    /// # async fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let ticket = session.update_now("tickets", |n: Option<u32>| n.unwrap_or(0) + 1).await?;
    /// # Ok(()) }
    /// ```
    pub async fn update_now<T, F>(&self, key: impl AsKey<T>, f: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(Option<T>) -> T + Send + 'static,
    {
        // The re-run that is committed leaves its value here.
        let latest = std::sync::Arc::new(std::sync::Mutex::new(None));
        let name = key.name().to_owned();
        if self.writes_transient()? {
            return self.update(name, f);
        }
        let committed = std::sync::Arc::clone(&latest);
        let provisional = self.change(move |draft| {
            let value = f(draft.get(&name).map(|value| codec::decode_at(&name, value)).transpose()?);
            let bytes = codec::encode(&value)?;
            draft.set(&name, &bytes)?;
            *lock(&committed) = Some(bytes);
            Ok(value)
        })?;
        self.save().await?;
        let bytes = lock(&latest).take();
        match bytes {
            Some(bytes) => codec::decode(&bytes),
            None => Ok(provisional),
        }
    }

    /// Changes several values that belong together: all of them or none, and again on the newest record when another
    /// request changed the session meanwhile.
    ///
    /// What no other call can protect, a `get` and a `set` that depends on it, or two keys that must agree, belongs in
    /// here. The closure must depend on nothing but its view, and may run more than once.
    ///
    /// # Errors
    ///
    /// What the closure answers; then nothing is changed. As for [`set`](Session::set) otherwise.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.transaction(|view| {
    ///     let stock: u32 = view.get("stock")?.unwrap_or(0);
    ///     if stock > 0 {
    ///         view.set("stock", stock - 1)?;
    ///         view.set("taken", true)?;
    ///     }
    ///     Ok(stock > 0)
    /// })?;
    /// # Ok(()) }
    /// ```
    pub fn transaction<R, F>(&self, f: F) -> Result<R>
    where
        F: Fn(&mut View<'_>) -> Result<R> + Send + 'static,
    {
        self.change(move |draft| f(&mut View { draft }))
    }

    /// Makes a change outside of the lock, for the closure is the application's and may use this very session; and again
    /// if it turns out that another task of this request was quicker.
    fn change<R>(&self, mut change: impl Fn(&mut Draft) -> Result<R> + Send + 'static) -> Result<R> {
        loop {
            let (mut draft, generation) = self.write(|open| Ok((open.draft.clone(), open.generation)))?;
            let result = change(&mut draft)?;
            let outrun = self.write(|open| {
                if open.generation != generation {
                    return Ok(Some(change));
                }
                open.accept(draft, move |draft| change(draft).map(drop));
                Ok(None)
            })?;
            match outrun {
                Some(again) => change = again,
                None => return Ok(result),
            }
        }
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The regular values of a session, inside of a [`transaction`](Session::transaction).
///
/// ```
/// use cloakroom::{Result, View};
///
/// /// A step that several transactions share.
/// fn add(view: &mut View<'_>, key: &'static str, count: u32) -> Result<()> {
///     let known: u32 = view.get(key)?.unwrap_or(0);
///     view.set(key, known + count)
/// }
///
/// # fn example(session: cloakroom::Session) -> Result<()> {
/// session.transaction(|view| {
///     add(view, "mugs", 2)?;
///     add(view, "items", 2)
/// })?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct View<'a> {
    draft: &'a mut Draft,
}

impl View<'_> {
    /// The value of a key.
    ///
    /// # Errors
    ///
    /// [`Decode`](crate::ErrorKind::Decode) if the value is of another type.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let stock = session.transaction(|view| view.get::<u32>("stock"))?;
    /// # Ok(()) }
    /// ```
    pub fn get<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>> {
        self.draft.get(key.name()).map(|value| codec::decode_at(key.name(), value)).transpose()
    }

    /// Sets a value.
    ///
    /// # Errors
    ///
    /// [`Encode`](crate::ErrorKind::Encode), [`TooLarge`](crate::ErrorKind::TooLarge).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.transaction(|view| view.set("stock", 12))?;
    /// # Ok(()) }
    /// ```
    pub fn set<T: Serialize>(&mut self, key: impl AsKey<T>, value: T) -> Result<()> {
        codec::encoded(&value, |bytes| self.draft.set(key.name(), bytes))
    }

    /// Removes a value, and answers whether there was one.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.transaction(|view| Ok(view.remove("stock")))?;
    /// # Ok(()) }
    /// ```
    pub fn remove(&mut self, key: impl AsRef<str>) -> bool {
        self.draft.remove(key.as_ref())
    }

    /// Whether a key has a value.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let open = session.transaction(|view| Ok(view.contains("stock")))?;
    /// # Ok(()) }
    /// ```
    pub fn contains(&self, key: impl AsRef<str>) -> bool {
        self.draft.get(key.as_ref()).is_some()
    }
}
