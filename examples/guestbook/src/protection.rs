//! What protects visitors from other sites.

use axum::extract::Request;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use guestbook_core::{POLICY, comes_from_elsewhere};

/// Refuses what pages of other sites post here, and lets the browser load nothing but what is ours.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    let mut response = if *request.method() != Method::GET && comes_from_elsewhere(header) {
        (StatusCode::FORBIDDEN, "this form was sent by another site\n").into_response()
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
