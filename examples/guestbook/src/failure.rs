//! What can go wrong while a page is made.

use std::error::Error;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// An error of the session or of a template, on its way to becoming a response.
#[derive(Debug)]
pub(crate) enum Failure {
    Session(cloakroom::Error),
    Template(minijinja::Error),
}

impl From<cloakroom::Error> for Failure {
    fn from(error: cloakroom::Error) -> Self {
        Self::Session(error)
    }
}

impl From<minijinja::Error> for Failure {
    fn from(error: minijinja::Error) -> Self {
        Self::Template(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let error = match self {
            // The session layer knows it again, and shows the page that it was given for errors.
            Self::Session(error) => return error.into_response(),
            Self::Template(error) => error,
        };
        // A template that looks at the session fails as the session does.
        if let Some(session) = session_error(&error) {
            let kind = session.kind();
            return cloakroom::Error::new(kind, "a template could not use the session")
                .caused_by(error)
                .into_response();
        }
        tracing::error!(error = &error as &dyn Error, "a template failed");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

fn session_error(error: &minijinja::Error) -> Option<&cloakroom::Error> {
    std::iter::successors(error.source(), |&error| error.source()).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use cloakroom::ErrorKind;
    use minijinja::Environment;

    use super::*;

    fn failure(page: &str) -> minijinja::Error {
        let mut environment = Environment::new();
        cloakroom::templates::add_to_environment(&mut environment);
        environment.add_template("part", "{{ session.email }}").expect("a template");
        environment.render_str(page, ()).expect_err("there is no session outside of a request")
    }

    #[test]
    fn a_session_that_fails_is_found_below_the_template_that_used_it() {
        for page in ["{{ session.email }}", "{{ flashes() }}", "{% include 'part' %}"] {
            assert_eq!(session_error(&failure(page)).map(cloakroom::Error::kind), Some(ErrorKind::NotLoaded), "{page}");
        }
        assert!(session_error(&failure("{{ nothing() }}")).is_none());
    }
}
