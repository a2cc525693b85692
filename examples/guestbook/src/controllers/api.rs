//! For programs, which bring a token instead of a cookie.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderMap, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use cloakroom::Session;
use guestbook_core::models::visitor;
use serde_json::json;

use crate::failure::Result;

/// Who is asking: `curl -H 'Authorization: Bearer demo-token' http://localhost:3000/api/whoami`.
pub(crate) async fn who_am_i(_: Session, headers: HeaderMap) -> Result<Response> {
    if let Some(credentials) = headers.get(AUTHORIZATION) {
        let token = credentials.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let known = token.map(visitor::sign_in_for_this_request).transpose()?;
        if known != Some(true) {
            return Ok(refused());
        }
    }
    match visitor::current()? {
        Some(visitor) => Ok(([(CACHE_CONTROL, "no-store")], Json(visitor)).into_response()),
        None => Ok(refused()),
    }
}

fn refused() -> Response {
    let body = Json(json!({ "error": "sign in, or send `Authorization: Bearer demo-token`" }));
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], body).into_response()
}
