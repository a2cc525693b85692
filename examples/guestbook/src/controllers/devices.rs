//! Where a visitor is signed in, and signing out there.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect};
use cloakroom::{Handle, Session, SessionManager};
use minijinja::context;
use minijinja::value::Serde;
use serde::Deserialize;

use super::SignedIn;
use crate::failure::Result;
use crate::views::Views;
use guestbook_core::models::devices;

pub(crate) async fn page(
    SignedIn(user): SignedIn,
    State(sessions): State<SessionManager>,
    State(views): State<Views>,
) -> Result<impl IntoResponse> {
    views.page("devices.html", context! { devices => Serde(devices::of(&sessions, &user).await?) })
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    handle: String,
}

pub(crate) async fn sign_out_one(
    SignedIn(user): SignedIn,
    session: Session,
    State(sessions): State<SessionManager>,
    Form(chosen): Form<Chosen>,
) -> Result<Redirect> {
    // What a form says may be anybody's handle: only the visitor's own are ended.
    let ended = match chosen.handle.parse::<Handle>() {
        Ok(handle) => sessions.revoke_of(&user, handle).await?,
        Err(_) => false,
    };
    session.flash("info", if ended { "That device is signed out." } else { "That device was signed out already." })?;
    Ok(Redirect::to("/devices"))
}

pub(crate) async fn sign_out_others(
    _: SignedIn,
    session: Session,
    State(sessions): State<SessionManager>,
) -> Result<Redirect> {
    let ended = sessions.revoke_others(&session).await?;
    session.flash("info", format!("{} signed out.", guestbook_core::words::count(ended as u64, "other device")))?;
    Ok(Redirect::to("/devices"))
}

pub(crate) async fn sign_out_all(
    SignedIn(user): SignedIn,
    session: Session,
    State(sessions): State<SessionManager>,
) -> Result<Redirect> {
    // This one ends with its cookie, the others where they are.
    session.logout()?;
    sessions.revoke_user(&user).await?;
    session.flash("info", "You are signed out everywhere.")?;
    Ok(Redirect::to("/sign-in"))
}
