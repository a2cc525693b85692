//! A response body that may still use its session.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

use crate::adapter::BodySession;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pin_project! {
    /// The body of a response of the `http` crate: as [`BodySession`] says, what it changes is saved when it ends.
    pub struct SessionBody<B> {
        #[pin]
        content: Content<B>,
        session: BodySession,
    }
}

pin_project! {
    #[project = ContentProjection]
    enum Content<B> {
        Body { #[pin] body: B },
        Text { #[pin] body: Full<Bytes> },
    }
}

impl<B> SessionBody<B> {
    /// A body that goes on with its session. One whose size is known is taken to be there already, and goes without: what it
    /// changes it would have to save itself.
    ///
    /// ```
    /// use cloakroom::adapter::{BodySession, SessionBody};
    ///
    /// fn with_session<B>(response: http::Response<B>, session: BodySession) -> http::Response<SessionBody<B>>
    /// where
    ///     B: http_body::Body,
    /// {
    ///     response.map(|body| SessionBody::new(body, session))
    /// }
    /// ```
    pub fn new(body: B, session: BodySession) -> Self
    where
        B: Body,
    {
        let session = if body.size_hint().exact().is_some() { BodySession::default() } else { session };
        Self { content: Content::Body { body }, session }
    }

    /// A body without a session.
    ///
    /// ```
    /// # use cloakroom::adapter::SessionBody;
    /// let body = SessionBody::plain("a line".to_owned());
    /// ```
    pub fn plain(body: B) -> Self {
        Self { content: Content::Body { body }, session: BodySession::default() }
    }

    /// What is sent in the place of a body: the text of an [`ErrorAnswer`](crate::adapter::ErrorAnswer), or the
    /// application's own.
    ///
    /// ```
    /// # use cloakroom::{Error, adapter::{ErrorAnswer, SessionBody}};
    /// fn failed<B>(error: Error) -> http::Response<SessionBody<B>> {
    ///     http::Response::<String>::from(ErrorAnswer::new(error)).map(SessionBody::text)
    /// }
    /// ```
    pub fn text(text: String) -> Self {
        Self { content: Content::Text { body: Full::from(text) }, session: BodySession::default() }
    }
}

impl<B: Default> Default for SessionBody<B> {
    fn default() -> Self {
        Self::plain(B::default())
    }
}

impl<B> Body for SessionBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        this.session.poll(cx, |cx| this.content.poll_frame(cx), Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.session.is_saved() && self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

impl<B> Body for Content<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project() {
            ContentProjection::Body { body } => body.poll_frame(cx).map_err(Into::into),
            ContentProjection::Text { body } => body.poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Body { body } => body.is_end_stream(),
            Self::Text { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Body { body } => body.size_hint(),
            Self::Text { body } => body.size_hint(),
        }
    }
}

impl<B> fmt::Debug for SessionBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBody").field("session", &self.session).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::session::Session;
    use crate::{MemoryStore, SessionManager};

    /// Ends at once, if there is a session meanwhile.
    struct WithSession(SizeHint);

    impl Body for WithSession {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            if Session::ambient().is_some() { Poll::Ready(None) } else { Poll::Pending }
        }

        fn size_hint(&self) -> SizeHint {
            self.0
        }
    }

    #[tokio::test]
    async fn a_body_goes_with_its_session_unless_its_size_is_known() {
        let session = SessionManager::new(MemoryStore::new()).open(());
        session.load().await.expect("memory answers");
        for (size, goes_along) in [(SizeHint::default(), true), (SizeHint::with_exact(3), false)] {
            let mut body = SessionBody::new(WithSession(size), BodySession::of(&session));
            let polled = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
            assert_eq!(polled.is_ready(), goes_along);
        }
    }
}
