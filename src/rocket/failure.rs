//! The answer to an error of a session.

use std::io::Cursor;
use std::panic::AssertUnwindSafe;

use rocket::futures::FutureExt;
use rocket::http::Status;
use rocket::shield::{ExpectCt, Frame, Hsts, NoSniff, Permission, Policy, Prefetch, Referrer, XssFilter};
use rocket::{Catcher, Request, Response, response};

use crate::adapter::ErrorAnswer;
use crate::error::Error;

/// How an application answers where its sessions fail.
pub(super) type OnError = Box<dyn for<'r> Fn(&Error, &'r Request<'_>) -> response::Result<'r> + Send + Sync>;

/// What was put on the response for the application as a whole, before it came to the session's fairing: by Rocket and by
/// its [`Shield`](rocket::shield::Shield), which is the first fairing of all.
const KEPT: [&str; 9] = [
    "Server",
    ExpectCt::NAME,
    Frame::NAME,
    Hsts::NAME,
    NoSniff::NAME,
    Permission::NAME,
    Prefetch::NAME,
    Referrer::NAME,
    XssFilter::NAME,
];

/// Puts the answer to an error in the place of a response: the application's own, or what its catcher says to the status,
/// or a line of text. `is_caught` is whether Rocket has asked the catcher already.
pub(super) async fn answer<'r>(
    answer: &ErrorAnswer,
    is_caught: bool,
    on_error: Option<&OnError>,
    request: &'r Request<'_>,
    response: &mut Response<'r>,
) {
    let own = on_error.and_then(|on_error| on_error(answer.error(), request).ok());
    let new = match (own, catcher(answer.status(), request)) {
        (Some(own), _) => own,
        (None, Some(_)) if is_caught => return,
        (None, Some(catcher)) => caught(catcher, answer.status(), request).await.unwrap_or_else(|| text(answer)),
        (None, None) => text(answer),
    };
    let old = std::mem::replace(response, new);
    for header in old.headers().iter().filter(|header| KEPT.iter().any(|kept| header.name == *kept)) {
        if !response.headers().contains(&header.name) {
            response.adjoin_raw_header(header.name.as_str().to_owned(), header.value.into_owned());
        }
    }
}

/// The application's catcher for a status, as Rocket finds it: that of the longest base, and of two with the same base that
/// which names the status.
fn catcher<'r>(status: u16, request: &'r Request<'_>) -> Option<&'r Catcher> {
    let catchers = request.rocket().catchers().filter(|catcher| {
        let base = catcher.base.path().segments();
        catcher.code.is_none_or(|code| code == status) && base.prefix_of(request.uri().path().segments())
    });
    catchers.max_by_key(|catcher| (catcher.base.path().segments().len(), catcher.code))
}

/// What a catcher answers, unless it fails. That it may panic as it may anywhere is for the server to see to, and here it
/// is not under the server's eyes.
async fn caught<'r>(catcher: &Catcher, status: u16, request: &'r Request<'_>) -> Option<Response<'r>> {
    AssertUnwindSafe(catcher.handler.handle(Status::new(status), request)).catch_unwind().await.ok()?.ok()
}

fn text(answer: &ErrorAnswer) -> Response<'static> {
    let text = answer.text();
    Response::build()
        .status(Status::new(answer.status()))
        .raw_header("Content-Type", ErrorAnswer::CONTENT_TYPE)
        .sized_body(text.len(), Cursor::new(text))
        .finalize()
}
