//! A socket that is open for as long as its visitor is signed in.

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use cloakroom::Session;
use guestbook_core::comes_from_elsewhere;

use super::SignedIn;

pub(crate) async fn open(_: SignedIn, session: Session, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    // The handshake is a `GET`, which a page of another site may send.
    if comes_from_elsewhere(|name| headers.get(name).map(HeaderValue::as_bytes)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    upgrade.on_upgrade(move |socket| close_when_signed_out(session, socket))
}

async fn close_when_signed_out(session: Session, mut socket: WebSocket) {
    loop {
        tokio::select! {
            () = session.ended() => break,
            message = socket.recv() => match message {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
    let frame = CloseFrame { code: close_code::NORMAL, reason: "signed out".into() };
    // A browser that is gone needs no word.
    let _ = socket.send(Message::Close(Some(frame))).await;
}
