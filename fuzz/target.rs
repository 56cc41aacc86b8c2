//! What is fuzzed: every source, tracking numbers, times, resume tokens. The fuzzer and the tests that replay what
//! it once found call the same functions.
//!
//! An input of a source begins with a line that says what the rest is: three digits are the status
//! of an answer, `psh` a push; then a letter for the media type, and `?` if a number was asked
//! for. Anything else counts as status 200.

#![allow(dead_code, reason = "each user takes a part of it")]
#![allow(unreachable_pub, reason = "it is included, not linked")]

use bytes::Bytes;
use futures_util::FutureExt;
use jiff::Timestamp;
use waybill_core::adapter::{Adapter, Hints, Query};
use waybill_core::number::{TrackingNumber, check_digit_valid, detect};
use waybill_core::registry::Registry;
use waybill_core::time::{
    Clues, Stated, local_text, parse_compact, parse_iso, parse_offset, resolve,
};

use super::{check, push, tokens};

/// Something that takes inputs.
pub enum Target {
    Numbers,
    Times,
    Tokens,
    Source(Box<dyn Adapter>),
}

/// A credential that passes for a text, a token and a secret of 32 characters.
pub const CREDENTIAL: &str = "offline0offline1offline2offline3";
/// A key of 16 bytes, base64.
pub const KEY: &str = "b2ZmbGluZS0tb2ZmbGluZQ==";

/// Bytes of memory that understanding so many bytes may take beyond them.
pub fn allowed(bytes: usize) -> usize {
    2 * bytes + (1 << 20)
}

/// Names of all targets: every source, and what is no source.
pub fn names() -> Vec<&'static str> {
    let sources = waybill_adapters::ALL.iter().map(|source| source.id);
    sources.chain(["numbers", "times", "tokens"]).collect()
}

impl Target {
    /// Makes a target; that of a source has every credential.
    pub fn named(name: &str) -> Self {
        match name {
            "numbers" => Self::Numbers,
            "times" => Self::Times,
            "tokens" => Self::Tokens,
            id => Self::Source(adapter(id)),
        }
    }

    /// Takes an input, and panics if what becomes of it is not fit for a record.
    pub fn run(&self, input: &[u8]) {
        match self {
            Self::Numbers => number(&String::from_utf8_lossy(input)),
            Self::Times => time(&String::from_utf8_lossy(input)),
            Self::Tokens => tokens::run(input),
            Self::Source(adapter) => source(adapter.as_ref(), input),
        }
    }
}

/// An adapter of the source with every credential.
pub fn adapter(id: &str) -> Box<dyn Adapter> {
    let registry = Registry::new(waybill_adapters::ALL);
    let settings = registry.get(id).unwrap().settings.iter();
    let pairs = settings.filter_map(|setting| {
        let value = match setting.key {
            "push_url" => "https://localhost/",
            key if key.starts_with("sign_key") => KEY,
            // A list with a form of its own, and no credential of a push.
            "shops" => return None,
            _ if setting.required || setting.secret => CREDENTIAL,
            key if key.ends_with("app_key") => CREDENTIAL,
            _ => return None,
        };
        Some((setting.key.to_owned(), value.to_owned()))
    });
    registry.build(id, pairs).unwrap()
}

/// The moment at which everything is understood: that of the pushes among the fixtures.
pub fn now() -> Timestamp {
    Timestamp::constant(1_772_744_400, 0)
}

fn source(adapter: &dyn Adapter, input: &[u8]) {
    let line = input.iter().take(8).position(|byte| *byte == b'\n');
    let (head, body) = line.map_or((&b""[..], input), |at| (&input[..at], &input[at + 1..]));
    let media = match head.get(3) {
        Some(b'j') => "application/json",
        Some(b'x') => "text/xml; charset=utf-8",
        Some(b'f') => "application/x-www-form-urlencoded",
        Some(b'h') => "text/html",
        _ => "",
    };
    if head.starts_with(b"psh") {
        for push in push::all(media, body) {
            let pushed = adapter.translate_push(&push, now()).now_or_never();
            if let Ok(pushed) = pushed.expect("it waits for nothing") {
                let most = push.body().len();
                assert!(pushed.poll.len() <= most && pushed.id.len() <= most.max(64));
                check::reports(&pushed.reports, most);
            }
        }
        return;
    }
    let status = head
        .get(..3)
        .and_then(|digits| std::str::from_utf8(digits).ok());
    let status = status.and_then(|digits| digits.parse().ok());
    let mut response = http::Response::new(Bytes::copy_from_slice(body));
    *response.status_mut() = status.unwrap_or_default();
    if let (false, Ok(media)) = (media.is_empty(), media.parse()) {
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, media);
    }
    let asked = TrackingNumber::parse("00340434161094015902").map(Query::of);
    let asked = asked.ok().filter(|_| head.last() == Some(&b'?'));
    let answers = adapter.interpret(asked.as_slice(), &response, now());
    assert_eq!(answers.len(), 1);
    check::answer(&answers[0], body.len());
}

/// A number, and in further lines its origin, its destination and a carrier.
fn number(text: &str) {
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let Ok(number) = TrackingNumber::parse(line()) else {
        return;
    };
    let kept = number.reveal();
    assert!((4..=50).contains(&kept.len()));
    assert!(
        kept.bytes()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    );
    assert!(TrackingNumber::parse(kept).is_ok_and(|again| again == number));
    let hints = Hints {
        origin_country: line().to_owned(),
        destination_country: line().to_owned(),
        ..Hints::default()
    };
    let candidates = detect(&number, &hints);
    assert!(candidates.len() <= 20);
    for (candidate, rank) in candidates.iter().zip(1..) {
        assert!(candidate.rank == rank && !candidate.reason.contains(kept));
        assert!(candidate.country.is_empty() || candidate.country.len() == 2);
    }
    let wrong = |at: usize| candidates[at].check_digit_valid == Some(false);
    assert!((1..candidates.len()).all(|at| wrong(at) || !wrong(at - 1)));
    let first = check_digit_valid(kept, line());
    assert!(first.is_none() || !candidates.is_empty());
}

/// A time as one text, and in further lines a date, a time of day, an offset, a zone and a country.
fn time(text: &str) {
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (iso, date, clock) = (line(), line(), line());
    let offset = parse_offset(line());
    assert!(offset.is_none_or(|offset| offset.unsigned_abs() <= 18 * 3_600));
    let (zone, country) = (line(), line());
    let clues = Clues {
        place: None,
        facility_zone: (!zone.is_empty()).then_some(zone),
        country: (!country.is_empty()).then_some(country),
        convention: text.ends_with('\n').then_some("Asia/Shanghai"),
    };
    let compact = parse_compact(date, clock).map(|(local, precision)| Stated {
        local,
        precision,
        offset,
        raw: clock,
    });
    for stated in parse_iso(iso).into_iter().chain(compact) {
        let time = resolve(stated, clues);
        assert!(time.earliest <= time.latest);
        assert!((time.earliest..=time.latest).contains(&time.anchor()));
        assert!(time.raw.chars().count() <= 64);
        // What is shown can be read again, and is the same clock.
        let shown = local_text(&time);
        if (0..=9_999).contains(&time.local.year()) {
            let again = parse_iso(&shown).expect("a clock that can be read");
            assert_eq!(local_text(&resolve(again, Clues::default())), shown);
        }
    }
}
