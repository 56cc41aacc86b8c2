//! Reads a response: what it says about each number, and whose answer that is. It must not know
//! how it was asked for.

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use waybill_core::adapter::{Query, Report};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::number::TrackingNumber;

use super::identifiers::{self, Master};
use super::meaning::Table;
use super::request::short;
use super::wire::{Body, Entry, Notice};
use super::{fault, map};

/// What is needed to understand an answer.
pub(super) struct Reader {
    pub(super) table: &'static Table,
    /// BCP 47 tag of the texts.
    pub(super) language: String,
}

/// A shipment, and the consignment that there is more of.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) report: Report,
    pub(super) master: Option<Master>,
}

/// What is said about one number.
pub(super) struct Item {
    /// The number as it was asked for.
    asked: Option<TrackingNumber>,
    outcome: Outcome,
}

/// What is said to one query.
pub(super) type Outcome = Result<Vec<Found>, Error>;

/// What a response holds.
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    /// What holds for a number that it leaves out.
    missing: Error,
}

impl Reader {
    /// Understands a response. `push`: what it lists may not be all.
    pub(super) fn read(
        &self,
        response: &Response<Bytes>,
        now: Timestamp,
        push: bool,
    ) -> Result<Page, Error> {
        if response.status() != StatusCode::OK {
            return Err(fault::of_response(response, now));
        }
        let body: Body<'_> = crate::wire::from_slice(response.body()).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            malformed(format!("answer is broken at line {line}, column {column}"))
        })?;
        let push = push || body.output_meta_data.is_some();
        let no_data = |alert: &&Notice<'_>| alert.code.trim() == fault::NO_DATA;
        let alert = body.output.alerts.iter().find(no_data);
        let missing = alert.map_or_else(
            || malformed("the answer leaves the number out"),
            |alert| fault::of_notice(alert, now),
        );
        let Some(entries) = &body.output.complete_track_results else {
            let is_other = push
                || !body.output.document_type.trim().is_empty()
                || !body.access_token.is_empty();
            return match body.errors.first() {
                Some(error) => Err(fault::of_notice(error, now)),
                None if alert.is_some() => Err(missing),
                None if is_other => Ok(Page {
                    items: Vec::new(),
                    missing,
                }),
                None => Err(malformed("answer lacks completeTrackResults")),
            };
        };
        let items: Vec<Item> = entries
            .iter()
            .map(|entry| self.item(entry, &missing, now, !push))
            .collect();
        if items.is_empty() && !push {
            return Err(missing);
        }
        Ok(Page { items, missing })
    }

    fn item(&self, entry: &Entry<'_>, missing: &Error, now: Timestamp, complete: bool) -> Item {
        let asked = entry.tracking_number.as_ref();
        let mut error = None;
        let mut found = Vec::with_capacity(entry.track_results.len());
        for track in &entry.track_results {
            let latest = &track.latest_status_detail;
            let has_data = !track.scan_events.is_empty()
                || !latest.code.trim().is_empty()
                || !latest.derived_code.trim().is_empty();
            if !has_data && !track.error.code.trim().is_empty() {
                error.get_or_insert_with(|| fault::of_notice(&track.error, now));
                continue;
            }
            let number = [
                &track.tracking_number_info.tracking_number,
                &entry.tracking_number,
            ]
            .into_iter()
            .find_map(|number| TrackingNumber::parse(number).ok());
            let Some(number) = number else {
                error.get_or_insert_with(|| malformed("result lacks a tracking number"));
                continue;
            };
            let (table, language) = (self.table, &self.language);
            found.push(Found {
                report: map::report(table, language, number, asked, track, complete),
                master: identifiers::master(track),
            });
        }
        Item {
            asked: TrackingNumber::parse(asked).ok(),
            outcome: match (found.is_empty(), error) {
                (false, _) => Ok(found),
                (true, Some(error)) => Err(error),
                (true, None) => Err(missing.clone()),
            },
        }
    }
}

impl Page {
    /// Everything there is, or why there is nothing.
    pub(super) fn all(self) -> Outcome {
        let mut all = Vec::new();
        let mut first = None;
        for item in self.items {
            match item.outcome {
                Ok(found) => all.extend(found),
                Err(error) => first = first.or(Some(error)),
            }
        }
        match first {
            Some(error) if all.is_empty() => Err(error),
            _ => Ok(all),
        }
    }

    /// Gives each query its own; what nobody asked for goes with the first.
    pub(super) fn for_each(self, queries: &[&Query]) -> Vec<Outcome> {
        let missing = self.missing.clone();
        if let [query] = queries {
            let mut outcome = self.all();
            if outcome.as_ref().is_ok_and(Vec::is_empty) {
                outcome = Err(missing);
            }
            name(&mut outcome, query);
            return vec![outcome];
        }
        let mut items: Vec<Option<Item>> = self.items.into_iter().map(Some).collect();
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(queries.len());
        for (at, query) in queries.iter().enumerate() {
            let own = short(query.number.reveal());
            // A barcode and the number in it were asked for once.
            let mut before = queries.iter().take(at);
            let twin = before.position(|other| short(other.number.reveal()) == own);
            if let Some(twin) = twin.and_then(|twin| outcomes.get(twin)) {
                outcomes.push(twin.clone());
                continue;
            }
            let mut mine = Vec::new();
            for slot in &mut items {
                if slot.as_ref().is_some_and(|item| item.is_about(own, query)) {
                    mine.extend(slot.take());
                }
            }
            let page = Self {
                items: mine,
                missing: missing.clone(),
            };
            let outcome = match page.items.is_empty() {
                true => Err(page.missing),
                false => page.all(),
            };
            outcomes.push(outcome);
        }
        for (outcome, query) in outcomes.iter_mut().zip(queries) {
            name(outcome, query);
        }
        let left = items
            .into_iter()
            .flatten()
            .filter_map(|item| item.outcome.ok());
        let left: Vec<Found> = left.flatten().collect();
        if let (Some(first), false) = (outcomes.first_mut(), left.is_empty()) {
            match first {
                Ok(found) => found.extend(left),
                Err(_) => *first = Ok(left),
            }
        }
        outcomes
    }
}

impl Item {
    fn is_about(&self, own: &str, query: &Query) -> bool {
        let is = |number: &TrackingNumber| number.reveal() == own || *number == query.number;
        let listed = |found: &Vec<Found>| found.iter().any(|found| is(&found.report.number));
        self.asked.as_ref().is_some_and(is) || self.outcome.as_ref().is_ok_and(listed)
    }
}

/// Adds the barcode that was asked for to the shipment whose number it holds.
fn name(outcome: &mut Outcome, query: &Query) {
    let barcode = query.number.reveal();
    let own = short(barcode);
    if own == barcode {
        return;
    }
    for found in outcome.iter_mut().flatten() {
        if found.report.number.reveal() == own {
            identifiers::add_number(&mut found.report.facts.identifiers, own, barcode);
        }
    }
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, message)
}
