//! The bytes of a connection, looked at as they pass: whether the preface has come, and how many
//! frames only make work.
//!
//! A PING or SETTINGS frame has to be answered, which costs its sender next to nothing; the HTTP/2
//! library answers as many as come. Heads of frames are nine bytes apart from their payload, so
//! they are counted without understanding anything else.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Length of the HTTP/2 client preface.
const PREFACE: usize = 24;
/// Length of a frame's head: three bytes of length, type, flags, stream.
const HEAD: usize = 9;
/// Time over which control frames are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// Bytes sent that allow one control frame more: clients probe the speed of what they receive with
/// a PING. An answer to a PING has 17 bytes, so that a flood does not pay for itself.
const WORTH: usize = 64;

/// A byte stream that is looked at.
pub(super) struct Watched<I> {
    io: I,
    greeted: Arc<AtomicBool>,
    /// Bytes until the next head: the rest of the preface, or of a payload.
    skip: usize,
    is_greeted: bool,
    head: [u8; HEAD],
    filled: usize,
    limit: u32,
    /// Control frames that may still come.
    allowed: f64,
    counted: Instant,
}

impl<I> Watched<I> {
    pub(super) fn new(io: I, greeted: Arc<AtomicBool>, control_frames: u32) -> Self {
        Self {
            io,
            greeted,
            skip: PREFACE,
            is_greeted: false,
            head: [0; HEAD],
            filled: 0,
            limit: control_frames,
            allowed: f64::from(control_frames),
            counted: Instant::now(),
        }
    }

    /// Looks at what has come; false if there was too much that only makes work.
    fn look(&mut self, mut bytes: &[u8]) -> bool {
        let mut control = 0_u32;
        while !bytes.is_empty() {
            if self.skip > 0 {
                let passed = self.skip.min(bytes.len());
                self.skip -= passed;
                bytes = &bytes[passed..];
                // Whether these bytes are a preface, the HTTP/2 library finds out.
                if self.skip == 0 && !self.is_greeted {
                    self.is_greeted = true;
                    self.greeted.store(true, Ordering::Relaxed);
                }
                continue;
            }
            let taken = (HEAD - self.filled).min(bytes.len());
            self.head[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == HEAD {
                self.filled = 0;
                let [a, b, c, kind, ..] = self.head;
                self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
                control += u32::from(is_control(kind));
            }
        }
        control == 0 || self.spend(control)
    }

    fn spend(&mut self, frames: u32) -> bool {
        let now = Instant::now();
        let share = (now - self.counted).as_secs_f64() / WINDOW.as_secs_f64();
        self.counted = now;
        self.earn(share * f64::from(self.limit));
        self.allowed -= f64::from(frames);
        self.allowed >= 0.0
    }

    fn earn(&mut self, frames: f64) {
        self.allowed = (self.allowed + frames).min(f64::from(self.limit));
    }

    fn sent(&mut self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = polled {
            self.earn(*bytes as f64 / WORTH as f64);
        }
    }
}

/// PRIORITY, SETTINGS, PING, and what no standard knows: no call needs many of them.
const fn is_control(kind: u8) -> bool {
    matches!(kind, 2 | 4 | 6 | 10..)
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if !self.look(&buf.filled()[before..]) {
            metrics::counter!("waybill_connections_cut_total", "reason" => "control_frames")
                .increment(1);
            return Poll::Ready(Err(io::Error::other("too many control frames")));
        }
        polled
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.sent(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.sent(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: u8) -> Vec<u8> {
        let head = [0, 0, length, kind, 0, 0, 0, 0, 0];
        [&head[..], &vec![6; usize::from(length)]].concat()
    }

    fn watched(limit: u32) -> Watched<()> {
        Watched::new((), Arc::default(), limit)
    }

    #[tokio::test(start_paused = true)]
    async fn control_frames_are_counted_however_the_bytes_are_cut() {
        // Payloads full of sixes look like heads of PINGs to whoever loses count.
        let frames = [frame(1, 40), frame(6, 8), frame(0, 200), frame(4, 12)].concat();
        let all = [vec![b'x'; PREFACE], frames.repeat(50)].concat();
        for piece in [1, 7, 9, 64, 100_000] {
            let mut watched = watched(100);
            assert!(all.chunks(piece).all(|bytes| watched.look(bytes)));
            assert!(watched.greeted.load(Ordering::Relaxed));
            assert!(watched.allowed.abs() < 1e-9, "{}", watched.allowed);
            assert!(!watched.look(&frame(6, 8)), "the next one is too much");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_and_answers_allow_more() {
        let mut watched = watched(100);
        watched.look(&[b'x'; PREFACE]);
        assert!(watched.look(&frame(6, 8).repeat(100)));
        tokio::time::advance(WINDOW / 10).await;
        assert!(watched.look(&frame(6, 8).repeat(10)));
        watched.sent(&Poll::Ready(Ok(640)));
        assert!(watched.look(&frame(6, 8).repeat(10)));
        // The answer to a PING does not pay for it.
        watched.sent(&Poll::Ready(Ok(17)));
        assert!(!watched.look(&frame(6, 8)));
    }
}
