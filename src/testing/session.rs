//! A session with given values, without a request.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde::Serialize;

use super::Visitor;
use crate::error::{Error, ErrorKind, Result};
use crate::key::AsKey;
use crate::manager::SessionManager;
use crate::session::Session;
use crate::store::MemoryStore;

/// Describes a session for a test: a loaded [`Session`] for a handler or a model with [`build`](SessionBuilder::build),
/// or somebody who has it in the whole application with [`visitor`](SessionBuilder::visitor).
///
/// ```
/// use cloakroom::{Key, Session, testing};
///
/// const CART: Key<Vec<String>> = Key::new("cart");
///
/// async fn checkout(session: Session) -> cloakroom::Result<String> {
///     let user = session.user()?.unwrap_or_else(|| "stranger".into());
///     let cart = session.take(CART)?.unwrap_or_default();
///     Ok(format!("{user} bought {}", cart.join(" and ")))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> cloakroom::Result<()> {
/// let session = testing::session().with(CART, vec!["tea".to_owned()]).logged_in_as("ana").build()?;
/// assert_eq!(checkout(session.clone()).await?, "ana bought tea");
/// assert!(!session.contains("cart")?);
/// # Ok(()) }
/// ```
///
/// A model that asks for the [current](Session::current) session is run inside of it:
///
/// ```
/// use cloakroom::{Session, testing};
///
/// fn greeting() -> cloakroom::Result<String> {
///     let name: Option<String> = Session::current()?.get("name")?;
///     Ok(format!("Hello {}", name.as_deref().unwrap_or("stranger")))
/// }
///
/// let session = testing::session().with("name", "Ana").build()?;
/// assert_eq!(session.enter(greeting)?, "Hello Ana");
/// # Ok::<(), cloakroom::Error>(())
/// ```
#[doc(alias = "fixture")]
pub fn session<'a>() -> SessionBuilder<'a> {
    SessionBuilder { steps: Vec::new() }
}

type Step<'a> = Box<dyn FnOnce(&Session) -> Result<()> + Send + 'a>;

/// A session that a test describes: [`session`].
#[must_use = "it is a description; `build` or `visitor` makes the session"]
pub struct SessionBuilder<'a> {
    steps: Vec<Step<'a>>,
}

impl<'a> SessionBuilder<'a> {
    /// The session has this value.
    ///
    /// ```
    /// let session = cloakroom::testing::session().with("email", "ana@example.org").build()?;
    /// assert_eq!(session.get::<String>("email")?.as_deref(), Some("ana@example.org"));
    /// # Ok::<(), cloakroom::Error>(())
    /// ```
    pub fn with<T: Serialize + Send + 'a>(self, key: impl AsKey<T> + Send + 'a, value: T) -> Self {
        self.change(move |session| {
            let name = key.name().to_owned();
            session.set(key, value).map_err(|error| {
                Error::new(error.kind(), format!("the test's session cannot have a value for {name:?}"))
                    .caused_by(error)
            })
        })
    }

    /// The session is this user's.
    ///
    /// ```
    /// let session = cloakroom::testing::session().logged_in_as("ana").build()?;
    /// assert_eq!(session.user()?.as_deref(), Some("ana"));
    /// # Ok::<(), cloakroom::Error>(())
    /// ```
    pub fn logged_in_as(self, user: impl Into<Arc<str>>) -> Self {
        let user = user.into();
        self.change(move |session| session.login(user))
    }

    /// An earlier request did this to the session: whatever a [`Session`] can do.
    ///
    /// ```
    /// let session = cloakroom::testing::session().change(|session| session.flash("info", "saved")).build()?;
    /// assert_eq!(session.flashes()?[0].text, "saved");
    /// # Ok::<(), cloakroom::Error>(())
    /// ```
    pub fn change(mut self, change: impl FnOnce(&Session) -> Result<()> + Send + 'a) -> Self {
        self.steps.push(Box::new(change));
        self
    }

    /// The session as a request finds it: kept, in a memory of its own, and loaded. It needs no runtime.
    ///
    /// For a session by the application's own configuration, and clock, ask a [`visitor`](SessionBuilder::visitor) for
    /// [its session](Visitor::session).
    ///
    /// # Errors
    ///
    /// Those of the calls that it was described by, as [`Encode`](ErrorKind::Encode) for a value that serde cannot write.
    ///
    /// ```
    /// use cloakroom::{ErrorKind, testing};
    /// use std::time::{Duration, SystemTime};
    ///
    /// let session = testing::session().with("visits", 3).build()?;
    /// assert!(session.is_loaded() && session.handle()?.is_some());
    ///
    /// let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1); // which serde cannot write
    /// let error = testing::session().with("since", before_1970).build().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Encode);
    /// assert!(error.to_string().contains("\"since\""));
    /// # Ok::<(), cloakroom::Error>(())
    /// ```
    pub fn build(self) -> Result<Session> {
        let sessions = SessionManager::new(MemoryStore::new());
        // Memory answers at once, whatever a task around this has left of its budget.
        let built = pin!(tokio::task::unconstrained(async { self.visitor(&sessions).await?.session().await }));
        match built.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(session) => session,
            Poll::Pending => Err(Error::new(ErrorKind::Unavailable, "the memory store did not answer at once")),
        }
    }

    /// Somebody who brings this session to the application, whatever keeps its sessions.
    ///
    /// # Errors
    ///
    /// As for [`build`](SessionBuilder::build), and those of the store.
    ///
    /// ```
    /// use cloakroom::{MemoryStore, SessionManager, testing};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> cloakroom::Result<()> {
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let ana = testing::session().with("visits", 3).logged_in_as("ana").visitor(&sessions).await?;
    /// assert!(ana.cookie().is_some_and(|cookie| cookie.starts_with("__Host-sid=")));
    /// # Ok(()) }
    /// ```
    pub async fn visitor(self, sessions: &SessionManager) -> Result<Visitor> {
        let mut visitor = Visitor::new(sessions);
        let session = visitor.session().await?;
        self.steps.into_iter().try_for_each(|step| step(&session))?;
        let committed = session.commit(200).await;
        visitor.receive_cookies(committed.edits.set_cookies());
        match committed.error {
            Some(error) => Err(error),
            None => Ok(visitor),
        }
    }
}

impl fmt::Debug for SessionBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder").field("steps", &self.steps.len()).finish()
    }
}
