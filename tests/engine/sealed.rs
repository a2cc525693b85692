//! Sessions in sealed cookies, over the engine alone.

use cloakroom::testing::FakeClock;
use cloakroom::{CookieStore, Lifetime, Secrets, SessionManager};

use crate::harness::{HOUR, Result};

/// As after a change of the path: a browser sends both cookies, the one with the longer path first.
#[tokio::test]
async fn a_cookie_that_has_expired_hides_none_behind_it() -> Result {
    let secrets = Secrets::new(["a secret of the tests, with 32 bytes"]).expect("a secret");
    let clock = FakeClock::new();
    let sessions = SessionManager::builder(CookieStore::new(secrets))
        .clock(clock.clone())
        .lifetime(Lifetime::default().idle(HOUR))
        .build()
        .expect("a valid configuration");
    let begin = async |value: &str| {
        let session = sessions.open(());
        session.load().await?;
        session.set("value", value)?;
        let edits = session.commit(200).await.edits;
        let pair = edits.set_cookies().next().and_then(|set| set.split(';').next()).map(str::to_owned);
        Result::Ok(pair.expect("a cookie"))
    };
    let old = begin("old").await?;
    clock.advance(HOUR);
    let new = begin("new").await?;
    for header in [format!("{old}; {new}"), format!("{new}; {old}")] {
        let session = sessions.open(header);
        session.load().await?;
        assert_eq!(session.get::<String>("value")?.as_deref(), Some("new"));
    }
    Ok(())
}
