//! The same handlers without a session, behind a layer that does nothing.

use actix_web::middleware::Identity;
use actix_web::{App, web};
use axum::Router;
use axum::routing::get;

use super::actix::Actix;
use super::axum::Axum;
use super::{ACTIX, AXUM, Contender};
use crate::work::EMAIL;

pub(super) fn on_axum() -> Contender {
    let app = async || {
        Router::new()
            .route("/untouched", get(|| async { "ok" }))
            .route("/read", get(|| async { EMAIL.1.to_owned() }))
            .route("/write", get(|| async { 1.to_string() }))
            .route("/fill", get(|| async { "ok" }))
            .layer(tower::layer::layer_fn(|inner| inner))
    };
    Contender::new(AXUM, "none", AXUM, Axum(app))
}

pub(super) fn on_actix() -> Contender {
    let app = || {
        App::new()
            .route("/untouched", web::get().to(|| async { "ok" }))
            .route("/read", web::get().to(|| async { EMAIL.1.to_owned() }))
            .route("/write", web::get().to(|| async { 1.to_string() }))
            .route("/fill", web::get().to(|| async { "ok" }))
            .wrap(Identity::default())
    };
    Contender::new(ACTIX, "none", ACTIX, Actix(async move || app).into_application())
}
