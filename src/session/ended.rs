//! Waiting for the end.

use std::future::Future;

use super::Session;
use super::state::{Held, Open};
use crate::clock::Timestamp;
use crate::manager::SessionManager;
use crate::record::Handle;
use crate::token::StoreKey;

/// What somebody waits for the end of.
pub(crate) enum Awaited {
    /// A session; it has a key if it is in a store.
    Session { handle: Handle, key: Option<StoreKey>, expires: Timestamp },
    /// This request has ended it already.
    Over,
    /// No session, or none yet.
    Nothing,
}

impl Awaited {
    /// What an opened session is waited for.
    pub(super) fn of(open: &Open, manager: &SessionManager) -> Self {
        let of = |held: &Held| {
            let key = match held {
                Held::Kept(ticket) => Some(ticket.key),
                Held::Sealed(record) => manager.registered_at(record),
            };
            Self::Session { handle: held.record().handle, key, expires: held.record().expires() }
        };
        match (&open.held, open.ending.last()) {
            (Some(held), _) => of(held),
            // What is written begins another session, or has begun it already.
            (None, _) if !open.log.is_empty() || open.unresolved.is_some() => Self::Nothing,
            (None, Some(ending)) => of(ending),
            (None, None) if open.life > 0 => Self::Over,
            (None, None) => Self::Nothing,
        }
    }
}

impl Session {
    /// Waits until the session is over: destroyed, revoked or expired, in this process or in another. A WebSocket that waits
    /// for it beside its messages closes within a second of a logout elsewhere.
    ///
    /// - It goes with the session, not with the ticket: a renewal or another login of the same user is no end of it. A login
    ///   as another user is.
    /// - Activity moves the idle deadline, whoever notes it; the future waits on.
    /// - A store that fails says nothing about any session: the future waits until it answers again.
    /// - Where there is no session, it waits for one: until the session is loaded, or what this request begins is saved,
    ///   and then for its end. A visitor without a session is waited for until the future is dropped.
    /// - A sealed session is over at the deadlines that this process has seen of it, or with its `destroy()` in this process.
    ///   Other processes have no way to say that it was used, or ended, unless a store knows of it
    ///   ([`revocable_with`](crate::CookieStore::revocable_with)).
    ///
    /// The future may be dropped and made again at any time, as `select!` in a loop does; it needs nothing of the request,
    /// may go into another task, and keeps the session's manager. Thousands of them cost one task, and one question to the
    /// store for each thousand of sessions, every three quarters of a second; a store without a
    /// [`SessionIndex`](crate::SessionIndex) is asked for each session.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// # async fn next_message() -> Option<String> { None }
    /// async fn serve(session: Session) {
    ///     loop {
    ///         tokio::select! {
    ///             () = session.ended() => break,
    ///             message = next_message() => match message {
    ///                 Some(message) => println!("{message}"),
    ///                 None => break,
    ///             },
    ///         }
    ///     }
    /// }
    /// ```
    // behaviour 139
    #[doc(alias = "closed")]
    #[doc(alias = "cancelled")]
    pub fn ended(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let session = self.clone();
        async move { session.manager().ended(&session).await }
    }

    pub(crate) fn awaited(&self) -> Awaited {
        self.if_loaded(|open| Awaited::of(open, self.manager())).unwrap_or(Awaited::Nothing)
    }
}
