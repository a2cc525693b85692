//! The shop, for everybody: a cart that was filled before signing in is still there afterwards.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use cloakroom::Session;
use guestbook_core::models::cart;
use guestbook_core::{Pages, words};
use minijinja::context;
use minijinja::value::Serde;
use serde::Deserialize;

use super::SignedIn;
use crate::failure::Result;
use crate::views;

/// It takes the session for the sake of its models and templates: to take it is to load it.
pub(crate) async fn page(_: Session, pages: web::Data<Pages>) -> Result<HttpResponse> {
    let context = context! { articles => Serde(cart::ARTICLES), bill => Serde(cart::bill()?) };
    views::page(&pages, StatusCode::OK, "shop.html", context)
}

#[derive(Deserialize)]
pub(crate) struct Choice {
    article: String,
}

pub(crate) async fn add(session: Session, choice: web::Form<Choice>) -> Result<HttpResponse> {
    let Some(article) = cart::article(&choice.article) else { return Ok(unknown()) };
    cart::add(article)?;
    session.flash("info", format!("{} is in your cart.", article.name))?;
    Ok(views::redirect("/shop"))
}

pub(crate) async fn remove(session: Session, choice: web::Form<Choice>) -> Result<HttpResponse> {
    let Some(article) = cart::article(&choice.article) else { return Ok(unknown()) };
    cart::remove(article)?;
    session.flash("info", format!("{} was taken out.", article.name))?;
    Ok(views::redirect("/shop"))
}

pub(crate) async fn order(_: SignedIn, session: Session) -> Result<HttpResponse> {
    match cart::order()? {
        0 => session.flash("error", "Your cart is empty. Did another tab order it?")?,
        amount => session.flash("info", format!("Ordered {}. Thank you!", words::count(amount.into(), "article")))?,
    }
    Ok(views::redirect("/shop"))
}

fn unknown() -> HttpResponse {
    HttpResponse::UnprocessableEntity().body("there is no such article\n")
}
