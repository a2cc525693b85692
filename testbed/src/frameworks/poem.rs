//! The routes under Poem.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cloakroom::Session;
use futures_util::{SinkExt, StreamExt};
use poem::endpoint::{BoxEndpoint, make};
use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError, ResponseError};
use poem::http::{Method, StatusCode, Uri};
use poem::listener::TcpAcceptor;
use poem::middleware::CatchPanic;
use poem::web::websocket::{Message, WebSocket, WebSocketStream};
use poem::{
    Body, Endpoint, EndpointExt, FromRequest, IntoResponse, Request, RequestBody, Response, Route, RouteMethod, Server,
};

use crate::App;
use crate::handlers::{Answer, BODY_LIMIT, Call, Failure, Outcome, Reply, sockets};
use crate::routes::{ROUTES, Run, Verb};

/// How long requests under way may take once the server was told to end.
const LAST_REQUESTS: Duration = Duration::from_secs(4);

pub(super) async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let acceptor = TcpAcceptor::from_std(listener)?;
    Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(routes(app), stop, Some(LAST_REQUESTS)).await
}

fn routes(app: Arc<App>) -> impl Endpoint {
    let routes = ROUTES.iter().fold(Route::new(), |routes, route| {
        let verb = match route.verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
        };
        let path = route.path.replace('{', ":").replace('}', "");
        routes.at(path, RouteMethod::new().method(verb, endpoint(Arc::clone(&app), route.run)))
    });
    let sessions = app.sessions.poem_middleware().on_error(|error| Answer::of_error(error).into_response());
    routes
        .catch_error(async |_: NotFoundError| Answer::not_found())
        .catch_error(async |_: MethodNotAllowedError| Answer::wrong_method())
        .with(sessions)
        // Outside of the sessions, so that a panic passes them and the session's changes are dropped.
        .with(CatchPanic::new().with_handler(|_| Answer::panicked()))
}

fn endpoint(app: Arc<App>, run: Run) -> BoxEndpoint<'static> {
    match run {
        Run::Apart(run) => make(move |request| {
            let app = Arc::clone(&app);
            async move {
                let (request, mut body) = request.split();
                match call(app, request.uri(), &mut body).await {
                    Ok(call) => respond(run(call).await),
                    Err(answer) => Ok(answer.into_response()),
                }
            }
        })
        .boxed(),
        Run::With(run) => make(move |request| {
            let app = Arc::clone(&app);
            async move {
                let (request, mut body) = request.split();
                let session = Session::from_request(&request, &mut body).await?;
                match call(app, request.uri(), &mut body).await {
                    Ok(call) => respond(run(session, call).await),
                    Err(answer) => Ok(answer.into_response()),
                }
            }
        })
        .boxed(),
        Run::Socket => make(async |request: Request| {
            let session = Session::from_request_without_body(&request).await?;
            Ok::<_, poem::Error>(match WebSocket::from_request_without_body(&request).await {
                Ok(upgrade) => upgrade.on_upgrade(|socket| talk(session, socket)).into_response(),
                Err(_) => Answer::no_upgrade().into_response(),
            })
        })
        .boxed(),
    }
}

async fn call(app: Arc<App>, uri: &Uri, body: &mut RequestBody) -> Result<Call, Answer> {
    let unreadable = |error: ReadBodyError| Answer::unreadable_body(error.status().as_u16());
    let body = body.take().map_err(unreadable)?.into_bytes_limit(BODY_LIMIT).await.map_err(unreadable)?;
    Ok(Call::new(app, uri.path(), uri.query(), body))
}

async fn talk(session: Session, socket: WebSocketStream) {
    let (outgoing, incoming) = socket.split();
    let incoming = incoming.filter_map(async |frame| match frame {
        Ok(Message::Text(text)) => Some(text),
        _ => None,
    });
    let outgoing = outgoing.with(async |text: String| Ok::<_, io::Error>(Message::Text(text)));
    sockets::talk(session, incoming, outgoing).await;
}

fn respond(outcome: Outcome) -> poem::Result<Response> {
    Ok(match outcome {
        Ok(Reply::Answer(answer)) | Err(Failure::Answer(answer)) => answer.into_response(),
        Ok(Reply::Html(html)) => html.with_content_type("text/html; charset=utf-8").into_response(),
        Ok(Reply::Text(text)) => Body::from_bytes_stream(text.map(|part| Ok::<_, io::Error>(Bytes::from(part))))
            .with_content_type("text/plain; charset=utf-8")
            .into_response(),
        // The middleware gives it the testbed's form, with all other errors of sessions.
        Err(Failure::Session(error)) => return Err(error.into()),
    })
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        Response::builder().status(status).content_type("application/json").body(self.json.to_string())
    }
}
