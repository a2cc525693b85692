//! The page itself: one view, and two forms that end sessions.

use std::time::{Duration, SystemTime};

use ::axum::extract::{Form, OriginalUri, Query, State};
use ::axum::http::{StatusCode, header};
use ::axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, context};
use serde::{Deserialize, Serialize};

use super::history::{History, Minute};
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
    /// The query that finds that user's sessions.
    query: Option<String>,
    note: Option<String>,
    began: String,
    seen: String,
    expires: String,
    current: bool,
}

pub(super) async fn show(State(desk): State<Desk>, original: OriginalUri, Query(asked): Query<Asked>) -> Response {
    let after = match asked.after.as_deref().map(str::parse).transpose() {
        Ok(after) => after,
        Err(_) => return (StatusCode::BAD_REQUEST, "this is no place in the list\n").into_response(),
    };
    match render(&desk, &original, asked, after).await {
        Ok(html) => ([(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Err(Failed::Session(error)) => error.into_response(),
        Err(Failed::Template(error)) => {
            tracing::error!(target: "cloakroom", %error, "the page for operators cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn render(desk: &Desk, original: &OriginalUri, asked: Asked, after: Option<Cursor>) -> Result<String, Failed> {
    let now = desk.sessions.now().into();
    let user = asked.user.trim();
    let live = desk.sessions.count().await?;
    let page = if user.is_empty() {
        desk.sessions.list(after, ROWS).await?
    } else {
        SessionPage { sessions: desk.sessions.sessions_of(user).await?, next: None }
    };
    let rows: Vec<Row> = page.sessions.into_iter().map(|info| Row::of(info, now)).collect();
    let base = mount(original, "/");
    let context = context! {
        home => home(&base),
        base,
        live, user,
        plots => plots(&desk.history),
        rows => Serde(rows),
        next => page.next.map(|cursor| cursor.to_string()),
        ended => asked.ended,
    };
    Ok(desk.environment.get_template("page.html")?.render(context)?)
}

fn plots(history: &History) -> [Value; 4] {
    let counted = |spans, each, count: fn(&Minute) -> u32| {
        history.spans(spans, each, |sum, minute| sum + f64::from(count(minute)))
    };
    let logins = counted(24, 60, |minute| minute.logins);
    let conflicts = counted(60, 1, |minute| minute.conflicts);
    let refused = counted(60, 1, |minute| minute.refused);
    let mean = history.spans(60, 1, |_, minute| minute.mean_ms());
    let worst = history.spans(60, 1, |worst, minute| f64::max(worst, minute.worst_ms()));
    let worst = number(worst.iter().copied().fold(0.0, f64::max));
    let newest = mean.iter().rev().copied().find(|value| *value > 0.0).unwrap_or_default();
    let plot = |title, figure, of: &str, values: &[f64], unit| {
        context! { title, figure => number(figure), of, svg => bars(title, values, unit) }
    };
    [
        plot("Logins per hour", logins.iter().sum(), "in 24 hours", &logins, ""),
        plot("Store, milliseconds", newest, &format!("on average, {worst} at worst"), &mean, " ms"),
        plot("Conflicts per minute", conflicts.iter().sum(), "in the hour", &conflicts, ""),
        plot("Refused tickets per minute", refused.iter().sum(), "in the hour", &refused, ""),
    ]
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
    let query = query(&[("user", user), ("ended", &ended.to_string())]);
    Redirect::to(&format!("{}?{query}", home(mount))).into_response()
}

/// The address of the page itself. A router that is nested at `/operators` does not know `/operators/`.
fn home(mount: &str) -> &str {
    if mount.is_empty() { "/" } else { mount }
}

fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

impl Row {
    fn of(info: SessionInfo, now: SystemTime) -> Self {
        Self {
            handle: info.handle.to_string(),
            query: info.user.as_deref().map(|user| query(&[("user", user)])),
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
