//! The routes under actix-web.

use std::convert::Infallible;
use std::future::Future;
use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Resource, web};
use actix_ws::{Message, ProtocolError};
use bytes::Bytes;
use cloakroom::Session;
use futures_util::{FutureExt, StreamExt, future, sink};

use crate::handlers::{Answer, BODY_LIMIT, Call, Failure, Outcome, Reply, sockets};
use crate::routes::{ROUTES, Route, Run, Verb};

/// How long a worker waits for requests under way once it was told to end.
const LAST_REQUESTS: Duration = Duration::from_secs(4);

pub(super) async fn serve(
    app: Arc<crate::App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let workers = app.workers;
    let new_app = move || {
        let sessions = app.sessions.middleware().on_error(|error| Answer::of_error(error).into());
        App::new()
            .app_data(web::Data::from(Arc::clone(&app)))
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .service(ROUTES.iter().map(resource).collect::<Vec<_>>())
            .default_service(web::to(async || HttpResponse::from(Answer::not_found())))
            .wrap(sessions)
            // Outside of the sessions, so that a panic passes them and the session's changes are dropped.
            .wrap(from_fn(catch_panic))
    };
    let server = HttpServer::new(new_app)
        .workers(workers)
        .shutdown_timeout(LAST_REQUESTS.as_secs())
        .disable_signals()
        .listen(listener)?
        .run();
    let handle = server.handle();
    tokio::spawn(async move {
        stop.await;
        handle.stop(true).await;
    });
    server.await
}

fn resource(route: &'static Route) -> Resource {
    let verb = match route.verb {
        Verb::Get => web::get(),
        Verb::Post => web::post(),
    };
    let handler = match route.run {
        Run::Apart(run) => verb.to(move |app: Data, request: HttpRequest, body: Body| async move {
            match call(app, &request, body) {
                Ok(call) => respond(run(call).await),
                Err(answer) => answer.into(),
            }
        }),
        Run::With(run) => verb.to(move |app: Data, session: Session, request: HttpRequest, body: Body| async move {
            match call(app, &request, body) {
                Ok(call) => respond(run(session, call).await),
                Err(answer) => answer.into(),
            }
        }),
        Run::Socket => {
            verb.to(async |session: Session, request: HttpRequest, body: web::Payload| {
                match actix_ws::handle(&request, body) {
                    Ok((response, outgoing, incoming)) => {
                        actix_web::rt::spawn(talk(session, outgoing, incoming));
                        response
                    }
                    Err(_) => Answer::no_upgrade().into(),
                }
            })
        }
    };
    web::resource(route.path)
        .route(handler)
        .default_service(web::to(async || HttpResponse::from(Answer::wrong_method())))
}

type Data = web::Data<crate::App>;
type Body = Result<Bytes, actix_web::Error>;

fn call(app: Data, request: &HttpRequest, body: Body) -> Result<Call, Answer> {
    let body = body.map_err(|error| Answer::unreadable_body(error.as_response_error().status_code().as_u16()))?;
    Ok(Call::new(app.into_inner(), request.uri().path(), request.uri().query(), body))
}

async fn talk(session: Session, outgoing: actix_ws::Session, incoming: actix_ws::MessageStream) {
    let close = outgoing.clone();
    // It answers no closing frame by itself.
    let open = |frame: &Result<Message, ProtocolError>| future::ready(!matches!(frame, Ok(Message::Close(_)) | Err(_)));
    let incoming = incoming.take_while(open).filter_map(async |frame| match frame {
        Ok(Message::Text(text)) => Some(text.to_string()),
        _ => None,
    });
    let outgoing = sink::unfold(outgoing, async |mut outgoing: actix_ws::Session, text: String| {
        outgoing.text(text).await.map(|()| outgoing)
    });
    sockets::talk(session, incoming, outgoing).await;
    // The other side may be gone.
    let _ = close.close(None).await;
}

fn respond(outcome: Outcome) -> HttpResponse {
    match outcome {
        Ok(Reply::Answer(answer)) | Err(Failure::Answer(answer)) => answer.into(),
        Ok(Reply::Html(html)) => HttpResponse::Ok().insert_header(ContentType::html()).body(html),
        Ok(Reply::Text(text)) => HttpResponse::Ok()
            .insert_header(ContentType::plaintext())
            .streaming(text.map(|part| Ok::<_, Infallible>(Bytes::from(part)))),
        // The middleware gives it the testbed's form, with all other errors of sessions.
        Err(Failure::Session(error)) => HttpResponse::from_error(error),
    }
}

impl From<Answer> for HttpResponse {
    fn from(answer: Answer) -> Self {
        let status = StatusCode::from_u16(answer.status).unwrap_or_default();
        Self::build(status).insert_header(ContentType::json()).body(answer.json.to_string())
    }
}

/// actix-web closes the connection of a handler that panics; scenarios want an answer.
async fn catch_panic(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    AssertUnwindSafe(next.call(request))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(InternalError::from_response("a panic", Answer::panicked().into()).into()))
}
