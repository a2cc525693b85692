//! Signing in and out, and renewing the ticket.

use axum::extract::{Form, State};
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use cloakroom::Session;
use guestbook_core::models::devices::{self, LONGEST_LABEL};
use guestbook_core::models::visitor::{self, LONGEST_NAME};
use minijinja::context;
use serde::Deserialize;

use crate::failure::Result;
use crate::views::Views;

pub(crate) async fn sign_in_page(session: Session, State(views): State<Views>, headers: HeaderMap) -> Result<Response> {
    if session.user()?.is_some() {
        return Ok(Redirect::to("/").into_response());
    }
    Ok(show(&views, "", &suggested_label(&headers))?.into_response())
}

#[derive(Deserialize)]
pub(crate) struct SignIn {
    name: String,
    /// A box that is not ticked is not sent.
    shared_computer: Option<String>,
    #[serde(default)]
    device: String,
}

pub(crate) async fn sign_in(
    session: Session,
    State(views): State<Views>,
    Form(form): Form<SignIn>,
) -> Result<Response> {
    let name = form.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        session.flash_now("error", format!("Tell us a name, of at most {LONGEST_NAME} letters."))?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&views, name, &form.device)?).into_response());
    }
    let label: String = form.device.trim().chars().take(LONGEST_LABEL).collect();
    visitor::sign_in(name, form.shared_computer.is_some(), &label)?;
    session.flash("info", format!("Welcome, {name}."))?;
    Ok(Redirect::to("/").into_response())
}

pub(crate) async fn sign_out(session: Session) -> Result<Redirect> {
    session.logout()?;
    // It waits in a new session, which knows nothing of the old one.
    session.flash("info", "You are signed out.")?;
    Ok(Redirect::to("/sign-in"))
}

#[derive(Deserialize)]
pub(crate) struct Renew {
    from: String,
}

/// What an application does when the rights of a visitor change. Here, a button shows it: the ticket in the cookie is
/// another one, the old one opens nothing, and the session is the same.
pub(crate) async fn renew(session: Session, Form(form): Form<Renew>) -> Result<Redirect> {
    session.renew()?;
    session.flash("info", "You have a new ticket.")?;
    // Back to a page of ours, never to an address that a form was made to send.
    let back = if form.from == "/shop" { "/shop" } else { "/" };
    Ok(Redirect::to(back))
}

fn suggested_label(headers: &HeaderMap) -> String {
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    devices::suggested_label(user_agent.unwrap_or_default())
}

fn show(views: &Views, typed: &str, device: &str) -> Result<impl IntoResponse + use<>> {
    let context = context! { longest => LONGEST_NAME, typed, longest_label => LONGEST_LABEL, device };
    views.page("sign_in.html", context)
}
