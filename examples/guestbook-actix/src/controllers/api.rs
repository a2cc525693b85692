//! For programs, which bring a token instead of a cookie.

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse};
use cloakroom::Session;
use guestbook_core::models::visitor;
use serde_json::json;

use crate::failure::Result;

/// Who is asking: `curl -H 'Authorization: Bearer demo-token' http://localhost:3000/api/whoami`.
pub(crate) async fn who_am_i(_: Session, request: HttpRequest) -> Result<HttpResponse> {
    if let Some(credentials) = request.headers().get(AUTHORIZATION) {
        let token = credentials.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let known = token.map(visitor::sign_in_for_this_request).transpose()?;
        if known != Some(true) {
            return Ok(refused());
        }
    }
    Ok(match visitor::current()? {
        Some(visitor) => HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(visitor),
        None => refused(),
    })
}

fn refused() -> HttpResponse {
    let body = json!({ "error": "sign in, or send `Authorization: Bearer demo-token`" });
    HttpResponse::Unauthorized().insert_header((WWW_AUTHENTICATE, "Bearer")).json(body)
}
