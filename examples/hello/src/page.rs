//! The page. It takes no session: it finds the current one, as any code of an application does.

use std::time::SystemTime;

use cloakroom::{Result, Session};

use crate::VISITS;

const STYLE: &str = "
:root { color-scheme: light dark; font: 17px/1.5 system-ui, sans-serif; }
body { max-width: 40rem; margin: 3rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; }
form { display: flex; gap: .5rem; margin: 1rem 0; }
input, button { font: inherit; padding: .4rem .8rem; border: 1px solid #8886; border-radius: .4rem; }
input { flex: 1; min-width: 0; }
button { cursor: pointer; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid #8884; padding: .35rem .5rem .35rem 0; vertical-align: top; overflow-wrap: anywhere; }
td:first-child { opacity: .7; width: 12rem; }
.flash { padding: .5rem .9rem; border-radius: .4rem; background: #2a72; }
.flash.error { background: #c332; }
";

/// The only page of the application.
pub(crate) fn home() -> Result<String> {
    let session = Session::current()?;
    let visits = session.get(VISITS)?.unwrap_or(0);
    let flashes: String = session
        .flashes()?
        .iter()
        .map(|flash| format!("<p class=\"flash {}\">{}</p>", escape(&flash.kind), escape(&flash.text)))
        .collect();
    let greeting = match session.user()? {
        Some(user) => format!(
            "<p>You are <b>{}</b>.</p><form method=post action=/sign-out><button>Sign out</button></form>",
            escape(&user)
        ),
        None => {
            "<form method=post action=/sign-in><input name=name placeholder=\"Your name\" aria-label=\"Your name\">\
                 <button>Sign in</button></form>"
                .to_owned()
        }
    };
    Ok(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>cloakroom</title><style>{STYLE}</style>\
         <h1>Visit {visits}</h1>{flashes}{greeting}\
         <form method=post action=/note><input name=note placeholder=\"A note to keep\" aria-label=\"A note to keep\">\
         <button>Keep</button></form>\
         <h2>What your session holds</h2><table>{}</table></html>",
        holdings(&session)?
    ))
}

fn holdings(session: &Session) -> Result<String> {
    let mut rows = String::new();
    for key in session.keys()? {
        let value: Option<serde_json::Value> = session.get(key.as_str())?;
        rows += &row(&key, &value.unwrap_or_default().to_string());
    }
    if let Some(handle) = session.handle()? {
        rows += &row("public name", &handle.to_string());
    }
    for (name, deadline) in
        [("ends without activity", session.idle_deadline()?), ("ends in any case", session.absolute_deadline()?)]
    {
        let left = deadline.and_then(|deadline| deadline.duration_since(SystemTime::now()).ok());
        rows += &row(
            name,
            &left.map_or("shown with the next page".to_owned(), |left| format!("in {}", days(left.as_secs()))),
        );
    }
    Ok(rows)
}

fn row(name: &str, value: &str) -> String {
    format!("<tr><td>{}<td>{}", escape(name), escape(value))
}

fn days(seconds: u64) -> String {
    format!("{} days, {} hours", seconds / 86_400, seconds % 86_400 / 3_600)
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
}
