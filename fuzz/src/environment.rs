//! Variables of the environment, and files that say the same: refused in one line, or a manager that works.
//!
//! The input is text, a variable a line, as `NAME=value`; the same lines are read as a file of settings.

use std::collections::BTreeMap;

use cloakroom::Config;

use crate::visit::{Cookies, block_on, commit, open};

/// A secret that no message may repeat.
const SECRET: &str = "a secret that is in no message, of 32 bytes";

pub(crate) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let lines: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let variables = |name: &str| match lines.get(name) {
        None if name == "SECRET" => Some(SECRET.to_owned()),
        found => found.map(|value| (*value).to_owned()),
    };
    match Config::default().overlaid_by(variables) {
        Ok(config) => {
            assert!(!format!("{config:?}").contains(SECRET));
            works(&config);
        }
        Err(error) => assert!(is_a_line(&error.to_string()), "{error}"),
    }
    if let Ok(config) = serde_json::from_value::<Config>(serde_json::json!(lines)) {
        works(&config);
    }
}

/// What opens serves a request.
fn works(config: &Config) {
    block_on(async {
        match config.open().await {
            Ok(manager) => {
                let session = open(&manager, Cookies::default()).await;
                session.set("a", 1).expect("it fits");
                commit(&session).await;
            }
            Err(error) => assert!(is_a_line(&error.to_string()) && !error.to_string().contains(SECRET), "{error}"),
        }
    });
}

/// What is refused is quoted with its line breaks escaped.
fn is_a_line(message: &str) -> bool {
    message.lines().count() == 1
}
