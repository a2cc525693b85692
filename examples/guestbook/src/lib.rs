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
use axum::extract::FromRef;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use cloakroom::operators::{self, History};
use cloakroom::{Config, ConfigError, SessionManager};
use guestbook_core::models::visitor;

use controllers::{api, devices, guestbook, live, session, shop};
use views::Views;

/// Where the page for operators is.
const OPERATORS: &str = "/operators";

/// What handlers ask for besides the session of their request.
#[derive(Clone)]
struct Parts {
    views: Views,
    sessions: SessionManager,
}

impl FromRef<Parts> for Views {
    fn from_ref(parts: &Parts) -> Self {
        parts.views.clone()
    }
}

impl FromRef<Parts> for SessionManager {
    fn from_ref(parts: &Parts) -> Self {
        parts.sessions.clone()
    }
}

/// Where sessions live: as the environment says, and in the file `session.db` where it says nothing. No other place of this
/// application knows. What happens to them goes into `history`, for the page for operators.
///
/// # Errors
///
/// A configuration that could not work.
pub async fn sessions(history: &History) -> Result<SessionManager, ConfigError> {
    Config::default().store("file").overlaid_by_env()?.builder().await?.observer(history.clone()).build()
}

/// The application.
///
/// # Errors
///
/// A template that is not well formed.
pub fn app(sessions: &SessionManager, history: History) -> Result<Router, minijinja::Error> {
    let views = Views::new()?;
    let for_errors = views.clone();
    let operators = operators::router(sessions, history, async |session| visitor::is_operator(&session))?;
    Ok(Router::new()
        .route("/", get(guestbook::page).post(guestbook::write))
        .route("/shop", get(shop::page))
        .route("/shop/add", post(shop::add))
        .route("/shop/remove", post(shop::remove))
        .route("/shop/order", post(shop::order))
        .route("/sign-in", get(session::sign_in_page).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route("/renew", post(session::renew))
        .route("/devices", get(devices::page))
        .route("/devices/sign-out", post(devices::sign_out_one))
        .route("/devices/sign-out-others", post(devices::sign_out_others))
        .route("/devices/sign-out-all", post(devices::sign_out_all))
        .route("/api/whoami", get(api::who_am_i))
        .route("/live", get(live::open))
        .route("/style.css", get(views::style))
        .route("/live.js", get(views::live))
        .fallback(views::not_found)
        .with_state(Parts { views, sessions: sessions.clone() })
        .nest(OPERATORS, operators)
        .layer(sessions.layer().on_error(move |error| for_errors.error(error.status())))
        .layer(from_fn(protection::protect)))
}
