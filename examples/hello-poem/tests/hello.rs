//! The application in process.

use poem::http::header::{COOKIE, SET_COOKIE};
use poem::{Endpoint, Request};

#[tokio::test]
async fn visits_are_counted() {
    let app = hello_poem::app();
    let first = app.get_response(Request::default()).await;
    let set = first.header(SET_COOKIE).expect("a cookie").to_owned();
    assert_eq!(first.into_body().into_string().await.expect("text"), "visit 1\n");
    let cookie = set.split(';').next().expect("never empty");
    let second = app.get_response(Request::builder().header(COOKIE, cookie).finish()).await;
    assert_eq!(second.into_body().into_string().await.expect("text"), "visit 2\n");
}
