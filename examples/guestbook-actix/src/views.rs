//! Pages as responses.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType, LOCATION};
use actix_web::{HttpResponse, web};
use guestbook_core::{LIVE, Pages, STYLE};
use minijinja::value::Value;

use crate::failure::{Result, of_template};

/// A page with what only it needs to know.
///
/// It shows what the session holds, so nobody keeps a copy: after signing out, the back button asks the server again.
pub(crate) fn page(pages: &Pages, status: StatusCode, template: &str, context: Value) -> Result<HttpResponse> {
    let html = pages.page(template, context).map_err(of_template)?;
    let mut response = HttpResponse::build(status);
    Ok(response.insert_header(ContentType::html()).insert_header((CACHE_CONTROL, "no-store")).body(html))
}

/// What is answered instead of a page.
pub(crate) fn error(pages: &Pages, status: u16) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let html = pages.error(status.canonical_reason().unwrap_or("Error"));
    HttpResponse::build(status).insert_header(ContentType::html()).body(html)
}

/// To another page, which is asked for with a `GET`.
pub(crate) fn redirect(to: &'static str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, to)).finish()
}

pub(crate) async fn not_found(pages: web::Data<Pages>) -> HttpResponse {
    error(&pages, 404)
}

pub(crate) async fn style() -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type("text/css; charset=utf-8").insert_header((CACHE_CONTROL, "max-age=60")).body(STYLE)
}

pub(crate) async fn live() -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type("text/javascript; charset=utf-8").insert_header((CACHE_CONTROL, "max-age=60")).body(LIVE)
}
