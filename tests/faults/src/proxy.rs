//! A TCP proxy on loopback that misbehaves as it is told, each direction by itself, and can be told
//! otherwise while connections run.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// Bytes that are passed on at a time.
const PIECE: usize = 16 * 1_024;

/// What happens to the bytes of one direction. The default passes them on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fault {
    /// Time that each piece is late.
    pub latency: Duration,
    /// Most of the time, beside the latency, by which pieces are late at random.
    pub jitter: Duration,
    /// Bytes per second; 0: as many as come.
    pub bandwidth: u32,
    /// Greatest size of a piece in bytes; 0: as they come.
    pub slice: usize,
    /// Pause after each piece.
    pub pause: Duration,
    /// Bytes after which the connection is closed; 0: none.
    pub limit: usize,
    /// Bytes are taken and go nowhere; the connection stays open.
    pub black_hole: bool,
    /// Connections are reset as soon as a byte comes.
    pub reset: bool,
}

impl Fault {
    /// Bytes go nowhere.
    pub fn black_hole() -> Self {
        Self {
            black_hole: true,
            ..Self::default()
        }
    }

    /// Connections are reset.
    pub fn reset() -> Self {
        Self {
            reset: true,
            ..Self::default()
        }
    }

    /// Everything is late by this.
    pub fn late(latency: Duration) -> Self {
        Self {
            latency,
            ..Self::default()
        }
    }
}

/// The two directions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Faults {
    up: Fault,
    down: Fault,
}

/// A running proxy. Dropping it ends it and its connections.
pub struct Proxy {
    address: SocketAddr,
    faults: watch::Sender<Faults>,
    accepted: Arc<AtomicUsize>,
    running: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy to `target` that has no fault.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (faults, told) = watch::channel(Faults::default());
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let running = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                connections.spawn(connect(client, target, told.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            address,
            faults,
            accepted,
            running,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that it has taken so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Changes what happens to bytes towards the target.
    pub fn up(&self, fault: Fault) {
        self.faults.send_modify(|faults| faults.up = fault);
    }

    /// Changes what happens to bytes that come from the target.
    pub fn down(&self, fault: Fault) {
        self.faults.send_modify(|faults| faults.down = fault);
    }

    /// Changes both directions.
    pub fn both(&self, fault: Fault) {
        let (up, down) = (fault, fault);
        self.faults.send_replace(Faults { up, down });
    }

    /// Passes everything on again; what went nowhere stays there.
    pub fn heal(&self) {
        self.both(Fault::default());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn connect(mut client: TcpStream, target: SocketAddr, told: watch::Receiver<Faults>) {
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    // Small pieces are to arrive as they are sent.
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let up = pass(from_client, to_server, told.clone(), |faults| faults.up);
    let down = pass(from_server, to_client, told, |faults| faults.down);
    // An end of one direction leaves the other open; a fault that closes ends both.
    let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
    tokio::select! {
        end = &mut up => if end.is_ok() {
            let _ended = down.await;
        },
        end = &mut down => if end.is_ok() {
            let _ended = up.await;
        },
    }
}

/// Passes bytes on until they end, which is no error, or until a fault or a peer ends it.
async fn pass(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut told: watch::Receiver<Faults>,
    side: fn(&Faults) -> Fault,
) -> io::Result<()> {
    let mut passed = 0;
    let mut buffer = vec![0; PIECE];
    // When the direction is free again, if its speed is limited.
    let mut free = Instant::now();
    loop {
        let fault = side(&told.borrow_and_update());
        let size = match fault.slice {
            0 => PIECE,
            slice => slice.min(PIECE),
        };
        let count = tokio::select! {
            count = from.read(&mut buffer[..size]) => count?,
            _ = told.changed() => continue,
        };
        let fault = side(&told.borrow());
        if fault.black_hole && count > 0 {
            continue;
        }
        if fault.reset {
            return Err(reset(&from, &to));
        }
        if count == 0 {
            return to.shutdown().await;
        }
        let jitter = fault.jitter.mul_f64(rand::random_range(0.0..=1.0));
        sleep(fault.latency + jitter).await;
        if fault.bandwidth > 0 {
            let needed = Duration::from_secs_f64(count as f64 / f64::from(fault.bandwidth));
            free = free.max(Instant::now()) + needed;
            sleep_until(free).await;
        }
        let within = match fault.limit {
            0 => count,
            limit => count.min(limit.saturating_sub(passed)),
        };
        to.write_all(&buffer[..within]).await?;
        passed += within;
        if within < count || fault.limit > 0 && passed == fault.limit {
            return Err(io::Error::other("the limit of the fault"));
        }
        sleep(fault.pause).await;
    }
}

/// Makes the end of both connections a reset rather than a goodbye.
fn reset(from: &ReadHalf<'_>, to: &WriteHalf<'_>) -> io::Error {
    let ends = [from.as_ref(), to.as_ref()];
    let set: io::Result<()> = ends.into_iter().try_for_each(TcpStream::set_zero_linger);
    set.err()
        .unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// A proxy to a server that sends back what it gets, and a connection through it.
    async fn echo() -> (Proxy, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let target = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        let proxy = Proxy::start(target).await.unwrap();
        let stream = TcpStream::connect(proxy.address()).await.unwrap();
        (proxy, stream)
    }

    async fn there_and_back(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<Duration> {
        let start = Instant::now();
        stream.write_all(bytes).await?;
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back).await?;
        assert_eq!(back, bytes);
        Ok(start.elapsed())
    }

    #[tokio::test]
    async fn faults_are_switched_while_a_connection_runs() {
        let (proxy, mut stream) = echo().await;
        there_and_back(&mut stream, b"hello").await.unwrap();
        proxy.both(Fault::late(Duration::from_millis(100)));
        let late = there_and_back(&mut stream, b"hello").await.unwrap();
        assert!(late >= Duration::from_millis(200), "{late:?}");
        proxy.heal();
        proxy.down(Fault {
            bandwidth: 10_000,
            slice: 100,
            ..Fault::default()
        });
        let slow = there_and_back(&mut stream, &[7; 2_000]).await.unwrap();
        assert!(slow >= Duration::from_millis(180), "{slow:?}");
        proxy.down(Fault::black_hole());
        let lost = there_and_back(&mut stream, b"lost");
        let lost = tokio::time::timeout(Duration::from_millis(200), lost).await;
        assert!(lost.is_err(), "it came back");
        proxy.up(Fault::reset());
        let mut rest = Vec::new();
        let sent = stream.write_all(b"more").await;
        let ended = stream.read_to_end(&mut rest).await;
        assert!(sent.is_err() || ended.is_err(), "no reset: {ended:?}");
        assert_eq!(proxy.accepted(), 1);
    }

    #[tokio::test]
    async fn a_limit_closes_after_so_many_bytes() {
        let (proxy, mut stream) = echo().await;
        proxy.down(Fault {
            limit: 3,
            ..Fault::default()
        });
        stream.write_all(b"hello").await.unwrap();
        let mut back = Vec::new();
        let _closed = stream.read_to_end(&mut back).await;
        assert_eq!(back, b"hel");
    }
}
