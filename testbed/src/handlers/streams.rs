//! Bodies that go on after the response head.

use std::time::Duration;

use cloakroom::Session;
use futures_util::{StreamExt, stream};

use super::{Call, Outcome, Reply};

/// Sends a line feed, and the head with it; waits, sets the key, and tells how that went.
pub(crate) async fn stream(session: Session, call: Call) -> Outcome {
    let (key, ms) = (call.key()?, call.query("ms")?.unwrap_or(300));
    let change = async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        match session.set(key, "streamed") {
            Ok(()) => "streamed\n".to_owned(),
            Err(error) => format!("{}\n", error.kind()),
        }
    };
    let text = stream::iter(["\n".to_owned()]).chain(stream::once(change));
    Ok(Reply::Text(Box::pin(text)))
}
