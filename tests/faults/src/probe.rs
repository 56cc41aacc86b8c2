//! An HTTP/2 client that sends whatever frames it is told to, and reports how it was received.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, timeout_at};

/// What a client begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
#[allow(missing_docs, reason = "named as in RFC 9113")]
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// End of the stream, on DATA and HEADERS; acknowledgement, on SETTINGS and PING.
pub const END_STREAM: u8 = 1;
/// End of the headers.
pub const END_HEADERS: u8 = 4;
/// `ENHANCE_YOUR_CALM`.
pub const CALM: u32 = 11;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Type.
    pub kind: u8,
    /// Flags.
    pub flags: u8,
    /// Stream.
    pub stream: u32,
    /// Payload.
    pub payload: Bytes,
}

impl Frame {
    /// Error code of a GOAWAY or RST_STREAM.
    pub fn error(&self) -> Option<u32> {
        let at = match self.kind {
            kind::GOAWAY => 4,
            kind::RST_STREAM => 0,
            _ => return None,
        };
        let code = self.payload.get(at..at + 4)?;
        Some(u32::from_be_bytes(code.try_into().ok()?))
    }
}

/// Writes a frame, whether it makes sense or not.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(9 + payload.len());
    frame.put_uint(payload.len() as u64, 3);
    frame.put_u8(kind);
    frame.put_u8(flags);
    frame.put_u32(stream);
    frame.put_slice(payload);
    frame.freeze()
}

/// A block of headers without any compression.
pub fn block(headers: &[(&str, &str)]) -> Bytes {
    let mut block = BytesMut::new();
    for (name, value) in headers {
        block.put_u8(0);
        text(&mut block, name.as_bytes());
        text(&mut block, value.as_bytes());
    }
    block.freeze()
}

fn text(block: &mut BytesMut, text: &[u8]) {
    let mut length = text.len();
    if length < 127 {
        block.put_u8(u8::try_from(length).unwrap_or(0));
    } else {
        block.put_u8(127);
        length -= 127;
        while length >= 128 {
            block.put_u8(u8::try_from(length % 128 + 128).unwrap_or(0));
            length /= 128;
        }
        block.put_u8(u8::try_from(length).unwrap_or(0));
    }
    block.put_slice(text);
}

/// The headers of a gRPC call, and `more`.
pub fn call(path: &str, more: &[(&str, &str)]) -> Bytes {
    let mut headers = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "probe.example"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    headers.extend_from_slice(more);
    block(&headers)
}

/// A gRPC message in its envelope.
pub fn message(bytes: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(5 + bytes.len());
    message.put_u8(0);
    message.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    message.put_slice(bytes);
    message.freeze()
}

/// How a connection ended, or that it did not.
#[derive(Debug, Default)]
pub struct Seen {
    /// Frames that came.
    pub frames: Vec<Frame>,
    /// Time until the end of the connection; `None` if it was still open.
    pub closed: Option<Duration>,
}

impl Seen {
    /// Error code of the GOAWAY, if there was one.
    pub fn goaway(&self) -> Option<u32> {
        self.of(kind::GOAWAY).find_map(Frame::error)
    }

    /// Frames of a type.
    pub fn of(&self, kind: u8) -> impl Iterator<Item = &Frame> {
        self.frames.iter().filter(move |frame| frame.kind == kind)
    }

    /// Whether the connection was still open.
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// The value of a setting that the server has announced.
    pub fn setting(&self, id: u16) -> Option<u32> {
        let settings = self.of(kind::SETTINGS).flat_map(|frame| {
            let entries = frame.payload.chunks_exact(6);
            entries.map(|mut entry| (entry.get_u16(), entry.get_u32()))
        });
        settings
            .into_iter()
            .find_map(|(known, value)| (known == id).then_some(value))
    }
}

/// A connection.
pub struct Probe {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    buffer: BytesMut,
    born: Instant,
}

