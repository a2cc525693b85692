//! The application in process.

use actix_web::App;
use actix_web::http::header::{COOKIE, SET_COOKIE};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use cloakroom::{MemoryStore, SessionManager};

#[actix_web::test]
async fn visits_are_counted() {
    let sessions = SessionManager::new(MemoryStore::new());
    let app = init_service(App::new().configure(hello_actix::routes).wrap(sessions.middleware())).await;
    let first = call_service(&app, TestRequest::get().to_request()).await;
    let set = first.headers().get(SET_COOKIE).expect("a cookie").to_str().expect("text").to_owned();
    assert_eq!(read_body(first).await, "visit 1\n");
    let cookie = set.split(';').next().expect("never empty");
    let second = call_service(&app, TestRequest::get().insert_header((COOKIE, cookie)).to_request()).await;
    assert_eq!(read_body(second).await, "visit 2\n");
}
