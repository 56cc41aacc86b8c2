//! Reads labelled histories: who said what when, and what really happened. The form is described
//! in `core/tests/histories/README.md`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use waybill_core::adapter::Report;
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::{Claim, Classifier, MappingBasis, SourceClass, Standing};
use waybill_core::number::TrackingNumber;
use waybill_core::place::{CodeSystem, Facility, Location};
use waybill_core::privacy::Pii;
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::{Facts, Identifier, IdentifierKind, ShipmentId};
use waybill_core::time::{Basis, Clues, EventTime, Stated, parse_iso, resolve};

use crate::support::country;

/// One journey, as its sources told it and as it was.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) name: String,
    pub(crate) number: String,
    pub(crate) carrier: String,
    pub(crate) sources: BTreeMap<String, Source>,
    pub(crate) truth: Vec<Truth>,
    pub(crate) heard: Vec<Heard>,
    pub(crate) status: String,
    pub(crate) source_count: u32,
    pub(crate) legs: Vec<String>,
    pub(crate) findings: Vec<String>,
    facts: Facts,
}

pub(crate) struct Source {
    pub(crate) class: SourceClass,
    carrier: String,
    zone: String,
}

/// What really happened.
pub(crate) struct Truth {
    pub(crate) label: String,
    pub(crate) code: EventCode,
    /// `None`: nobody can know.
    pub(crate) instant: Option<Timestamp>,
    pub(crate) standing: Standing,
    pub(crate) source_count: u32,
}

pub(crate) struct Heard {
    pub(crate) source: String,
    pub(crate) at: Timestamp,
    pub(crate) report: Report,
    /// True event of each row.
    pub(crate) labels: Vec<String>,
}

/// Reports in the order of the file, each at its own time.
pub(crate) fn in_order(history: &History) -> Vec<(&Heard, SignedDuration)> {
    let heard = history.heard.iter();
    heard.map(|heard| (heard, SignedDuration::ZERO)).collect()
}

/// Takes in reports, each later than it came by so much.
pub(crate) fn absorbed(history: &History, heard: &[(&Heard, SignedDuration)]) -> Dossier {
    let mut dossier = Dossier::new(
        ShipmentId("0123456789abcdefghijklmnop".to_owned()),
        TrackingNumber::parse(&history.number).unwrap(),
        history.carrier.clone(),
    );
    for (heard, later) in heard {
        let class = history.sources[&heard.source].class;
        dossier.absorb(&heard.source, class, &heard.report, heard.at + *later);
    }
    dossier
}

/// Reads all histories of a file.
pub(crate) fn read(text: &str) -> Vec<History> {
    let mut all: Vec<History> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("== ") {
            all.push(History {
                name: name.to_owned(),
                number: "ZX4815162342".to_owned(),
                ..History::default()
            });
            continue;
        }
        let history = all.last_mut().unwrap();
        let known = history.line(line);
        assert!(known.is_some(), "{}: cannot read {line:?}", history.name);
    }
    all
}

impl History {
    fn line(&mut self, line: &str) -> Option<()> {
        if line.contains(" | ") {
            return self.row(line);
        }
        let mut words = line.split_whitespace();
        match words.next()? {
            "number" => {
                self.number = words.next()?.to_owned();
                self.carrier = words.next()?.to_owned();
            }
            "lane" => {
                self.facts.origin = Some(Box::new(country(words.next()?)));
                self.facts.destination = Some(Box::new(country(words.next()?)));
            }
            "next" => self.facts.identifiers.push(Identifier {
                carrier: words.next()?.to_owned(),
                value: Pii::new(words.next()?.to_owned()),
                kind: IdentifierKind::LastMile,
                check_digit_valid: None,
            }),
            "source" => self.source(&mut words)?,
            "status" => {
                self.status = words.next()?.to_owned();
                self.source_count = count(words.next())?;
            }
            "legs" => self.legs = words.map(str::to_owned).collect(),
            "findings" => self.findings = words.map(str::to_owned).collect(),
            ">" => self.report(&mut words)?,
            label if label.starts_with('@') => self.truth(label, &mut words)?,
            _ => return None,
        }
        Some(())
    }

