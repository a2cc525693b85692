//! The routes under Rocket.

use std::collections::HashSet;
use std::future::Future;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use cloakroom::Session;
use futures_util::{SinkExt, StreamExt};
use rocket::config::{Config, Ident, LogLevel, Shutdown};
use rocket::data::{Data, ToByteUnit};
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::http::{ContentType, Method, Status};
use rocket::request::Outcome as Guarded;
use rocket::response::content::RawHtml;
use rocket::response::stream::TextStream;
use rocket::response::{self, Responder};
use rocket::route::{Handler, Outcome};
use rocket::{Build, Catcher, Request, Rocket, Route, catcher};
use rocket_ws::stream::DuplexStream;
use rocket_ws::{Message, WebSocket};

use super::announce;
use crate::App;
use crate::handlers::{Answer, BODY_LIMIT, Call, Failure, Reply, sockets};
use crate::routes::{self, ROUTES, Run, Verb};

/// Rocket opens its socket itself, so it is told an address, and tells when it listens.
pub(super) async fn serve(
    app: Arc<App>,
    address: &str,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let mut addresses = address.to_socket_addrs()?;
    let address = addresses.next().ok_or_else(|| std::io::Error::other(format!("no such address: {address}")))?;
    let announce = AdHoc::on_liftoff("announce", |rocket| {
        Box::pin(async {
            let Config { address, port, .. } = *rocket.config();
            if announce((address, port).into()).is_err() {
                rocket.shutdown().notify();
            }
        })
    });
    let rocket = build(app, address).attach(announce).ignite().await.map_err(failed)?;
    let shutdown = rocket.shutdown();
    tokio::spawn(async move {
        stop.await;
        shutdown.notify();
    });
    match rocket.launch().await {
        Ok(_) => Ok(()),
        // Some were still at it after the grace period.
        Err(error) if matches!(error.kind(), ErrorKind::Shutdown(..)) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: rocket::Error) -> std::io::Error {
    std::io::Error::other(error.kind().to_string())
}

fn build(app: Arc<App>, address: SocketAddr) -> Rocket<Build> {
    let config = Config {
        address: address.ip(),
        port: address.port(),
        ident: Ident::none(),
        log_level: LogLevel::Off,
        shutdown: Shutdown { ctrlc: false, signals: HashSet::new(), force: false, ..Shutdown::default() },
        ..Config::release_default()
    };
    let sessions = &app.sessions;
    let routes: Vec<_> = ROUTES.iter().map(|route| served(route, &app)).collect();
    let others: Vec<_> = ROUTES.iter().map(refused).collect();
    rocket::custom(config)
        .attach(sessions.fairing().on_error(Answer::of_error))
        .mount("/", sessions.routes(routes))
        .mount("/", others)
        .register("/", vec![Catcher::new(None, Caught)])
}

fn served(route: &routes::Route, app: &Arc<App>) -> Route {
    Route::new(method(route.verb), &path(route), Served { app: Arc::clone(app), run: route.run })
}

/// The same path with the other method. Rocket knows of no path that has other methods only, and says not found.
fn refused(route: &routes::Route) -> Route {
    let other = match route.verb {
        Verb::Get => Method::Post,
        Verb::Post => Method::Get,
    };
    Route::new(other, &path(route), Refused)
}

fn method(verb: Verb) -> Method {
    match verb {
        Verb::Get => Method::Get,
        Verb::Post => Method::Post,
    }
}

fn path(route: &routes::Route) -> String {
    route.path.replace('{', "<").replace('}', ">")
}

/// A route of the table.
#[derive(Clone)]
struct Served {
    app: Arc<App>,
    run: Run,
}

#[rocket::async_trait]
impl Handler for Served {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        let outcome = match self.run {
            Run::Apart(run) => match self.call(request, data).await {
                Ok(call) => run(call).await,
                Err(answer) => Err(Failure::Answer(answer)),
            },
            Run::With(run) => match session(request).await {
                Ok(session) => match self.call(request, data).await {
                    Ok(call) => run(session, call).await,
                    Err(answer) => Err(Failure::Answer(answer)),
                },
                Err(status) => return Outcome::Error(status),
            },
            Run::Socket => {
                return match (session(request).await, request.guard::<WebSocket>().await.succeeded()) {
                    (Ok(session), Some(upgrade)) => {
                        Outcome::from(request, upgrade.channel(|socket| Box::pin(talk(session, socket))))
                    }
                    (Ok(_), None) => Outcome::from(request, Answer::no_upgrade()),
                    (Err(status), _) => Outcome::Error(status),
                };
            }
        };
        match outcome {
            Ok(Reply::Answer(answer)) | Err(Failure::Answer(answer)) => Outcome::from(request, answer),
            Ok(Reply::Html(html)) => Outcome::from(request, RawHtml(html)),
            Ok(Reply::Text(text)) => Outcome::from(request, TextStream(text)),
            // The fairing gives it the testbed's form, with all other errors of sessions.
            Err(Failure::Session(error)) => Outcome::from(request, error),
        }
    }
}

impl Served {
    async fn call(&self, request: &Request<'_>, data: Data<'_>) -> Result<Call, Answer> {
        let body = data.open(BODY_LIMIT.bytes()).into_bytes().await.map_err(|_| Answer::unreadable_body(400))?;
        if !body.is_complete() {
            return Err(Answer::unreadable_body(413));
        }
        let (path, query) = (request.uri().path().as_str(), request.uri().query().map(|query| query.as_str()));
        Ok(Call::new(Arc::clone(&self.app), path, query, body.into_inner().into()))
    }
}

/// The session, or the status that its guard fails with; it never forwards.
async fn session(request: &Request<'_>) -> Result<Session, Status> {
    match request.guard::<Session>().await {
        Guarded::Success(session) => Ok(session),
        Guarded::Error((status, _)) | Guarded::Forward(status) => Err(status),
    }
}

async fn talk(session: Session, socket: DuplexStream) -> rocket_ws::result::Result<()> {
    let (outgoing, incoming) = socket.split();
    let incoming = incoming.filter_map(async |frame| match frame {
        Ok(Message::Text(text)) => Some(text),
        _ => None,
    });
    let outgoing = outgoing.with(async |text| Ok::<_, rocket_ws::result::Error>(Message::Text(text)));
    sockets::talk(session, incoming, outgoing).await;
    Ok(())
}

/// A path of the table with a method that it does not have.
#[derive(Clone)]
struct Refused;

#[rocket::async_trait]
impl Handler for Refused {
    async fn handle<'r>(&self, request: &'r Request<'_>, _data: Data<'r>) -> Outcome<'r> {
        Outcome::from(request, Answer::wrong_method())
    }
}

/// What Rocket itself answers, in the testbed's form.
#[derive(Clone)]
struct Caught;

#[rocket::async_trait]
impl catcher::Handler for Caught {
    async fn handle<'r>(&self, status: Status, request: &'r Request<'_>) -> catcher::Result<'r> {
        match status {
            Status::NotFound => Answer::not_found(),
            Status::InternalServerError => Answer::panicked(),
            _ => Answer::error(status.code, "bad_request"),
        }
        .respond_to(request)
    }
}

impl<'r> Responder<'r, 'static> for Answer {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        (Status::new(self.status), (ContentType::JSON, self.json.to_string())).respond_to(request)
    }
}
