//! The upstream system that an adapter under test is made to ask: it answers whatever a check says.
//!
//! It writes to bare connections, because half of what it has to send is not HTTP. It knows nothing
//! of sources or checks. Every answer ends its connection, so that no fault leaks into the next one.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::tasks;

/// Greatest head and greatest body of a request in bytes.
const REQUEST: usize = 1_024 * 1_024;
/// What stands before a body that is too large: a space is no error in JSON or XML.
const PADDING: &[u8] = &[b' '; 64 * 1_024];
/// Time between two bytes of a drip.
const DRIP: Duration = Duration::from_millis(50);

/// How an answer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// As it is.
    Whole,
    /// The first half of the body, then a reset.
    Cut,
    /// Never.
    Hang,
    /// The head, then the body a byte at a time.
    Drip,
    /// The connection ends before an answer.
    Close,
    /// Bytes that are no HTTP.
    Noise,
    /// With this many spaces before the body, and its length not stated.
    Padded(usize),
}

/// One answer.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    pub(super) how: How,
}

/// A path that is always answered, whatever is being tested: a request for a token.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// What the path of a request contains.
    pub(super) path: String,
    pub(super) reply: Reply,
}

/// What is answered to everything but the routes.
#[derive(Clone)]
pub(super) enum Plan {
    /// This.
    Always(Reply),
    /// The answer of the row whose numbers the request names; of several, the one with most.
    ByNumber(Arc<[(Vec<String>, Reply)]>),
}

/// What has been asked since the plan was made.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    /// Requests, without those for routes.
    pub(super) requests: usize,
    /// Connections that are open.
    pub(super) open: usize,
    /// Requests that name no number of the plan, or more than a row has.
    pub(super) unplanned: usize,
}

struct State {
    plan: Mutex<Option<Plan>>,
    routes: Vec<Route>,
    counts: watch::Sender<Counts>,
}

/// A running upstream system. It ends when this is dropped.
pub(super) struct Upstream {
    state: Arc<State>,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Upstream {
    /// Listens.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub(super) async fn start(address: SocketAddr, routes: Vec<Route>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            plan: Mutex::default(),
            routes,
            counts: watch::Sender::default(),
        });
        let shared = Arc::clone(&state);
        let serving = tasks::spawn("conform_upstream", async move {
            loop {
                // A failed accept concerns one connection that the peer gave up.
                if let Ok((stream, _)) = listener.accept().await {
                    let shared = Arc::clone(&shared);
                    tasks::spawn("conform_connection", async move {
                        shared.counts.send_modify(|counts| counts.open += 1);
                        // How a connection ends is the peer's business as much as ours.
                        let _ = shared.serve(stream).await;
                        shared.counts.send_modify(|counts| counts.open -= 1);
                    });
                }
            }
        });
        Ok(Self {
            state,
            address,
            serving,
        })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers by this plan from now on, and counts anew.
    pub(super) fn plan(&self, plan: Plan) {
        *self.state.plan() = Some(plan);
        self.state.counts.send_modify(|counts| {
            counts.requests = 0;
            counts.unplanned = 0;
        });
    }

    /// What has been asked since.
    pub(super) fn counts(&self) -> Counts {
        *self.state.counts.borrow()
    }

    /// Waits until the counts are so; `false` if they are not in time.
    pub(super) async fn until(&self, within: Duration, is: impl FnMut(&Counts) -> bool) -> bool {
        let mut counts = self.state.counts.subscribe();
        timeout(within, counts.wait_for(is)).await.is_ok()
    }
}

impl State {
    fn plan(&self) -> std::sync::MutexGuard<'_, Option<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let Some(request) = read(&mut stream).await? else {
            return Ok(());
        };
        let path = request.split(' ').nth(1).unwrap_or_default();
        let route = self.routes.iter().find(|route| path.contains(&route.path));
        let reply = match route {
            Some(route) => route.reply.clone(),
            None => self.choose(&request),
        };
        send(&mut stream, &reply).await
    }

    fn choose(&self, request: &str) -> Reply {
        let mut is_planned = true;
        let reply = match self.plan().as_ref() {
            Some(Plan::Always(reply)) => Some(reply.clone()),
            Some(Plan::ByNumber(rows)) => {
                let named = |number: &&String| request.contains(number.as_str());
                let mut all: Vec<&String> = rows.iter().flat_map(|(numbers, _)| numbers).collect();
                all.retain(named);
                all.sort_unstable();
                all.dedup();
                let fits = |(numbers, _): &&(Vec<String>, Reply)| {
                    numbers.iter().all(|number| named(&number))
                };
                let best = rows.iter().filter(fits).max_by_key(|row| row.0.len());
                is_planned = best.is_some_and(|(numbers, _)| numbers.len() == all.len());
                best.map(|(_, reply)| reply.clone())
            }
            None => None,
        };
        self.counts.send_modify(|counts| {
            counts.requests += 1;
            counts.unplanned += usize::from(!is_planned);
        });
        reply.unwrap_or(Reply {
            status: 404,
            headers: Vec::new(),
            body: Bytes::new(),
            how: How::Whole,
        })
    }
}

/// Reads a request, head and body; `None` if none comes.
async fn read(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 || bytes.len() > 2 * REQUEST {
            return Ok(None);
        }
        let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let (head, body) = bytes.split_at(head + 4);
        let head = String::from_utf8_lossy(head);
        let header = |name: &str| {
            let mut lines = head.lines();
            lines.find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let length = header("content-length").and_then(|length| length.parse().ok());
        let is_whole = match length {
            Some(length) => body.len() >= length,
            None if header("transfer-encoding").is_some() => body.ends_with(b"0\r\n\r\n"),
            None => true,
        };
        if is_whole {
            return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

async fn send(stream: &mut TcpStream, reply: &Reply) -> io::Result<()> {
    match reply.how {
        How::Hang => return leave(stream).await,
        How::Close => return Ok(()),
        How::Noise => {
            stream
                .write_all(b"\x16\x03\x01\0\xff no http\0\r\n\r\n")
                .await?;
            return stream.shutdown().await;
        }
        How::Whole | How::Cut | How::Drip | How::Padded(_) => {}
    }
    let mut head = format!("HTTP/1.1 {} Answer\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !matches!(reply.how, How::Padded(_)) {
        head.push_str(&format!("content-length: {}\r\n", reply.body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    match reply.how {
        How::Cut => {
            let (half, _) = reply.body.split_at(reply.body.len() / 2);
            stream.write_all(half).await?;
            stream.flush().await?;
            // With this set, dropping the socket sends a reset instead of an orderly end.
            return stream.set_zero_linger();
        }
        How::Drip => {
            for byte in reply.body.iter() {
                stream.write_all(&[*byte]).await?;
                sleep(DRIP).await;
            }
        }
        How::Padded(spaces) => {
            for _ in 0..spaces / PADDING.len() {
                stream.write_all(PADDING).await?;
            }
            stream.write_all(&reply.body).await?;
        }
        How::Whole | How::Hang | How::Close | How::Noise => stream.write_all(&reply.body).await?,
    }
    stream.shutdown().await?;
    leave(stream).await
}

/// Waits until the other side closes the connection.
async fn leave(stream: &mut TcpStream) -> io::Result<()> {
    let mut rest = [0; 1_024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
