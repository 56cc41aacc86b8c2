//! The folder of cases: what the author of an adapter states about its upstream system, as
//! `conform.toml` and the bodies that it names. It must not know what is checked with them.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde::Deserialize;
use waybill_core::adapter::{Descriptor, Hints, Query, Report};
use waybill_core::error::ErrorKind;
use waybill_core::number::{self, TrackingNumber};
use waybill_core::privacy::Pii;

use super::upstream::{How, Reply, Route};
use crate::adapter::v1 as wire;
use crate::remote;

/// Name of the file that lists the cases.
const MANIFEST: &str = "conform.toml";

/// The file as written.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Manifest {
    content_type: String,
    headers: BTreeMap<String, String>,
    requests: usize,
    now: Option<Timestamp>,
    settings: BTreeMap<String, String>,
    routes: Vec<StatedRoute>,
    cases: Vec<StatedCase>,
    codes: Vec<String>,
    unknown_code: serde_json::Value,
    texts: Vec<String>,
    zones: Vec<String>,
    verdicts: Vec<String>,
    differs: BTreeMap<String, String>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            content_type: "application/json".to_owned(),
            headers: BTreeMap::new(),
            requests: 1,
            now: None,
            settings: BTreeMap::new(),
            routes: Vec::new(),
            cases: Vec::new(),
            codes: Vec::new(),
            unknown_code: "ZZQX9".into(),
            texts: Vec::new(),
            zones: Vec::new(),
            verdicts: Vec::new(),
            differs: BTreeMap::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatedRoute {
    path: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatedCase {
    #[serde(default)]
    numbers: Vec<String>,
    /// Numbers that are asked for with them, and that the answer does not know.
    #[serde(default)]
    missing: Vec<String>,
    #[serde(default)]
    carrier: String,
    #[serde(default)]
    hints: BTreeMap<String, String>,
    #[serde(default = "ok")]
    status: u16,
    /// File with the body.
    body: Option<String>,
    /// The body itself.
    text: Option<String>,
    expected: Option<String>,
    error: Option<ErrorKind>,
}

const fn ok() -> u16 {
    200
}

/// What an answer must become.
#[derive(Clone)]
pub(super) enum Expected {
    /// Nothing is stated, but that it is found.
    Any,
    /// Reports as a built-in source has them.
    Reports(Vec<Report>),
    /// Reports as a plug-in sends them.
    Found(wire::Found),
    /// A failure of this kind.
    Error(ErrorKind),
}

/// One answer of the upstream system, and what it must become.
#[derive(Clone)]
pub(super) struct Case {
    /// Name of the body, for people.
    pub(super) name: String,
    pub(super) queries: Vec<Query>,
    /// So many of the queries, the last ones, are not found.
    pub(super) missing: usize,
    /// `None` if nothing is known of the upstream system.
    pub(super) reply: Option<Reply>,
    pub(super) expected: Expected,
}

impl Case {
    /// A case of which only the number is known.
    fn bare(name: &str, number: &str, expected: Expected) -> Result<Self, String> {
        Ok(Self {
            name: name.to_owned(),
            queries: vec![query(number)?],
            missing: 0,
            reply: None,
            expected,
        })
    }

    /// It must be found.
    pub(super) const fn is_found(&self) -> bool {
        !matches!(self.expected, Expected::Error(_))
    }
}

/// Everything that the author states.
pub struct Cases {
    pub(super) cases: Vec<Case>,
    pub(super) routes: Vec<Route>,
    pub(super) settings: BTreeMap<String, String>,
    /// Greatest number of upstream requests of one look-up.
    pub(super) requests: usize,
    pub(super) now: Option<Timestamp>,
    /// Nodes of the first case that hold a code, a text, a zone or offset.
    pub(super) codes: Vec<String>,
    pub(super) texts: Vec<String>,
    pub(super) zones: Vec<String>,
    /// Nodes that say whether the call went well: any failure can come of them.
    pub(super) verdicts: Vec<String>,
    pub(super) unknown_code: serde_json::Value,
    /// Checks that the source fails on purpose, with the reason.
    pub(super) differs: BTreeMap<String, String>,
}

impl Cases {
    /// Reads a folder.
    ///
    /// # Errors
    /// Names what is wrong with the files.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let stated: Manifest =
            toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut headers = stated.headers.clone();
        headers.insert("content-type".to_owned(), stated.content_type.clone());
        let reply = |status, body: Vec<u8>| Reply {
            status,
            headers: headers.clone().into_iter().collect(),
            body: Bytes::from(body),
            how: How::Whole,
        };
        let route = |route: StatedRoute| Route {
            path: route.path,
            reply: reply(200, route.text.into_bytes()),
        };
        let routes = stated.routes.into_iter().map(route).collect();
        let mut cases = Vec::new();
        for (at, case) in stated.cases.into_iter().enumerate() {
            let body = match (&case.body, &case.text) {
                (Some(_), Some(_)) => return Err("a case has a body or a text".to_owned()),
                (Some(name), None) => Some(file(folder, name)?),
                (None, Some(text)) => Some(text.clone().into_bytes()),
                (None, None) => None,
            };
            let expected = match (&case.expected, case.error) {
                (Some(_), Some(_)) => return Err("a case is expected or an error".to_owned()),
                (Some(name), None) => expected(name, &file(folder, name)?)?,
                (None, Some(kind)) => Expected::Error(kind),
                (None, None) => Expected::Any,
            };
            if case.numbers.is_empty() {
                return Err("a case has no numbers".to_owned());
            }
            let hints = hints(&case.hints)?;
            let query = |text: &String| {
                query(text).map(|query| Query {
                    carrier: case.carrier.clone(),
                    hints: hints.clone(),
                    ..query
                })
            };
            let numbers = case.numbers.iter().chain(&case.missing);
            cases.push(Case {
                name: case
                    .body
                    .clone()
                    .unwrap_or_else(|| format!("case {}", at + 1)),
                queries: numbers.map(query).collect::<Result<_, _>>()?,
                missing: case.missing.len(),
                reply: body.map(|body| reply(case.status, body)),
                expected,
            });
        }
        Ok(Self {
            cases,
            routes,
            settings: stated.settings,
            requests: stated.requests,
            now: stated.now,
            codes: stated.codes,
            texts: stated.texts,
            zones: stated.zones,
            verdicts: stated.verdicts,
            unknown_code: stated.unknown_code,
            differs: stated.differs,
        })
    }

    /// Cases of which only numbers are known.
    ///
    /// # Errors
    /// If a number cannot be one.
    pub fn of_numbers(known: &[String], not_found: &[String]) -> Result<Self, String> {
        let stated = Manifest::default();
        let known = known
            .iter()
            .map(|number| Case::bare("--number", number, Expected::Any));
        let not_found = not_found
            .iter()
            .map(|number| Case::bare("--not-found", number, Expected::Error(ErrorKind::NotFound)));
        Ok(Self {
            cases: known.chain(not_found).collect::<Result<_, _>>()?,
            routes: Vec::new(),
            settings: stated.settings,
            requests: stated.requests,
            now: None,
            codes: Vec::new(),
            texts: Vec::new(),
            zones: Vec::new(),
            verdicts: Vec::new(),
            unknown_code: stated.unknown_code,
            differs: stated.differs,
        })
    }

    /// Puts the format of each number into its question, as the gateway does.
    pub(super) fn detect(&mut self, source: &Descriptor) {
        for query in self.cases.iter_mut().flat_map(|case| &mut case.queries) {
            let candidates = number::detect(&query.number, &Hints::default());
            let mut formats = candidates.iter().map(|candidate| candidate.format);
            let format = formats.find(|format| source.formats.contains(format));
            query.format = format.unwrap_or_default().to_owned();
        }
    }
}

