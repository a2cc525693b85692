//! Sessions that were renewed a moment ago, or whose renewal was cut off, and visitors with the old token.

use cloakroom::testing::{CookieChange, Visitor};
use cloakroom::{ErrorKind, Result, Session, Timestamp};

use crate::compare::{Times, is_as_written, is_empty};
use crate::samples::{Contents, HOUR, RENEWED, SECOND, WRITTEN, before, periodic, renewed, stranger, visit};
use crate::stored::Stored;
use crate::unmoved::has_note;

fn began() -> Timestamp {
    before(RENEWED)
}

/// The times of a session that was renewed when the folder was written.
fn moved() -> Times {
    Times { active: WRITTEN, ..Times::all(began()) }
}

fn logged_in() -> Contents {
    Contents { user: Some("eve".into()), ..stranger() }
}

/// The times of a session whose user logged in when the folder was written.
fn by_login() -> Times {
    Times { began: began(), ..Times::all(WRITTEN) }
}

fn looks(session: &Session) -> Result<()> {
    session.keys().map(drop)
}

pub(crate) async fn a_renewed_session_opens_by_its_new_token(stored: &Stored) -> Result<()> {
    let sessions = stored.sessions();
    for (name, contents, times) in [
        ("periodic, new", periodic(), moved()),
        ("renewed, new", renewed(), moved()),
        ("login, new", logged_in(), by_login()),
    ] {
        let session = stored.visitor(&sessions, name).session().await?;
        is_as_written(&session, &contents, times, name)?;
        assert_eq!(session.handle()?, Some(stored.client(name).handle), "{name}");
        has_note(stored, &sessions, name, &contents).await?;
    }
    Ok(())
}

/// The interval counts from the last renewal, not from the beginning of the session.
pub(crate) async fn the_next_periodic_renewal_is_when_it_is_due(stored: &Stored) -> Result<()> {
    let mut visitor = stored.visitor(&stored.sessions(), "periodic, new");
    stored.clock.set(WRITTEN + HOUR * 9 / 10);
    visit(&mut visitor, looks).await?;
    assert_eq!(visitor.change(), CookieChange::Unchanged);
    stored.clock.set(WRITTEN + HOUR);
    visit(&mut visitor, looks).await?;
    assert_eq!(visitor.change(), CookieChange::Replaced);
    assert_eq!(visitor.session().await?.user()?.as_deref(), Some("ben"));
    Ok(())
}

/// The new token is derived from the old one, so a visitor who did not receive it is given the same token again.
pub(crate) async fn a_periodic_renewal_is_followed(stored: &Stored) -> Result<()> {
    let sessions = stored.sessions();
    stored.clock.advance(6 * SECOND);
    for name in ["periodic", "periodic cut off"] {
        let mut visitor = stored.visitor(&sessions, name);
        is_as_written(&visitor.session().await?, &periodic(), moved(), name)?;
        visit(&mut visitor, looks).await?;
        assert_eq!(visitor.change(), CookieChange::Replaced, "{name}");
        assert_eq!(visitor.session().await?.handle()?, Some(stored.client(name).handle), "{name}");
        is_as_written(&visitor.session().await?, &periodic(), moved(), name)?;
        has_note(stored, &sessions, name, &periodic()).await?;
        if name == "periodic" {
            assert_eq!(visitor.cookie().as_ref(), Some(&stored.client("periodic, new").cookie));
        }
    }
    Ok(())
}

/// Nobody received the new token, so the old one opens the session again.
pub(crate) async fn an_explicit_renewal_that_was_cut_off_is_taken_back(stored: &Stored) -> Result<()> {
    let sessions = stored.sessions();
    let cut_off = [("renewed cut off", renewed()), ("login cut off", stranger()), ("renewed hardly", renewed())];
    for (name, _) in &cut_off[..2] {
        is_read_only(&mut stored.visitor(&sessions, name), name).await?;
    }
    stored.clock.advance(6 * SECOND);
    for (name, contents) in &cut_off {
        let mut visitor = stored.visitor(&sessions, name);
        is_as_written(&visitor.session().await?, contents, Times::all(began()), name)?;
        has_note(stored, &sessions, name, contents).await?;
        visit(&mut visitor, looks).await?;
        assert_eq!(visitor.cookie().as_ref(), Some(&stored.client(name).cookie), "{name}");
    }
    // After the markers have expired, too.
    stored.clock.advance(HOUR);
    for (name, _) in &cut_off {
        let handle = stored.visitor(&sessions, name).session().await?.handle()?;
        assert_eq!(handle, Some(stored.client(name).handle), "{name}");
    }
    Ok(())
}

pub(crate) async fn an_explicit_renewal_cuts_the_old_token(stored: &Stored) -> Result<()> {
    let sessions = stored.sessions();
    for name in ["renewed", "login"] {
        is_read_only(&mut stored.visitor(&sessions, name), name).await?;
    }
    stored.clock.advance(11 * SECOND);
    for name in ["renewed", "login"] {
        let mut visitor = stored.visitor(&sessions, name);
        is_empty(&visitor.session().await?, name)?;
        visit(&mut visitor, |session| session.set("a", 1)).await?;
        assert_eq!(visitor.change(), CookieChange::Replaced, "{name}: another session begins");
    }
    Ok(())
}

pub(crate) async fn registered_sessions_open_and_move(stored: &Stored) -> Result<()> {
    let registered = stored.registered();
    let opened = async |name| stored.visitor(&registered, name).session().await;
    is_as_written(&opened("registered").await?, &renewed(), Times::all(began()), "registered")?;
    has_note(stored, &registered, "registered", &renewed()).await?;
    is_as_written(&opened("registered login, new").await?, &logged_in(), by_login(), "registered login")?;
    for name in ["registered login", "registered login cut off"] {
        is_read_only(&mut stored.visitor(&registered, name), name).await?;
    }
    stored.clock.advance(11 * SECOND);
    is_empty(&opened("registered login").await?, "registered login")?;
    let taken_back = opened("registered login cut off").await?;
    is_as_written(&taken_back, &stranger(), Times::all(began()), "registered login cut off")
}

/// Asserts what a token opens that was replaced a moment ago.
async fn is_read_only(visitor: &mut Visitor, what: &str) -> Result<()> {
    is_empty(&visitor.session().await?, what)?;
    let refused = visit(visitor, |session| session.set("a", 1)).await;
    assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::ReadOnly), "{what}");
    Ok(())
}
