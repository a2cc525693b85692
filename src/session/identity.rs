//! Who the session belongs to, what it is called, and its end.

use std::sync::Arc;

use super::Session;
use super::state::Renewal;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{AuthenticatedAt, Handle, MAX_NOTE_BYTES, MAX_USER_BYTES, Note};

impl Session {
    /// Binds the session to a user: the token is renewed, the absolute deadline counts from now, and the values stay.
    ///
    /// If another user was logged in, that session ends and a new one begins, so that nothing of theirs is left.
    /// A request that was under way with the old ticket gets nothing of the new session.
    ///
    /// With a token that another login or [`renew`](Session::renew) replaced a moment ago, as after a double click on 'sign
    /// in', it begins a session of its own. That has the application's values of before, unless they were another user's.
    /// Where a user may have [so many sessions](crate::SessionManagerBuilder::sessions_per_user), it takes the place of the
    /// user's session that the token was replaced by.
    ///
    /// # Errors
    ///
    /// As for [`set`](Session::set); [`Encode`](ErrorKind::Encode) if the user is empty, and
    /// [`TooLarge`](ErrorKind::TooLarge) if it is longer than [`MAX_USER_BYTES`]. Where a
    /// [limit](crate::SessionManagerBuilder::sessions_per_user) is set that refuses, the commit fails with
    /// [`TooManySessions`](ErrorKind::TooManySessions) (403), and the visitor's session is as it was; who wants to answer
    /// in the handler calls [`save`](Session::save) after it.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.login("ana")?;
    /// # Ok(()) }
    /// ```
    pub fn login(&self, user: impl Into<Arc<str>>) -> Result<()> {
        let user: Arc<str> = user.into();
        if user.is_empty() {
            return Err(Error::new(ErrorKind::Encode, "a user without a name cannot be logged in"));
        }
        if user.len() > MAX_USER_BYTES {
            return Err(Error::new(ErrorKind::TooLarge, format!("a user is at most {MAX_USER_BYTES} bytes long")));
        }
        if self.writes_transient()? {
            return self.login_transient(user);
        }
        let (now, default) = (self.manager().now(), *self.manager().lifetime());
        self.with(|open| {
            open.begin_login()?;
            if open.draft.user.as_ref().is_some_and(|known| *known != user) {
                open.destroy();
            }
            let deadline = open.lifetime(&default)?.absolute_deadline(now);
            let draft = open.login_draft(&user);
            open.run_on(draft, move |draft| {
                draft.user = Some(Arc::clone(&user));
                draft.absolute_deadline = Some(deadline);
                draft.values.set_own(&AuthenticatedAt(now), draft.limit())
            })?;
            open.begin_anew();
            open.renewal = Some(Renewal::Explicit);
            Ok(())
        })
    }

    /// Notes what a user knows this session by in [their list](crate::SessionManager::sessions_of): "Firefox on Linux".
    /// It replaces what was noted before; an empty text takes that away. Nothing is noted unless an application does so:
    /// tell the user, and note no more than they need to tell their devices apart.
    ///
    /// # Errors
    ///
    /// As for [`set`](Session::set), and [`TooLarge`](ErrorKind::TooLarge) if it is longer than [`MAX_NOTE_BYTES`].
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.login("ana")?;
    /// session.note("Firefox on Linux")?;
    /// # Ok(()) }
    /// ```
    pub fn note(&self, text: impl Into<String>) -> Result<()> {
        let note = Note(text.into());
        if note.0.len() > MAX_NOTE_BYTES {
            return Err(Error::new(ErrorKind::TooLarge, format!("a note is at most {MAX_NOTE_BYTES} bytes long")));
        }
        if self.writes_transient()? {
            return Ok(());
        }
        self.write(|open| {
            open.run(move |draft| {
                if note.0.is_empty() {
                    draft.values.remove_own::<Note>();
                    return Ok(());
                }
                draft.values.set_own(&note, draft.limit())
            })
        })
    }

    /// Signs the user out: ends the session, as [`destroy`](Session::destroy) does.
    ///
    /// # Errors
    ///
    /// As for [`destroy`](Session::destroy).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.logout()?;
    /// session.flash("info", "signed out")?; // begins a new session
    /// # Ok(()) }
    /// ```
    pub fn logout(&self) -> Result<()> {
        self.destroy()
    }

    /// The user who is logged in, or logged in for [this request only](Session::login_transient).
    ///
    /// # Errors
    ///
    /// As for every read.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// match session.user()? {
    ///     Some(user) => println!("hello {user}"),
    ///     None => println!("hello"),
    /// }
    /// # Ok(()) }
    /// ```
    pub fn user(&self) -> Result<Option<Arc<str>>> {
        self.read(|open| Ok(open.user().cloned()))
    }

    /// Moves the session to a fresh token: whenever what it may do changes (OWASP Session Management Cheat Sheet, "Renew
    /// the Session ID After Any Privilege Level Change"). [`login`](Session::login) does it too.
    ///
    /// The old ticket opens nothing from then on. It moves no deadline. Where there is no session yet, there is nothing
    /// to renew.
    ///
    /// # Errors
    ///
    /// As for [`set`](Session::set).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.set("role", "admin")?;
    /// session.renew()?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "cycle_id")]
    #[doc(alias = "regenerate")]
    #[doc(alias = "rotate")]
    pub fn renew(&self) -> Result<()> {
        // On a session that does not exist this asks for no cookie, so it is not refused for one.
        if self.read(|open| Ok(open.held.is_none()))? {
            return Ok(());
        }
        self.write_ticket(|open| {
            open.renewal = Some(Renewal::Explicit);
            Ok(())
        })
    }

    /// Ends the session: its values, its record and its cookie are gone with this response. What is set afterwards, in
    /// the same request, begins a new session with a new token. If the request brought several tokens, as two cookies of the
    /// name, it ends the sessions of all of them. A token that was replaced a moment ago ends the session that it was replaced
    /// by: ending is always the safe direction.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`](ErrorKind::NotLoaded), and [`ReadOnly`](ErrorKind::ReadOnly) while the store is away.
    /// [`NeedsCookie`](ErrorKind::NeedsCookie) after the response head, if the session is in a sealed cookie.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.destroy()?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "flush")]
    #[doc(alias = "purge")]
    #[doc(alias = "invalidate")]
    pub fn destroy(&self) -> Result<()> {
        self.with(|open| {
            open.check_endable()?;
            open.sign_out();
            Ok(())
        })
    }

    /// The session's public name, for logs, device lists and revocation: the same after every renewal, and no use to open
    /// it. None as long as there is no session and nothing has been written to begin one.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`](ErrorKind::NotLoaded).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// if let Some(handle) = session.handle()? {
    ///     println!("session {handle}");
    /// }
    /// # Ok(()) }
    /// ```
    #[doc(alias = "id")]
    pub fn handle(&self) -> Result<Option<Handle>> {
        self.with(|open| {
            if open.handle.is_none() && !open.log.is_empty() {
                open.handle = Some(Handle::random_by(self.manager().random()));
            }
            Ok(open.handle)
        })
    }
}
