//! Owns the names of everything that can go wrong on command. Does not know how an answer is sent.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};

/// Something a carrier can be told to do wrong instead of answering.
///
/// Text form (control port and command line): `slow:MS`, `hang`, `status:CODE[:empty|json|html]`,
/// `rate-limit[:SECONDS|:date:SECONDS]`, `cut-body`, `tcp-reset`, `truncated-json`, `garbage`, `html`,
/// `huge`, `gzip-bomb`, `drip[:MS]`, `no-content`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The right answer, late.
    Slow(Duration),
    /// The request is read and never answered, not even after the fault is switched off.
    Hang,
    /// An error status.
    Status(StatusCode, ErrorBody),
    /// 429 in the carrier's own form.
    RateLimited(RetryAfter),
    /// The right `Content-Length`, half of the body, then the connection is closed.
    CutBody,
    /// The connection is reset before a byte of the answer.
    TcpReset,
    /// Status 200 and a complete HTTP message whose JSON stops half way.
    TruncatedJson,
    /// Status 200 and bytes that are neither JSON nor UTF-8, labelled as JSON.
    Garbage,
    /// Status 200 and a web page, as login walls and maintenance pages come.
    HtmlPage,
    /// Status 200 and a well-formed JSON body of 50 MiB, without a `Content-Length`.
    Huge,
    /// Status 200 and some KiB of gzip that unpack to 64 MiB.
    GzipBomb,
    /// The right answer, one byte per pause.
    Drip(Duration),
    /// Status 204 and no body.
    NoContent,
}

/// What an injected error status carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorBody {
    /// Nothing.
    Empty,
    /// The carrier's documented error object.
    Json,
    /// A gateway's error page.
    Html,
}

/// Whether and how a 429 says when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// No header, as both carriers document.
    Absent,
    /// Delay in seconds.
    Seconds(u64),
    /// HTTP date, this many seconds after the real current time.
    Date(u64),
}

impl RetryAfter {
    pub(crate) fn header(self) -> Option<HeaderValue> {
        match self {
            Self::Absent => None,
            Self::Seconds(seconds) => Some(HeaderValue::from(seconds)),
            Self::Date(seconds) => {
                let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
                let at = Timestamp::now().checked_add(SignedDuration::from_secs(seconds));
                let date = at.ok()?.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
                HeaderValue::try_from(date).ok()
            }
        }
    }
}

/// A text that names no fault.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownFault(String);

impl fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown fault {:?}", self.0)
    }
}

impl std::error::Error for UnknownFault {}

const PLAIN: [(&str, Fault); 9] = [
    ("hang", Fault::Hang),
    ("cut-body", Fault::CutBody),
    ("tcp-reset", Fault::TcpReset),
    ("truncated-json", Fault::TruncatedJson),
    ("garbage", Fault::Garbage),
    ("html", Fault::HtmlPage),
    ("huge", Fault::Huge),
    ("gzip-bomb", Fault::GzipBomb),
    ("no-content", Fault::NoContent),
];
const BODIES: [(&str, ErrorBody); 3] = [
    ("empty", ErrorBody::Empty),
    ("json", ErrorBody::Json),
    ("html", ErrorBody::Html),
];
const DRIP: Duration = Duration::from_millis(100);

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        if let Some((_, fault)) = PLAIN.iter().find(|(name, _)| *name == text) {
            return Ok(fault.clone());
        }
        let mut parts = text.split(':');
        let words = [parts.next(), parts.next(), parts.next()];
        let fault = match (words, parts.next()) {
            ([Some("slow"), Some(ms), None], None) => millis(ms).map(Fault::Slow),
            ([Some("drip"), None, None], None) => Some(Fault::Drip(DRIP)),
            ([Some("drip"), Some(ms), None], None) => millis(ms).map(Fault::Drip),
            ([Some("status"), Some(code), body], None) => status(code, body.unwrap_or("json")),
            ([Some("rate-limit"), None, None], None) => {
                Some(Fault::RateLimited(RetryAfter::Absent))
            }
            ([Some("rate-limit"), Some("date"), Some(after)], None) => after
                .parse()
                .ok()
                .map(|after| Fault::RateLimited(RetryAfter::Date(after))),
            ([Some("rate-limit"), Some(after), None], None) => after
                .parse()
                .ok()
                .map(|after| Fault::RateLimited(RetryAfter::Seconds(after))),
            _ => None,
        };
        fault.ok_or_else(|| UnknownFault(text.to_owned()))
    }
}

