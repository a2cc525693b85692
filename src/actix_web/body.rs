//! A response body that may still use its session.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, EitherBody, MessageBody};
use bytes::Bytes;
use pin_project_lite::pin_project;

use crate::adapter::BodySession;

pin_project! {
    /// The body of a response: as [`BodySession`] says, what it changes is saved when it ends.
    pub struct SessionBody<B> {
        #[pin]
        content: EitherBody<B>,
        session: BodySession,
    }
}

impl<B> SessionBody<B> {
    pub(super) fn new(content: EitherBody<B>, session: BodySession) -> Self {
        Self { content, session }
    }

    pub(super) fn plain(content: EitherBody<B>) -> Self {
        Self::new(content, BodySession::default())
    }

    /// The body of an answer of our own, or of the application's to an error of ours.
    pub(super) fn boxed(content: BoxBody) -> Self {
        Self::plain(EitherBody::right(content))
    }
}

impl<B: MessageBody + 'static> MessageBody for SessionBody<B> {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        self.content.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        this.session.poll(cx, |cx| this.content.poll_next(cx).map_err(Into::into), Into::into)
    }

    /// Bytes that are there already change no session.
    fn try_into_bytes(self) -> Result<Bytes, Self> {
        if !self.session.is_saved() {
            return Err(self);
        }
        let Self { content, session } = self;
        content.try_into_bytes().map_err(|content| Self { content, session })
    }
}

impl<B> fmt::Debug for SessionBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBody").field("session", &self.session).finish_non_exhaustive()
    }
}
