//! Requests as browsers and tests send them.

use cloakroom::testing::Verb;
use cloakroom::{Session, SessionManager};
use rocket::fs::FileServer;
use rocket::http::{ContentType, Cookie, CookieJar, Header, Status};
use rocket::local::asynchronous::Client;
use rocket::response::Redirect;
use rocket::{get, post, routes};

use crate::{client, cookie, failing, quiet, sessions, stored, text, value, visit, with};

// behaviours 51 to 55
#[tokio::test]
async fn what_one_request_sets_the_next_one_gets() {
    let sessions = sessions();
    let client = client(quiet().attach(sessions.fairing()).mount("/", sessions.routes(routes![visit]))).await;
    let first = client.get("/").dispatch().await;
    let cookie = cookie(&first).expect("a cookie");
    assert_eq!(text(first).await, "visit 1");
    let second = with(client.get("/"), &cookie).dispatch().await;
    assert_eq!(second.headers().get_one("set-cookie"), None);
    assert_eq!(second.headers().get("vary").collect::<Vec<_>>(), ["Cookie"]);
    assert_eq!(text(second).await, "visit 2");
}

/// A local client sends no header, but puts cookies into the jar.
#[tokio::test]
async fn a_local_client_keeps_its_session() {
    let sessions = sessions();
    let rocket = quiet().attach(sessions.fairing()).mount("/", sessions.routes(routes![visit, value, sign_out]));
    let client = Client::tracked(rocket).await.expect("it launches");
    let ticket = client.get("/").dispatch().await.cookies().get("__Host-sid").expect("a cookie").value().to_owned();
    let again = client.get("/").cookie(("theme", "dark")).dispatch().await;
    assert_eq!(text(again).await, "visit 2");

    let untracked = crate::client(quiet().attach(sessions.fairing()).mount("/", sessions.routes(routes![visit]))).await;
    let given = untracked.get("/").cookie(("theme", "dark")).cookie(Cookie::new("__Host-sid", ticket.clone()));
    assert_eq!(text(given.dispatch().await).await, "visit 3");

    client.post("/sign-out").dispatch().await;
    assert_eq!(client.cookies().get("__Host-sid"), None, "the client was told to drop it");
    assert_eq!(text(client.get("/").dispatch().await).await, "visit 1");
}

#[post("/sign-out")]
fn sign_out(session: Session) -> cloakroom::Result<Redirect> {
    session.logout()?;
    Ok(Redirect::to("/"))
}

/// Rocket's jar decodes cookies and keeps one of each name, so the header says more.
#[tokio::test]
async fn the_header_is_asked_and_not_the_jar() {
    let sessions = sessions();
    let client = client(quiet().attach(sessions.fairing()).mount("/", sessions.routes(routes![visit]))).await;
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    let unknown = format!("__Host-sid={}", "A".repeat(43));

    // behaviour 71
    let two = with(client.get("/"), &format!("{cookie}; {unknown}")).dispatch().await;
    assert_eq!(text(two).await, "visit 2");
    let (name, ticket) = cookie.split_once('=').expect("a pair");
    let both = with(client.get("/"), &unknown).cookie(Cookie::new(name.to_owned(), ticket.to_owned())).dispatch().await;
    assert_eq!(text(both).await, "visit 1");
    // HTTP/2 may split the header.
    let split = with(with(client.get("/"), "theme=dark"), &cookie).dispatch().await;
    assert_eq!(text(split).await, "visit 3");
}

// behaviours 46 and 94
#[tokio::test]
async fn untouched_costs_nothing() {
    #[get("/untouched")]
    fn untouched() -> &'static str {
        "ok"
    }
    let (store, sessions) = failing();
    let files = FileServer::from(rocket::fs::relative!("docs/guide"));
    let rocket = quiet()
        .attach(sessions.fairing())
        .mount("/", sessions.routes(routes![visit, untouched]))
        .mount("/files", files.clone())
        .mount("/wrapped", sessions.routes(files));
    let client = client(rocket).await;
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    let calls = store.total_calls();
    for path in ["/untouched", "/files/stores.md", "/wrapped/stores.md", "/nowhere"] {
        let response = with(client.get(path), &cookie).dispatch().await;
        assert_eq!(response.status(), if path == "/nowhere" { Status::NotFound } else { Status::Ok });
        for header in ["set-cookie", "vary", "cache-control"] {
            assert_eq!(response.headers().get_one(header), None, "{path}");
        }
    }
    assert_eq!(store.total_calls(), calls);
}

