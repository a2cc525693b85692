//! The same settings from a file, by serde.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::Config;
use super::settings::SETTINGS;
use crate::error::ConfigError;

impl<'de> Deserialize<'de> for Config {
    /// A map of settings; a name that is not known is an error.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Settings;

        impl<'de> de::Visitor<'de> for Settings {
            type Value = Config;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of session settings")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Config, A::Error> {
                let mut config = Config::default();
                while let Some(name) = map.next_key::<String>()? {
                    let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
                        let known: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
                        return Err(de::Error::custom(format!("{name:?} is unknown; known are {}", known.join(", "))));
                    };
                    let set = match map.next_value::<Written>()? {
                        // A list is not split again: its secrets may contain commas.
                        Written::List(secrets) if setting.name == "secret" => {
                            config.secrets = secrets;
                            Ok(())
                        }
                        Written::List(_) => Err("takes one value, and not a list".to_owned()),
                        Written::Text(text) => (setting.set)(&mut config, text.trim()),
                        Written::Flag(flag) => (setting.set)(&mut config, &flag.to_string()),
                        Written::Whole(number) => (setting.set)(&mut config, &number.to_string()),
                        Written::Number(number) => (setting.set)(&mut config, &number.to_string()),
                    };
                    set.map_err(|why| de::Error::custom(ConfigError::new(setting.name, why)))?;
                }
                Ok(config)
            }
        }

        deserializer.deserialize_map(Settings)
    }
}

/// A value as a file may write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Flag(bool),
    Whole(u64),
    Number(f64),
    List(Vec<String>),
}
