//! What a configuration does not meet of the standards of the field.

use std::fmt;
use std::time::Duration;

use super::{Config, SameSite};

/// A rule of a standard that a configuration does not meet: [`Config::findings`] tells them.
///
/// ```
/// use cloakroom::{Config, Standard};
///
/// let config = Config::default().overlaid_by(|name| (name == "SESSION_COOKIE_SAME_SITE").then(|| "none".into()))?;
/// let finding = config.findings().into_iter().find(|finding| finding.number == "3.3.2").ok_or("is found")?;
/// assert_eq!((finding.standard, finding.level), (Standard::OwaspAsvs5, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Whose rule it is.
    pub standard: Standard,
    /// The rule's number, or that of its section, in the standard.
    pub number: &'static str,
    /// From which level on it is asked for: an ASVS level, or an authentication assurance level (AAL).
    pub level: u8,
    /// The variable that decides it.
    pub setting: &'static str,
    /// What does not meet the rule, and what would.
    pub text: String,
}

/// A standard that a configuration can be held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standard {
    /// The Application Security Verification Standard 5.0 of OWASP.
    OwaspAsvs5,
    /// Digital Identity Guidelines, Authentication and Authenticator Management, of NIST.
    NistSp800_63B4,
}

impl fmt::Display for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OwaspAsvs5 => "OWASP ASVS 5.0",
            Self::NistSp800_63B4 => "NIST SP 800-63B-4",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { standard, number, level, setting, text } = self;
        let kind = match standard {
            Standard::OwaspAsvs5 => "level ",
            Standard::NistSp800_63B4 => "AAL",
        };
        write!(f, "{standard}, {number} ({kind}{level}): {setting}: {text}")
    }
}

/// The longest that a session may live in all and without activity, by authentication assurance level.
/// NIST SP 800-63B-4, sections 2.1.3, 2.2.3 and 2.3.3.
const TIMEOUTS: [(u8, &str, Duration, Duration); 3] = [
    (1, "2.1.3", days(30), Duration::MAX),
    (2, "2.2.3", days(1), minutes(60)),
    (3, "2.3.3", minutes(12 * 60), minutes(15)),
];

impl Config {
    /// What this configuration does not meet of OWASP ASVS 5.0 and NIST SP 800-63B-4, as far as a configuration decides
    /// it. Whether an application meets them is decided by much more; `docs/guide/security.md` tells what.
    ///
    /// ```
    /// use cloakroom::Config;
    ///
    /// let strict = Config::default().overlaid_by(|name| (name == "SESSION_LIFETIME").then(|| "aal3".into()))?;
    /// assert!(strict.findings().is_empty());
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[doc(alias = "audit")]
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.check_cookie(&mut findings);
        self.check_backend(&mut findings);
        self.check_timeouts(&mut findings);
        findings
    }

    fn check_cookie(&self, findings: &mut Vec<Finding>) {
        let cookie = &self.cookie;
        if !cookie.is_secure() {
            let text = "the cookie goes over plain http, where anybody on the way can take it; leave it out";
            findings.push(asvs("3.3.1", 1, "SESSION_INSECURE_PLAIN_HTTP", text));
            findings.push(nist("5.1.1", 1, "SESSION_INSECURE_PLAIN_HTTP", text));
        }
        if cookie.sent_to() == SameSite::None {
            let text = "every site can have the cookie sent along with its requests; set it to lax or strict";
            findings.push(asvs("3.3.2", 2, "SESSION_COOKIE_SAME_SITE", text));
            findings.push(nist("5.1.1", 1, "SESSION_COOKIE_SAME_SITE", text));
        }
        if cookie.is_secure() && !cookie.full_name().starts_with("__Host-") {
            let (setting, text) = if cookie.is_shared() {
                ("SESSION_COOKIE_DOMAIN", "other hosts get the cookie and can set it: only where they are meant to")
            } else {
                (
                    "SESSION_COOKIE_PATH",
                    "rules the prefix __Host- out, and keeps no other path's scripts away; leave it out",
                )
            };
            findings.push(asvs("3.3.3", 2, setting, text));
            findings.push(nist("5.1.1", 1, setting, text));
        }
        if self.header.is_some() {
            let text = "tickets leave by a header, too, which scripts can read: only for clients without cookies";
            findings.push(asvs("3.3.4", 2, "SESSION_HEADER", text));
        }
    }

    fn check_backend(&self, findings: &mut Vec<Finding>) {
        if !self.is_sealed() {
            return;
        }
        let text = "a copied cookie opens after logout until its deadline; keep sessions in a store, or revocable";
        findings.push(asvs("7.4.1", 1, "SESSION", text));
        findings.push(nist("5.1", 1, "SESSION", text));
        let text = "the sessions of a user can be neither listed nor ended; keep sessions in a store, or revocable";
        findings.push(asvs("7.4.2", 1, "SESSION", text));
        findings.push(asvs("7.4.5", 2, "SESSION", text));
        findings.push(asvs("7.5.2", 2, "SESSION", text));
        if self.readable {
            let text = "whoever has the cookie reads what the session holds; leave it out, so that it is encrypted";
            findings.push(asvs("14.3.3", 2, "SESSION_READABLE", text));
            findings.push(nist("5.1.1", 1, "SESSION_READABLE", text));
        }
    }

    fn check_timeouts(&self, findings: &mut Vec<Finding>) {
        let lifetime = self.lifetime();
        for (level, section, overall, inactivity) in TIMEOUTS {
            for (setting, what, is, most) in [
                ("SESSION_ABSOLUTE", "in all", lifetime.absolute_duration(), overall),
                ("SESSION_IDLE", "without activity", lifetime.idle_duration(), inactivity),
            ] {
                if is > most {
                    let text = format!("a session lives {} {what}; at most {} are advised", said(is), said(most));
                    findings.push(nist(section, level, setting, text));
                }
            }
        }
    }
}

