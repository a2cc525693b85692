//! Somebody who visits an application in a test.

use std::fmt;

use crate::error::Result;
use crate::manager::SessionManager;
use crate::session::Session;

/// A browser, as far as cookies go: brings to the application what the application gave it.
///
/// It keeps every cookie, the application's own too, until a response removes it by `Max-Age`, and sends them whatever
/// their path; whether a ticket still opens anything is for the application to say. A clone is the same browser once
/// more, or somebody who copied its cookies.
///
/// ```
/// use axum::{Router, body::Body, http::Request, routing::post};
/// use cloakroom::testing::{self, CookieChange, Visitor};
/// use cloakroom::{MemoryStore, Session, SessionManager};
///
/// async fn log_in(session: Session) -> cloakroom::Result<()> {
///     session.login("ana")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = SessionManager::new(MemoryStore::new());
/// let app = Router::new().route("/login", post(log_in)).layer(sessions.layer());
///
/// let mut ana = testing::session().with("cart", ["tea"]).visitor(&sessions).await?;
/// let before = ana.clone();
/// ana.send(&app, Request::post("/login").body(Body::empty())?).await?;
///
/// // The cart is still there, under another ticket, and the old one opens nothing.
/// assert_eq!(ana.change(), CookieChange::Replaced);
/// assert_eq!(ana.session().await?.user()?.as_deref(), Some("ana"));
/// assert_eq!(ana.session().await?.get::<Vec<String>>("cart")?, Some(vec!["tea".to_owned()]));
/// assert!(before.session().await?.is_empty()?);
/// # Ok(()) }
/// ```
#[doc(alias = "client")]
#[derive(Clone)]
pub struct Visitor {
    sessions: SessionManager,
    jar: Vec<(String, String)>,
    change: CookieChange,
}

/// What a response did to the session's cookie, or to the several cookies of a sealed session.
///
/// It is what the browser saw. That the session is another one, or still the same, is in its
/// [`handle`](Session::handle), and what it holds in its values: see [`Visitor::session`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CookieChange {
    /// Nothing: there was no change, or one that the store alone noted.
    #[default]
    Unchanged,
    /// The visitor had none and has one now: a session began.
    Created,
    /// The visitor has another one: the session was renewed, as by every login, or another session began. A session in a
    /// [`CookieStore`](crate::CookieStore) is in its cookie, so there it is every change.
    Replaced,
    /// The visitor has the same one, to keep for another time: as by [`remember`](Session::remember).
    Refreshed,
    /// The visitor has none any more: the session ended.
    Removed,
}

impl Visitor {
    /// Somebody who comes for the first time. [`testing::session`](super::session) describes those who have been there.
    ///
    /// ```
    /// use cloakroom::{MemoryStore, SessionManager, testing::Visitor};
    ///
    /// let stranger = Visitor::new(&SessionManager::new(MemoryStore::new()));
    /// assert_eq!(stranger.cookie(), None);
    /// ```
    pub fn new(sessions: &SessionManager) -> Self {
        Self { sessions: sessions.clone(), jar: Vec::new(), change: CookieChange::Unchanged }
    }

    /// The `Cookie` header of the next request, if there is one.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager, testing::Visitor};
    /// let mut visitor = Visitor::new(&SessionManager::new(MemoryStore::new()));
    /// visitor.receive_cookies(["theme=dark; Path=/", "lang=pt; Max-Age=3600"]);
    /// assert_eq!(visitor.cookie().as_deref(), Some("theme=dark; lang=pt"));
    /// ```
    pub fn cookie(&self) -> Option<String> {
        let pairs: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Takes the values of a response's `Set-Cookie` headers, and answers what became of the session's.
    ///
    /// ```
    /// use cloakroom::testing::{CookieChange, Visitor};
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> cloakroom::Result<()> {
    /// # let sessions = SessionManager::new(MemoryStore::new());
    ///
    /// let mut visitor = Visitor::new(&sessions);
    /// let request = visitor.session().await?;
    /// request.set("visits", 1)?;
    /// let response = request.commit(200).await.edits;
    /// assert_eq!(visitor.receive_cookies(response.set_cookies()), CookieChange::Created);
    /// assert_eq!(visitor.receive_cookies(["theme=dark; Path=/"]), CookieChange::Unchanged);
    /// # Ok(()) }
    /// ```
    pub fn receive_cookies(&mut self, set_cookies: impl IntoIterator<Item = impl AsRef<[u8]>>) -> CookieChange {
        let before = self.tickets();
        let mut set = false;
        for cookie in set_cookies {
            let Some(SetCookie { name, value, removes }) = SetCookie::parse(cookie.as_ref()) else { continue };
            set |= self.is_ticket(&name);
            match self.jar.iter().position(|(known, _)| *known == name) {
                Some(place) if removes => drop(self.jar.remove(place)),
                Some(place) => self.jar[place].1 = value,
                None if removes => {}
                None => self.jar.push((name, value)),
            }
        }
        let after = self.tickets();
        self.change = match (before.is_empty(), after.is_empty()) {
            (true, true) => CookieChange::Unchanged,
            (true, false) => CookieChange::Created,
            (false, true) => CookieChange::Removed,
            (false, false) if before != after => CookieChange::Replaced,
            (false, false) if set => CookieChange::Refreshed,
            (false, false) => CookieChange::Unchanged,
        };
        self.change
    }

    /// What the last response did to the session's cookie.
    ///
    /// ```
    /// # use cloakroom::testing::{CookieChange, Visitor};
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// let mut visitor = Visitor::new(&SessionManager::new(MemoryStore::new()));
    /// visitor.receive_cookies(["__Host-sid=a-ticket; Path=/; Secure"]);
    /// assert_eq!(visitor.change(), CookieChange::Created);
    /// visitor.receive_cookies(["__Host-sid=; Path=/; Secure; Max-Age=0"]);
    /// assert_eq!(visitor.change(), CookieChange::Removed);
    /// ```
    pub fn change(&self) -> CookieChange {
        self.change
    }

    /// The session that the visitor's next request would find, loaded; an empty one, without a
    /// [`handle`](Session::handle), where the cookie opens none. Looking at it changes nothing.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::ErrorKind::Unavailable) if the store does not answer.
    ///
    /// ```
    /// use cloakroom::{MemoryStore, SessionManager, testing};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> cloakroom::Result<()> {
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let ana = testing::session().with("visits", 3).logged_in_as("ana").visitor(&sessions).await?;
    /// assert_eq!(ana.session().await?.get::<u32>("visits")?, Some(3));
    ///
    /// sessions.revoke_user("ana").await?;
    /// assert_eq!(ana.session().await?.handle()?, None);
    /// # Ok(()) }
    /// ```
    pub async fn session(&self) -> Result<Session> {
        let session = self.sessions.open(self.cookie().unwrap_or_default());
        session.load().await?;
        Ok(session)
    }

    /// The session's cookies: the one of the name, or the numbered ones of a sealed session.
    fn tickets(&self) -> Vec<(String, String)> {
        self.jar.iter().filter(|(name, _)| self.is_ticket(name)).cloned().collect()
    }

    fn is_ticket(&self, name: &str) -> bool {
        name.strip_prefix(self.sessions.cookie_name()).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('-').is_some_and(|number| matches!(number, "1" | "2" | "3"))
        })
    }
}

