//! Owns the bodies an answer can have, the harmful ones included. Does not decide when to send which.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Interval, MissedTickBehavior, interval};

const MIB: usize = 1 << 20;
const HUGE: usize = 50 * MIB;
const HUGE_OPEN: &[u8] = br#"{"padding":""#;
const HUGE_CLOSE: &[u8] = br#""}"#;
const CHUNK: usize = 64 << 10;
const BOMB_MIB: u32 = 64;

/// A response body.
pub(crate) enum Answered {
    Whole(Option<Bytes>),
    /// Some bytes, then a failure that makes the server drop the connection.
    Cut {
        bytes: Option<Bytes>,
        flushed: bool,
    },
    Drip {
        rest: Bytes,
        pause: Interval,
    },
    /// Padding still to send; the opening is sent first, the closing last.
    Huge {
        sent: usize,
    },
}

impl Answered {
    pub(crate) fn drip(rest: Bytes, every: Duration) -> Self {
        let mut pause = interval(every.max(Duration::from_millis(1)));
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self::Drip { rest, pause }
    }

    pub(crate) fn cut(whole: &Bytes) -> Self {
        Self::Cut {
            bytes: Some(whole.slice(..whole.len() / 2)),
            flushed: false,
        }
    }
}

impl Body for Answered {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let next = match self.get_mut() {
            Self::Whole(bytes) => bytes.take().filter(|bytes| !bytes.is_empty()),
            Self::Cut { bytes, flushed } => {
                let half = bytes.take();
                if half.is_none() && !*flushed {
                    // hyper writes out what it has only when a body makes it wait.
                    *flushed = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                if half.is_none() {
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
                }
                half
            }
            Self::Drip { rest, .. } if rest.is_empty() => None,
            Self::Drip { rest, pause } => {
                ready!(pause.poll_tick(cx));
                Some(rest.split_to(1))
            }
            Self::Huge { sent } => huge_chunk(sent),
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            _ => SizeHint::default(),
        }
    }
}

fn huge_chunk(sent: &mut usize) -> Option<Bytes> {
    static PADDING: [u8; CHUNK] = [b'x'; CHUNK];
    let end = HUGE - HUGE_CLOSE.len();
    let chunk = match *sent {
        0 => HUGE_OPEN,
        at if at < end => &PADDING[..CHUNK.min(end - at)],
        at if at == end => HUGE_CLOSE,
        _ => return None,
    };
    *sent += chunk.len();
    Some(Bytes::from_static(chunk))
}

/// A small gzip member that unpacks to 64 MiB of blanks.
///
/// Compressing 64 MiB on every request would slow the tests, so one MiB is compressed up to a byte
/// boundary (full flush) and its blocks are repeated.
pub(crate) fn gzip_bomb() -> io::Result<Bytes> {
    let block = vec![b' '; MIB];
    let mut packed = Vec::with_capacity(CHUNK);
    Compress::new(Compression::best(), false).compress_vec(
        &block,
        &mut packed,
        FlushCompress::Full,
    )?;
    let mut block_crc = Crc::new();
    block_crc.update(&block);
    let mut crc = Crc::new();
    // Header of RFC 1952: deflate, no flags, no time, unknown system.
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for _ in 0..BOMB_MIB {
        gzip.write_all(&packed)?;
        crc.combine(&block_crc);
    }
    // An empty last block of RFC 1951 with fixed codes.
    gzip.write_all(&[3, 0])?;
    gzip.write_all(&crc.sum().to_le_bytes())?;
    gzip.write_all(&(BOMB_MIB << 20).to_le_bytes())?;
    Ok(Bytes::from(gzip))
}

#[cfg(test)]
mod tests {

    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn the_bomb_is_small_and_unpacks_to_64_mib_with_a_right_checksum() {
        let bomb = gzip_bomb().unwrap();
        assert!(bomb.len() < 256 << 10, "{} bytes", bomb.len());
        let mut decoder = GzDecoder::new(&bomb[..]);
        let mut buffer = vec![0; CHUNK];
        let mut total = 0;
        loop {
            let read = decoder.read(&mut buffer).unwrap();
            if read == 0 {
                break;
            }
            total += read;
        }
        assert_eq!(total, 64 * MIB);
    }

    #[test]
    fn the_huge_body_is_one_json_value_of_50_mib() {
        let mut sent = 0;
        let mut text = Vec::with_capacity(HUGE);
        while let Some(chunk) = huge_chunk(&mut sent) {
            text.extend_from_slice(&chunk);
        }
        assert_eq!(text.len(), HUGE);
        assert!(text.starts_with(b"{\"padding\":\"xx") && text.ends_with(b"xx\"}"));
    }
}
