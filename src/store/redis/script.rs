//! What the server runs as one step. Each script touches the one key that it is told.

use std::sync::LazyLock;

use redis::{Cmd, Script, ToRedisArgs};

/// What most calls fit into, with a record of some hundred bytes.
const ARGUMENTS: usize = 9;
const BYTES: usize = 1024;

macro_rules! scripts {
    ($($(#[$about:meta])* $name:ident = $file:literal;)+) => {
        $($(#[$about])*
        pub(super) static $name: LazyLock<Lua> =
            LazyLock::new(|| Lua::new(concat!(include_str!("scripts/shared.lua"), include_str!($file))));)+
    };
}

scripts! {
    CREATE = "scripts/create.lua";
    SWAP = "scripts/swap.lua";
    TOUCH = "scripts/touch.lua";
    /// Removes a record that has expired.
    EXPIRE = "scripts/expire.lua";
    /// Notes a record in an index.
    INDEX = "scripts/index.lua";
    /// Forgets records in an index.
    FORGET = "scripts/forget.lua";
    /// Forgets the first record of a handle.
    RELEASE = "scripts/release.lua";
}

/// A script, and the hash that the server knows it by.
pub(super) struct Lua {
    code: &'static str,
    hash: String,
}

impl Lua {
    fn new(code: &'static str) -> Self {
        Self { code, hash: Script::new(code).get_hash().to_owned() }
    }

    /// Calls it by its hash.
    pub(super) fn call(&'static self, key: &str) -> Call {
        let mut cmd = Cmd::with_capacity(ARGUMENTS, BYTES);
        cmd.arg("EVALSHA").arg(&self.hash).arg(1).arg(key);
        Call { script: self, cmd }
    }
}

/// A call of a script.
pub(super) struct Call {
    script: &'static Lua,
    pub(super) cmd: Cmd,
}

impl Call {
    pub(super) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.cmd.arg(argument);
        self
    }

    /// The same with the whole script, for a server that has forgotten it: it remembers it then.
    pub(super) fn in_full(&self) -> Cmd {
        let mut cmd = Cmd::new();
        cmd.arg("EVAL").arg(self.script.code);
        for argument in self.cmd.args_iter().skip(2) {
            if let redis::Arg::Simple(argument) = argument {
                cmd.arg(argument);
            }
        }
        cmd
    }
}
