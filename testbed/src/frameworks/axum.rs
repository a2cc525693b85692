//! The routes under axum.

use std::convert::Infallible;
use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::BytesRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Response, Uri, header};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use cloakroom::Session;
use futures_util::{SinkExt, StreamExt};
use tower_http::catch_panic::CatchPanicLayer;

use crate::App;
use crate::handlers::{Answer, BODY_LIMIT, Call, Failure, Outcome, Reply, sockets};
use crate::routes::{ROUTES, Run, Verb};

pub(super) async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    axum::serve(listener, router(app)).with_graceful_shutdown(stop).await
}

fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let verb = match route.verb {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
        };
        let handler = match route.run {
            Run::Apart(run) => on(verb, async move |State(app), uri: Uri, body: Result<Bytes, BytesRejection>| {
                match call(app, &uri, body) {
                    Ok(call) => respond(run(call).await),
                    Err(answer) => answer.into_response(),
                }
            }),
            Run::With(run) => {
                on(verb, async move |State(app), session: Session, uri: Uri, body: Result<Bytes, BytesRejection>| {
                    match call(app, &uri, body) {
                        Ok(call) => respond(run(session, call).await),
                        Err(answer) => answer.into_response(),
                    }
                })
            }
            Run::Socket => {
                on(verb, async |session: Session, upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>| {
                    match upgrade {
                        Ok(upgrade) => upgrade.on_upgrade(|socket| talk(session, socket)),
                        Err(_) => Answer::no_upgrade().into_response(),
                    }
                })
            }
        };
        router = router.route(route.path, handler);
    }
    let sessions = app.sessions.layer().on_error(|error| Answer::of_error(error).response());
    router
        .fallback(async || Answer::not_found())
        .method_not_allowed_fallback(async || Answer::wrong_method())
        .with_state(app)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(sessions)
        // Outside of the session layer, so that a panic passes it and the session's changes are dropped.
        .layer(CatchPanicLayer::custom(|_| Answer::panicked().response()))
}

fn call(app: Arc<App>, uri: &Uri, body: Result<Bytes, BytesRejection>) -> Result<Call, Answer> {
    let body = body.map_err(|rejection| Answer::unreadable_body(rejection.status().as_u16()))?;
    Ok(Call::new(app, uri.path(), uri.query(), body))
}

async fn talk(session: Session, socket: WebSocket) {
    let (outgoing, incoming) = socket.split();
    let incoming = incoming.filter_map(async |frame| match frame {
        Ok(Message::Text(text)) => Some(text.to_string()),
        _ => None,
    });
    let outgoing = outgoing.with(async |text: String| Ok::<_, axum::Error>(Message::Text(text.into())));
    sockets::talk(session, incoming, outgoing).await;
}

fn respond(outcome: Outcome) -> Response<Body> {
    match outcome {
        Ok(Reply::Answer(answer)) | Err(Failure::Answer(answer)) => answer.into_response(),
        Ok(Reply::Html(html)) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Ok(Reply::Text(text)) => {
            let body = Body::from_stream(text.map(Ok::<_, Infallible>));
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response()
        }
        // The session layer gives it the testbed's form, with all other errors of sessions.
        Err(Failure::Session(error)) => error.into_response(),
    }
}

impl Answer {
    fn response(&self) -> Response<String> {
        let mut response = Response::new(self.json.to_string());
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        *response.status_mut() = self.status.try_into().unwrap_or_default();
        response
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response<Body> {
        self.response().map(Body::from)
    }
}
