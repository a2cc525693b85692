//! A socket that is open for as long as its visitor is signed in.

use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{CloseCode, CloseReason, Message, MessageStream};
use cloakroom::Session;

use super::SignedIn;
use crate::failure::Result;
use crate::protection::comes_from_elsewhere;

pub(crate) async fn open(
    _: SignedIn,
    session: Session,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse> {
    // The handshake is a `GET`, which a page of another site may send.
    if comes_from_elsewhere(request.headers()) {
        return Ok(HttpResponse::Forbidden().finish());
    }
    let (response, socket, messages) = actix_ws::handle(&request, body)?;
    actix_web::rt::spawn(close_when_signed_out(session, socket, messages));
    Ok(response)
}

async fn close_when_signed_out(session: Session, socket: actix_ws::Session, mut messages: MessageStream) {
    let mut reason = None;
    loop {
        tokio::select! {
            () = session.ended() => {
                reason = Some(CloseReason { code: CloseCode::Normal, description: Some("signed out".to_owned()) });
                break;
            }
            message = messages.recv() => match message {
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    // A browser that is gone needs no word.
    let _ = socket.close(reason).await;
}
