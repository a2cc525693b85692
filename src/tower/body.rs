//! A response body that may still use its session.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

use crate::error::{ErrorKind, Result};
use crate::events;
use crate::session::Session;
use crate::store::BoxFuture;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pin_project! {
    /// The body of a response. If its request used the session, it is polled with it, and what it changes is saved when
    /// it ends. Servers drop a body that has sent all that it announced, or whose client is gone: then what it changed is
    /// saved as well, and an error can only be logged.
    pub struct SessionBody<B> {
        #[pin]
        content: Content<B>,
        session: Option<Session>,
        saving: Option<BoxFuture<'static, Result<()>>>,
    }

    impl<B> PinnedDrop for SessionBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(session) = this.session.take().filter(|session| session.has_changes())
                && this.saving.is_none()
                && !std::thread::panicking()
                && let Ok(runtime) = tokio::runtime::Handle::try_current()
            {
                runtime.spawn(async move {
                    if let Err(error) = session.save().await {
                        events::body_failed(&error);
                    }
                });
            }
        }
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
    pub(super) fn new(body: B, session: &Session) -> Self {
        let session = session.is_loaded().then(|| session.clone());
        Self { content: Content::Body { body }, session, saving: None }
    }

    pub(super) fn plain(body: B) -> Self {
        Self { content: Content::Body { body }, session: None, saving: None }
    }

    pub(super) fn text(text: String) -> Self {
        Self { content: Content::Text { body: Full::from(text) }, session: None, saving: None }
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
        let mut this = self.project();
        if this.saving.is_none() {
            let frame = match this.session.as_ref() {
                Some(session) => session.enter(|| this.content.as_mut().poll_frame(cx)),
                None => this.content.as_mut().poll_frame(cx),
            };
            match (ready!(frame), this.session.as_ref().filter(|session| session.has_changes())) {
                (None, Some(session)) => {
                    let session = session.clone();
                    *this.saving = Some(Box::pin(async move { session.save().await }));
                }
                (frame, _) => return Poll::Ready(frame),
            }
        }
        let Some(saving) = this.saving else { return Poll::Ready(None) };
        let saved = ready!(saving.as_mut().poll(cx));
        // What could not be saved is discarded, so that the body ends.
        (*this.saving, *this.session) = (None, None);
        match saved {
            // The bytes are on their way, so all that can still be said is that they were not the whole answer.
            Err(error) if error.kind() != ErrorKind::Ended => {
                events::body_failed(&error);
                Poll::Ready(Some(Err(error.into())))
            }
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        let changed = self.session.as_ref().is_some_and(Session::has_changes);
        !changed && self.saving.is_none() && self.content.is_end_stream()
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
