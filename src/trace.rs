//! Traces: which call belongs to which, in here and across the wire, and the spans of those that are
//! looked at.
//!
//! A call has the id that its caller gives it by the W3C's `traceparent`, or one of its own. It goes
//! with the work, also into tasks, and out to carriers and plug-ins. Spans are made only of a sampled
//! share of the calls; of the others nothing is made or kept.
//!
//! **Invariant:** a span holds methods, ids of sources, codes and times; no number, name or URL.

mod export;

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

pub use self::export::{Exporter, Kind, Settings};

/// Name of the W3C's header.
pub const HEADER: &str = "traceparent";

/// The place of some work in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    id: u128,
    span: u64,
    sampled: bool,
}

tokio::task_local! {
    static CURRENT: Trace;
}

impl Trace {
    /// A trace that begins here. Whether it is sampled is a matter of chance, by the configured share.
    pub fn root() -> Self {
        Self {
            id: rand::random::<u128>().max(1),
            span: new_span(),
            sampled: export::chance(),
        }
    }

    /// What a caller says; nothing if it says nothing, or nothing that can be read.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(HEADER).iter();
        let text = all.next()?.to_str().ok()?;
        // With two of them nobody knows which one is meant.
        all.next().is_none().then(|| parse(text)).flatten()
    }

    /// A piece of work within this one.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span: new_span(),
            ..self
        }
    }

    /// Whether spans are made of it.
    pub fn is_sampled(self) -> bool {
        self.sampled && export::is_on()
    }

    /// The id of the trace, 32 hexadecimal digits.
    pub fn id(self) -> String {
        format!("{:032x}", self.id)
    }

    /// As the value of a `traceparent` header.
    pub fn to_header(self) -> Option<HeaderValue> {
        let text = format!(
            "00-{:032x}-{:016x}-{:02x}",
            self.id,
            self.span,
            u8::from(self.sampled)
        );
        HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).ok()
    }

    /// Tells of the work, if it is sampled: since when it has run, within what, and what became of it.
    pub fn tell(
        self,
        parent: Option<Self>,
        kind: Kind,
        name: &'static str,
        start: Timestamp,
        attributes: &[(&'static str, &str)],
        failed: Option<&'static str>,
    ) {
        if self.is_sampled() {
            let parent = parent.map(|parent| parent.span);
            export::tell(
                (self.id, self.span, parent),
                kind,
                name,
                start,
                attributes,
                failed,
            );
        }
    }
}

fn new_span() -> u64 {
    rand::random::<u64>().max(1)
}

/// Version, trace id, parent id and flags; later versions may add to them.
fn parse(text: &str) -> Option<Trace> {
    let mut parts = text.split('-');
    let (version, id) = (parts.next()?, parts.next()?);
    let (span, flags) = (parts.next()?, parts.next()?);
    let is_first = version == "00";
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    };
    let well_formed = is_hex(version, 2)
        && version != "ff"
        && is_hex(id, 32)
        && is_hex(span, 16)
        && is_hex(flags, 2)
        && !(is_first && parts.next().is_some());
    if !well_formed {
        return None;
    }
    let id = u128::from_str_radix(id, 16).ok().filter(|id| *id > 0)?;
    let span = u64::from_str_radix(span, 16).ok().filter(|id| *id > 0)?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    Some(Trace {
        id,
        span,
        sampled: flags & 1 == 1,
    })
}

/// The place of the present work, if it has one.
pub fn current() -> Option<Trace> {
    CURRENT.try_with(|trace| *trace).ok()
}

/// Does work at a place in a trace; tasks that it starts are there, too.
pub async fn within<F: Future>(trace: Trace, work: F) -> F::Output {
    CURRENT.scope(trace, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_read_is_written_again() {
        let trace = parse(TEXT).unwrap();
        assert!(trace.sampled);
        assert_eq!(trace.id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace.to_header().unwrap(), TEXT);
        let child = trace.child();
        assert!(child.id == trace.id && child.span != trace.span);
        // A later version is read as far as it is known.
        let later = parse(&TEXT.replacen("00", "cc", 1).replace("-01", "-09-more"));
        assert_eq!(later, Some(trace));
    }

    #[test]
    fn what_is_no_context_counts_for_nothing() {
        let zeros = "0".repeat(32);
        for wrong in [
            String::new(),
            "nonsense".to_owned(),
            TEXT.to_uppercase(),
            format!("{TEXT}-more"),
            TEXT.replacen("00", "ff", 1),
            TEXT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &zeros),
            TEXT.replace("00f067aa0ba902b7", "0000000000000000"),
            TEXT.replace("-01", "-1"),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
        let mut twice = HeaderMap::new();
        twice.append(HEADER, HeaderValue::from_static(TEXT));
        assert!(Trace::read(&twice).is_some());
        twice.append(HEADER, HeaderValue::from_static(TEXT));
        assert!(Trace::read(&twice).is_none());
    }

    #[tokio::test]
    async fn a_task_is_where_it_was_started() {
        let trace = parse(TEXT).unwrap();
        let (sender, told) = tokio::sync::oneshot::channel();
        within(trace, async {
            crate::tasks::spawn("test", async move {
                let _gone = sender.send(current());
            })
        })
        .await
        .await
        .unwrap();
        assert_eq!(told.await.unwrap(), Some(trace));
        assert_eq!(current(), None);
    }
}