    fn source<'a>(&mut self, words: &mut impl Iterator<Item = &'a str>) -> Option<()> {
        let name = words.next()?;
        let class = match words.next()? {
            "internal" => SourceClass::Internal,
            "carrier" => SourceClass::Custodian,
            "aggregator" => SourceClass::Aggregator,
            _ => return None,
        };
        let mut source = Source {
            class,
            carrier: name.to_owned(),
            zone: String::new(),
        };
        while let Some(word) = words.next() {
            match word {
                "of" => source.carrier = words.next()?.to_owned(),
                "zone" => source.zone = words.next()?.to_owned(),
                _ => return None,
            }
        }
        self.sources.insert(name.to_owned(), source);
        Some(())
    }

    fn truth<'a>(&mut self, label: &str, words: &mut impl Iterator<Item = &'a str>) -> Option<()> {
        let code = EventCode::by_name(words.next()?)?;
        let instant = match words.next()? {
            "unknown" => None,
            at => Some(at.parse().ok()?),
        };
        let mut truth = Truth {
            label: label.to_owned(),
            code,
            instant,
            standing: Standing::Accepted,
            source_count: 1,
        };
        for word in words {
            match word {
                "disputed" => truth.standing = Standing::Disputed,
                "retracted" => truth.standing = Standing::Retracted,
                times => truth.source_count = count(Some(times))?,
            }
        }
        self.truth.push(truth);
        Some(())
    }

    fn report<'a>(&mut self, words: &mut impl Iterator<Item = &'a str>) -> Option<()> {
        let source = words.next()?.to_owned();
        let at = words.next()?.parse().ok()?;
        let (mut complete, mut claims, mut labels) = (true, Vec::new(), Vec::new());
        let mut without = false;
        for word in words {
            match word {
                "part" => complete = false,
                "again" => {
                    let last = self.heard.iter().rfind(|heard| heard.source == source)?;
                    claims.clone_from(&last.report.claims);
                    labels.clone_from(&last.labels);
                }
                "without" => without = true,
                label if without && label.starts_with('@') => {
                    let kept = labels.iter().map(|known| known != label);
                    let mut kept: Vec<bool> = kept.collect();
                    kept.reverse();
                    let again = kept.clone();
                    claims.retain(|_| kept.pop() == Some(true));
                    kept = again;
                    labels.retain(|_| kept.pop() == Some(true));
                }
                _ => return None,
            }
        }
        let relays = self.sources.get(&source)?.carrier.clone();
        self.heard.push(Heard {
            source,
            at,
            labels,
            report: Report {
                number: TrackingNumber::parse(&self.number).ok()?,
                relays,
                complete,
                language: "und".to_owned(),
                claims,
                facts: self.facts.clone(),
            },
        });
        Some(())
    }

    fn row(&mut self, line: &str) -> Option<()> {
        let mut cells = line.splitn(6, '|').map(str::trim);
        let (label, native) = (cells.next()?, cells.next()?);
        let (meaning, time) = (cells.next()?, cells.next()?);
        let (place, text) = (cells.next()?, cells.next().unwrap_or_default());
        let heard = self.heard.last_mut()?;
        let (native, native_id) = native.split_once('#').unwrap_or((native, ""));
        let location = location(place)?;
        let at = location.as_ref().map_or("", |place| &*place.country);
        let mut words = meaning.split_whitespace();
        let code = EventCode::by_name(words.next()?)?;
        let mut claim = Claim {
            native_id: native_id.to_owned(),
            native_code: native.trim_matches('-').to_owned(),
            native_reason: String::new(),
            native_text: Pii::new(text.to_owned()),
            code,
            reason: None,
            basis: MappingBasis::Code,
            time: time_of(time, at, &self.sources.get(&heard.source)?.zone)?,
            location,
            carrier: String::new(),
            classifier: Classifier::Actual,
            retracted: false,
            doubt: None,
        };
        while let Some(word) = words.next() {
            match word {
                "because" => claim.reason = Some(ReasonCode::by_name(words.next()?)?),
                "by" => claim.carrier = words.next()?.to_owned(),
                "planned" => claim.classifier = Classifier::Planned,
                "withdrawn" => claim.retracted = true,
                _ => return None,
            }
        }
        heard.report.claims.push(Arc::new(claim));
        heard.labels.push(label.to_owned());
        Some(())
    }
}

fn count(word: Option<&str>) -> Option<u32> {
    word.map_or(Some(1), |word| word.strip_prefix('x')?.parse().ok())
}

/// Reads "CC[-SUB] locality [system code]", "? words that name no place", or "-".
fn location(cell: &str) -> Option<Option<Location>> {
    if cell == "-" {
        return Some(None);
    }
    let mut place = Location {
        raw: Pii::new(cell.to_owned()),
        ..Location::default()
    };
    if cell.starts_with('?') {
        return Some(Some(place));
    }
    let (rest, facility) = match cell.trim_end_matches(']').split_once('[') {
        Some((rest, facility)) => (rest, facility.split_once(' ')),
        None => (cell, None),
    };
    if let Some((system, code)) = facility {
        let system = match system {
            "impc" => CodeSystem::UpuImpc,
            "iata" => CodeSystem::Iata,
            "own" => CodeSystem::Carrier,
            _ => return None,
        };
        place.facility = Some(Facility {
            code: code.to_owned(),
            system,
            ..Facility::default()
        });
    }
    let (country, locality) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
    let (country, subdivision) = country.split_once('-').unwrap_or((country, ""));
    country.clone_into(&mut place.country);
    subdivision.clone_into(&mut place.subdivision);
    locality.trim().clone_into(&mut place.locality);
    Some(Some(place))
}

/// Reads a clock as an adapter does: a stated offset, the zone of the facility ("in Zone"), the
/// zone of the country, the convention of the source; or an offset that an aggregator made up
/// ("guess").
fn time_of(cell: &str, country: &str, convention: &str) -> Option<EventTime> {
    let (text, guessed) = match cell.strip_suffix(" guess") {
        Some(text) => (text, true),
        None => (cell, false),
    };
    let (text, facility_zone) = match text.split_once(" in ") {
        Some((text, zone)) => (text, Some(zone)),
        None => (text, None),
    };
    let clues = Clues {
        facility_zone,
        place: None,
        country: Some(country).filter(|country| !country.is_empty()),
        convention: Some(convention).filter(|zone| !zone.is_empty()),
    };
    let stated = parse_iso(text)?;
    if !guessed {
        return Some(resolve(stated, clues));
    }
    let own = resolve(
        Stated {
            offset: None,
            ..stated
        },
        clues,
    );
    if own.basis != Basis::Unresolved {
        return Some(own);
    }
    Some(EventTime {
        basis: Basis::SourceConvention,
        earliest: own.earliest,
        latest: own.latest,
        ..resolve(stated, Clues::default())
    })
}
