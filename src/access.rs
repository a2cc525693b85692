//! Who may go on, as arguments of handlers: every adapter extracts them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::session::Session;

/// The user of the session. A handler that takes it runs for users only: all others are answered
/// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) (401), or what the adapter's `on_error` makes of it, as a
/// redirect to the login page.
///
/// ```
/// use cloakroom::User;
///
/// async fn profile(user: User) -> String {
///     format!("You are {user}.")
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User(Arc<str>);

/// A user whose last login is less than `SECONDS` old ([`require_fresh`](Session::require_fresh)): for what is worth
/// asking for the password again. All others are answered [`NotFresh`](crate::ErrorKind::NotFresh) or
/// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) (401 both).
///
/// ```
/// use cloakroom::FreshUser;
///
/// async fn change_password(user: FreshUser<600>) -> String {
///     format!("A new password for {user}.")
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshUser<const SECONDS: u64>(Arc<str>);

/// A user of whom a [`Policy`] holds.
///
/// ```
/// use cloakroom::{Policy, Require, Session};
///
/// struct Editor;
///
/// impl Policy for Editor {
///     fn check(session: &Session) -> cloakroom::Result<()> {
///         session.require_tokens(["page.edit"]).map(drop)
///     }
/// }
///
/// async fn edit(user: Require<Editor>) -> String {
///     format!("{user} may edit.")
/// }
/// ```
pub struct Require<P> {
    user: Arc<str>,
    policy: PhantomData<fn() -> P>,
}

/// What has to hold of a session for [`Require`] to let its user through.
///
/// ```
/// use cloakroom::{Error, ErrorKind, Policy, Result, Session};
///
/// struct Grown;
///
/// impl Policy for Grown {
///     fn check(session: &Session) -> Result<()> {
///         match session.get::<u8>("age")? {
///             Some(18..) => Ok(()),
///             _ => Err(Error::new(ErrorKind::Forbidden, "for the grown only")),
///         }
///     }
/// }
/// ```
pub trait Policy: 'static {
    /// Lets the user through, or says why not. It runs after [`require_user`](Session::require_user).
    ///
    /// # Errors
    ///
    /// The answer for those who are not let through.
    fn check(session: &Session) -> Result<()>;
}

/// What an adapter extracts, once the session is loaded: [`User`], [`FreshUser`], [`Require`], and what an application
/// makes of its own.
///
/// ```
/// use cloakroom::adapter::{self, FromSession};
/// use cloakroom::{Result, Session};
///
/// struct Visits(u32);
///
/// impl FromSession for Visits {
///     fn from_session(session: &Session) -> Result<Self> {
///         Ok(Self(session.get("visits")?.unwrap_or(0)))
///     }
/// }
///
/// /// All that an adapter has to do for it.
/// async fn visits() -> Result<Visits> {
///     adapter::extract().await
/// }
/// ```
pub trait FromSession: Sized {
    /// Takes from the session what is asked for.
    ///
    /// # Errors
    ///
    /// What is answered in the handler's place.
    fn from_session(session: &Session) -> Result<Self>;
}

impl FromSession for User {
    fn from_session(session: &Session) -> Result<Self> {
        session.require_user().map(Self)
    }
}

impl<const SECONDS: u64> FromSession for FreshUser<SECONDS> {
    fn from_session(session: &Session) -> Result<Self> {
        session.require_fresh(Duration::from_secs(SECONDS)).map(Self)
    }
}

impl<P: Policy> FromSession for Require<P> {
    fn from_session(session: &Session) -> Result<Self> {
        let user = session.require_user()?;
        P::check(session)?;
        Ok(Self { user, policy: PhantomData })
    }
}

/// Loads the session of the current request, and extracts from it.
///
/// # Errors
///
/// As for [`Session::current`], [`Session::load`] and [`FromSession::from_session`].
///
/// ```
/// # async fn example() -> cloakroom::Result<()> {
/// let user: cloakroom::User = cloakroom::adapter::extract().await?;
/// # Ok(()) }
/// ```
pub async fn extract<T: FromSession>() -> Result<T> {
    let session = Session::current()?;
    session.load().await?;
    T::from_session(&session)
}

macro_rules! is_a_user {
    ([$($generics:tt)*] $type:ty, $field:tt) => {
        impl<$($generics)*> $type {
            /// The user's name, to be kept or handed on.
            ///
            /// ```
            /// # fn example(user: cloakroom::User) {
            /// let name: std::sync::Arc<str> = user.into_name();
            /// # }
            /// ```
            pub fn into_name(self) -> Arc<str> {
                self.$field
            }
        }

        impl<$($generics)*> Deref for $type {
            type Target = str;

            fn deref(&self) -> &str {
                &self.$field
            }
        }

        impl<$($generics)*> fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.$field)
            }
        }
    };
}

is_a_user!([] User, 0);
is_a_user!([const SECONDS: u64] FreshUser<SECONDS>, 0);
is_a_user!([P] Require<P>, user);

impl<P> fmt::Debug for Require<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Require").field("user", &self.user).finish()
    }
}
