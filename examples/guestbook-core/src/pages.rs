//! Pages. Templates are part of the program, and find the session themselves.

use std::error::Error as _;
use std::sync::Arc;

use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, ErrorKind, context};

use crate::models::ticket;
use crate::models::visitor::OPERATOR;

/// Every template by the name under which others extend, include and import it. What ends in `.html` is escaped.
const TEMPLATES: &[(&str, &str)] = &[
    ("layout.html", include_str!("../templates/layout.html")),
    ("forms.html", include_str!("../templates/forms.html")),
    ("holdings.html", include_str!("../templates/holdings.html")),
    ("guestbook.html", include_str!("../templates/guestbook.html")),
    ("shop.html", include_str!("../templates/shop.html")),
    ("devices.html", include_str!("../templates/devices.html")),
    ("sign_in.html", include_str!("../templates/sign_in.html")),
    ("error.html", include_str!("../templates/error.html")),
];

/// The style sheet of all pages.
pub const STYLE: &str = include_str!("../static/style.css");

/// The script of pages that follow the session: it leaves the page when the session ends elsewhere.
pub const LIVE: &str = include_str!("../static/live.js");

/// Makes pages.
#[derive(Debug, Clone)]
pub struct Pages(Arc<Environment<'static>>);

impl Pages {
    /// Reads the templates. `operators` is where the page for operators is, where there is one.
    ///
    /// # Errors
    ///
    /// A template that is not well formed.
    pub fn new(operators: Option<&'static str>) -> Result<Self, Error> {
        let mut environment = Environment::new();
        cloakroom::templates::add_to_environment(&mut environment);
        environment.add_function("ticket", current_ticket);
        environment.add_global("operators", operators);
        environment.add_global("operator", OPERATOR);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source)?;
        }
        Ok(Self(Arc::new(environment)))
    }

    /// A page with what only it needs to know.
    ///
    /// # Errors
    ///
    /// Those of the template, and of the session that it shows: [`session_error`] finds those.
    pub fn page(&self, template: &str, context: Value) -> Result<String, Error> {
        self.0.get_template(template)?.render(context)
    }

    /// What is shown instead of a page. It looks at no session, for that may be what failed.
    pub fn error(&self, reason: &str) -> String {
        let page = self.page("error.html", context! { reason });
        page.unwrap_or_else(|_| reason.to_owned())
    }
}

/// The error of the session for which a page could not be made, if it was one.
pub fn session_error(error: &Error) -> Option<&cloakroom::Error> {
    std::iter::successors(error.source(), |&error| error.source()).find_map(|error| error.downcast_ref())
}

/// A model as a function of templates.
fn current_ticket() -> Result<Value, Error> {
    let failed = |error| Error::new(ErrorKind::InvalidOperation, "the session cannot be described").with_source(error);
    Ok(Value::from(Serde(ticket::current().map_err(failed)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(page: &str) -> Error {
        let mut environment = Environment::new();
        cloakroom::templates::add_to_environment(&mut environment);
        environment.add_template("part", "{{ session.email }}").expect("a template");
        environment.render_str(page, ()).expect_err("there is no session outside of a request")
    }

    #[test]
    fn a_session_that_fails_is_found_below_the_template_that_used_it() {
        for page in ["{{ session.email }}", "{{ flashes() }}", "{% include 'part' %}"] {
            let found = session_error(&failure(page)).map(cloakroom::Error::kind);
            assert_eq!(found, Some(cloakroom::ErrorKind::NotLoaded), "{page}");
        }
        assert!(session_error(&failure("{{ nothing() }}")).is_none());
    }
}