/// Hints by their names in the API.
fn hints(stated: &BTreeMap<String, String>) -> Result<Hints, String> {
    let mut hints = Hints::default();
    for (name, value) in stated {
        let value = value.clone();
        match name.as_str() {
            "postal_code" => hints.postal_code = Pii::new(value),
            "destination_country" => hints.destination_country = value,
            "origin_country" => hints.origin_country = value,
            "ship_date" => hints.ship_date = value,
            "phone_last_four" => hints.phone_last_four = Pii::new(value),
            _ => return Err(format!("there is no hint {name:?}")),
        }
    }
    Ok(hints)
}

fn file(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    let path = folder.join(name);
    std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// A question about a number and nothing else.
pub(super) fn query(text: &str) -> Result<Query, String> {
    let number =
        TrackingNumber::parse(text).map_err(|description| format!("a number {description}"))?;
    Ok(Query::of(number))
}

/// Reads what an answer must become: a list holds reports of a built-in source, an object a
/// `waybill.adapter.v1.Found` in proto3 JSON.
fn expected(name: &str, text: &[u8]) -> Result<Expected, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let value: serde_json::Value = serde_json::from_slice(text).map_err(|error| wrong(&error))?;
    if value.is_array() {
        let reports = serde_json::from_value(value).map_err(|error| wrong(&error))?;
        return Ok(Expected::Reports(reports));
    }
    let pool =
        DescriptorPool::decode(crate::adapter::v1::DESCRIPTORS).map_err(|error| wrong(&error))?;
    let descriptor = pool
        .get_message_by_name("waybill.adapter.v1.Found")
        .ok_or_else(|| wrong(&"no message Found"))?;
    let message = DynamicMessage::deserialize(descriptor, value).map_err(|error| wrong(&error))?;
    let found = wire::Found::decode(&*message.encode_to_vec()).map_err(|error| wrong(&error))?;
    Ok(Expected::Found(found))
}

impl Expected {
    /// The reports that are expected, if they are stated.
    pub(super) fn reports(&self, source: &Descriptor) -> Result<Option<Vec<Report>>, String> {
        match self {
            Self::Any | Self::Error(_) => Ok(None),
            Self::Reports(reports) => Ok(Some(reports.clone())),
            Self::Found(found) => remote::reports(source, found.reports.clone())
                .map(Some)
                .map_err(|error| format!("what is expected cannot be: {error}")),
        }
    }
}
