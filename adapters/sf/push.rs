//! What SF pushes: up to ten events in a message, as JSON or as XML in a form.
//!
//! A push carries no signature. The only credential is the address that it is sent to, so a token
//! has to stand there: as its last path segment or as the parameter `token`. What is not answered
//! with success is sent again, whole.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use quick_xml::Reader as Xml;
use quick_xml::events::{BytesStart, Event};
use waybill_core::adapter::{Pushed, Settings};
use waybill_core::error::{Error, ErrorKind};

use super::map::{Entry, Reader, Understood, is_at_an_agent, malformed};
use super::wire::{Envelope, Listed, Route};
use crate::sign::Secrets;
use crate::wire::MOST;

/// Deepest element that is read; the documented pushes have three levels.
const DEPTH: usize = 16;
/// Longest id of a push that is kept.
const LONGEST_ID: usize = 256;

/// The tokens of which one must stand in the address.
pub(super) struct Push {
    tokens: Secrets,
}

impl Push {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            tokens: Secrets::new(settings, &["push_token", "push_token_before"]),
        }
    }

    /// Checks the address, then understands the body.
    pub(super) fn translate(
        &self,
        reader: &Reader,
        push: &http::Request<Bytes>,
    ) -> Result<Pushed, Error> {
        if !self.is_allowed(push.uri()) {
            return Err(Error::new(ErrorKind::Denied, "push without the right token").unspent());
        }
        let body = push.body();
        let message = text_of(body)?;
        let (id, entries, reply) = match &message {
            Some(xml) => {
                let routes =
                    xml_routes(xml)?.ok_or_else(|| malformed("push lacks WaybillRoute"))?;
                (id_of(&routes), reader.pushed(&routes)?, reply_in_xml())
            }
            None => {
                let envelope: Envelope<'_> = crate::wire::from_slice(body).map_err(|error| {
                    malformed(format!("push is broken at line {}", error.line()))
                })?;
                let Listed::List(routes) = &envelope.body.routes else {
                    return Err(malformed("push lacks WaybillRoute"));
                };
                (id_of(routes), reader.pushed(routes)?, reply_in_json())
            }
        };
        let mut reports = Vec::with_capacity(entries.len());
        let mut poll = Vec::new();
        for entry in entries {
            let report = entry.outcome?;
            // What this event means depends on those before it, which are not here.
            if report.claims.iter().any(|claim| is_at_an_agent(claim)) {
                poll.push(report.number.clone());
            }
            reports.push(report);
        }
        Ok(Pushed {
            id,
            reports,
            poll,
            reply,
        })
    }

    /// Looks for a token in the address; all places are looked at, whichever fits.
    fn is_allowed(&self, uri: &http::Uri) -> bool {
        let segment = uri.path().rsplit('/').next().unwrap_or("");
        let query = uri.query().unwrap_or("").as_bytes();
        let parameter = form_urlencoded::parse(query)
            .find(|(key, _)| key == "token")
            .map(|(_, value)| value);
        let fits = |given: &str| {
            self.tokens
                .verify(given.as_bytes(), |secret| secret.as_bytes().to_vec())
        };
        let in_path = fits(segment);
        let in_query = fits(parameter.as_deref().unwrap_or(""));
        in_path | in_query
    }
}

/// Understands any body of status 200: an answer, or a push in whichever form.
pub(super) fn understood(
    reader: &Reader,
    body: &[u8],
    only: Option<&waybill_core::number::TrackingNumber>,
) -> Result<Understood, Error> {
    let Some(xml) = text_of(body)? else {
        return reader.read(body, only);
    };
    match xml_routes(&xml)? {
        Some(routes) => {
            let entries: Vec<Entry> = reader.pushed(&routes)?;
            Ok(Understood::Routes(entries))
        }
        None => Ok(Understood::Nothing),
    }
}

