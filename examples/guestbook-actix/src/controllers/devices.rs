//! Where a visitor is signed in, and signing out there.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use cloakroom::{Handle, Session, SessionManager};
use guestbook_core::models::devices;
use guestbook_core::{Pages, words};
use minijinja::context;
use minijinja::value::Serde;
use serde::Deserialize;

use super::SignedIn;
use crate::failure::Result;
use crate::views;

pub(crate) async fn page(
    SignedIn(user): SignedIn,
    sessions: web::Data<SessionManager>,
    pages: web::Data<Pages>,
) -> Result<HttpResponse> {
    let context = context! { devices => Serde(devices::of(&sessions, &user).await?) };
    views::page(&pages, StatusCode::OK, "devices.html", context)
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    handle: String,
}

pub(crate) async fn sign_out_one(
    SignedIn(user): SignedIn,
    session: Session,
    sessions: web::Data<SessionManager>,
    chosen: web::Form<Chosen>,
) -> Result<HttpResponse> {
    // What a form says may be anybody's handle: only the visitor's own are ended.
    let ended = match chosen.handle.parse::<Handle>() {
        Ok(handle) => sessions.revoke_of(&user, handle).await?,
        Err(_) => false,
    };
    session.flash("info", if ended { "That device is signed out." } else { "That device was signed out already." })?;
    Ok(views::redirect("/devices"))
}

pub(crate) async fn sign_out_others(
    _: SignedIn,
    session: Session,
    sessions: web::Data<SessionManager>,
) -> Result<HttpResponse> {
    let ended = sessions.revoke_others(&session).await?;
    session.flash("info", format!("{} signed out.", words::count(ended as u64, "other device")))?;
    Ok(views::redirect("/devices"))
}

pub(crate) async fn sign_out_all(
    SignedIn(user): SignedIn,
    session: Session,
    sessions: web::Data<SessionManager>,
) -> Result<HttpResponse> {
    // This one ends with its cookie, the others where they are.
    session.logout()?;
    sessions.revoke_user(&user).await?;
    session.flash("info", "You are signed out everywhere.")?;
    Ok(views::redirect("/sign-in"))
}
