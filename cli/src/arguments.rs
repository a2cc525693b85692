//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use cloakroom::Handle;

/// Looks into a session store while servers run, ends and moves sessions, checks configurations.
#[derive(Debug, Parser)]
#[command(name = "cloakroom", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// How many sessions there are, whose, and how large
    Stats {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        store: Store,
    },
    /// The live sessions, a line each
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        store: Store,
    },
    /// One session: when it began and ends, whose it is, and what it holds
    Show {
        /// The session, by its handle as `list` shows it
        handle: Handle,
        /// Show the values, too, which are the visitor's
        #[arg(long)]
        reveal: bool,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        store: Store,
    },
    /// End one session, all of a user, or all there are
    #[command(override_usage = "cloakroom revoke <HANDLE> [STORE]\n       \
                                cloakroom revoke --user <USER> [STORE]\n       \
                                cloakroom revoke --all [--yes] [STORE]")]
    Revoke(Revoke),
    /// Delete what has expired, without waiting for servers to do it
    Sweep {
        #[command(flatten)]
        store: Store,
    },
    /// Print a fresh secret for sealed cookies: a value for the variable SECRET
    Keygen,
    /// Hold the configuration in the environment against OWASP ASVS 5.0 and NIST SP 800-63B-4
    ///
    /// Reads the variables that `SessionManager::from_env` reads, and prints every rule that they do not meet, with its
    /// number. The exit status is 0 if there is none, and 1 if there is one.
    Check {
        /// The level of OWASP ASVS that is to be met: 1 to 3
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=3))]
        asvs: u8,
        /// The authentication assurance level of NIST SP 800-63B-4 that is to be met: 1 to 3
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
        aal: u8,
    },
    /// Copy live sessions from one store to another, so that nobody is logged out by a move
    ///
    /// It can be cut off and run again: what is there already is not copied twice, and what changed since is brought up to
    /// date. Copy once while servers run on the old store, stop them, copy again, which takes a moment, and start them on
    /// the new store.
    Copy {
        /// The store to read
        #[arg(value_name = "FROM")]
        from: String,
        /// The store to write
        #[arg(value_name = "TO")]
        to: String,
        /// Delete from TO what is not in FROM: sessions that ended since an earlier copy, or that never were there
        #[arg(long)]
        delete_others: bool,
    },
    /// Copy the file of a file store as it is at one moment, while servers use it
    ///
    /// The backup is one whole file. It appears under its name once it is complete and on the disk.
    Backup {
        /// The store, as file:PATH
        #[arg(value_name = "STORE")]
        from: String,
        /// Where the backup is to be: a file that is not there yet
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
    /// Put a backup in the place of the file of a file store, with its servers stopped
    ///
    /// What is in the store is gone afterwards. Sessions that were ended since the backup was made open again, unless they
    /// have expired: revoke those that must not.
    Restore {
        /// The backup
        #[arg(value_name = "FILE")]
        from: PathBuf,
        /// The store, as file:PATH
        #[arg(value_name = "STORE")]
        to: String,
    },
    /// Counts and rates, live, until q is pressed
    Watch {
        /// How often to look
        #[arg(long, default_value = "2s", value_parser = duration, value_name = "DURATION")]
        interval: Duration,
        #[command(flatten)]
        store: Store,
    },
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
    /// Print the manual page
    Man,
}

/// Names the store where the command line does not.
pub(crate) const STORE_VARIABLE: &str = "CLOAKROOM_STORE";

#[derive(Debug, Args)]
pub(crate) struct Store {
    /// Where the sessions are: file:PATH, redis://HOST…
    #[arg(env = STORE_VARIABLE, hide_env_values = true, value_name = "STORE")]
    pub(crate) url: String,
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Print JSON: one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Those of this user only
    #[arg(long, value_name = "USER", conflicts_with = "anonymous")]
    pub(crate) user: Option<String>,
    /// Those without a user only
    #[arg(long)]
    pub(crate) anonymous: bool,
    /// Those only that were not used for so long, as in 30m or 2days
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) idle_for: Option<Duration>,
    /// Those only that began so long ago or longer
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) older_than: Option<Duration>,
    /// Not more than so many
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// All sessions of this user
    #[arg(long, value_name = "USER", conflicts_with = "all")]
    user: Option<String>,
    /// All sessions of everybody
    #[arg(long)]
    all: bool,
    /// Do not ask before all are ended
    #[arg(long, requires = "all")]
    pub(crate) yes: bool,
    /// The handle, unless --user or --all says which sessions; then the store, unless CLOAKROOM_STORE names it
    #[arg(value_name = "HANDLE|STORE", num_args = 0..=2)]
    words: Vec<String>,
}

/// Which sessions are to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whose {
    One(Handle),
    User(String),
    Everybody,
}

impl Revoke {
    /// Which sessions, and in which store, where the environment may name one.
    pub(crate) fn meant(&self, environment: Option<String>) -> Result<(Whose, String), String> {
        let mut words = self.words.iter();
        let whose = match (&self.user, self.all) {
            (Some(user), _) => Whose::User(user.clone()),
            (None, true) => Whose::Everybody,
            (None, false) => {
                let word = words.next().ok_or("which session? Give its handle, or --user USER, or --all")?;
                Whose::One(word.parse().map_err(|error| format!("{word:?} is no handle: {error}"))?)
            }
        };
        let store = words.next().cloned().or(environment);
        match words.next() {
            Some(word) => Err(format!("{word:?} is one word too many")),
            None => Ok((whose, store.ok_or("in which store? Give it last, or set CLOAKROOM_STORE")?)),
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; as in 90s, 15m, 12h or 31days"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(words: &[&str], environment: Option<&str>) -> Result<(Whose, String), String> {
        let words = ["cloakroom", "revoke"].iter().chain(words);
        match Arguments::try_parse_from(words).map_err(|error| error.to_string())?.command {
            Command::Revoke(revoke) => revoke.meant(environment.map(str::to_owned)),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_store_is_the_last_word_or_comes_from_the_environment() {
        let handle = Handle::from_bytes([7; 16]);
        let one = Whose::One(handle);
        let text = handle.to_string();
        assert_eq!(meant(&[&text, "file:a"], None), Ok((one.clone(), "file:a".to_owned())));
        assert_eq!(meant(&[&text], Some("file:b")), Ok((one.clone(), "file:b".to_owned())));
        assert_eq!(meant(&[&text, "file:a"], Some("file:b")), Ok((one, "file:a".to_owned())));
        let ana = Whose::User("ana".to_owned());
        assert_eq!(meant(&["--user", "ana", "file:a"], None), Ok((ana.clone(), "file:a".to_owned())));
        assert_eq!(meant(&["--user", "ana"], Some("file:b")), Ok((ana, "file:b".to_owned())));
        assert_eq!(meant(&["--all", "file:a"], None), Ok((Whose::Everybody, "file:a".to_owned())));
    }

    #[test]
    fn what_is_missing_or_too_much_is_refused() {
        let handle = Handle::from_bytes([7; 16]).to_string();
        for (words, part) in [
            (vec![], "which session?"),
            (vec!["file:a"], "is no handle"),
            (vec![&*handle], "in which store?"),
            (vec!["--user", "ana"], "in which store?"),
            (vec!["--all", "file:a", "file:b"], "too many"),
            (vec!["--all", "--user", "ana", "file:a"], "cannot be used with"),
            (vec!["--yes", &handle, "file:a"], "--all"),
        ] {
            let error = meant(&words, None).expect_err("is refused");
            assert!(error.contains(part), "{words:?}: {error}");
        }
    }
}
