//! Who is here.

use cloakroom::{Key, Lifetime, Result, Session};
use serde::Serialize;

const NAME: Key<String> = Key::new("name");
const EMAIL: Key<String> = Key::new("email");

/// In letters.
pub const LONGEST_NAME: usize = 40;

/// Who may see the sessions of all visitors. A real application asks its own table of roles.
pub const OPERATOR: &str = "admin@example.org";

/// A real application keeps hashes of random tokens in its database.
const TOKEN: &str = "demo-token";

/// Who is signed in, by a session or for one request only.
#[derive(Debug, Serialize)]
pub struct Visitor {
    user: String,
    email: Option<String>,
}

/// Who is signed in, if anybody is.
///
/// # Errors
///
/// Those of the session.
pub fn current() -> Result<Option<Visitor>> {
    let session = Session::current()?;
    let email = session.get(EMAIL)?;
    Ok(session.user()?.map(|user| Visitor { user: user.to_string(), email }))
}

/// Whether this visitor looks after the sessions of all others.
///
/// # Errors
///
/// Those of the session.
pub fn is_operator(session: &Session) -> Result<bool> {
    Ok(session.user()?.as_deref() == Some(OPERATOR))
}

/// Signs a visitor in under any name. (A real application asks for proof.) The ticket is a new one from here on, and
/// what is in the cart stays.
/// The label is what their list of devices calls this one.
///
/// # Errors
///
/// Those of the session.
pub fn sign_in(name: &str, shared_computer: bool, label: &str) -> Result<()> {
    let session = Session::current()?;
    let email = email_of(name);
    session.login(email.as_str())?;
    session.note(label)?;
    session.set(NAME, name.to_owned())?;
    session.set(EMAIL, email)?;
    if shared_computer {
        // An hour without activity, a day in all, and a cookie that ends with the browser.
        session.set_lifetime(Lifetime::aal2())?;
    }
    Ok(())
}

/// Signs whoever knows the token in for this request only: no cookie is set and no record kept, and still every
/// model and every template sees the user and the e-mail address as it always does.
///
/// # Errors
///
/// Those of the session.
pub fn sign_in_for_this_request(token: &str) -> Result<bool> {
    if token != TOKEN {
        return Ok(false);
    }
    let session = Session::current()?;
    session.login_transient("robot@example.org")?;
    session.set_transient(EMAIL, "robot@example.org".to_owned())?;
    Ok(true)
}

/// "Ana Lima" has ana.lima@example.org.
fn email_of(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let local = words.collect::<Vec<_>>().join(".").to_lowercase();
    format!("{}@example.org", if local.is_empty() { "guest" } else { &local })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_made_from_any_name() {
        assert_eq!(email_of("Ana Lima"), "ana.lima@example.org");
        assert_eq!(email_of(" <b>Zoë </b>"), "b.zoë.b@example.org");
        assert_eq!(email_of("…"), "guest@example.org");
    }
}
