//! `Session` and its user as extractors, and `Error` as a response.

use http::{HeaderValue, StatusCode, header};
use salvo_core::extract::Metadata;
use salvo_core::http::{ResBody, Response};
use salvo_core::{Depot, Extractible, Request, Scribe};

use super::preload::load;
use crate::access::{FreshUser, Policy, Require, User};
use crate::adapter::{self, ErrorAnswer};
use crate::error::{Error, Result};
use crate::session::Session;

/// Loads the session, once a request. What the store does not answer becomes a 503, or what
/// [`on_error`](super::SessionHoop::on_error) makes of it.
impl<'ex> Extractible<'ex> for Session {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("Session");
        &METADATA
    }

    // The trait promises less than what is known here.
    #[allow(refining_impl_trait)]
    async fn extract(_request: &'ex mut Request, _depot: &'ex mut Depot) -> Result<Self> {
        load().await
    }
}

macro_rules! is_extracted {
    ([$($generics:tt)*] $type:ty, $name:literal) => {
        impl<'ex, $($generics)*> Extractible<'ex> for $type {
            fn metadata() -> &'static Metadata {
                static METADATA: Metadata = Metadata::new($name);
                &METADATA
            }

            #[allow(refining_impl_trait)]
            async fn extract(_request: &'ex mut Request, _depot: &'ex mut Depot) -> Result<Self> {
                adapter::extract().await
            }
        }
    };
}

is_extracted!([] User, "User");
is_extracted!([const SECONDS: u64] FreshUser<SECONDS>, "FreshUser");
is_extracted!([P: Policy] Require<P>, "Require");

/// An answer in the place of what was rendered before.
impl Scribe for Error {
    fn render(self, response: &mut Response) {
        let answer = ErrorAnswer::new(self);
        let headers = response.headers_mut();
        // These tell of the body that is replaced.
        for name in [
            header::CONTENT_LENGTH,
            header::CONTENT_ENCODING,
            header::CONTENT_RANGE,
            header::CONTENT_DISPOSITION,
            header::ETAG,
            header::LAST_MODIFIED,
        ] {
            headers.remove(name);
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(ErrorAnswer::CONTENT_TYPE));
        response.status_code(StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        response.replace_body(ResBody::Once(answer.text().into()));
        response.extensions.insert(answer);
    }
}
