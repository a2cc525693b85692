//! The same handlers without a session, behind a layer that does nothing.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use actix_service::{Service, Transform};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{App, Error, web};
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
            .wrap(Nothing)
    };
    Contender::new(ACTIX, "none", ACTIX, Actix(async move || app).into_application())
}

/// A middleware that passes everything on.
struct Nothing;

impl<S, B> Transform<S, ServiceRequest> for Nothing
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = Passing<S>;
    type InitError = ();
    type Future = Ready<Result<Passing<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Passing(service)))
    }
}

struct Passing<S>(S);

impl<S: Service<ServiceRequest>> Service<ServiceRequest> for Passing<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        self.0.call(request)
    }
}