fn millis(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}

fn status(code: &str, body: &str) -> Option<Fault> {
    let code = StatusCode::from_bytes(code.as_bytes()).ok()?;
    // hyper cannot end an exchange with an informational status.
    if code.is_informational() {
        return None;
    }
    let (_, body) = BODIES.iter().find(|(name, _)| *name == body)?;
    Some(Fault::Status(code, *body))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow(delay) => write!(f, "slow:{}", delay.as_millis()),
            Self::Drip(pause) => write!(f, "drip:{}", pause.as_millis()),
            Self::Status(code, body) => {
                let name = BODIES
                    .iter()
                    .find(|(_, known)| known == body)
                    .map_or("json", |(name, _)| name);
                write!(f, "status:{}:{name}", code.as_u16())
            }
            Self::RateLimited(RetryAfter::Absent) => f.write_str("rate-limit"),
            Self::RateLimited(RetryAfter::Seconds(after)) => write!(f, "rate-limit:{after}"),
            Self::RateLimited(RetryAfter::Date(after)) => write!(f, "rate-limit:date:{after}"),
            plain => f.write_str(
                PLAIN
                    .iter()
                    .find(|(_, fault)| fault == plain)
                    .map_or("", |(name, _)| name),
            ),
        }
    }
}

/// A fault that is switched on, for ever or for a number of requests.
pub(crate) struct Armed {
    pub(crate) fault: Fault,
    pub(crate) left: Option<u32>,
}

/// The fault for the next request, used up if it was armed for a number of requests.
pub(crate) fn take(slot: &mut Option<Armed>) -> Option<Fault> {
    let armed = slot.as_mut()?;
    let fault = armed.fault.clone();
    if let Some(left) = armed.left.as_mut() {
        *left = left.saturating_sub(1);
        if *left == 0 {
            *slot = None;
        }
    }
    Some(fault)
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn every_name_survives_a_round_trip() {
        let names = [
            "slow:1500",
            "hang",
            "status:503:empty",
            "status:500:json",
            "status:502:html",
            "rate-limit",
            "rate-limit:30",
            "rate-limit:date:30",
            "cut-body",
            "tcp-reset",
            "truncated-json",
            "garbage",
            "html",
            "huge",
            "gzip-bomb",
            "drip:100",
            "no-content",
        ];
        for name in names {
            assert_eq!(name.parse::<Fault>().unwrap().to_string(), name);
        }
        assert_eq!("drip".parse::<Fault>().unwrap(), Fault::Drip(DRIP));
        assert_eq!(
            "status:401".parse::<Fault>().unwrap().to_string(),
            "status:401:json"
        );
    }

    #[test]
    fn a_wrong_name_is_told_back() {
        for name in [
            "",
            "slow",
            "slow:x",
            "status:99",
            "status:100",
            "status:500:xml",
            "rate-limit:date",
            "hang:1:2:3",
        ] {
            let error = name.parse::<Fault>().unwrap_err();
            assert_eq!(error.to_string(), format!("unknown fault {name:?}"));
        }
    }

    #[test]
    fn a_counted_fault_wears_off() {
        let mut slot = Some(Armed {
            fault: Fault::Hang,
            left: Some(2),
        });
        assert_eq!(
            [take(&mut slot), take(&mut slot), take(&mut slot)],
            [Some(Fault::Hang), Some(Fault::Hang), None]
        );
        slot = Some(Armed {
            fault: Fault::Garbage,
            left: None,
        });
        for _ in 0..5 {
            assert_eq!(take(&mut slot), Some(Fault::Garbage));
        }
    }
}
