//! The shop, for everybody: a cart that was filled before signing in is still there afterwards.

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use cloakroom::Session;
use guestbook_core::models::cart;
use guestbook_core::words;
use minijinja::context;
use minijinja::value::Serde;
use serde::Deserialize;

use super::SignedIn;
use crate::failure::Result;
use crate::views::Views;

/// It takes the session for the sake of its models and templates: to take it is to load it.
pub(crate) async fn page(_: Session, State(views): State<Views>) -> Result<impl IntoResponse> {
    views.page("shop.html", context! { articles => Serde(cart::ARTICLES), bill => Serde(cart::bill()?) })
}

#[derive(Deserialize)]
pub(crate) struct Choice {
    article: String,
}

pub(crate) async fn add(session: Session, Form(choice): Form<Choice>) -> Result<Response> {
    let Some(article) = cart::article(&choice.article) else { return Ok(unknown()) };
    cart::add(article)?;
    session.flash("info", format!("{} is in your cart.", article.name))?;
    Ok(Redirect::to("/shop").into_response())
}

pub(crate) async fn remove(session: Session, Form(choice): Form<Choice>) -> Result<Response> {
    let Some(article) = cart::article(&choice.article) else { return Ok(unknown()) };
    cart::remove(article)?;
    session.flash("info", format!("{} was taken out.", article.name))?;
    Ok(Redirect::to("/shop").into_response())
}

pub(crate) async fn order(_: SignedIn, session: Session) -> Result<Redirect> {
    match cart::order()? {
        0 => session.flash("error", "Your cart is empty. Did another tab order it?")?,
        amount => session.flash("info", format!("Ordered {}. Thank you!", words::count(amount.into(), "article")))?,
    }
    Ok(Redirect::to("/shop"))
}

fn unknown() -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, "there is no such article\n").into_response()
}
