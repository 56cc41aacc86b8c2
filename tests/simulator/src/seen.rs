//! Owns what was asked: one request as it came, and counts over all of them. Never logs any of it.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::Value;

/// What a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Tracking by number.
    Tracking,
    /// All packages of a shipment, page by page (UPS).
    Packages,
    /// A request for an access token.
    Token,
    /// A number is given to the source beforehand, or its push is asked for.
    Register,
    /// Any other path or method.
    Other,
}

/// A request as the carrier saw it.
#[derive(Clone)]
pub struct Seen {
    /// Method.
    pub method: Method,
    /// Path without the query.
    pub path: String,
    /// Decoded query parameters in their order.
    pub query: Vec<(String, String)>,
    /// Headers, credentials included.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Seen {
    pub(crate) fn new(parts: http::request::Parts, body: Bytes) -> Self {
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        Self {
            query: form_urlencoded::parse(query).into_owned().collect(),
            path: parts.uri.path().to_owned(),
            method: parts.method,
            headers: parts.headers,
            body,
        }
    }

    /// The first query parameter of that name.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A header, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What a carrier says.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(status: StatusCode, media: &'static str, body: &Value) -> Self {
        let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(media))];
        Self {
            status,
            headers,
            body: Bytes::from(body.to_string()),
        }
    }
}

/// Counts of requests.
#[derive(Default)]
pub(crate) struct Tally {
    by_kind: HashMap<Kind, u64>,
    by_number: HashMap<String, u64>,
    last: HashMap<Kind, Seen>,
}

impl Tally {
    pub(crate) fn count(&mut self, kind: Kind, numbers: Vec<String>, seen: Seen) {
        *self.by_kind.entry(kind).or_default() += 1;
        for number in numbers {
            *self.by_number.entry(number).or_default() += 1;
        }
        self.last.insert(kind, seen);
    }

    pub(crate) fn of_kind(&self, kind: Kind) -> u64 {
        self.by_kind.get(&kind).copied().unwrap_or_default()
    }

    pub(crate) fn of_number(&self, number: &str) -> u64 {
        self.by_number.get(number).copied().unwrap_or_default()
    }

    pub(crate) fn last(&self, kind: Kind) -> Option<Seen> {
        self.last.get(&kind).cloned()
    }
}
