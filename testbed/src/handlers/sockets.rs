//! Conversations over a WebSocket, of text frames.

use std::pin::pin;

use cloakroom::Session;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde_json::Value;

use super::transient::lookup;

/// Answers every frame with one, until either side is gone; `wait-ended` with `ended` when the session is over, and other
/// frames meanwhile. Servers run it in a task of its own, which is why it brings its
/// session along.
pub(crate) async fn talk(session: Session, incoming: impl Stream<Item = String>, outgoing: impl Sink<String>) {
    let conversation = async {
        let (mut incoming, mut outgoing) = (pin!(incoming), pin!(outgoing));
        let mut waits = false;
        loop {
            let answer = tokio::select! {
                () = session.ended(), if waits => {
                    waits = false;
                    "ended".to_owned()
                }
                frame = incoming.next() => match frame.as_deref() {
                    Some("wait-ended") => {
                        waits = true;
                        continue;
                    }
                    Some(frame) => {
                        answer(&session, frame).await.unwrap_or_else(|error| format!("error {}", error.kind()))
                    }
                    None => break,
                },
            };
            if outgoing.send(answer).await.is_err() {
                break;
            }
        }
    };
    session.clone().scope(conversation).await;
}

/// `get K` answers the value as JSON, and `set K JSON` and `save` answer `ok`. What fails answers `error KIND`.
async fn answer(session: &Session, frame: &str) -> cloakroom::Result<String> {
    let mut words = frame.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        // As a model reads it.
        (Some("get"), Some(key), None) => Ok(lookup(key)?.unwrap_or_default().to_string()),
        (Some("set"), Some(key), Some(json)) => match serde_json::from_str::<Value>(json) {
            Ok(value) => session.set(key, value).map(|()| "ok".to_owned()),
            Err(_) => Ok("error bad_request".to_owned()),
        },
        (Some("save"), None, None) => session.save().await.map(|()| "ok".to_owned()),
        _ => Ok("error bad_request".to_owned()),
    }
}
