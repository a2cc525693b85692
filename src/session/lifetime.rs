//! When the session ends. Asking is no activity.

use std::time::{Duration, SystemTime};

use super::Session;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::lifetime::Lifetime;
use crate::record::AuthenticatedAt;

impl Session {
    /// The lifetime that this session lives by: its own, or the manager's.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`](ErrorKind::NotLoaded).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// println!("ends after {:?} without activity", session.lifetime()?.idle_duration());
    /// # Ok(()) }
    /// ```
    pub fn lifetime(&self) -> Result<Lifetime> {
        let default = *self.manager().lifetime();
        self.with(|open| open.lifetime(&default))
    }

    /// Gives this session a lifetime of its own, which stays with it: "remember me", or a short one for an administrator.
    /// Both deadlines count from now.
    ///
    /// # Errors
    ///
    /// As for [`set`](Session::set), [`NeedsCookie`](ErrorKind::NeedsCookie) after the response head, and
    /// [`Unsupported`](ErrorKind::Unsupported) for a lifetime under which no session could live.
    ///
    /// ```
    /// use cloakroom::Lifetime;
    ///
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.set_lifetime(Lifetime::aal2())?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "set_expiry")]
    pub fn set_lifetime(&self, lifetime: Lifetime) -> Result<()> {
        lifetime
            .check()
            .map_err(|error| Error::new(ErrorKind::Unsupported, "this lifetime cannot be used").caused_by(error))?;
        let deadline = lifetime.absolute_deadline(self.manager().now());
        self.write_ticket(|open| {
            open.run(move |draft| {
                draft.absolute_deadline = Some(deadline);
                draft.values.set_own(&lifetime, draft.limit())
            })
        })
    }

    /// Lets this session live so long without activity, and keeps its cookie for as long; the absolute deadline is raised
    /// where it would come earlier.
    ///
    /// # Errors
    ///
    /// As for [`set_lifetime`](Session::set_lifetime).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.remember(Duration::from_secs(90 * 86_400))?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "extend")]
    pub fn remember(&self, idle: Duration) -> Result<()> {
        let now = self.manager().now();
        let left = self.with(|open| {
            let held = open.held.as_ref().map(|held| held.record().absolute_deadline);
            Ok(open.draft.absolute_deadline.or(held).map(|deadline| deadline.since(now)))
        })?;
        let lifetime = self.lifetime()?;
        let absolute = left.unwrap_or(lifetime.absolute_duration()).max(idle);
        self.set_lifetime(lifetime.idle(idle).absolute(absolute).persistent_cookie())
    }

    /// When the session ends if nothing happens, as the store knows it; none where there is no session.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`](ErrorKind::NotLoaded).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let deadline = session.idle_deadline()?;
    /// # Ok(()) }
    /// ```
    pub fn idle_deadline(&self) -> Result<Option<SystemTime>> {
        self.instant(|record| record.idle_deadline)
    }

    /// When the session ends whatever happens; none where there is no session.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`](ErrorKind::NotLoaded).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let deadline = session.absolute_deadline()?;
    /// # Ok(()) }
    /// ```
    pub fn absolute_deadline(&self) -> Result<Option<SystemTime>> {
        self.instant(|record| record.absolute_deadline)
    }

    /// When the session began; none where there is no session.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`](ErrorKind::NotLoaded).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let began = session.created()?;
    /// # Ok(()) }
    /// ```
    pub fn created(&self) -> Result<Option<SystemTime>> {
        self.instant(|record| record.created)
    }

    /// How long the session still lives if nothing happens; none where there is no session.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`](ErrorKind::NotLoaded).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let left = session.expires_in()?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "timeout")]
    pub fn expires_in(&self) -> Result<Option<Duration>> {
        let now = self.manager().now();
        self.with(|open| Ok(open.held.as_ref().map(|held| held.record().expires().since(now))))
    }

    /// When the user logged in; none where nobody did.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`](ErrorKind::NotLoaded).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let since = session.authenticated_at()?;
    /// # Ok(()) }
    /// ```
    // behaviour 140
    pub fn authenticated_at(&self) -> Result<Option<SystemTime>> {
        self.with(|open| Ok(open.draft.values.own::<AuthenticatedAt>()?.map(|at| at.0.into())))
    }

    fn instant(&self, column: impl FnOnce(&crate::record::Record) -> Timestamp) -> Result<Option<SystemTime>> {
        self.with(|open| Ok(open.held.as_ref().map(|held| column(held.record()).into())))
    }
}
