//! The application as a client sees it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use salvo::prelude::*;

/// An answer: its head, and its body.
fn get(address: SocketAddr, cookie: &str) -> (String, String) {
    let mut socket = TcpStream::connect(address).expect("it listens");
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visits_are_counted() {
    let acceptor = TcpListener::new("127.0.0.1:0").bind().await;
    let address = acceptor.local_addr().expect("an address");
    tokio::spawn(Server::new(acceptor).try_serve(hello_salvo::app()));

    let (head, body) = get(address, "");
    assert_eq!(body, "visit 1\n");
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    let (_, body) = get(address, cookie.split(';').next().expect("never empty"));
    assert_eq!(body, "visit 2\n");
}