impl Probe {
    /// Connects from an address of this machine, and sends nothing.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn silent(from: IpAddr, address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from, 0))?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        Ok(Self {
            read,
            write,
            buffer: BytesMut::new(),
            born: Instant::now(),
        })
    }

    /// Connects as a client does: preface and empty settings.
    ///
    /// # Errors
    /// Nobody listens, or the connection ended at once.
    pub async fn connect(from: IpAddr, address: SocketAddr) -> io::Result<Self> {
        let mut probe = Self::silent(from, address).await?;
        probe.send(PREFACE).await?;
        probe.send(&frame(kind::SETTINGS, 0, 0, &[])).await?;
        probe
            .send(&frame(kind::SETTINGS, END_STREAM, 0, &[]))
            .await?;
        Ok(probe)
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write.write_all(bytes).await
    }

    /// Sends pieces as fast as they are taken, reading what comes meanwhile, until they are used up
    /// or the connection ends; then reads for as long as `rest`, or until the end.
    pub async fn flood(mut self, pieces: impl Iterator<Item = Bytes>, rest: Duration) -> Seen {
        let mut seen = Seen::default();
        let (mut read, mut write) = (self.read, self.write);
        let born = self.born;
        let buffer = &mut self.buffer;
        let sending = async {
            for piece in pieces {
                if write.write_all(&piece).await.is_err() {
                    break;
                }
            }
            // A peer that has closed is noticed by the reader.
            tokio::time::sleep(rest).await;
        };
        let reading = async {
            while let Ok(Some(frame)) = next(&mut read, buffer).await {
                seen.frames.push(frame);
            }
            seen.closed = Some(born.elapsed());
        };
        tokio::select! {
            () = reading => {}
            () = sending => {}
        }
        seen
    }

    /// Reads until the end of the connection, at most for this time.
    pub async fn listen(&mut self, time: Duration) -> Seen {
        let mut seen = Seen::default();
        let until = Instant::now() + time;
        loop {
            match timeout_at(until, next(&mut self.read, &mut self.buffer)).await {
                Err(_) => return seen,
                Ok(Ok(Some(frame))) => seen.frames.push(frame),
                Ok(Ok(None) | Err(_)) => {
                    seen.closed = Some(self.born.elapsed());
                    return seen;
                }
            }
        }
    }

    /// Reads until a stream has ended or the connection has, at most for this time.
    pub async fn answer(&mut self, stream: u32, time: Duration) -> Seen {
        let mut seen = Seen::default();
        let until = Instant::now() + time;
        loop {
            match timeout_at(until, next(&mut self.read, &mut self.buffer)).await {
                Err(_) => return seen,
                Ok(Ok(Some(frame))) => {
                    let ends = frame.kind == kind::RST_STREAM
                        || matches!(frame.kind, kind::HEADERS | kind::DATA)
                            && frame.flags & END_STREAM != 0;
                    let is_last = frame.stream == stream && ends;
                    seen.frames.push(frame);
                    if is_last {
                        return seen;
                    }
                }
                Ok(Ok(None) | Err(_)) => {
                    seen.closed = Some(self.born.elapsed());
                    return seen;
                }
            }
        }
    }

    /// Whether a PING is answered: the connection lives.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&mut self) -> io::Result<()> {
        let sent = frame(kind::PING, 0, 0, b"aliveyet");
        self.send(&sent).await?;
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let next = timeout_at(until, next(&mut self.read, &mut self.buffer)).await??;
            let frame = next.ok_or(io::ErrorKind::UnexpectedEof)?;
            if frame.kind == kind::PING && &frame.payload[..] == b"aliveyet" {
                return Ok(());
            }
        }
    }
}

async fn next(read: &mut OwnedReadHalf, buffer: &mut BytesMut) -> io::Result<Option<Frame>> {
    loop {
        if buffer.len() >= 9 {
            let length = (&buffer[..3]).get_uint(3);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if buffer.len() >= 9 + length {
                let mut head = buffer.split_to(9);
                head.advance(3);
                return Ok(Some(Frame {
                    kind: head.get_u8(),
                    flags: head.get_u8(),
                    stream: head.get_u32(),
                    payload: buffer.split_to(length).freeze(),
                }));
            }
        }
        if read.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}
