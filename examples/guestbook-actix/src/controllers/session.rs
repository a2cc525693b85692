//! Signing in and out, and renewing the ticket.

use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use actix_web::{HttpRequest, HttpResponse, web};
use cloakroom::Session;
use guestbook_core::Pages;
use guestbook_core::models::devices::{self, LONGEST_LABEL};
use guestbook_core::models::visitor::{self, LONGEST_NAME};
use minijinja::context;
use serde::Deserialize;

use crate::failure::Result;
use crate::views;

pub(crate) async fn sign_in_page(
    session: Session,
    pages: web::Data<Pages>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    if session.user()?.is_some() {
        return Ok(views::redirect("/"));
    }
    let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    show(&pages, StatusCode::OK, "", &devices::suggested_label(user_agent.unwrap_or_default()))
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
    pages: web::Data<Pages>,
    form: web::Form<SignIn>,
) -> Result<HttpResponse> {
    let name = form.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        session.flash_now("error", format!("Tell us a name, of at most {LONGEST_NAME} letters."))?;
        return show(&pages, StatusCode::UNPROCESSABLE_ENTITY, name, &form.device);
    }
    let label: String = form.device.trim().chars().take(LONGEST_LABEL).collect();
    visitor::sign_in(name, form.shared_computer.is_some(), &label)?;
    session.flash("info", format!("Welcome, {name}."))?;
    Ok(views::redirect("/"))
}

pub(crate) async fn sign_out(session: Session) -> Result<HttpResponse> {
    session.logout()?;
    // It waits in a new session, which knows nothing of the old one.
    session.flash("info", "You are signed out.")?;
    Ok(views::redirect("/sign-in"))
}

#[derive(Deserialize)]
pub(crate) struct Renew {
    from: String,
}

/// What an application does when the rights of a visitor change. Here, a button shows it: the ticket in the cookie is
/// another one, the old one opens nothing, and the session is the same.
pub(crate) async fn renew(session: Session, form: web::Form<Renew>) -> Result<HttpResponse> {
    session.renew()?;
    session.flash("info", "You have a new ticket.")?;
    // Back to a page of ours, never to an address that a form was made to send.
    Ok(views::redirect(if form.from == "/shop" { "/shop" } else { "/" }))
}

fn show(pages: &Pages, status: StatusCode, typed: &str, device: &str) -> Result<HttpResponse> {
    let context = context! { longest => LONGEST_NAME, typed, longest_label => LONGEST_LABEL, device };
    views::page(pages, status, "sign_in.html", context)
}
