//! What protects visitors from other sites.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use guestbook_core::POLICY;

/// Refuses what pages of other sites post here, and lets the browser load nothing but what is ours.
pub(crate) async fn protect<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let mut response = if *request.method() != Method::GET && comes_from_elsewhere(request.headers()) {
        let (request, _) = request.into_parts();
        let refusal = HttpResponse::Forbidden().body("this form was sent by another site\n");
        ServiceResponse::new(request, refusal).map_into_right_body()
    } else {
        next.call(request).await?.map_into_left_body()
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

pub(crate) fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    guestbook_core::comes_from_elsewhere(|name| headers.get(name).map(HeaderValue::as_bytes))
}
