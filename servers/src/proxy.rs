//! A network that fails: between a client and a server, on loopback.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Passes on what it is sent, until it is told to do worse.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    network: Arc<Network>,
}

#[derive(Debug)]
struct Network {
    server: u16,
    /// Both ends of every connection.
    ends: Mutex<Vec<TcpStream>>,
    stalled: AtomicBool,
    refusing: AtomicBool,
    over: AtomicBool,
    /// What is cut at its next chunk: 0 nothing, 1 a request, 2 an answer.
    cut: AtomicU8,
    turns: AtomicU64,
    connections: AtomicU64,
    /// Connections up to this one are held back for good.
    silent: AtomicU64,
    /// This one is as well, if it is not 0.
    silent_one: AtomicU64,
}

impl Proxy {
    /// A network in front of the server at this port.
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let port = listener.local_addr().expect("it listens").port();
        let network = Arc::new(Network {
            server,
            ends: Mutex::default(),
            stalled: AtomicBool::new(false),
            refusing: AtomicBool::new(false),
            over: AtomicBool::new(false),
            cut: AtomicU8::new(0),
            turns: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            silent: AtomicU64::new(0),
            silent_one: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&network);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.over.load(Ordering::Acquire) {
                    return;
                }
                accepting.connections.fetch_add(1, Ordering::AcqRel);
                if !accepting.refusing.load(Ordering::Acquire) {
                    accepting.connect(client);
                }
            }
        });
        Self { port, network }
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address for a client of Redis.
    pub fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Closes all connections.
    pub fn cut(&self) {
        self.network.close_all();
    }

    /// Closes all connections in the middle of the next request: the server gets half of it.
    pub fn cut_next_request(&self) {
        self.network.cut.store(1, Ordering::Release);
    }

    /// Closes all connections in the middle of the next answer: what was asked is done, and nobody is told.
    pub fn cut_next_answer(&self) {
        self.network.cut.store(2, Ordering::Release);
    }

    /// Holds back all that is sent, and closes nothing.
    pub fn stall(&self, stalled: bool) {
        self.network.stalled.store(stalled, Ordering::Release);
    }

    /// Holds back all that is sent on the connections that there are, and passes on what comes by new ones.
    pub fn stall_present(&self) {
        self.network.silent.store(self.connections(), Ordering::Release);
    }

    /// Holds back all that is sent on the connection that was made last.
    pub fn stall_newest(&self) {
        self.network.silent_one.store(self.connections(), Ordering::Release);
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> u64 {
        self.network.connections.load(Ordering::Acquire)
    }

    /// Closes all connections, and every new one at once.
    pub fn refuse(&self, refusing: bool) {
        self.network.refusing.store(refusing, Ordering::Release);
        if refusing {
            self.network.close_all();
        }
    }

    /// How often a client spoke after it had listened: each is a round trip, however many commands it sent at once.
    pub fn round_trips(&self) -> u64 {
        self.network.turns.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.over.store(true, Ordering::Release);
        self.network.close_all();
        // Whoever waits for the next client sees that it is over.
        let _ = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)), Duration::from_secs(1));
    }
}

impl Network {
    fn connect(self: &Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server)) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let listened = Arc::new(AtomicBool::new(true));
        let number = self.connections.load(Ordering::Acquire);
        let pairs = [(1, &client, &server), (2, &server, &client)];
        for (direction, from, to) in pairs {
            let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { return };
            let (network, listened) = (Arc::clone(self), Arc::clone(&listened));
            thread::spawn(move || network.pass_on(number, direction, from, to, &listened));
        }
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).extend([client, server]);
    }

    fn pass_on(&self, number: u64, direction: u8, mut from: TcpStream, mut to: TcpStream, listened: &AtomicBool) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if direction == 2 {
                listened.store(true, Ordering::Release);
            } else if listened.swap(false, Ordering::AcqRel) {
                self.turns.fetch_add(1, Ordering::AcqRel);
            }
            let held = || {
                self.stalled.load(Ordering::Acquire)
                    || number <= self.silent.load(Ordering::Acquire)
                    || number == self.silent_one.load(Ordering::Acquire)
            };
            while held() && !self.over.load(Ordering::Acquire) {
                thread::sleep(Duration::from_millis(5));
            }
            if self.cut.compare_exchange(direction, 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                let _ = to.write_all(&buffer[..read / 2]);
                self.close_all();
                break;
            }
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    fn close_all(&self) {
        for end in self.ends.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}
