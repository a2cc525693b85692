//! The settings: one table for the environment and for files.

use std::time::Duration;

use super::{Config, CookieConfig, CookieKind, Lifetime, OutagePolicy, SameSite};

/// One setting, by its names.
pub(super) struct Setting {
    /// In a file.
    pub(super) name: &'static str,
    /// In the environment; the first that is set counts.
    pub(super) variables: &'static [&'static str],
    /// Reads its value, or says why it cannot be read.
    pub(super) set: fn(&mut Config, &str) -> Result<(), String>,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting { name: "store", variables: &["SESSION"], set: |config, text| put(&mut config.store, text.to_owned()) },
    Setting {
        name: "file_path",
        variables: &["SESSION_FILE_PATH"],
        set: |config, text| put(&mut config.file_path, text.to_owned()),
    },
    Setting {
        name: "redis_url",
        variables: &["REDIS_URL", "REDISTOGO_URL"],
        set: |config, text| put(&mut config.redis_url, Some(text.to_owned())),
    },
    Setting {
        name: "secret",
        variables: &["SECRET"],
        set: |config, text| {
            // A list of a file comes in lines, so that its secrets may contain commas.
            let secrets = text.split(if text.contains('\n') { '\n' } else { ',' });
            put(&mut config.secrets, secrets.map(|secret| secret.trim().to_owned()).collect())
        },
    },
    Setting {
        name: "development",
        variables: &["SESSION_DEVELOPMENT"],
        set: |config, text| put(&mut config.development, flag(text)?),
    },
    Setting {
        name: "readable",
        variables: &["SESSION_READABLE"],
        set: |config, text| put(&mut config.readable, flag(text)?),
    },
    Setting {
        name: "lifetime",
        variables: &["SESSION_LIFETIME"],
        set: |config, text| {
            let presets = [
                ("default", Lifetime::default()),
                ("aal1", Lifetime::aal1()),
                ("aal2", Lifetime::aal2()),
                ("aal3", Lifetime::aal3()),
            ];
            put(&mut config.preset, choice(text, &presets)?)
        },
    },
    Setting {
        name: "idle",
        variables: &["SESSION_IDLE"],
        set: |config, text| put(&mut config.idle, Some(duration(text)?)),
    },
    Setting {
        name: "absolute",
        variables: &["SESSION_ABSOLUTE"],
        set: |config, text| put(&mut config.absolute, Some(duration(text)?)),
    },
    Setting {
        name: "renew",
        variables: &["SESSION_RENEW"],
        set: |config, text| {
            let never = text.eq_ignore_ascii_case("never");
            put(&mut config.renew, Some(if never { None } else { Some(duration(text)?) }))
        },
    },
    Setting {
        name: "cookie",
        variables: &["SESSION_COOKIE"],
        set: |config, text| {
            let kinds = [("persistent", CookieKind::Persistent), ("browser", CookieKind::Browser)];
            put(&mut config.cookie_kind, Some(choice(text, &kinds)?))
        },
    },
    Setting {
        name: "cookie_name",
        variables: &["SESSION_COOKIE_NAME"],
        set: |config, text| cookie(config, |cookie| cookie.name(text.to_owned())),
    },
    Setting {
        name: "cookie_domain",
        variables: &["SESSION_COOKIE_DOMAIN"],
        set: |config, text| cookie(config, |cookie| cookie.domain(text.to_owned())),
    },
    Setting {
        name: "cookie_path",
        variables: &["SESSION_COOKIE_PATH"],
        set: |config, text| cookie(config, |cookie| cookie.path(text.to_owned())),
    },
    Setting {
        name: "cookie_same_site",
        variables: &["SESSION_COOKIE_SAME_SITE"],
        set: |config, text| {
            let policies = [("strict", SameSite::Strict), ("lax", SameSite::Lax), ("none", SameSite::None)];
            let policy = choice(text, &policies)?;
            cookie(config, |cookie| cookie.same_site(policy))
        },
    },
    Setting {
        name: "insecure_plain_http",
        variables: &["SESSION_INSECURE_PLAIN_HTTP"],
        set: |config, text| {
            let insecure = flag(text)?;
            cookie(config, |cookie| if insecure { cookie.insecure_plain_http() } else { cookie })
        },
    },
    Setting {
        name: "header",
        variables: &["SESSION_HEADER"],
        set: |config, text| put(&mut config.header, Some(text.to_owned())),
    },
    Setting {
        name: "grace",
        variables: &["SESSION_GRACE"],
        set: |config, text| put(&mut config.grace, Some(duration(text)?)),
    },
    Setting {
        name: "outage",
        variables: &["SESSION_OUTAGE"],
        set: |config, text| {
            let policies = [("fail", OutagePolicy::Fail), ("anonymous", OutagePolicy::Anonymous)];
            put(&mut config.outage, choice(text, &policies)?)
        },
    },
];

fn put<T>(place: &mut T, value: T) -> Result<(), String> {
    *place = value;
    Ok(())
}

fn cookie(config: &mut Config, change: impl FnOnce(CookieConfig) -> CookieConfig) -> Result<(), String> {
    config.cookie = change(config.cookie.clone());
    Ok(())
}

fn choice<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, String> {
    let found = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        format!("{text:?} is unknown; known are {}", names.join(", "))
    })
}

fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "on" => Ok(true),
        "0" | "no" | "off" => Ok(false),
        other => choice(other, &[("true", true), ("false", false)]),
    }
}

/// A number with a unit; without one it is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 60.0 * 60.0,
        "d" => 24.0 * 60.0 * 60.0,
        _ => f64::NAN,
    };
    let seconds = number.trim().parse::<f64>().unwrap_or(f64::NAN) * factor;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| format!("{text:?} is no duration; give a number and ms, s, m, h or d, as in 15m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, millis) in [
            ("500ms", 500),
            ("90", 90_000),
            ("1.5s", 1_500),
            ("15m", 900_000),
            ("12H", 43_200_000),
            ("31d", 2_678_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "m", "1w", "-1s", "1e3s", "nan", "inf", "١"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
