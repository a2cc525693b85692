//! The guestbook, served with actix-web.
//!
//! Only what knows the framework is here: `controllers/` answer requests. The models and templates are those of
//! `guestbook-core`, which knows none.

mod controllers;
mod failure;
mod protection;
mod views;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, web};
use cloakroom::{Config, ConfigError, SessionManager};
use guestbook_core::Pages;

use controllers::{api, devices, guestbook, live, session, shop};

/// Where sessions live: as the environment says, and in the file `session.db` where it says nothing. No other place of this
/// application knows.
///
/// # Errors
///
/// A configuration that could not work.
pub async fn sessions() -> Result<SessionManager, ConfigError> {
    Config::default().store("file").overlaid_by_env()?.open().await
}

/// The application, of one worker.
pub fn app(
    sessions: &SessionManager,
    pages: &Pages,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = actix_web::Error,
        InitError = (),
    > + use<>,
> {
    let for_errors = pages.clone();
    App::new()
        .app_data(web::Data::new(pages.clone()))
        .app_data(web::Data::new(sessions.clone()))
        .service(web::resource("/").get(guestbook::page).post(guestbook::write))
        .route("/shop", web::get().to(shop::page))
        .route("/shop/add", web::post().to(shop::add))
        .route("/shop/remove", web::post().to(shop::remove))
        .route("/shop/order", web::post().to(shop::order))
        .service(web::resource("/sign-in").get(session::sign_in_page).post(session::sign_in))
        .route("/sign-out", web::post().to(session::sign_out))
        .route("/renew", web::post().to(session::renew))
        .route("/devices", web::get().to(devices::page))
        .route("/devices/sign-out", web::post().to(devices::sign_out_one))
        .route("/devices/sign-out-others", web::post().to(devices::sign_out_others))
        .route("/devices/sign-out-all", web::post().to(devices::sign_out_all))
        .route("/api/whoami", web::get().to(api::who_am_i))
        .route("/live", web::get().to(live::open))
        .route("/style.css", web::get().to(views::style))
        .route("/live.js", web::get().to(views::live))
        .default_service(web::to(views::not_found))
        .wrap(sessions.middleware().on_error(move |error| views::error(&for_errors, error.status())))
        .wrap(from_fn(protection::protect))
}
