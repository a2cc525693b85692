//! A guestbook with a shop: how an application with controllers, models and templates uses its session.
//!
//! - `controllers/` answer requests. They take [`Session`](cloakroom::Session) as an argument, which loads it.
//! - Models and templates are in `guestbook-core`, for they know no framework: nobody passes the session to them, they find
//!   it themselves. `guestbook-actix` serves the same ones.

mod controllers;
mod failure;
mod protection;
mod views;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use cloakroom::{ConfigError, SessionManager};

use controllers::{api, guestbook, session, shop};
use views::Views;

/// Where sessions live: as the environment says, and in memory where it says nothing. No other place of this application
/// knows.
///
/// # Errors
///
/// A configuration that could not work.
pub async fn sessions() -> Result<SessionManager, ConfigError> {
    SessionManager::from_env().await
}

/// The application.
///
/// # Errors
///
/// A template that is not well formed.
pub fn app(sessions: &SessionManager) -> Result<Router, minijinja::Error> {
    let views = Views::new()?;
    let for_errors = views.clone();
    Ok(Router::new()
        .route("/", get(guestbook::page).post(guestbook::write))
        .route("/shop", get(shop::page))
        .route("/shop/add", post(shop::add))
        .route("/shop/remove", post(shop::remove))
        .route("/shop/order", post(shop::order))
        .route("/sign-in", get(session::sign_in_page).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route("/renew", post(session::renew))
        .route("/api/whoami", get(api::who_am_i))
        .route("/style.css", get(views::style))
        .fallback(views::not_found)
        .with_state(views)
        .layer(sessions.layer().on_error(move |error| for_errors.error(error.status())))
        .layer(from_fn(protection::protect)))
}