// behaviours 78, 81, 92 and 95
#[tokio::test]
async fn the_applications_own_headers_stay() {
    #[derive(rocket::Responder)]
    #[response(status = 303)]
    struct Answer {
        text: &'static str,
        vary: Header<'static>,
        cache: Header<'static>,
    }
    #[post("/")]
    fn handler(session: Session, jar: &CookieJar<'_>) -> cloakroom::Result<Answer> {
        session.set("a", 1)?;
        jar.add(("theirs", "1"));
        let header = Header::new;
        Ok(Answer {
            text: "see there",
            vary: header("Vary", "Accept, cookie"),
            cache: header("Cache-Control", "public, max-age=60"),
        })
    }
    let sessions = sessions();
    let client = client(quiet().attach(sessions.fairing()).mount("/", sessions.routes(routes![handler]))).await;
    let response = client.post("/").dispatch().await;
    let all = |name| response.headers().get(name).collect::<Vec<_>>();
    assert!(all("set-cookie")[0].starts_with("theirs=1"));
    assert_eq!(all("set-cookie").len(), 2);
    assert_eq!(all("vary"), ["Accept, cookie"]);
    assert_eq!(all("cache-control"), ["no-store"]);
}

/// Rocket runs a request in a task of its own: who hangs up is still served.
// behaviour 100
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_leaves_no_commit_half_done() {
    let (store, sessions) = failing();
    let cookie = {
        let client = client(quiet().attach(sessions.fairing()).mount("/", sessions.routes(routes![visit]))).await;
        cookie(&client.get("/").dispatch().await).expect("a cookie")
    };
    let (port, shutdown) = listening(&sessions).await;
    let stop = store.on(Verb::Swap).pause_before();
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n");
    let socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("connects");
    send_all(&socket, request.as_bytes()).await;
    stop.reached().await;
    drop(socket);
    tokio::task::yield_now().await;
    stop.resume();
    shutdown.notify();

    let client = client(quiet().attach(sessions.fairing()).mount("/", sessions.routes(routes![value]))).await;
    let start = std::time::Instant::now();
    while stored(&client, &cookie, "visits").await != "2" {
        assert!(start.elapsed().as_secs() < 5, "what the request changed is lost");
        tokio::task::yield_now().await;
    }
}

/// A real server on a port of its own.
async fn listening(sessions: &SessionManager) -> (u16, rocket::Shutdown) {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let announce = rocket::fairing::AdHoc::on_liftoff("announce", move |rocket| {
        let tell = tell.lock().expect("one thread").take().expect("once");
        tell.send(rocket.config().port).expect("it is waited for");
        Box::pin(async {})
    });
    let rocket = quiet().attach(sessions.fairing()).attach(announce).mount("/", sessions.routes(routes![visit]));
    let rocket = rocket.ignite().await.expect("it ignites");
    let shutdown = rocket.shutdown();
    tokio::spawn(rocket.launch());
    (told.await.expect("it launches"), shutdown)
}

async fn send_all(socket: &tokio::net::TcpStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        socket.writable().await.expect("a socket");
        match socket.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
        }
    }
}

/// The same where the whole request is dropped while it waits for the store.
#[tokio::test]
async fn a_request_that_is_dropped_leaves_no_commit_half_done() {
    let (store, sessions) = failing();
    let client = client(quiet().attach(sessions.fairing()).mount("/", sessions.routes(routes![visit, value]))).await;
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    let stop = store.on(Verb::Swap).pause_before();
    tokio::select! {
        biased;
        _ = with(client.get("/"), &cookie).dispatch() => panic!("the store was to wait"),
        () = stop.reached() => {}
    }
    stop.resume();
    while stored(&client, &cookie, "visits").await != "2" {
        tokio::task::yield_now().await;
    }
}

/// They share Rocket's cache of the request.
#[tokio::test]
async fn copies_of_a_local_request_are_requests_of_their_own() {
    let sessions = sessions();
    let client = client(quiet().attach(sessions.fairing()).mount("/", sessions.routes(routes![visit]))).await;
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    let request = with(client.get("/").header(ContentType::Plain), &cookie);
    for n in 2..5 {
        assert_eq!(text(request.clone().dispatch().await).await, format!("visit {n}"));
    }
    let request = client.get("/");
    for _ in 0..2 {
        let response = request.clone().dispatch().await;
        assert!(crate::cookie(&response).is_some_and(|other| other != cookie));
        assert_eq!(text(response).await, "visit 1");
    }
}