fn asvs(number: &'static str, level: u8, setting: &'static str, text: impl Into<String>) -> Finding {
    Finding { standard: Standard::OwaspAsvs5, number, level, setting, text: text.into() }
}

fn nist(number: &'static str, level: u8, setting: &'static str, text: impl Into<String>) -> Finding {
    Finding { standard: Standard::NistSp800_63B4, number, level, setting, text: text.into() }
}

const fn minutes(number: u64) -> Duration {
    Duration::from_secs(number * 60)
}

const fn days(number: u64) -> Duration {
    minutes(number * 24 * 60)
}

/// A duration in the largest unit that tells it whole.
fn said(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (unit, name) = [(86_400, "days"), (3_600, "hours"), (60, "minutes")]
        .into_iter()
        .find(|(unit, _)| seconds >= 2 * unit && seconds.is_multiple_of(*unit))
        .unwrap_or((1, "seconds"));
    format!("{} {name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(variables: &[(&str, &str)]) -> Vec<String> {
        let config = Config::default().overlaid_by(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let findings = config.expect("is understood").findings();
        findings.into_iter().map(|finding| format!("{} {}", finding.number, finding.setting)).collect()
    }

    #[test]
    fn the_defaults_live_longer_than_is_advised_and_meet_all_else() {
        assert_eq!(
            numbers(&[]),
            [
                "2.1.3 SESSION_ABSOLUTE",
                "2.2.3 SESSION_ABSOLUTE",
                "2.2.3 SESSION_IDLE",
                "2.3.3 SESSION_ABSOLUTE",
                "2.3.3 SESSION_IDLE"
            ]
        );
    }

    #[test]
    fn each_preset_meets_its_level_and_those_below() {
        for (preset, first_not_met) in [("aal1", Some("2.2.3")), ("aal2", Some("2.3.3")), ("aal3", None)] {
            let found = numbers(&[("SESSION_LIFETIME", preset)]);
            assert_eq!(found.first().and_then(|first| first.split(' ').next()), first_not_met, "{preset}");
        }
    }

    #[test]
    fn what_loosens_a_protection_is_found() {
        let base = ("SESSION_LIFETIME", "aal3");
        for (variables, expected) in [
            (vec![("SESSION_INSECURE_PLAIN_HTTP", "yes")], "3.3.1"),
            (vec![("SESSION_COOKIE_SAME_SITE", "none")], "3.3.2"),
            (vec![("SESSION_COOKIE_DOMAIN", "example.org")], "3.3.3"),
            (vec![("SESSION_COOKIE_PATH", "/shop")], "3.3.3"),
            (vec![("SESSION_HEADER", "X-Session-Id")], "3.3.4"),
            (vec![("SESSION", "cookie")], "7.4.1"),
            (vec![("SESSION", "client"), ("SESSION_READABLE", "yes")], "14.3.3"),
        ] {
            let variables: Vec<_> = variables.into_iter().chain([base]).collect();
            assert!(numbers(&variables).iter().any(|found| found.starts_with(expected)), "{variables:?}");
        }
    }

    #[test]
    fn a_finding_says_where_to_look_and_what_to_do() {
        let config = Config::default().overlaid_by(|name| (name == "SESSION_IDLE").then(|| "20m".to_owned()));
        let said = config.expect("is understood").findings().last().map(ToString::to_string);
        assert_eq!(
            said.as_deref(),
            Some(
                "NIST SP 800-63B-4, 2.3.3 (AAL3): SESSION_IDLE: a session lives 20 minutes without activity; at most 15 \
                 minutes are advised"
            )
        );
    }
}
