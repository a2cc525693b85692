//! One Redis server.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::certificates::Certificates;
use crate::process::{Folder, Process};
use crate::{free_port, wait_until};

/// A server, and what it is told.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    options: RedisOptions,
    folder: Folder,
    certificates: Option<Certificates>,
    process: Option<Process>,
}

/// What a server is told. By default it keeps nothing on disk.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    settings: Vec<(String, String)>,
    password: Option<String>,
    tls: bool,
}

impl RedisOptions {
    /// A setting, as a configuration file has it.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Every write is on disk before it is answered.
    #[must_use]
    pub fn durable(self) -> Self {
        self.set("appendonly", "yes").set("appendfsync", "always")
    }

    /// A password for the default user.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// TLS alone.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Starts the server and waits until it answers.
    pub fn start(self) -> Redis {
        self.start_at(free_port())
    }

    /// The same at this port, unless somebody has it.
    pub fn start_at(self, port: u16) -> Redis {
        let folder = Folder::new();
        let certificates = self.tls.then(|| Certificates::make(folder.path()));
        let mut redis = Redis { port, options: self, folder, certificates, process: None };
        while !redis.try_start() {
            // Somebody else was quicker to take the port.
            redis.port = free_port();
        }
        redis
    }
}

impl Redis {
    /// A server that keeps nothing on disk.
    pub fn start() -> Self {
        RedisOptions::default().start()
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address for a client: with TLS if it has that, and without a password.
    pub fn url(&self) -> String {
        let scheme = if self.options.tls { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The file of its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// The files of its TLS.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// Kills it as a crash would: nothing that it has not written is left.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again, on its port and with what it wrote.
    pub fn restart(&mut self) {
        self.kill();
        wait_until("a killed server starts again", || self.try_start());
    }

    /// Starts it again, and does not wait until it has read its files.
    pub fn restart_without_waiting(&mut self) {
        self.kill();
        self.process = Some(self.launch());
    }

    /// Stops it without a word: connections stay, and nothing is answered.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// What it says to a command, as `redis-cli` shows it.
    pub fn ask(&self, command: &[&str]) -> String {
        self.ask_with(self.options.password.as_deref().unwrap_or_default(), command)
    }

    /// The same with another password.
    pub fn ask_with(&self, password: &str, command: &[&str]) -> String {
        let mut cli = cli(self.port);
        if !password.is_empty() {
            cli.args(["--no-auth-warning", "-a", password]);
        }
        if let Some(certificates) = &self.certificates {
            cli.arg("--tls").arg("--cacert").arg(&certificates.authority);
        }
        answer(cli.args(command))
    }

    /// A number in what it tells of itself, as `total_commands_processed`.
    pub fn info(&self, name: &str) -> u64 {
        let info = self.ask(&["INFO", "everything"]);
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("{name} in {info}"))
    }

    fn try_start(&mut self) -> bool {
        let process = self.launch();
        let mut answers = false;
        wait_until("the server answers or ends", || {
            answers = self.ask(&["PING"]) == "PONG";
            answers || !process.runs()
        });
        if answers {
            self.process = Some(process);
        }
        answers
    }

    fn launch(&self) -> Process {
        let mut arguments = Vec::new();
        let mut set = |name: &str, value: &str| arguments.extend([format!("--{name}"), value.to_owned()]);
        set("bind", "127.0.0.1");
        set("dir", ".");
        set("unixsocket", "redis.sock");
        set("logfile", "redis.log");
        set("save", "");
        set("enable-debug-command", "yes");
        if let Some(Certificates { authority, certificate, key }) = &self.certificates {
            set("port", "0");
            set("tls-port", &self.port.to_string());
            set("tls-auth-clients", "no");
            for (name, file) in [("ca-cert", authority), ("cert", certificate), ("key", key)] {
                set(&format!("tls-{name}-file"), &file.to_string_lossy());
            }
        } else {
            set("port", &self.port.to_string());
        }
        if let Some(password) = &self.options.password {
            set("requirepass", password);
        }
        self.options.settings.iter().for_each(|(name, value)| set(name, value));
        Process::start("redis-server", &arguments, self.folder.path())
    }
}

/// What the server at this port says to a command.
pub(crate) fn ask(port: u16, command: &[&str]) -> String {
    answer(cli(port).args(command))
}

fn cli(port: u16) -> Command {
    let mut cli = Command::new("redis-cli");
    cli.args(["--raw", "-p", &port.to_string()]);
    cli
}

fn answer(cli: &mut Command) -> String {
    let output = cli.stdin(Stdio::null()).output().expect("redis-cli runs");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
