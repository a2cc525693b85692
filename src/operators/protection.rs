//! What protects the page from other sites.

use ::axum::extract::Request;
use ::axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use ::axum::middleware::Next;
use ::axum::response::{IntoResponse, Response};

/// Nothing but the page's own style, script and forms, in no frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'",
);

/// Refuses posts that the browser does not say to come from this very origin: what decides is `Sec-Fetch-Site`, and where a
/// browser does not send it, `Origin` beside `Host` (OWASP Cross-Site Request Forgery Prevention Cheat Sheet). What says
/// nothing is refused as well: it is no browser, and this page is for people.
pub(super) async fn protect(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = if reads || is_our_own(request.headers()) {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "this form was sent by another site\n").into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn is_our_own(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let text = |name| headers.get(name).map(HeaderValue::as_bytes);
    let host = text(header::ORIGIN)
        .and_then(|origin| origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://")));
    host.is_some() && host == text(header::HOST)
}

#[cfg(test)]
mod tests {
    use ::axum::http::HeaderName;

    use super::*;

    fn taken(headers: &[(&'static str, &'static str)]) -> bool {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        is_our_own(&headers.collect())
    }

    #[test]
    fn only_what_the_browser_vouches_for_is_taken() {
        assert!(taken(&[("sec-fetch-site", "same-origin")]));
        assert!(taken(&[("origin", "https://example.org"), ("host", "example.org")]));
        assert!(taken(&[("origin", "http://localhost:3000"), ("host", "localhost:3000")]));
        for refused in [
            vec![],
            vec![("sec-fetch-site", "same-site")],
            vec![("sec-fetch-site", "cross-site"), ("origin", "https://example.org"), ("host", "example.org")],
            vec![("sec-fetch-site", "none")],
            vec![("origin", "https://evil.example"), ("host", "example.org")],
            vec![("origin", "null"), ("host", "example.org")],
            vec![("host", "example.org")],
        ] {
            assert!(!taken(&refused), "{refused:?}");
        }
    }
}