/// The XML of a message, sent as such or in the form field `content`; `None` if it is JSON.
fn text_of(body: &[u8]) -> Result<Option<Cow<'_, str>>, Error> {
    if let Some(form) = body.strip_prefix(b"content=") {
        let whole = form_urlencoded::parse(body)
            .find(|(key, _)| key == "content")
            .map(|(_, value)| value.into_owned());
        return match whole.filter(|_| !form.is_empty()) {
            Some(text) => Ok(Some(Cow::Owned(text))),
            None => Err(malformed("push lacks content")),
        };
    }
    let start = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if start != Some(&b'<') {
        return Ok(None);
    }
    let text = std::str::from_utf8(body).map_err(|_| malformed("message is no text"))?;
    Ok(Some(Cow::Borrowed(text)))
}

/// Reads the events of a push in XML; `None` if it is an answer to a push.
fn xml_routes(text: &str) -> Result<Option<Vec<Route<'_>>>, Error> {
    let broken = |at: u64| malformed(format!("xml is broken at byte {at}"));
    let mut xml = Xml::from_str(text);
    let mut routes = Vec::new();
    let (mut root, mut depth) = (Root::None, 0_usize);
    loop {
        let at = xml.buffer_position();
        match xml.read_event().map_err(|_| broken(at))? {
            Event::Start(tag) => {
                depth += 1;
                if depth > DEPTH {
                    return Err(malformed("xml is too deep"));
                }
                root.meet(&tag);
                add(&tag, &mut routes).ok_or_else(|| broken(at))?;
            }
            Event::Empty(tag) => {
                root.meet(&tag);
                add(&tag, &mut routes).ok_or_else(|| broken(at))?;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Eof if depth > 0 => return Err(broken(at)),
            Event::Eof => break,
            _ => {}
        }
        if routes.len() > MOST {
            return Err(malformed("push has too many routes"));
        }
    }
    match root {
        Root::Request if routes.is_empty() => Err(malformed("push lacks WaybillRoute")),
        Root::Request => Ok(Some(routes)),
        Root::Response => Ok(None),
        Root::None | Root::Other => Err(malformed("xml is neither Request nor Response")),
    }
}

/// Outermost element.
enum Root {
    None,
    Request,
    Response,
    Other,
}

impl Root {
    fn meet(&mut self, tag: &BytesStart<'_>) {
        if matches!(self, Self::None) {
            *self = match tag.name().as_ref() {
                b"Request" => Self::Request,
                b"Response" => Self::Response,
                _ => Self::Other,
            };
        }
    }
}

/// Adds an event if the element is one; `None` if its attributes are broken.
fn add(tag: &BytesStart<'_>, routes: &mut Vec<Route<'static>>) -> Option<()> {
    if tag.name().as_ref() != b"WaybillRoute" {
        return Some(());
    }
    let mut route = Route::default();
    for attribute in tag.attributes() {
        let attribute = attribute.ok()?;
        let field = match attribute.key.as_ref() {
            b"id" => &mut route.id,
            b"mailno" => &mut route.mailno,
            b"orderid" => &mut route.orderid,
            b"acceptTime" => &mut route.accept_time,
            b"acceptAddress" => &mut route.accept_address,
            b"remark" => &mut route.remark,
            b"opCode" => &mut route.op_code,
            b"reasonCode" => &mut route.reason_code,
            _ => continue,
        };
        *field = Cow::Owned(attribute.unescape_value().ok()?.into_owned());
    }
    routes.push(route);
    Some(())
}

/// Id of a message: those of its events, because a message is sent again whole. Empty if an event
/// has none.
fn id_of(routes: &[Route<'_>]) -> String {
    let ids: Vec<&str> = routes.iter().map(|route| route.id.trim()).collect();
    let all = ids.join(",");
    let named = !ids.contains(&"") && all.len() <= LONGEST_ID;
    if named { all } else { String::new() }
}

fn reply_in_json() -> http::Response<Bytes> {
    reply(
        "application/json;charset=UTF-8",
        r#"{"return_code":"0000","return_msg":"成功"}"#,
    )
}

fn reply_in_xml() -> http::Response<Bytes> {
    reply(
        "application/xml;charset=UTF-8",
        r#"<Response service="RoutePushService"><Head>OK</Head></Response>"#,
    )
}

fn reply(media: &'static str, body: &'static str) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from_static(body.as_bytes()));
    let media = HeaderValue::from_static(media);
    response.headers_mut().insert(CONTENT_TYPE, media);
    response
}
