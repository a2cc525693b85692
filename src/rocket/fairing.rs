//! The fairing.

use std::fmt;

use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::response::Responder;
use rocket::{Build, Data, Request, Response, Rocket};

use super::body;
use super::failure::{self, OnError};
use super::visit::Visit;
use crate::adapter::ErrorAnswer;
use crate::error::Error;
use crate::manager::SessionManager;

/// Commits the session when the head of the response is ready: made by [`SessionManager::fairing`].
///
/// Fairings that are attached after it see what it adds to the response.
///
/// ```
/// use cloakroom::rocket::SessionFairing;
/// use rocket::{Build, Rocket};
///
/// fn app(sessions: SessionFairing) -> Rocket<Build> {
///     rocket::build().attach(sessions)
/// }
/// ```
pub struct SessionFairing {
    manager: SessionManager,
    on_error: Option<OnError>,
}

/// Tells, in Rocket's managed state, that a fairing is attached.
pub(super) struct Attached;

impl SessionFairing {
    pub(super) fn new(manager: SessionManager) -> Self {
        Self { manager, on_error: None }
    }

    /// Answers in the application's own way where the session fails: when it cannot be loaded, when it cannot be
    /// committed, and when a handler answers an [`Error`] of ours. Without it the application's catcher for the status of
    /// the error answers, and without that a line of plain text that tells nothing of the application.
    ///
    /// The answer is any responder.
    ///
    /// ```
    /// use rocket::http::Status;
    /// use rocket::response::content::RawHtml;
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # let sessions = SessionManager::new(MemoryStore::new());
    ///
    /// let fairing = sessions.fairing().on_error(|error| {
    ///     let page = format!("<h1>Sorry</h1><p>{}</p>", error.kind());
    ///     (Status::new(error.status()), RawHtml(page))
    /// });
    /// ```
    #[must_use]
    pub fn on_error<R>(mut self, answer: impl Fn(&Error) -> R + Send + Sync + 'static) -> Self
    where
        R: for<'r> Responder<'r, 'static>,
    {
        self.on_error = Some(Box::new(move |error, request| answer(error).respond_to(request)));
        self
    }
}

#[rocket::async_trait]
impl Fairing for SessionFairing {
    fn info(&self) -> Info {
        Info { name: "Sessions", kind: Kind::Ignite | Kind::Request | Kind::Response }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        let is_first = rocket.state::<Attached>().is_none();
        Ok(if is_first { rocket.manage(Attached) } else { rocket })
    }

    async fn on_request(&self, request: &mut Request<'_>, _data: &mut Data<'_>) {
        Visit::of(request, &self.manager).arrive();
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let visit = Visit::of(request, &self.manager);
        let Some(session) = visit.session() else { return };
        let committed = session.commit(response.status().code).await;
        let (noted, failed) = (visit.take_error(), committed.error);
        let is_caught = failed.is_none();
        if let Some(error) = failed.or(noted) {
            let error = ErrorAnswer::new(error);
            failure::answer(&error, is_caught, self.on_error.as_ref(), request, response).await;
        }
        if !committed.edits.is_empty() {
            committed.edits.apply(response);
            body::accompany(response, &session).await;
        }
    }
}

impl fmt::Debug for SessionFairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFairing").field("manager", &self.manager).finish_non_exhaustive()
    }
}