impl fmt::Debug for Visitor {
    /// The names of the cookies, and not the values: they are tickets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.jar.iter().map(|(name, _)| name).collect();
        f.debug_struct("Visitor").field("cookies", &names).field("change", &self.change).finish_non_exhaustive()
    }
}

/// What a `Set-Cookie` header says, as far as a jar without a clock is concerned (RFC 6265bis, section 5.6).
struct SetCookie {
    name: String,
    value: String,
    removes: bool,
}

impl SetCookie {
    /// None for what a browser would pass over.
    fn parse(header: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(header).ok().filter(|text| !text.contains(|c: char| c.is_ascii_control()))?;
        let mut parts = text.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let max_age = |part: &str| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("max-age").then(|| value.trim().parse::<i64>().ok())?
        };
        let removes = parts.filter_map(max_age).next_back().is_some_and(|seconds| seconds <= 0);
        let name = Some(name.trim()).filter(|name| !name.is_empty())?;
        Some(Self { name: name.to_owned(), value: value.trim().to_owned(), removes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    #[test]
    fn cookies_are_kept_as_a_browser_keeps_them() {
        let mut visitor = Visitor::new(&SessionManager::new(MemoryStore::new()));
        let mut cookie_after = |set: &[&str]| {
            visitor.receive_cookies(set);
            visitor.cookie().unwrap_or_default()
        };
        assert_eq!(cookie_after(&["a=1", " b = 2 ;Path=/", "c=x=y"]), "a=1; b=2; c=x=y");
        assert_eq!(cookie_after(&["a=3; max-age=60"]), "a=3; b=2; c=x=y");
        assert_eq!(cookie_after(&["b=; MAX-AGE = -1", "c=; Max-Age=9; Max-Age=0", "d=; Max-Age=0"]), "a=3");
        assert_eq!(cookie_after(&["=1", "junk", "", "e=\r\nf=1", "a=4; Max-Age=soon"]), "a=4");
    }

    #[test]
    fn only_the_sessions_own_cookies_count_as_its_change() {
        let mut visitor = Visitor::new(&SessionManager::new(MemoryStore::new()));
        for (set, change) in [
            (&["__Host-sid2=a", "sid=a", "__Host-sid-x=a"][..], CookieChange::Unchanged),
            (&["__Host-sid=; Max-Age=0"], CookieChange::Unchanged),
            (&["__Host-sid=a", "__Host-sid-1=b"], CookieChange::Created),
            (&["__Host-sid=a; Max-Age=9"], CookieChange::Refreshed),
            (&["theme=dark"], CookieChange::Unchanged),
            (&["__Host-sid=a", "__Host-sid-1=; Max-Age=0"], CookieChange::Replaced),
            (&["__Host-sid=b"], CookieChange::Replaced),
            (&["__Host-sid=; Max-Age=0"], CookieChange::Removed),
        ] {
            assert_eq!(visitor.receive_cookies(set), change, "{set:?}");
        }
    }

    #[test]
    fn no_ticket_is_shown() {
        let mut visitor = Visitor::new(&SessionManager::new(MemoryStore::new()));
        visitor.receive_cookies(["__Host-sid=secret"]);
        let shown = format!("{visitor:?}");
        assert!(shown.contains("__Host-sid") && !shown.contains("secret"), "{shown}");
    }
}
