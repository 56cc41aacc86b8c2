//! Reads a body by looking at it: an answer of 040001, a push in or out of its envelope, an older
//! trace push, an answer of the consumer page, or the global track of the UPU. It must not know
//! how the body came.

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use waybill_core::adapter::{Answer, Query, Report};
use waybill_core::error::Error;
use waybill_core::number::TrackingNumber;

use super::envelope::Keys;
use super::map::malformed;
use super::wire::{Document, Items, Row, Rows, Trace};
use super::{fault, map, upu};
use crate::codes::Codes;

/// What is needed to understand a body.
pub(super) struct Reader {
    pub(super) codes: &'static Codes,
    pub(super) keys: Keys,
}

/// What the UPU answers when it knows nothing.
const NOTHING_AT_UPU: &[u8] = b"1";
/// What 040001 says beside rows.
const SUCCESS: &[&str] = &["", "成功", "success", "SUCCESS", "操作成功", "查询成功"];

impl Reader {
    /// Understands a response; `asked` is the number of rows that state none.
    pub(super) fn read(
        &self,
        response: &Response<Bytes>,
        asked: Option<&TrackingNumber>,
        now: Timestamp,
    ) -> Result<Vec<Report>, Error> {
        if response.status() != StatusCode::OK {
            return Err(fault::of_status(response, now));
        }
        self.body(response.body().trim_ascii(), asked)
    }

    fn body(&self, body: &[u8], asked: Option<&TrackingNumber>) -> Result<Vec<Report>, Error> {
        match body.first() {
            Some(b'{') => self.document(body, asked),
            Some(b'[') => self.list(body, asked),
            _ if body == NOTHING_AT_UPU => Err(fault::not_found()),
            _ => Err(malformed("answer is no JSON object")),
        }
    }

    fn document(&self, body: &[u8], asked: Option<&TrackingNumber>) -> Result<Vec<Report>, Error> {
        let document: Document<'_> = crate::wire::from_slice(body).map_err(broken)?;
        if !document.logitcs_interface.is_empty() {
            let opened = self.keys.open(&document.logitcs_interface);
            return self.pushed(&opened.ok_or_else(fault::sealed)?.text, asked);
        }
        if !document.ret_code.is_empty() || !matches!(document.ret_body, Trace::Absent) {
            return self.answer(document, asked);
        }
        if let Some(Rows { rows }) = document.response_items {
            let rows = rows.ok_or_else(|| malformed("responseItems: no list of rows"))?;
            return self.rows(&rows, true, asked);
        }
        if let Some(Rows { rows }) = document.traces {
            let rows = rows.ok_or_else(|| malformed("traces: no list of rows"))?;
            return self.rows(&rows, false, asked);
        }
        if !document.value.is_empty() {
            let pages = document.value.into_iter();
            let found = pages.filter_map(|page| page.domestic_mail_result_dto_list);
            let found: Vec<_> = found.collect();
            if found.is_empty() {
                return Err(malformed("domesticMailResultDtoList: no list of objects"));
            }
            let count = found
                .iter()
                .flatten()
                .map(|found| found.res_obj.len())
                .sum();
            let mut rows = Vec::with_capacity(count);
            rows.extend(found.into_iter().flatten().flat_map(|found| found.res_obj));
            // Without a login the page shows the beginning of the list.
            return self.rows(&rows, false, asked);
        }
        if !document.op_code.is_empty() || !document.op_time.is_empty() {
            let row: Row<'_> = crate::wire::from_slice(body).map_err(broken)?;
            return self.rows(&[row], false, asked);
        }
        if !document.id.is_empty() {
            let Items { items } = crate::wire::from_slice(body).map_err(broken)?;
            return upu::reports(self.codes, items, asked);
        }
        Err(malformed("answer has no known form"))
    }

    /// What an opened envelope holds.
    pub(super) fn pushed(
        &self,
        text: &str,
        asked: Option<&TrackingNumber>,
    ) -> Result<Vec<Report>, Error> {
        let rows: Vec<Row<'_>> = match text.trim_start().starts_with('[') {
            true => crate::wire::from_str(text)
                .map(|Rows { rows }| rows.unwrap_or_default())
                .map_err(broken)?,
            false => {
                let document: Document<'_> = crate::wire::from_str(text).map_err(broken)?;
                match document.traces.or(document.response_items) {
                    Some(Rows { rows }) => rows.unwrap_or_default(),
                    None if document.op_code.is_empty() && document.op_time.is_empty() => {
                        Vec::new()
                    }
                    None => vec![crate::wire::from_str(text).map_err(broken)?],
                }
            }
        };
        if rows.is_empty() {
            return Err(malformed("envelope holds no operation"));
        }
        map::reports(self.codes, &rows, false, asked)
    }

    /// An answer of 040001.
    fn answer(
        &self,
        document: Document<'_>,
        asked: Option<&TrackingNumber>,
    ) -> Result<Vec<Report>, Error> {
        let code = document.ret_code.trim();
        let ok = code == fault::OK || (code.is_empty() && document.success == "true");
        if !ok {
            return Err(fault::of_answer(&document));
        }
        let says_nothing = !SUCCESS.contains(&document.ret_msg.trim());
        let packed;
        let trace = match document.ret_body {
            Trace::Packed(text) if matches!(text.trim(), "" | "null") => Trace::Absent,
            Trace::Packed(text) => {
                packed = text;
                crate::wire::from_str(&packed)
                    .map_err(|_| malformed("retBody: text that holds no JSON"))?
            }
            trace => trace,
        };
        match trace {
            Trace::Rows(rows) => self.rows(&rows, true, asked),
            Trace::Absent => Err(fault::not_found()),
            Trace::Bare if says_nothing => Err(fault::not_found()),
            Trace::Bare | Trace::Odd | Trace::Packed(_) => {
                Err(malformed("retBody: no list of rows"))
            }
        }
    }

    fn list(&self, body: &[u8], asked: Option<&TrackingNumber>) -> Result<Vec<Report>, Error> {
        let Items { items } = crate::wire::from_slice(body).map_err(broken)?;
        if items
            .iter()
            .any(|item| !item.id.is_empty() || !item.events.is_empty())
        {
            return upu::reports(self.codes, items, asked);
        }
        let Rows { rows } = crate::wire::from_slice(body).map_err(broken)?;
        let rows = rows.ok_or_else(|| malformed("answer is a list of something else"))?;
        self.rows(&rows, false, asked)
    }

    fn rows(
        &self,
        rows: &[Row<'_>],
        complete: bool,
        asked: Option<&TrackingNumber>,
    ) -> Result<Vec<Report>, Error> {
        if rows.is_empty() {
            return Err(fault::not_found());
        }
        map::reports(self.codes, rows, complete, asked)
    }
}

/// Where a body is broken; never what it holds.
fn broken(error: serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    malformed(format!("answer is broken at line {line}, column {column}"))
}

/// Gives every query the reports of its number; what nobody asked for goes to the first.
pub(super) fn share_out(reports: Vec<Report>, queries: &[Query]) -> Vec<Answer> {
    let mut shares: Vec<Vec<Report>> = vec![Vec::new(); queries.len().max(1)];
    for report in reports {
        let asked = |query: &Query| query.number == report.number;
        let at = queries.iter().position(asked).unwrap_or(0);
        if let Some(share) = shares.get_mut(at) {
            share.push(report);
        }
    }
    let answer = |share: Vec<Report>| match share.is_empty() {
        true => Err(fault::not_found()),
        false => Ok(share),
    };
    shares.into_iter().map(answer).collect()
}
