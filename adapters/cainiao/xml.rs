//! What LINK and the router send as XML: refusals, whatever the form of the request, and pushes of
//! an API that is set to XML. Only the leaves that mean something are read.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use waybill_core::error::Error;

use super::map::malformed;
use super::wire::{Envelope, Pushed, PushedTrace, RouterError};

/// Most elements that are read of one document.
const ELEMENTS: usize = 20_000;
/// Deepest element that is read.
const DEPTH: usize = 32;

/// Reads a document into the fields that the same answer has as JSON.
pub(super) fn read(text: &str) -> Result<Envelope<'static>, Error> {
    let mut reader = Reader::from_str(text);
    let mut document = Document::default();
    let (mut depth, mut elements) = (0_usize, 0_usize);
    let mut leaf = String::new();
    loop {
        let broken = |_| malformed("answer is broken xml");
        match reader.read_event().map_err(broken)? {
            Event::Start(start) => {
                depth += 1;
                elements += 1;
                if depth > DEPTH || elements > ELEMENTS {
                    return Err(malformed("answer is xml without end"));
                }
                leaf.clear();
                document.open(start.local_name().as_ref());
            }
            Event::Text(part) => leaf.push_str(&part.decode().unwrap_or_default()),
            Event::CData(part) => leaf.push_str(&part.decode().unwrap_or_default()),
            Event::GeneralRef(entity) => {
                let name = entity.decode().unwrap_or_default();
                match entity.resolve_char_ref() {
                    Ok(Some(c)) => leaf.push(c),
                    _ => leaf.push_str(resolve_predefined_entity(&name).unwrap_or_default()),
                }
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                document.close(end.local_name().as_ref(), &leaf);
                leaf.clear();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if depth != 0 {
        return Err(malformed("answer is broken xml"));
    }
    Ok(document.finish())
}

#[derive(Default)]
struct Document {
    envelope: Envelope<'static>,
    router: Option<RouterError<'static>>,
    lists: Vec<Pushed<'static>>,
    trace: PushedTrace<'static>,
    /// The trace has a field, so it ends where its element does.
    trace_is_open: bool,
}

impl Document {
    fn open(&mut self, name: &[u8]) {
        match name {
            b"error_response" => self.router = Some(RouterError::default()),
            b"tracesList" => self.lists.push(Pushed {
                traces: Some(Vec::new()),
                ..Pushed::default()
            }),
            _ => {}
        }
    }

    /// Ends an element; `text` is what was in it since the last tag.
    fn close(&mut self, name: &[u8], text: &str) {
        let value = || Cow::Owned(text.trim().to_owned());
        if let Some(error) = &mut self.router {
            match name {
                b"code" => error.code = value(),
                b"sub_code" => error.sub_code = value(),
                _ => {}
            }
        }
        if let Some(list) = self.lists.last_mut() {
            let trace = &mut self.trace;
            let field = match name {
                b"logisticProviderID" => return list.provider = value(),
                b"mailNos" => return list.mail_nos.push(value()),
                b"txLogisticID" => return list.order = value(),
                b"time" => &mut trace.time,
                b"tz" => &mut trace.tz,
                b"desc" => &mut trace.desc,
                b"action" => &mut trace.action,
                b"facilityType" => &mut trace.facility_type,
                b"facilityNo" => &mut trace.facility_no,
                b"facilityName" => &mut trace.facility_name,
                b"country" => &mut trace.country,
                b"nextMailNo" => &mut trace.next_mail_no,
                b"nextTpCode" => &mut trace.next_tp_code,
                // A leaf that is not read ends nothing; the element around the fields is empty.
                _ if self.trace_is_open && text.trim().is_empty() && is_trace(name) => {
                    self.trace_is_open = false;
                    list.traces
                        .get_or_insert_default()
                        .push(std::mem::take(&mut self.trace));
                    return;
                }
                _ => return,
            };
            *field = value();
            self.trace_is_open = true;
            return;
        }
        match name {
            b"success" => self.envelope.success = value(),
            b"errorCode" => self.envelope.error_code = value(),
            b"error_code" => self.envelope.gateway_code = value(),
            _ => {}
        }
    }

    fn finish(self) -> Envelope<'static> {
        let mut envelope = self.envelope;
        envelope.error_response.extend(self.router);
        if !self.lists.is_empty() {
            envelope.traces_list = Some(Some(self.lists));
        }
        envelope
    }
}

/// The element of one event: `traces` repeated, or members of one `traces`.
fn is_trace(name: &[u8]) -> bool {
    matches!(
        name,
        b"traces" | b"trace" | b"tracesElement" | b"traceElement"
    )
}
