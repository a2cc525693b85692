//! The hoop.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use salvo_core::http::{ResBody, Response};
use salvo_core::{Depot, FlowCtrl, Handler, Request, Scribe, async_trait};

use super::preload::load;
use crate::adapter::{BodySession, Committed, ErrorAnswer, Head, Served, SessionBody};
use crate::error::Error;
use crate::events;
use crate::manager::SessionManager;

/// How an application answers where its sessions fail.
type OnError = Arc<dyn Fn(&Error, &mut Response) + Send + Sync>;

/// Gives every request its session, and commits it when the head of the response is ready: [`SessionManager::hoop`].
///
/// ```
/// use cloakroom::salvo::SessionHoop;
/// use salvo::prelude::*;
///
/// #[handler]
/// async fn hello() -> &'static str {
///     "hello"
/// }
///
/// fn app(sessions: SessionHoop) -> Router {
///     Router::new().hoop(sessions).get(hello)
/// }
/// ```
#[derive(Clone)]
pub struct SessionHoop {
    manager: SessionManager,
    on_error: Option<OnError>,
    preloads: bool,
}

impl SessionHoop {
    pub(super) fn new(manager: SessionManager) -> Self {
        Self { manager, on_error: None, preloads: false }
    }

    /// Answers in the application's own way where the session fails: when it cannot be loaded, when it cannot be
    /// committed, and when a handler answers an [`Error`] of ours. It is given a response as it was before the handler
    /// ran, with the status of the error. Without it the answer is that status and a line of plain text that tells nothing
    /// of the application.
    ///
    /// ```
    /// use salvo::prelude::*;
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let hoop = sessions.hoop().on_error(|error, response| {
    ///     response.render(Text::Html(format!("<h1>Sorry</h1><p>{}</p>", error.kind())));
    /// });
    /// ```
    #[must_use]
    pub fn on_error(mut self, answer: impl Fn(&Error, &mut Response) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(answer));
        self
    }

    /// Loads the session of every request before its handler runs, so that models and templates find it without any
    /// handler having asked for it. It costs a look-up for every request that brings a ticket; [`preload`](super::preload())
    /// does it for some routes only.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let app = salvo::Router::new().hoop(sessions.hoop().preload());
    /// ```
    #[must_use]
    pub fn preload(mut self) -> Self {
        self.preloads = true;
        self
    }
}

#[async_trait]
impl Handler for SessionHoop {
    async fn handle(&self, request: &mut Request, depot: &mut Depot, response: &mut Response, rest: &mut FlowCtrl) {
        let head = || Head::of(&(request.uri(), request.headers(), Some(request.scheme())), &self.manager);
        let arrival = self.manager.arrive(head);
        // What others said before the handler ran stays said where an answer is replaced.
        let headers = response.headers().clone();
        let handler = async {
            match self.preloads.then(load) {
                Some(loading) => match loading.await {
                    Ok(_) => rest.call_next(request, depot, response).await,
                    Err(error) => {
                        error.render(response);
                        rest.skip_rest();
                        false
                    }
                },
                None => rest.call_next(request, depot, response).await,
            };
            response.status_code.unwrap_or_default()
        };
        let served = arrival.serve(handler, |status| Some(status.as_u16())).await;
        let Served { committed: Some(Committed { edits, error, .. }), body, .. } = served else { return };
        let answered = response.extensions.remove::<ErrorAnswer>().filter(|answer| is_shown(answer, response));
        match (error, answered, &self.on_error) {
            (Some(failed), _, Some(on_error)) => {
                events::failed(&failed);
                replace(response, headers, &failed, on_error);
            }
            (Some(failed), _, None) => {
                response.set_headers(headers);
                failed.render(response);
            }
            (None, Some(answered), Some(on_error)) => replace(response, headers, answered.error(), on_error),
            (None, ..) if !edits.is_empty() => with_session(response, body),
            (None, ..) => {}
        }
        edits.apply(response.headers_mut());
    }
}

/// Whether the response still is the answer to an error, or something else was rendered after it.
fn is_shown(answer: &ErrorAnswer, response: &Response) -> bool {
    response.status_code.is_some_and(|status| status.as_u16() == answer.status())
        && matches!(&response.body, ResBody::Once(body) if *body == answer.text())
}

fn replace(response: &mut Response, headers: HeaderMap, error: &Error, on_error: &OnError) {
    response.set_headers(headers);
    response.take_body();
    response.status_code(StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    on_error(error, response);
}

/// Bytes that are there already change no session, and Salvo looks at them: it gives an error without any to its catcher.
fn with_session(response: &mut Response, session: BodySession) {
    match response.body {
        ResBody::None | ResBody::Once(_) | ResBody::Chunks(_) | ResBody::Error(_) => {}
        _ => {
            let body = response.take_body();
            response.replace_body(ResBody::Boxed(Box::pin(SessionBody::new(body, session))));
        }
    }
}

impl fmt::Debug for SessionHoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionHoop").field("manager", &self.manager).finish_non_exhaustive()
    }
}
