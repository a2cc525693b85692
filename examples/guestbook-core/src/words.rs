//! Times as people say them.

use std::time::{Duration, SystemTime};

/// How long it takes, in two units at most: "31 days", "1 hour and 5 minutes".
pub fn span(duration: Duration) -> String {
    let minutes = (duration.as_secs() + 30) / 60;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => count(minutes, "minute"),
        (0, hours, 0) => count(hours, "hour"),
        (0, hours, minutes) => format!("{} and {}", count(hours, "hour"), count(minutes, "minute")),
        (days, 0, _) => count(days, "day"),
        (days, hours, _) => format!("{} and {}", count(days, "day"), count(hours, "hour")),
    }
}

/// When it will be: "in 31 days".
pub fn until(instant: SystemTime) -> String {
    instant.duration_since(SystemTime::now()).map_or_else(|_| "now".to_owned(), |left| format!("in {}", span(left)))
}

/// When it was: "5 minutes ago".
pub fn ago(instant: SystemTime) -> String {
    match instant.elapsed() {
        Ok(past) if past.as_secs() >= 30 => format!("{} ago", span(past)),
        _ => "just now".to_owned(),
    }
}

/// "1 article", "2 articles".
pub fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        let said = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(said(12), "less than a minute");
        assert_eq!(said(65), "1 minute");
        assert_eq!(said(2 * 60), "2 minutes");
        assert_eq!(said(3600 + 5 * 60), "1 hour and 5 minutes");
        assert_eq!(said(31 * 86_400 - 2), "31 days");
        assert_eq!(said(86_400 + 3 * 3600), "1 day and 3 hours");
    }

    #[test]
    fn the_past_and_the_future_are_told_from_now() {
        let now = SystemTime::now();
        assert_eq!(until(now + Duration::from_secs(3600)), "in 1 hour");
        assert_eq!(until(now - Duration::from_secs(1)), "now");
        assert_eq!(ago(now), "just now");
        assert_eq!(ago(now - Duration::from_secs(300)), "5 minutes ago");
    }
}
