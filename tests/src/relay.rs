//! A network between clients and a broker that can be cut, one way or both, and made slow: a relay on loopback in the
//! test's own process, behind the address that the broker advertises.
//!
//! Network namespaces with `tc netem` would do the same to real packets, but they need root, which neither a developer's
//! machine nor every CI runner gives; and they cut off a host, where this cuts off the processes that are told to come
//! through it.
//!
//! While a way is cut, what was sent on it is kept and goes on once it is healed: so does TCP, which sends again until
//! it is acknowledged. A client may have given the connection up long before; the broker still gets what it had sent.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// Pieces that may be under way in one direction of one connection; beyond, the sender has to wait.
const UNDER_WAY: usize = 256;

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Requests.
    ToBroker,
    /// Answers.
    ToClient,
}

#[derive(Debug, Clone, Default)]
struct Weather {
    cut: Vec<Way>,
    delay: Duration,
}

/// The running relay. It ends when it is dropped, and its connections with it.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    weather: watch::Sender<Weather>,
    broker: watch::Sender<Option<u16>>,
    _end: oneshot::Sender<()>,
}

impl Relay {
    /// Listens on a free port. Clients are accepted from now on and served from [`Self::serve`] on.
    ///
    /// # Panics
    /// When there is no port or no thread.
    #[must_use]
    pub fn bind() -> Self {
        let (weather, under) = watch::channel(Weather::default());
        let (broker, at) = watch::channel(None);
        let (end, ended) = oneshot::channel();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener of tokio");
        let port = listener.local_addr().expect("its address").port();
        // A thread of its own: a test that blocks must not slow the network down.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    _ = ended => {}
                    () = accept(listener, at, under) => {}
                }
            });
        });
        Self { port, weather, broker, _end: end }
    }

    /// The port for clients.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The address for clients, `host:port`.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Passes everything on to this port.
    pub fn serve(&self, broker: u16) {
        self.broker.send_replace(Some(broker));
    }

    /// Cuts these ways; the connections stay open.
    pub fn cut(&self, ways: &[Way]) {
        self.weather.send_modify(|weather| weather.cut = ways.to_vec());
    }

    /// Lets everything through again, first of all what was held up.
    pub fn heal(&self) {
        self.cut(&[]);
    }

    /// Delays everything that is sent from now on by so much in each direction.
    pub fn slow(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay = delay);
    }
}

async fn accept(listener: TcpListener, broker: watch::Receiver<Option<u16>>, weather: watch::Receiver<Weather>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(connect(client, broker.clone(), weather.clone()));
    }
}

async fn connect(client: TcpStream, mut broker: watch::Receiver<Option<u16>>, weather: watch::Receiver<Weather>) {
    let Ok(Some(port)) = broker.wait_for(Option::is_some).await.map(|port| *port) else { return };
    let Ok(server) = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await else { return };
    for stream in [&client, &server] {
        // Otherwise the relay itself is a slow network.
        let _ = stream.set_nodelay(true);
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::join!(
        pass(from_client, to_server, Way::ToBroker, weather.clone()),
        pass(from_server, to_client, Way::ToClient, weather),
    );
}

/// Passes one direction on until either side ends it.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, weather: watch::Receiver<Weather>) {
    let (sender, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let mut sky = weather.clone();
    let read = async move {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(bytes @ 1..) = from.read(&mut piece).await {
            let due = Instant::now() + weather.borrow().delay;
            if sender.send((due, piece[..bytes].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = under_way.recv().await {
            sleep_until(due).await;
            let open = sky.wait_for(|weather| !weather.cut.contains(&way)).await.is_ok();
            if !open || to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// A connection through a relay to a server that answers each line with itself.
    async fn echo() -> (Relay, TcpStream) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = server.accept().await {
                let (mut from, mut to) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
        });
        let relay = Relay::bind();
        let client = TcpStream::connect(relay.bootstrap()).await.unwrap();
        relay.serve(port);
        (relay, client)
    }

    async fn heard(client: &mut TcpStream, within: Duration) -> Option<String> {
        let mut bytes = [0; 3];
        let read = tokio::time::timeout(within, client.read_exact(&mut bytes)).await;
        read.ok().map(|read| String::from_utf8(bytes[..read.unwrap()].to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_is_sent_while_a_way_is_cut_arrives_when_it_is_healed() {
        for ways in [&[Way::ToBroker] as &[Way], &[Way::ToClient], &[Way::ToBroker, Way::ToClient]] {
            let (relay, mut client) = echo().await;
            client.write_all(b"one").await.unwrap();
            assert_eq!(heard(&mut client, SOON).await.as_deref(), Some("one"));
            relay.cut(ways);
            client.write_all(b"two").await.unwrap();
            assert_eq!(heard(&mut client, Duration::from_millis(300)).await, None, "{ways:?}");
            relay.heal();
            assert_eq!(heard(&mut client, SOON).await.as_deref(), Some("two"));
        }
    }

    #[tokio::test]
    async fn a_delay_counts_for_each_direction_and_not_for_each_piece() {
        let (relay, mut client) = echo().await;
        relay.slow(Duration::from_millis(200));
        let start = Instant::now();
        for piece in [b"one", b"two"] {
            client.write_all(piece).await.unwrap();
        }
        assert_eq!(heard(&mut client, SOON).await.as_deref(), Some("one"));
        let first = start.elapsed();
        assert!(first >= Duration::from_millis(400), "{first:?}");
        assert_eq!(heard(&mut client, SOON).await.as_deref(), Some("two"));
        assert!(start.elapsed() - first < Duration::from_millis(200), "{:?}", start.elapsed());
    }
}
