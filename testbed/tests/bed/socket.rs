//! A visitor's WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::Client;

const PATIENCE: Duration = Duration::from_secs(20);

/// An open WebSocket, on which every frame is answered.
pub(crate) struct Socket {
    runtime: Runtime,
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    /// Opens a WebSocket with the cookies of the jar, on a path of the server.
    pub(crate) fn socket(&self, path: &str) -> Socket {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut request = format!("ws://{}{path}", self.address()).into_client_request().expect("a request");
        let cookies: Vec<_> = self.kept().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.headers_mut().insert("cookie", cookies.join("; ").parse().expect("a header"));
        }
        let (stream, response) = runtime
            .block_on(async { timeout(PATIENCE, connect_async(request)).await })
            .expect("an answer in time")
            .expect("an upgrade");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 0, "{response:?}");
        Socket { runtime, stream }
    }
}

impl Socket {
    /// Sends a frame, and answers what comes back.
    #[track_caller]
    pub(crate) fn ask(&mut self, frame: &str) -> String {
        self.say(frame);
        self.hear()
    }

    pub(crate) fn say(&mut self, frame: &str) {
        self.runtime.block_on(self.stream.send(Message::text(frame))).expect("a frame is sent");
    }

    /// The next frame of text.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        let next = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => return text.to_string(),
                    Some(Ok(_)) => {}
                    other => panic!("no frame: {other:?}"),
                }
            }
        };
        self.runtime.block_on(async { timeout(PATIENCE, next).await }).expect("an answer in time")
    }

    /// Closes it in the proper way, and waits for the other side.
    pub(crate) fn close(mut self) {
        let closed = async {
            self.stream.close(None).await.expect("a closing frame is sent");
            while let Some(Ok(_)) = self.stream.next().await {}
        };
        self.runtime.block_on(async { timeout(PATIENCE, closed).await }).expect("the other side closes in time");
    }
}
