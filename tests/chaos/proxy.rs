//! A network between the program and the broker that can be cut, slowed and torn, for one instance or for all.
//!
//! The broker tells whoever comes through here to come back through here, so every connection passes: to the leader, to
//! the group's coordinator and to the transactions'. Whose a connection is stands in its first request.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// What the network does to the connections of a client, by the prefix of its name; an empty one is that of all.
#[derive(Clone, Debug, Default)]
struct Weather {
    of: String,
    refuses: bool,
    delay: Duration,
}

#[derive(Default)]
struct Shared {
    broker: OnceLock<SocketAddr>,
    weather: Mutex<Weather>,
    links: Mutex<Vec<Arc<Link>>>,
    passed: AtomicU64,
}

/// One connection.
struct Link {
    client: TcpStream,
    broker: TcpStream,
    name: OnceLock<String>,
    /// Bytes vanish, both ways; neither side is told.
    dead: AtomicBool,
    /// The next answer is cut in its middle.
    tear: AtomicBool,
}

/// The proxy; its threads end with the test program.
pub struct Proxy {
    shared: Arc<Shared>,
    pub port: u16,
}

/// Which way a stream of bytes goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Request,
    Answer,
}

impl Proxy {
    /// Listens; nothing passes before it knows the broker.
    pub fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let proxy = Self { shared: Arc::clone(&shared), port };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || connect(&shared, client));
            }
        });
        proxy
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn lead_to(&self, broker: &str) {
        self.shared.broker.set(broker.parse().expect("an address")).expect("one broker");
    }

    /// Ends the connections of some; returns how many.
    pub fn cut(&self, of: &str) -> usize {
        self.each(of, Link::end)
    }

    /// Ends the connections of some and lets none of theirs through, until it clears up.
    pub fn refuse(&self, of: &str) -> usize {
        *self.weather() = Weather { of: of.to_owned(), refuses: true, delay: Duration::ZERO };
        self.cut(of)
    }

    /// Holds every byte back for so long, until it clears up.
    pub fn delay(&self, of: &str, delay: Duration) -> usize {
        *self.weather() = Weather { of: of.to_owned(), refuses: false, delay };
        self.each(of, |_| {})
    }

    pub fn clear_up(&self) {
        *self.weather() = Weather::default();
    }

    /// The connections that are there now stay open and carry nothing any more.
    pub fn half_open(&self, of: &str) -> usize {
        self.each(of, |link| link.dead.store(true, Ordering::Relaxed))
    }

    /// The next answer on each connection ends in its middle, and the connection with it.
    pub fn tear(&self, of: &str) -> usize {
        self.each(of, |link| link.tear.store(true, Ordering::Relaxed))
    }

    /// How many connections there were.
    pub fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::Relaxed)
    }

    fn weather(&self) -> std::sync::MutexGuard<'_, Weather> {
        self.shared.weather.lock().expect("the weather")
    }

    fn each(&self, of: &str, act: impl Fn(&Link)) -> usize {
        let links = self.shared.links.lock().expect("the links");
        links.iter().filter(|l| l.is_of(of)).inspect(|l| act(l)).count()
    }
}

impl Link {
    fn is_of(&self, prefix: &str) -> bool {
        self.name.get().is_some_and(|name| name.starts_with(prefix))
    }

    /// A side that is gone already needs no end.
    fn end(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.broker.shutdown(Shutdown::Both);
    }
}

/// Joins a client to the broker, and stays until both are done. Where the broker is away the client is let go.
fn connect(shared: &Arc<Shared>, client: TcpStream) {
    let Some(broker) = shared.broker.get().and_then(|b| TcpStream::connect_timeout(b, Duration::from_secs(2)).ok())
    else {
        return;
    };
    let side = |stream: &TcpStream| {
        stream.set_nodelay(true).and_then(|()| stream.try_clone()).expect("a socket can be had twice")
    };
    let (requests, answers) = (side(&client), side(&broker));
    let name = OnceLock::new();
    let link = Arc::new(Link { client, broker, name, dead: AtomicBool::new(false), tear: AtomicBool::new(false) });
    shared.links.lock().expect("the links").push(Arc::clone(&link));
    shared.passed.fetch_add(1, Ordering::Relaxed);
    let there = {
        let (shared, link) = (Arc::clone(shared), Arc::clone(&link));
        thread::spawn(move || carry(&shared, &link, requests, Way::Request))
    };
    carry(shared, &link, answers, Way::Answer);
    there.join().expect("a side");
    shared.links.lock().expect("the links").retain(|l| !Arc::ptr_eq(l, &link));
}

/// Bytes and when they came.
type Chunk = (Instant, Vec<u8>);

/// Carries what comes from one side to the other until one of them ends.
fn carry(shared: &Arc<Shared>, link: &Arc<Link>, mut from: TcpStream, way: Way) {
    let (sender, receiver): (Sender<Chunk>, Receiver<Chunk>) = channel();
    let hand_on = {
        let (shared, link) = (Arc::clone(shared), Arc::clone(link));
        thread::spawn(move || deliver(&shared, &link, &receiver, way))
    };
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let chunk = &buffer[..count];
        if way == Way::Request && link.name.get().is_none() {
            // The name is in the first bytes of all; a client that sends fewer at once has none.
            let _ = link.name.set(client_of(chunk).unwrap_or_default());
        }
        if sender.send((Instant::now(), chunk.to_vec())).is_err() {
            break;
        }
    }
    drop(sender);
    hand_on.join().expect("a side");
    // A connection that carries nothing stays as it is for the side that still believes in it.
    if !link.dead.load(Ordering::Relaxed) {
        link.end();
    }
}

fn deliver(shared: &Shared, link: &Link, chunks: &Receiver<Chunk>, way: Way) {
    let mut to = match way {
        Way::Request => &link.broker,
        Way::Answer => &link.client,
    };
    for (came, chunk) in chunks {
        loop {
            let weather = shared.weather.lock().expect("the weather").clone();
            if !link.is_of(&weather.of) {
                break;
            }
            if weather.refuses {
                link.end();
                return;
            }
            let left = weather.delay.saturating_sub(came.elapsed());
            if left.is_zero() {
                break;
            }
            // In slices: it may clear up meanwhile.
            thread::sleep(left.min(Duration::from_millis(50)));
        }
        if link.dead.load(Ordering::Relaxed) {
            continue;
        }
        if way == Way::Answer && link.tear.load(Ordering::Relaxed) {
            let _ = to.write_all(&chunk[..chunk.len() / 2]);
            link.end();
            return;
        }
        if to.write_all(&chunk).is_err() {
            link.end();
            return;
        }
    }
}

/// The client's name in a request: length, kind, version and number come before it.
fn client_of(request: &[u8]) -> Option<String> {
    let length = usize::from(u16::from_be_bytes(request.get(12..14)?.try_into().ok()?));
    String::from_utf8(request.get(14..14 + length)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_read_from_a_request() {
        let mut request = vec![0; 12];
        request.extend_from_slice(&[0, 3]);
        request.extend_from_slice(b"one and more");
        assert_eq!(client_of(&request).as_deref(), Some("one"));
        assert_eq!(client_of(&request[..13]), None);
    }
}
