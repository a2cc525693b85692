//! The guestbook, for visitors who are signed in.

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use cloakroom::Session;
use guestbook_core::models::guestbook::{self, LONGEST_ENTRY};
use minijinja::context;
use minijinja::value::Serde;
use serde::Deserialize;

use super::SignedIn;
use crate::failure::Result;
use crate::views::Views;

pub(crate) async fn page(_: SignedIn, State(views): State<Views>) -> Result<impl IntoResponse> {
    show(&views, "")
}

#[derive(Deserialize)]
pub(crate) struct Line {
    text: String,
}

pub(crate) async fn write(
    _: SignedIn,
    session: Session,
    State(views): State<Views>,
    Form(line): Form<Line>,
) -> Result<Response> {
    let text = line.text.trim();
    if text.is_empty() || text.chars().count() > LONGEST_ENTRY {
        // The same page again, with what was typed: this message is for now, not for the next request.
        session.flash_now("error", format!("Write something, of at most {LONGEST_ENTRY} letters."))?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&views, &line.text)?).into_response());
    }
    guestbook::write(text)?;
    session.flash("info", "Thank you for your line.")?;
    Ok(Redirect::to("/").into_response())
}

fn show(views: &Views, typed: &str) -> Result<impl IntoResponse + use<>> {
    views.page("guestbook.html", context! { entries => Serde(guestbook::entries()?), longest => LONGEST_ENTRY, typed })
}
