//! Requests without a framework.

use std::future::Future;
use std::sync::OnceLock;

use cloakroom::adapter::{Committed, RequestHead};
use cloakroom::testing::FakeClock;
use cloakroom::{Backend, Session, SessionManager, SessionManagerBuilder};
use tokio::runtime::Runtime;

/// The `Cookie` headers of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cookies(pub(crate) Vec<Vec<u8>>);

impl Cookies {
    /// One header, as a browser sends it.
    pub(crate) fn of(pairs: &[String]) -> Self {
        Self(vec![pairs.join("; ").into_bytes()])
    }
}

impl RequestHead for Cookies {
    fn cookie_headers(&self, show: &mut dyn FnMut(&[u8])) {
        self.0.iter().for_each(|header| show(header));
    }
}

/// A manager whose clock stands still.
pub(crate) fn manager(backend: impl Into<Backend>, clock: &FakeClock) -> SessionManagerBuilder {
    SessionManager::builder(backend).clock(clock.clone()).without_sweeper()
}

/// The session that a request with these cookies has; loading never fails, whatever they are.
pub(crate) async fn open(manager: &SessionManager, cookies: Cookies) -> Session {
    let session = manager.open(cookies);
    session.load().await.expect("a request is no reason to fail");
    session
}

/// Commits, and answers the cookies that a browser has from then on: as `name=value`.
pub(crate) async fn commit(session: &Session) -> Vec<String> {
    let Committed { edits, error, .. } = session.commit(200).await;
    assert!(error.is_none(), "{error:?}");
    edits.set_cookies().filter(|set| !set.contains("Max-Age=0")).map(pair).collect()
}

fn pair(set_cookie: &str) -> String {
    set_cookie.split(';').next().unwrap_or_default().to_owned()
}

/// The values of the cookies of a name, in their order, as a reader of the RFC would find them.
pub(crate) fn values<'a>(cookies: &'a Cookies, name: &str) -> Vec<&'a [u8]> {
    let pairs = cookies.0.iter().flat_map(|header| header.split(|byte| *byte == b';'));
    let mut values = Vec::new();
    for pair in pairs {
        let Some(sign) = pair.iter().position(|byte| *byte == b'=') else { continue };
        if pair[..sign].trim_ascii() != name.as_bytes() {
            continue;
        }
        let value = pair[sign + 1..].trim_ascii();
        let quoted = value.len() >= 2 && value.starts_with(b"\"") && value.ends_with(b"\"");
        values.push(if quoted { &value[1..value.len() - 1] } else { value });
    }
    values
}

/// Runs to the end; time passes as soon as there is nothing else to do.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    RUNTIME.get_or_init(|| runtime().expect("a runtime")).block_on(future)
}

/// A text of so many bytes, always the same, that deflate makes hardly smaller.
pub(crate) fn incompressible(bytes: usize) -> String {
    let mut state = 1_u32;
    let character = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + (state >> 24) as u8 % 90)
    };
    std::iter::repeat_with(character).take(bytes).collect()
}
