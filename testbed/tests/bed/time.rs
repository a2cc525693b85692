//! How long things take.

use std::thread;
use std::time::Duration;

/// Scenarios tell times as on a machine that is idle. All that they tell is stretched alike, the options of servers, waits
/// and what requests are asked to wait, so that they hold on one that is busy: with scenarios that mostly wait.
const STRETCH: u32 = 3;

/// What is shorter than this passes in a scenario; what is longer is only to be far away.
const FAR_AWAY: f64 = 10.0;

/// A time of a scenario as the clock on the wall has it.
pub(crate) fn stretched(ms: u64) -> Duration {
    Duration::from_millis(ms) * STRETCH
}

pub(crate) fn sleep(ms: u64) {
    thread::sleep(stretched(ms));
}

/// Options of a server, with their times stretched.
pub(super) fn stretched_options<'a>(options: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut is_time = false;
    let stretch = |option: &'a str| {
        let stretched = if is_time { seconds(option) } else { None };
        is_time = matches!(option, "--idle" | "--absolute" | "--renew" | "--grace");
        stretched.unwrap_or_else(|| option.to_owned())
    };
    options.into_iter().map(stretch).collect()
}

/// A path, with the times in its query stretched.
pub(super) fn stretched_path(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let parameters = query.split('&').map(|parameter| {
        let stretched = match parameter.split_once('=') {
            Some(("ms", ms)) => ms.parse().ok().map(|ms| format!("ms={}", stretched(ms).as_millis())),
            Some(("secs", secs)) => seconds(secs).map(|secs| format!("secs={secs}")),
            _ => None,
        };
        stretched.unwrap_or_else(|| parameter.to_owned())
    });
    format!("{path}?{}", parameters.collect::<Vec<_>>().join("&"))
}

/// A number of seconds, if it is to pass in a scenario.
fn seconds(text: &str) -> Option<String> {
    let seconds: f64 = text.parse().ok().filter(|seconds| *seconds < FAR_AWAY)?;
    Some((seconds * f64::from(STRETCH)).to_string())
}
