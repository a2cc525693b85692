//! A streamed body that may still use its session.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rocket::Response;
use rocket::response::Body;
use rocket::tokio::io::{AsyncRead, ReadBuf};

use crate::adapter::BodySession;
use crate::session::Session;

/// A body that is polled with its session. A body whose size is known is no stream, and Rocket has to be able to seek in it.
struct SessionBody<'r> {
    body: Body<'r>,
    session: BodySession,
}

/// Sends the body of a response with its session, if it is a stream.
pub(super) async fn accompany(response: &mut Response<'_>, session: &Session) {
    if response.body().is_none() || response.body_mut().size().await.is_some() {
        return;
    }
    let chunk = response.body().max_chunk_size();
    let body = response.body_mut().take();
    response.set_streamed_body(SessionBody { body, session: BodySession::of(session) });
    response.set_max_chunk_size(chunk);
}

impl AsyncRead for SessionBody<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { body, session } = self.get_mut();
        let read = |cx: &mut Context<'_>| {
            let before = buf.filled().len();
            Pin::new(body).poll_read(cx, buf).map(|read| match read {
                Ok(()) if buf.filled().len() == before => None,
                read => Some(read),
            })
        };
        session.poll(cx, read, io::Error::other).map(|read| read.unwrap_or(Ok(())))
    }
}
