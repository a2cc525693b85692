//! What scenarios need: servers under test, and clients that behave like browsers or worse.

mod client;
mod exceptions;
mod server;
mod socket;
mod time;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::thread;

pub(crate) use client::{COOKIE, Client, Response};
pub(crate) use exceptions::hold;
pub(crate) use server::{Server, refused};
pub(crate) use socket::Socket;
pub(crate) use time::{sleep, stretched};

use servers::Redis;

/// One framework on one store: what every scenario runs against.
#[derive(Clone, Copy)]
pub(crate) struct Bed {
    pub(crate) framework: &'static str,
    pub(crate) store: &'static str,
    /// What every server of this bed is told besides.
    pub(crate) options: &'static [&'static str],
}

/// Servers in use, by framework, store and options. A server ends with the last scenario that holds it.
static SERVERS: Mutex<Option<HashMap<String, Place>>> = Mutex::new(None);

/// Locked while its server starts, so that others can start meanwhile.
type Place = Arc<Mutex<Weak<Server>>>;

impl Bed {
    /// A server with these options, shared with other scenarios that want the same.
    pub(crate) fn server(&self, options: &[&str]) -> Arc<Server> {
        let name = format!("{} {} {:?} {options:?}", self.framework, self.store, self.options);
        let place = {
            let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(servers.get_or_insert_default().entry(name).or_default())
        };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        place.upgrade().unwrap_or_else(|| {
            let server = Arc::new(self.start(options, &[]));
            *place = Arc::downgrade(&server);
            server
        })
    }

    /// A server of its own, for scenarios that count.
    pub(crate) fn alone(&self, options: &[&str]) -> Server {
        self.start(options, &[])
    }

    /// A server of its own that writes down all that it can.
    pub(crate) fn logging(&self, options: &[&str]) -> Server {
        self.start(options, &[("RUST_LOG", "trace")])
    }

    /// A visitor of the shared server with default options.
    pub(crate) fn visitor(&self) -> Client {
        self.visitor_with(&[])
    }

    /// A visitor of the shared server with these options.
    pub(crate) fn visitor_with(&self, options: &[&str]) -> Client {
        Client::of_shared(self.server(options))
    }

    fn start(&self, options: &[&str], environment: &[(&str, &str)]) -> Server {
        Server::start(&self.all(options), environment)
    }

    /// The whole command line for a server with these options.
    pub(crate) fn all(&self, options: &[&str]) -> Vec<String> {
        let bed = ["--framework", self.framework, "--store", self.store_url()];
        time::stretched_options(bed.iter().chain(self.options).chain(options).copied())
    }

    /// The store without its address, which may change with every run.
    pub(crate) fn kind_of_store(&self) -> String {
        let scheme = self.store.split(':').take(1);
        scheme.chain(self.options.iter().copied()).collect::<Vec<_>>().join(" ")
    }

    /// A store that nobody has used: a file, or on Redis a part of a server that all tests share.
    pub(crate) fn store_url(&self) -> &'static str {
        static REDIS: LazyLock<Redis> = LazyLock::new(Redis::start);
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = || COUNT.fetch_add(1, Ordering::Relaxed);
        match self.store {
            "file:" => {
                let path = format!("{}/bed-{}.db", env!("CARGO_TARGET_TMPDIR"), number());
                // An earlier run may have left one.
                ["", "-wal", "-shm"].iter().for_each(|end| _ = std::fs::remove_file(format!("{path}{end}")));
                format!("file:{path}").leak()
            }
            "redis:" => format!("{}?prefix=bed-{}", REDIS.url(), number()).leak(),
            url => url,
        }
    }

    /// Whether sessions are in their visitors' cookies, and no store is asked for them.
    pub(crate) fn is_sealed(&self) -> bool {
        self.store == "cookie:"
    }

    /// What a store is asked, if there is one.
    pub(crate) fn asks<'a>(&self, of_a_store: &'a str) -> &'a str {
        if self.is_sealed() { "" } else { of_a_store }
    }
}

/// Runs `slow`, and `meanwhile` while it is under way; answers what `slow` did.
pub(crate) fn during<R: Send, T>(slow: impl FnOnce() -> R + Send, meanwhile: impl FnOnce() -> T) -> R {
    thread::scope(|scope| {
        let slow = scope.spawn(slow);
        // So that the request is under way even on a busy machine.
        sleep(250);
        drop(meanwhile());
        slow.join().expect("the slow request is answered")
    })
}

/// Runs `work` on so many threads at once. One such burst at a time: it is to meet itself, and not the limits of the machine.
pub(crate) fn at_once<R: Send>(threads: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    static BURST: Mutex<()> = Mutex::new(());
    let _burst = BURST.lock().unwrap_or_else(PoisonError::into_inner);
    let start = std::sync::Barrier::new(threads);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|n| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    work(n)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("the request is answered")).collect()
    })
}
