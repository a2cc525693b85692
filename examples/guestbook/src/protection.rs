//! What protects visitors from other sites.

use axum::extract::Request;
use axum::http::header::{CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderValue, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Nothing but our own style sheet, script, socket and forms, in no frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// Refuses what pages of other sites post here, and lets the browser load nothing but what is ours.
///
/// The cookie is `SameSite=Lax`: browsers send it with no post of another site, so that none can act for a visitor who
/// is signed in, and forms need no hidden tokens. Two gaps are closed here: such a post, which comes without a ticket,
/// would begin a session under a name that the other site chose; and a neighbour on the same site, another
/// subdomain or port, is not another site to `SameSite`.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    let mut response = if *request.method() != Method::GET && comes_from_elsewhere(request.headers()) {
        (StatusCode::FORBIDDEN, "this form was sent by another site\n").into_response()
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// As the browser says; what says nothing is no browser, and nobody's session is at stake.
pub(crate) fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(HeaderValue::as_bytes);
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = text(ORIGIN) else { return false };
    let host = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
    host.is_none() || host != text(HOST)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn refused(headers: &[(&'static str, &'static str)]) -> bool {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        comes_from_elsewhere(&headers.collect())
    }

    #[test]
    fn what_the_browser_says_decides() {
        assert!(!refused(&[]));
        assert!(!refused(&[("sec-fetch-site", "same-origin")]));
        assert!(!refused(&[("sec-fetch-site", "none")]));
        assert!(refused(&[("sec-fetch-site", "same-site")]));
        assert!(refused(&[("sec-fetch-site", "cross-site")]));
        assert!(!refused(&[("origin", "http://localhost:3000"), ("host", "localhost:3000")]));
        assert!(refused(&[("origin", "http://localhost:4000"), ("host", "localhost:3000")]));
        assert!(refused(&[("origin", "null"), ("host", "localhost:3000")]));
    }
}
