//! Reads the `codes.csv` of a source: native code -> event code and reason, one reviewed row each.
//!
//! Columns: `scope` (what makes the code unique within the source, for example a division or a
//! type; can be empty), `code`, `event` and `reason` (names of the vocabulary; an empty reason is
//! none), `text` (the carrier's words, for the reader and for sources that match on text). Words
//! that stand for several events are no key: nothing is found by them.

use std::collections::HashMap;

use waybill_core::code::{EventCode, ReasonCode};

/// What a native code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// What happened.
    pub(crate) event: EventCode,
    /// Why.
    pub(crate) reason: Option<ReasonCode>,
}

/// A code table by scope and code.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    by_code: HashMap<String, HashMap<String, Meaning>>,
    by_text: HashMap<String, HashMap<String, Option<Meaning>>>,
}

impl Codes {
    /// Reads a table.
    ///
    /// # Errors
    /// Names the line and what is wrong with it: a missing column, an unknown event or reason, a
    /// code that stands twice in its scope.
    pub(crate) fn parse(csv: &str) -> Result<Self, String> {
        let mut codes = Self::default();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        for (at, row) in reader.records().enumerate() {
            let line = at + 2;
            let row = row.map_err(|error| format!("line {line}: {error}"))?;
            let column = |index| row.get(index).unwrap_or("").trim();
            let (scope, code, event, reason) = (column(0), column(1), column(2), column(3));
            let event = EventCode::by_name(event)
                .ok_or_else(|| format!("line {line}: unknown event {event:?}"))?;
            let reason = match reason {
                "" => None,
                name => Some(
                    ReasonCode::by_name(name)
                        .ok_or_else(|| format!("line {line}: unknown reason {name:?}"))?,
                ),
            };
            let meaning = Meaning { event, reason };
            let text = normal(column(4));
            if !text.is_empty() {
                codes
                    .by_text
                    .entry(scope.to_owned())
                    .or_default()
                    .entry(text)
                    .and_modify(|known| *known = common(*known, meaning))
                    .or_insert(Some(meaning));
            }
            let scope = codes.by_code.entry(scope.to_owned()).or_default();
            if !code.is_empty() && scope.insert(code.to_owned(), meaning).is_some() {
                return Err(format!("line {line}: code {code:?} stands twice"));
            }
        }
        Ok(codes)
    }

    /// Looks a code up in its scope.
    pub(crate) fn by_code(&self, scope: &str, code: &str) -> Option<Meaning> {
        self.by_code.get(scope)?.get(code).copied()
    }

    /// Looks the carrier's words up in their scope; case and white space do not matter.
    pub(crate) fn by_text(&self, scope: &str, text: &str) -> Option<Meaning> {
        *self.by_text.get(scope)?.get(&normal(text))?
    }

    /// Number of codes.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_code.values().map(HashMap::len).sum()
    }
}

/// What two rows with the same words have in common.
fn common(known: Option<Meaning>, other: Meaning) -> Option<Meaning> {
    let known = known.filter(|known| known.event == other.event)?;
    Some(Meaning {
        reason: known.reason.filter(|_| known.reason == other.reason),
        ..known
    })
}

/// Lower case, one space between words, no full stop at the end.
fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    while out.ends_with('.') {
        out.pop();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "scope,code,event,reason,text\n\
        a,1,DELIVERED,,\"Delivered, at last.\"\n\
        b,1,DELIVERY_ATTEMPTED,RECIPIENT_NOT_AVAILABLE,Nobody home\n";

    #[test]
    fn a_code_means_something_within_its_scope_only() {
        let codes = Codes::parse(TABLE).unwrap();
        assert_eq!(codes.by_code("a", "1").unwrap().event, EventCode::DELIVERED);
        let attempt = codes.by_code("b", "1").unwrap();
        assert_eq!(attempt.reason, Some(ReasonCode::RECIPIENT_NOT_AVAILABLE));
        assert_eq!(codes.by_code("c", "1"), None);
        assert_eq!(
            codes.by_text("a", " delivered,  AT last").unwrap().event,
            EventCode::DELIVERED
        );
        assert_eq!(codes.len(), 2);
    }

    #[test]
    fn words_of_several_rows_mean_what_the_rows_have_in_common() {
        let codes = Codes::parse(
            "scope,code,event,reason,text\n\
            a,1,DELIVERED,,Closed\n\
            a,2,HELD,,Closed\n\
            a,3,HELD,WEATHER,Kept\n\
            a,4,HELD,PUBLIC_HOLIDAY,kept.\n",
        )
        .unwrap();
        assert_eq!(codes.by_text("a", "closed"), None);
        let kept = codes.by_text("a", "kept").unwrap();
        assert_eq!((kept.event, kept.reason), (EventCode::HELD, None));
    }

    #[test]
    fn a_bad_row_is_named() {
        let error = Codes::parse("scope,code,event,reason,text\na,1,FLOWN,,x\n").unwrap_err();
        assert_eq!(error, "line 2: unknown event \"FLOWN\"");
        let twice = format!("{TABLE}a,1,LOST,,\n");
        assert_eq!(
            Codes::parse(&twice).unwrap_err(),
            "line 4: code \"1\" stands twice"
        );
    }
}
