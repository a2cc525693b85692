//! What protects visitors from other sites.

/// The `Content-Security-Policy`: nothing but our own style sheet, script, socket and forms, in no frame.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
                          form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Whether another site made the browser send this request, as the browser says by its headers; what says nothing is no
/// browser, and nobody's session is at stake. Such a request is refused if it could change something.
///
/// The cookie is `SameSite=Lax`: browsers send it with no post of another site, so that none can act for a visitor who
/// is signed in, and forms need no hidden tokens. Two gaps are closed here: such a post, which comes without a ticket,
/// would begin a session under a name that the other site chose; and a neighbour on the same site, another
/// subdomain or port, is not another site to `SameSite`.
pub fn comes_from_elsewhere<'a>(header: impl Fn(&str) -> Option<&'a [u8]>) -> bool {
    if let Some(site) = header("sec-fetch-site") {
        return site != b"same-origin" && site != b"none";
    }
    let Some(origin) = header("origin") else { return false };
    let host = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
    host.is_none() || host != header("host")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(headers: &[(&str, &'static str)]) -> bool {
        comes_from_elsewhere(|name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes()))
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
