//! Where a visitor is signed in.

use cloakroom::{Result, SessionInfo, SessionManager};
use serde::Serialize;

use crate::words;

/// In letters.
pub const LONGEST_LABEL: usize = 40;

/// One of the visitor's sessions for people to read.
#[derive(Debug, Serialize)]
pub struct Device {
    /// What it is signed out by. It opens nothing.
    handle: String,
    label: String,
    began: String,
    seen: String,
    current: bool,
}

impl From<SessionInfo> for Device {
    fn from(info: SessionInfo) -> Self {
        Self {
            handle: info.handle.to_string(),
            label: info.note.unwrap_or_else(|| "A device without a name".to_owned()),
            began: words::ago(info.created),
            seen: words::ago(info.seen),
            current: info.current,
        }
    }
}

/// The newest first.
///
/// # Errors
///
/// Those of the store.
pub async fn of(sessions: &SessionManager, user: &str) -> Result<Vec<Device>> {
    Ok(sessions.sessions_of(user).await?.into_iter().map(Device::from).collect())
}

/// What a browser says that it is, as a name to begin with: the visitor sees it before it is kept, and may change it.
pub fn suggested_label(user_agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(sign, _)| user_agent.contains(sign)).map(|(_, name)| *name)
    };
    // The more special before those that it claims to be as well.
    let browser = first(&[("Firefox/", "Firefox"), ("Edg/", "Edge"), ("Chrome/", "Chromium"), ("Safari/", "Safari")]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "an iPhone"),
        ("Windows", "Windows"),
        ("Mac OS X", "a Mac"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "My device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_suggested_for_any_browser() {
        for (user_agent, label) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
                "Chromium on Android",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            ("curl/8.5.0", "My device"),
        ] {
            assert_eq!(suggested_label(user_agent), label);
        }
    }
}
