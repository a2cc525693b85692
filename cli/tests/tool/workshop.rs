//! A store with sessions, and the tool beside it.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use cloakroom::testing::FakeClock;
use cloakroom::{Handle, Session, SessionManager, SessionStore, Timestamp, store_from_url};
use tempfile::TempDir;

/// 2100-01-01 00:00 UTC: sessions of that time live today, and are shown the same every day.
const FAR: Timestamp = Timestamp::from_millis(4_102_444_800_000);

/// A folder with a file store, in which sessions are made at a set time.
pub(crate) struct Workshop {
    folder: TempDir,
    pub(crate) clock: FakeClock,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let clock = FakeClock::new();
        clock.set(FAR);
        Self { folder: tempfile::tempdir().expect("a temporary folder"), clock }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The URL of a file store of this name.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("file:{}", self.path(name).display())
    }

    /// A manager on a store, by this workshop's clock.
    pub(crate) async fn sessions(&self, url: &str) -> (SessionManager, Arc<dyn SessionStore>) {
        let store = store_from_url(url).await.expect("the store opens");
        let builder = SessionManager::builder(Arc::clone(&store)).clock(self.clock.clone()).without_sweeper();
        (builder.build().expect("the configuration is valid"), store)
    }

    /// Makes a session by a request that does this with it.
    pub(crate) async fn make(sessions: &SessionManager, change: impl FnOnce(&Session)) -> Handle {
        let session = sessions.open(());
        session.load().await.expect("the store answers");
        change(&session);
        let handle = session.handle().expect("it is loaded").expect("something was written");
        let committed = session.commit(200).await;
        assert!(committed.error.is_none(), "{committed:?}");
        handle
    }

    /// A session of ana with a cart, one of ben, and one of nobody: a minute apart.
    pub(crate) async fn three(&self, sessions: &SessionManager) -> [Handle; 3] {
        let ana = Self::make(sessions, |session| {
            session.login("ana").expect("is logged in");
            session.set("cart", ["tea", "salt"]).expect("is set");
            session.set("pin", 1234).expect("is set");
        });
        let ana = ana.await;
        self.clock.advance(Duration::from_secs(60));
        let ben = Self::make(sessions, |session| session.login("ben").expect("is logged in")).await;
        self.clock.advance(Duration::from_secs(60));
        let nobody = Self::make(sessions, |session| session.set("theme", "dark").expect("is set")).await;
        [ana, ben, nobody]
    }
}

/// The tool, with nothing of this process's environment that it would heed.
pub(crate) fn tool(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(arguments);
    for variable in ["CLOAKROOM_STORE", "SESSION", "SECRET", "SESSION_LIFETIME", "SESSION_IDLE", "SESSION_ABSOLUTE"] {
        command.env_remove(variable);
    }
    command
}

/// Runs it, and answers what it printed.
pub(crate) fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs it, and answers what it complained of.
pub(crate) fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success(), "{arguments:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    tool(arguments).output().expect("the tool runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("is text")
}

/// The text with every handle of these in the place of its name, in lines sorted where their order is by chance.
pub(crate) fn named(text: &str, handles: &[(Handle, &str)]) -> String {
    handles.iter().fold(text.to_owned(), |text, (handle, name)| text.replace(&handle.to_string(), name))
}
