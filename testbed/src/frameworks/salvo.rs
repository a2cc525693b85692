//! The routes under Salvo.

use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cloakroom::Session;
use futures_util::{SinkExt, StreamExt};
use salvo::Extractible;
use salvo::catcher::Catcher;
use salvo::conn::tcp::TcpAcceptor;
use salvo::http::{ParseError, ResBody};
use salvo::prelude::{
    CatchPanic, Depot, FlowCtrl, Handler, Request, Response, Router, Scribe, Server, Service, StatusCode, Text,
    WebSocketUpgrade, async_trait,
};
use salvo::websocket::{Message, WebSocket};

use crate::App;
use crate::handlers::{Answer, BODY_LIMIT, Call, Failure, Outcome, Reply, sockets};
use crate::routes::{ROUTES, Run, Verb};

/// How long requests under way may take once the server was told to end.
const LAST_REQUESTS: Duration = Duration::from_secs(4);

pub(super) async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let acceptor = TcpAcceptor::try_from(tokio::net::TcpListener::from_std(listener)?)?;
    let server = Server::new(acceptor);
    let handle = server.handle();
    tokio::spawn(async move {
        stop.await;
        handle.stop_graceful(LAST_REQUESTS);
    });
    server.try_serve(service(app)).await
}

fn service(app: Arc<App>) -> Service {
    let sessions = app.sessions.hoop().on_error(|error, response| response.render(Answer::of_error(error)));
    let routes = ROUTES.iter().fold(Router::new(), |routes, route| {
        let (path, endpoint) = (Router::with_path(route.path), Endpoint { app: Arc::clone(&app), run: route.run });
        routes.push(match route.verb {
            Verb::Get => path.get(endpoint),
            Verb::Post => path.post(endpoint),
        })
    });
    Service::new(routes)
        // Before the sessions, so that a panic passes them and the session's changes are dropped.
        .hoop(CatchPanic::new())
        .hoop(sessions)
        .catcher(Catcher::new(Errors))
}

/// A route.
struct Endpoint {
    app: Arc<App>,
    run: Run,
}

#[async_trait]
impl Handler for Endpoint {
    async fn handle(&self, request: &mut Request, depot: &mut Depot, response: &mut Response, _rest: &mut FlowCtrl) {
        match self.run {
            Run::Apart(run) => match call(&self.app, request).await {
                Ok(call) => respond(run(call).await, response),
                Err(answer) => response.render(answer),
            },
            Run::With(run) => match (session(request, depot).await, call(&self.app, request).await) {
                (Ok(session), Ok(call)) => respond(run(session, call).await, response),
                (Err(error), _) => response.render(error),
                (_, Err(answer)) => response.render(answer),
            },
            Run::Socket => match session(request, depot).await {
                Ok(session) => {
                    let conversation = |socket| talk(session, socket);
                    if WebSocketUpgrade::new().upgrade(request, response, conversation).await.is_err() {
                        response.render(Answer::no_upgrade());
                    }
                }
                Err(error) => response.render(error),
            },
        }
    }
}

async fn session(request: &mut Request, depot: &mut Depot) -> cloakroom::Result<Session> {
    Session::extract(request, depot).await
}

async fn call(app: &Arc<App>, request: &mut Request) -> Result<Call, Answer> {
    let body = match request.payload_with_max_size(BODY_LIMIT).await {
        Ok(body) => body.clone(),
        Err(ParseError::PayloadTooLarge) => return Err(Answer::unreadable_body(413)),
        Err(_) => return Err(Answer::unreadable_body(400)),
    };
    let uri = request.uri();
    Ok(Call::new(Arc::clone(app), uri.path(), uri.query(), body))
}

async fn talk(session: Session, socket: WebSocket) {
    let (outgoing, incoming) = socket.split();
    let incoming = incoming.filter_map(async |frame| match frame {
        Ok(frame) if frame.is_text() => frame.as_str().ok().map(str::to_owned),
        _ => None,
    });
    let outgoing = outgoing.with(async |text: String| Ok::<_, salvo::Error>(Message::text(text)));
    sockets::talk(session, incoming, outgoing).await;
}

fn respond(outcome: Outcome, response: &mut Response) {
    match outcome {
        Ok(Reply::Answer(answer)) | Err(Failure::Answer(answer)) => response.render(answer),
        Ok(Reply::Html(html)) => response.render(Text::Html(html)),
        Ok(Reply::Text(text)) => {
            response.render(Text::Plain(""));
            response.replace_body(ResBody::stream(text.map(|part| Ok::<_, std::io::Error>(Bytes::from(part)))));
        }
        // The hoop gives it the testbed's form, with all other errors of sessions.
        Err(Failure::Session(error)) => response.render(error),
    }
}

impl Scribe for Answer {
    fn render(self, response: &mut Response) {
        response.status_code(StatusCode::from_u16(self.status).unwrap_or_default());
        response.render(Text::Json(self.json.to_string()));
    }
}

/// What Salvo answers by itself.
struct Errors;

#[async_trait]
impl Handler for Errors {
    async fn handle(&self, _request: &mut Request, _depot: &mut Depot, response: &mut Response, _rest: &mut FlowCtrl) {
        response.take_body();
        response.render(match response.status_code {
            Some(StatusCode::METHOD_NOT_ALLOWED) => Answer::wrong_method(),
            Some(StatusCode::INTERNAL_SERVER_ERROR) => Answer::panicked(),
            _ => Answer::not_found(),
        });
    }
}
