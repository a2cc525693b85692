//! The guestbook, for visitors who are signed in.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use cloakroom::Session;
use guestbook_core::Pages;
use guestbook_core::models::guestbook::{self, LONGEST_ENTRY};
use minijinja::context;
use minijinja::value::Serde;
use serde::Deserialize;

use super::SignedIn;
use crate::failure::Result;
use crate::views;

pub(crate) async fn page(_: SignedIn, pages: web::Data<Pages>) -> Result<HttpResponse> {
    show(&pages, StatusCode::OK, "")
}

#[derive(Deserialize)]
pub(crate) struct Line {
    text: String,
}

pub(crate) async fn write(
    _: SignedIn,
    session: Session,
    pages: web::Data<Pages>,
    line: web::Form<Line>,
) -> Result<HttpResponse> {
    let text = line.text.trim();
    if text.is_empty() || text.chars().count() > LONGEST_ENTRY {
        // The same page again, with what was typed: this message is for now, not for the next request.
        session.flash_now("error", format!("Write something, of at most {LONGEST_ENTRY} letters."))?;
        return show(&pages, StatusCode::UNPROCESSABLE_ENTITY, &line.text);
    }
    guestbook::write(text)?;
    session.flash("info", "Thank you for your line.")?;
    Ok(views::redirect("/"))
}

fn show(pages: &Pages, status: StatusCode, typed: &str) -> Result<HttpResponse> {
    let entries = guestbook::entries()?;
    views::page(
        pages,
        status,
        "guestbook.html",
        context! { entries => Serde(entries), longest => LONGEST_ENTRY, typed },
    )
}
