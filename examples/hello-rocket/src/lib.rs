//! The smallest application on Rocket: it counts visits, and signs in and out.

use cloakroom::{MemoryStore, Result, Session, SessionManager};
use rocket::form::Form;
use rocket::response::Redirect;
use rocket::response::content::RawHtml;
use rocket::{Build, FromForm, Rocket, get, post, routes};

/// The application, with sessions in the memory of this process.
pub fn app() -> Rocket<Build> {
    let sessions = SessionManager::new(MemoryStore::new());
    rocket::build().attach(sessions.fairing()).mount("/", sessions.routes(routes![home, sign_in, sign_out]))
}

#[get("/")]
fn home(session: Session) -> Result<RawHtml<String>> {
    let visits = session.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)?;
    let form = match session.user()? {
        Some(_) => "<form method=post action=/sign-out><button>Sign out</button></form>",
        None => "<form method=post action=/sign-in><input name=name required><button>Sign in</button></form>",
    };
    Ok(RawHtml(format!("<!doctype html><title>hello</title><h1>Visit {visits}</h1>{form}")))
}

#[derive(FromForm)]
struct SignIn {
    name: String,
}

#[post("/sign-in", data = "<form>")]
fn sign_in(session: Session, form: Form<SignIn>) -> Result<Redirect> {
    session.login(form.name.as_str())?;
    Ok(Redirect::to("/"))
}

#[post("/sign-out")]
fn sign_out(session: Session) -> Result<Redirect> {
    session.logout()?;
    Ok(Redirect::to("/"))
}
