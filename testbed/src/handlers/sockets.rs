//! Conversations over a WebSocket, of text frames.

use std::pin::pin;

use cloakroom::Session;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde_json::Value;

use super::transient::lookup;

/// Answers every frame with one, until either side is gone. Servers run it in a task of its own, which is why it brings its
/// session along.
pub(crate) async fn talk(session: Session, incoming: impl Stream<Item = String>, outgoing: impl Sink<String>) {
    let conversation = async {
        let (mut incoming, mut outgoing) = (pin!(incoming), pin!(outgoing));
        while let Some(frame) = incoming.next().await {
            let answer = answer(&session, &frame).await.unwrap_or_else(|error| format!("error {}", error.kind()));
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
        (Some("wait-ended"), None, None) => Ok("error unsupported".to_owned()),
        _ => Ok("error bad_request".to_owned()),
    }
}
