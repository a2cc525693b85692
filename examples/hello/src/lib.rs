//! A page that counts visits, signs in and out, and shows what the session holds.

mod page;

use axum::Router;
use axum::extract::Form;
use axum::response::{Html, Redirect};
use axum::routing::{get, post};
use cloakroom::{Key, MemoryStore, Result, Session, SessionManager};
use serde::Deserialize;

const VISITS: Key<u32> = Key::new("visits");
const NOTE: Key<String> = Key::new("note");

/// The application, with sessions in the memory of this process.
pub fn app() -> Router {
    let sessions = SessionManager::new(MemoryStore::new());
    Router::new()
        .route("/", get(home))
        .route("/note", post(note))
        .route("/sign-in", post(sign_in))
        .route("/sign-out", post(sign_out))
        .layer(sessions.layer())
}

async fn home(session: Session) -> Result<Html<String>> {
    session.update(VISITS, |visits| visits.unwrap_or(0) + 1)?;
    Ok(Html(page::home()?))
}

#[derive(Deserialize)]
struct Note {
    note: String,
}

async fn note(session: Session, Form(form): Form<Note>) -> Result<Redirect> {
    session.set(NOTE, form.note.trim().chars().take(200).collect())?;
    session.flash("info", "Noted.")?;
    Ok(Redirect::to("/"))
}

#[derive(Deserialize)]
struct SignIn {
    name: String,
}

async fn sign_in(session: Session, Form(form): Form<SignIn>) -> Result<Redirect> {
    let name: String = form.name.trim().chars().take(40).collect();
    if name.is_empty() {
        session.flash("error", "Tell me your name.")?;
    } else {
        session.login(name.as_str())?;
        session.flash("info", format!("Welcome, {name}."))?;
    }
    Ok(Redirect::to("/"))
}

async fn sign_out(session: Session) -> Result<Redirect> {
    session.logout()?;
    session.flash("info", "Signed out.")?;
    Ok(Redirect::to("/"))
}
