//! Shipments that a response holds and nobody asked for.

use waybill_core::adapter::{Answer, Query, Report};
use waybill_core::number::TrackingNumber;

/// Adds what was found under numbers that no query names to the first answer: nothing that a
/// source said is dropped. Without a report of its own the first answer is these.
pub(crate) fn add(
    answers: &mut [Answer],
    queries: &[Query],
    found: impl Iterator<Item = (Option<TrackingNumber>, Report)>,
) {
    let is_asked = |number: &Option<TrackingNumber>| {
        queries
            .iter()
            .any(|query| number.as_ref() == Some(&query.number))
    };
    let others: Vec<Report> = found
        .filter(|(number, _)| !is_asked(number))
        .map(|(_, report)| report)
        .collect();
    match answers.first_mut() {
        _ if others.is_empty() => {}
        None => {}
        Some(Ok(reports)) => reports.extend(others),
        Some(first) => *first = Ok(others),
    }
}
