//! The application as a browser uses it, in process.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

/// A browser with one cookie.
struct Browser {
    app: Router,
    cookie: Option<String>,
}

impl Browser {
    async fn send(&mut self, request: Request<Body>) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        if let Some(cookie) = &self.cookie {
            head.headers.insert(header::COOKIE, cookie.parse().expect("a header"));
        }
        let response = self.app.clone().oneshot(Request::from_parts(head, body)).await.expect("infallible");
        if let Some(set) = response.headers().get(header::SET_COOKIE) {
            let set = set.to_str().expect("text");
            let pair = set.split(';').next().expect("never empty");
            self.cookie = (!set.contains("Max-Age=0")).then(|| pair.to_owned());
        }
        response
    }

    async fn page(&mut self) -> String {
        let response = self.send(Request::get("/").body(Body::empty()).expect("a request")).await;
        assert_eq!(response.status(), StatusCode::OK);
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    async fn post(&mut self, path: &str, form: &'static str) {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let response = self.send(request.body(Body::from(form)).expect("a request")).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn visits_are_counted_and_a_visitor_signs_in_and_out() {
    let mut browser = Browser { app: hello::app(), cookie: None };
    assert!(browser.page().await.contains("Visit 1"));
    assert!(browser.page().await.contains("Visit 2"));

    let before = browser.cookie.clone();
    browser.post("/sign-in", "name=Ana+%3Cb%3E").await;
    assert_ne!(browser.cookie, before, "a login renews the ticket");
    let page = browser.page().await;
    assert!(page.contains("Welcome, Ana &lt;b&gt;.") && page.contains("Visit 3"), "{page}");
    assert!(!browser.page().await.contains("Welcome"), "a message is shown once");

    browser.post("/note", "note=milk").await;
    assert!(browser.page().await.contains("&quot;milk&quot;"));

    browser.post("/sign-out", "").await;
    let page = browser.page().await;
    assert!(page.contains("Signed out.") && page.contains("Visit 1") && !page.contains("milk"), "{page}");
}
