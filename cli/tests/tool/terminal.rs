//! `watch`, in a terminal: under tmux.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::workshop::{Workshop, refused};

/// A terminal with one program in it, ended with the test.
struct Terminal(String);

impl Terminal {
    fn run(command: &str) -> Self {
        let name = format!("cloakroom-{}", std::process::id());
        let terminal = Self(name.clone());
        let started = terminal.tmux(&["new-session", "-d", "-x", "90", "-y", "30", command]);
        assert!(started.status.success(), "tmux is needed: {}", String::from_utf8_lossy(&started.stderr));
        terminal
    }

    /// A server of its own, so that no other terminal is touched.
    fn tmux(&self, arguments: &[&str]) -> std::process::Output {
        let mut tmux = Command::new("tmux");
        tmux.args(["-L", &self.0, "-f", "/dev/null"]).args(arguments);
        tmux.output().expect("tmux is installed by the test command")
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// The screen, as soon as it is as wanted.
    fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> String {
        let patience = Instant::now() + Duration::from_secs(20);
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            assert!(Instant::now() < patience, "{screen}");
            sleep(Duration::from_millis(50));
        }
    }

    fn is_running(&self) -> bool {
        self.tmux(&["has-session"]).status.success()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[tokio::test]
async fn the_view_follows_the_store_until_q_is_pressed() {
    let workshop = Workshop::new();
    let url = workshop.url("session.db");
    let (sessions, _store) = workshop.sessions(&url).await;
    workshop.three(&sessions).await;

    let terminal = Terminal::run(&format!("{} watch --interval 100ms {url}", env!("CARGO_BIN_EXE_cloakroom")));
    let screen = terminal.wait_for(|screen| screen.contains("live sessions: 3"));
    assert!(screen.contains("ana") && screen.contains("q ends"), "{screen}");
    sessions.revoke_user("ana").await.expect("is ended");
    let screen = terminal.wait_for(|screen| screen.contains("live sessions: 2"));
    assert!(!screen.contains("ana"), "{screen}");
    terminal.tmux(&["send-keys", "q"]);
    let patience = Instant::now() + Duration::from_secs(10);
    while terminal.is_running() {
        assert!(Instant::now() < patience, "q does not end it");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let complaint = refused(&["watch", "file:session.db"]);
    assert!(complaint.contains("stats --json"), "{complaint}");
}
