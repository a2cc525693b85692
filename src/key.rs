//! Keys that know the type of their value.

use std::fmt;
use std::marker::PhantomData;

/// A key with the type of its value, so that a wrong type does not compile.
///
/// ```
/// use cloakroom::{Key, Session};
///
/// const VISITS: Key<u32> = Key::new("visits");
///
/// fn count(session: &Session) -> cloakroom::Result<u32> {
///     session.update(VISITS, |visits| visits.unwrap_or(0) + 1)
/// }
/// ```
///
/// ```compile_fail
/// # use cloakroom::{Key, Session};
/// # const VISITS: Key<u32> = Key::new("visits");
/// fn count(session: &Session) -> cloakroom::Result<()> {
///     session.set(VISITS, "many")
/// }
/// ```
pub struct Key<T: ?Sized> {
    name: &'static str,
    value: PhantomData<fn() -> Box<T>>,
}

impl<T: ?Sized> Key<T> {
    /// The key of this name.
    ///
    /// ```
    /// use cloakroom::Key;
    ///
    /// const EMAIL: Key<String> = Key::new("email");
    /// ```
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// The name under which templates and string keys find the value.
    ///
    /// ```
    /// # use cloakroom::Key;
    /// assert_eq!(Key::<String>::new("email").name(), "email");
    /// ```
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T: ?Sized> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Key<T> {}

/// For calls that need the name alone, as `session.remove(CART)`.
impl<T: ?Sized> AsRef<str> for Key<T> {
    fn as_ref(&self) -> &str {
        self.name
    }
}

impl<T: ?Sized> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.name)
    }
}

/// What names a value of type `T`: a [`Key<T>`], or any string.
///
/// ```
/// use cloakroom::{AsKey, Key};
///
/// fn name<T>(key: impl AsKey<T>) -> String {
///     key.name().to_owned()
/// }
/// assert_eq!(name::<u32>("visits"), name(Key::<u32>::new("visits")));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no key for a value of type `{T}`",
    note = "use a string, or a `Key<{T}>`: a typed key takes values of its own type only"
)]
pub trait AsKey<T: ?Sized> {
    /// The name of the key.
    fn name(&self) -> &str;
}

impl<T: ?Sized> AsKey<T> for Key<T> {
    fn name(&self) -> &str {
        self.name
    }
}

impl<T: ?Sized> AsKey<T> for &str {
    fn name(&self) -> &str {
        self
    }
}

impl<T: ?Sized> AsKey<T> for String {
    fn name(&self) -> &str {
        self
    }
}

impl<T: ?Sized> AsKey<T> for &String {
    fn name(&self) -> &str {
        self
    }
}
