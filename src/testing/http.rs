//! A visitor of everything that is a tower service over HTTP.

use std::future::poll_fn;

use http::header::{COOKIE, HeaderValue, SET_COOKIE};
use http::{Request, Response};
use tower_service::Service;

use super::{CookieChange, Visitor};

impl Visitor {
    /// Sends a request with the visitor's cookies to the application, and takes those of the response.
    ///
    /// # Errors
    ///
    /// Those of the application as a service; an axum router has none.
    ///
    /// ```
    /// use axum::{Router, body::Body, http::Request, routing::get};
    /// use cloakroom::{MemoryStore, Session, SessionManager, testing::Visitor};
    ///
    /// async fn visit(session: Session) -> cloakroom::Result<String> {
    ///     let visits = session.update("visits", |n: Option<u32>| n.unwrap_or(0) + 1)?;
    ///     Ok(format!("visit {visits}"))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let app = Router::new().route("/", get(visit)).layer(sessions.layer());
    ///
    /// let mut visitor = Visitor::new(&sessions);
    /// for _ in 0..3 {
    ///     let response = visitor.send(&app, Request::get("/").body(Body::empty())?).await?;
    ///     assert_eq!(response.status(), 200);
    /// }
    /// assert_eq!(visitor.session().await?.get::<u32>("visits")?, Some(3));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "oneshot")]
    pub async fn send<S, ReqBody, ResBody>(
        &mut self,
        app: &S,
        request: Request<ReqBody>,
    ) -> Result<Response<ResBody>, S::Error>
    where
        S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    {
        let mut app = app.clone();
        poll_fn(|cx| app.poll_ready(cx)).await?;
        let response = app.call(self.prepare(request)).await?;
        self.receive(&response);
        Ok(response)
    }

    /// The request with the visitor's cookies, behind those that it has: for clients other than a tower service.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager, testing::Visitor};
    /// let mut visitor = Visitor::new(&SessionManager::new(MemoryStore::new()));
    /// visitor.receive_cookies(["theme=dark; Path=/"]);
    /// let request = visitor.prepare(http::Request::new(()));
    /// assert_eq!(request.headers()["cookie"], "theme=dark");
    /// ```
    pub fn prepare<B>(&self, mut request: Request<B>) -> Request<B> {
        // What is no header value was not taken from a response.
        if let Some(cookie) = self.cookie().and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
            request.headers_mut().append(COOKIE, cookie);
        }
        request
    }

    /// Takes the cookies of a response, and answers what became of the session's.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # use cloakroom::testing::{CookieChange, Visitor};
    /// # fn example() -> http::Result<()> {
    /// let mut visitor = Visitor::new(&SessionManager::new(MemoryStore::new()));
    /// let response = http::Response::builder().header("set-cookie", "theme=dark; Path=/").body(())?;
    /// assert_eq!(visitor.receive(&response), CookieChange::Unchanged);
    /// # Ok(()) }
    /// # example().unwrap();
    /// ```
    pub fn receive<B>(&mut self, response: &Response<B>) -> CookieChange {
        self.receive_cookies(response.headers().get_all(SET_COOKIE))
    }
}
