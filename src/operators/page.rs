//! The page itself: one view, and two forms that end sessions.

use std::time::{Duration, SystemTime};

use ::axum::extract::{Form, OriginalUri, Query, State};
use ::axum::http::{StatusCode, header};
use ::axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::value::Serde;
use minijinja::{Environment, Error, context};
use serde::{Deserialize, Serialize};

use super::plot::{bars, number};
use super::{Desk, asset, mount};
use crate::manager::{Cursor, SessionInfo, SessionPage};
use crate::record::Handle;

/// Sessions on one page.
const ROWS: usize = 50;

pub(super) fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.add_template("page.html", include_str!("assets/page.html"))?;
    Ok(environment)
}

pub(super) async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", include_str!("assets/page.css"))
}

pub(super) async fn script() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", include_str!("assets/page.js"))
}

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// The sessions of this user.
    #[serde(default)]
    user: String,
    /// Those after the last of an earlier page.
    after: Option<String>,
    /// How many sessions a form has just ended.
    ended: Option<usize>,
}

/// A session as the page shows it.
#[derive(Debug, Serialize)]
struct Row {
    handle: String,
    user: Option<String>,
    note: Option<String>,
    began: String,
    seen: String,
    expires: String,
    current: bool,
}

pub(super) async fn show(State(desk): State<Desk>, original: OriginalUri, Query(asked): Query<Asked>) -> Response {
    match render(&desk, &original, &asked).await {
        Ok(html) => ([(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Err(Failed::Session(error)) => error.into_response(),
        Err(Failed::Template(error)) => {
            tracing::error!(target: "cloakroom", %error, "the page for operators cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn render(desk: &Desk, original: &OriginalUri, asked: &Asked) -> Result<String, Failed> {
    let now = SystemTime::now();
    let user = asked.user.trim();
    let live = desk.sessions.count().await?;
    let page = if user.is_empty() {
        let after: Option<Cursor> = asked.after.as_deref().map(str::parse).transpose()?;
        desk.sessions.list(after, ROWS).await?
    } else {
        SessionPage { sessions: desk.sessions.sessions_of(user).await?, next: None }
    };
    let rows: Vec<Row> = page.sessions.into_iter().map(|info| Row::of(info, now)).collect();
    let history = &desk.history;
    let logins = history.spans(24, 60, |sum, minute| sum + f64::from(minute.logins));
    let conflicts = history.spans(60, 1, |sum, minute| sum + f64::from(minute.conflicts));
    let refused = history.spans(60, 1, |sum, minute| sum + f64::from(minute.refused));
    let mean = history.spans(60, 1, |_, minute| minute.mean_ms());
    let worst = history.spans(60, 1, |worst, minute| f64::max(worst, minute.worst_ms()));
    let total = |values: &[f64]| number(values.iter().sum());
    let newest = |values: &[f64]| number(values.iter().rev().copied().find(|value| *value > 0.0).unwrap_or_default());
    let plots = [
        context! { title => "Logins per hour", figure => total(&logins), of => "in 24 hours",
        svg => bars("Logins per hour", &logins, "") },
        context! { title => "Store, milliseconds", figure => newest(&mean), of => format!("on average; {} at worst in the hour", number(worst.iter().copied().fold(0.0, f64::max))),
        svg => bars("Milliseconds that the store takes", &mean, " ms") },
        context! { title => "Conflicts per minute", figure => total(&conflicts), of => "in the hour",
        svg => bars("Conflicts per minute", &conflicts, "") },
        context! { title => "Refused tickets per minute", figure => total(&refused), of => "in the hour",
        svg => bars("Refused tickets per minute", &refused, "") },
    ];
    let context = context! {
        base => mount(original, "/"),
        live, plots, user,
        rows => Serde(rows),
        next => page.next.map(|cursor| cursor.to_string()),
        ended => asked.ended,
    };
    Ok(desk.environment.get_template("page.html")?.render(context)?)
}

#[derive(Debug, Deserialize)]
pub(super) struct One {
    handle: String,
    #[serde(default)]
    user: String,
}

pub(super) async fn revoke(State(desk): State<Desk>, original: OriginalUri, Form(form): Form<One>) -> Response {
    let ended = match form.handle.parse::<Handle>() {
        Ok(handle) => desk.sessions.revoke(handle).await,
        Err(_) => return (StatusCode::BAD_REQUEST, "this is no handle\n").into_response(),
    };
    match ended {
        Ok(ended) => back(&mount(&original, "/revoke"), &form.user, usize::from(ended)),
        Err(error) => error.into_response(),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct All {
    user: String,
}

pub(super) async fn revoke_user(State(desk): State<Desk>, original: OriginalUri, Form(form): Form<All>) -> Response {
    match desk.sessions.revoke_user(&form.user).await {
        Ok(ended) => back(&mount(&original, "/revoke-user"), &form.user, ended),
        Err(error) => error.into_response(),
    }
}

/// To where the form was, so that a reload sends nothing again.
fn back(mount: &str, user: &str, ended: usize) -> Response {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("user", user)
        .append_pair("ended", &ended.to_string())
        .finish();
    Redirect::to(&format!("{mount}/?{query}")).into_response()
}

impl Row {
    fn of(info: SessionInfo, now: SystemTime) -> Self {
        Self {
            handle: info.handle.to_string(),
            user: info.user.map(|user| user.to_string()),
            note: info.note,
            began: ago(info.created, now),
            seen: ago(info.seen, now),
            expires: told(info.expires.duration_since(now).unwrap_or_default()),
            current: info.current,
        }
    }
}

fn ago(instant: SystemTime, now: SystemTime) -> String {
    told(now.duration_since(instant).unwrap_or_default())
}

/// A duration in its largest unit.
fn told(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (unit, name) =
        [(86_400, "d"), (3_600, "h"), (60, "min")].into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1, "s"));
    format!("{} {name}", seconds / unit)
}

enum Failed {
    Session(crate::Error),
    Template(Error),
}

impl From<crate::Error> for Failed {
    fn from(error: crate::Error) -> Self {
        Self::Session(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Template(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_their_largest_unit() {
        let told = |seconds| told(Duration::from_secs(seconds));
        assert_eq!([0, 59, 60, 7_199, 90_000].map(told), ["0 s", "59 s", "1 min", "1 h", "1 d"]);
    }
}
