//! Which observations of different sources tell of the same thing: several claims, one event.
//!
//! Observations are taken in the order in which they were heard. Each joins the best cluster that
//! it fits in code, clock and place, or begins one of its own. A comparison of fits goes criterion
//! by criterion; there are no weights and no threshold. Candidates are looked up by what must agree,
//! so that the work grows with the number of observations and not with its square.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::code::EventCode as E;
use crate::event::{Claim, Classifier, Digest, Observation};
use crate::place::{Location, Resolution};
use crate::time::{Basis, EventTime, Precision};

/// Observations of one event, in the order in which they were heard.
pub(crate) struct Cluster<'a> {
    /// The one that the event has its id from.
    pub(crate) first: &'a Arc<Observation>,
    pub(crate) others: Vec<&'a Arc<Observation>>,
    /// How each of the others fitted when it joined.
    pub(crate) fits: Vec<(Digest, Fit)>,
    /// Most precise code among them.
    code: E,
    /// Clocks that differ by a whole number of quarters of an hour: somebody assumed a zone.
    pub(crate) zone_mistaken: bool,
}

impl<'a> Cluster<'a> {
    pub(crate) fn members(&self) -> impl Iterator<Item = &'a Arc<Observation>> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}

/// Greatest difference between two clocks that tell the same moment: aggregators cut seconds.
const SAME_MOMENT: i64 = 120;
/// Zones differ by multiples of a quarter of an hour, and by 14 hours at most from the clock that
/// was taken for theirs.
const QUARTER: i64 = 15 * 60;
const FURTHEST_ZONE: i64 = 14 * 3_600;

/// Groups observations, which are in the order in which they were heard.
pub(crate) fn clusters(observations: &[Arc<Observation>]) -> Vec<Cluster<'_>> {
    let mut grouping = Grouping::new(observations);
    for observation in observations {
        grouping.take(observation);
    }
    grouping.clusters
}

/// What two observations must share to be compared at all.
#[derive(PartialEq, Eq, Hash)]
enum Trait {
    /// Family of the code, and minute of the instant.
    Instant(u16, i64),
    /// Family of the code, and minute of the wall clock.
    Wall(u16, i64),
    /// Family of the code, and the day of a clock that states no more.
    Day(u16, i64),
    /// Family of the code, and the day of any clock.
    AnyDay(u16, i64),
    /// Words, and minute within the quarter of an hour.
    Words(u64, i64),
}

struct Grouping<'a> {
    clusters: Vec<Cluster<'a>>,
    by_trait: HashMap<Trait, Vec<usize>>,
    one_source: bool,
    /// Some clock bears no offset, or an assumed one.
    some_local: bool,
    /// Some clock states a day only.
    some_day: bool,
}

impl<'a> Grouping<'a> {
    fn new(observations: &[Arc<Observation>]) -> Self {
        let one_source = observations.windows(2).all(|pair| {
            pair[0].source == pair[1].source && pair[0].evidence_root == pair[1].evidence_root
        });
        let mut times = observations.iter().map(|one| &one.claim.time);
        Self {
            clusters: Vec::with_capacity(observations.len()),
            by_trait: HashMap::new(),
            one_source,
            some_local: times.clone().any(|time| !is_known(time)),
            some_day: times.any(|time| time.precision == Precision::Day),
        }
    }

    fn take(&mut self, observation: &'a Arc<Observation>) {
        let claim = &observation.claim;
        let words = words(claim);
        let home = if claim.classifier == Classifier::Actual {
            self.home(observation, words)
        } else {
            None
        };
        let at = match home {
            Some((at, fit)) => {
                let cluster = &mut self.clusters[at];
                cluster.others.push(observation);
                cluster.fits.push((observation.id, fit));
                cluster.zone_mistaken |= fit.clock == Clock::ZoneMistaken;
                if breadth(claim.code) < breadth(cluster.code) {
                    cluster.code = claim.code;
                }
                at
            }
            None => {
                self.clusters.push(Cluster {
                    first: observation,
                    others: Vec::new(),
                    fits: Vec::new(),
                    code: claim.code,
                    zone_mistaken: false,
                });
                self.clusters.len() - 1
            }
        };
        if claim.classifier == Classifier::Actual {
            self.list(at, observation, words);
        }
    }

    /// The best cluster for an observation.
    fn home(&self, observation: &Observation, words: u64) -> Option<(usize, Fit)> {
        let time = &observation.claim.time;
        let family = family(observation.claim.code);
        let wall = wall_minute(time);
        let mut best: Option<(usize, Fit)> = None;
        let mut look = |key: Trait| {
            for &at in self.by_trait.get(&key).into_iter().flatten() {
                if best.as_ref().is_some_and(|(known, _)| *known == at) {
                    continue;
                }
                let Some(fit) = fit(&self.clusters[at], observation) else {
                    continue;
                };
                if best.as_ref().is_none_or(|(_, so_far)| fit < *so_far) {
                    best = Some((at, fit));
                }
            }
        };
        if self.one_source {
            look(Trait::Wall(family, wall));
            return best;
        }
        for step in -2..=2 {
            if let Some(instant) = time.instant {
                look(Trait::Instant(
                    family,
                    instant.as_second().div_euclid(60) + step,
                ));
            }
            if self.some_local {
                look(Trait::Wall(family, wall + step));
            }
            if words != 0 {
                look(Trait::Words(words, (wall + step).rem_euclid(15)));
            }
        }
        if self.some_day {
            let day = wall.div_euclid(24 * 60);
            look(Trait::Day(family, day));
            if time.precision == Precision::Day {
                look(Trait::AnyDay(family, day));
            }
        }
        best
    }

    /// Makes a cluster findable by what its newest member says.
    fn list(&mut self, at: usize, observation: &Observation, words: u64) {
        let time = &observation.claim.time;
        let family = family(observation.claim.code);
        let wall = wall_minute(time);
        let mut add = |key| {
            let listed: &mut Vec<usize> = self.by_trait.entry(key).or_default();
            if listed.last() != Some(&at) {
                listed.push(at);
            }
        };
        if self.one_source {
            add(Trait::Wall(family, wall));
            return;
        }
        if let Some(instant) = time.instant {
            add(Trait::Instant(family, instant.as_second().div_euclid(60)));
        }
        if self.some_local {
            add(Trait::Wall(family, wall));
        }
        if words != 0 {
            add(Trait::Words(words, wall.rem_euclid(15)));
        }
        if self.some_day {
            let day = wall.div_euclid(24 * 60);
            add(Trait::AnyDay(family, day));
            if time.precision == Precision::Day {
                add(Trait::Day(family, day));
            }
        }
    }
}

/// How well an observation fits a cluster; the least is the best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fit {
    pub(crate) code: Code,
    pub(crate) place: Place,
    pub(crate) clock: Clock,
    /// Seconds between the clocks; negative for a row that its source lists twice.
    pub(crate) apart: i64,
    id: Digest,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    Equal,
    Generalises,
    /// One of them has no code that says what happened, and the words are equal.
    Words,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    SameFacility,
    SameLocality,
    Compatible,
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Clock {
    Known,
    Wall,
    Day,
    ZoneMistaken,
}

fn fit(cluster: &Cluster<'_>, new: &Observation) -> Option<Fit> {
    let own = |one: &&Arc<Observation>| {
        one.source == new.source && one.evidence_root == new.evidence_root
    };
    if let Some(known) = cluster.members().find(own) {
        // A source that lists a row twice says it once.
        return is_repeated(&known.claim, &new.claim).then_some(Fit {
            code: Code::Equal,
            place: Place::SameFacility,
            clock: Clock::Known,
            apart: -1,
            id: cluster.first.id,
        });
    }
    if cluster.first.claim.classifier != Classifier::Actual {
        return None;
    }
    let mut place = Place::Unknown;
    for member in cluster.members() {
        let found = places(member.claim.location.as_ref(), new.claim.location.as_ref())?;
        place = place.min(found);
    }
    let same_words = |member: &Arc<Observation>| {
        let words = words(&member.claim);
        words != 0 && words == self::words(&new.claim)
    };
    let code = match related(cluster.code, new.claim.code, place) {
        Some(code) => code,
        None if breadth(new.claim.code).max(breadth(cluster.code)) >= NO_CODE
            && cluster.members().any(same_words) =>
        {
            Code::Words
        }
        None => return None,
    };
    let (clock, apart) = cluster
        .members()
        .filter_map(|member| clocks(&member.claim, &new.claim, place))
        .min()?;
    Some(Fit {
        code,
        place,
        clock,
        apart,
        id: cluster.first.id,
    })
}

/// The same row once more; its position in the list and the source's clock skew aside.
fn is_repeated(known: &Claim, new: &Claim) -> bool {
    known == new
}

/// A code that says only that something of its kind happened, less precise the greater; 0 for
/// the others.
const fn breadth(code: E) -> u8 {
    match code {
        E::UNMAPPED => 4,
        E::INFORMATION => NO_CODE,
        E::INFO_RECEIVED
        | E::IN_TRANSIT
        | E::CUSTOMS_PROCESSING
        | E::CUSTOMS_RELEASED
        | E::DELIVERED
        | E::DELIVERY_ATTEMPTED
        | E::EXCEPTION => 2,
        E::ARRIVED_AT_FACILITY => 1,
        _ => 0,
    }
}

/// From this breadth on a code says nothing.
const NO_CODE: u8 = 3;

/// The more precise code comes first; see [`breadth`].
pub(crate) fn precision_rank(code: E) -> u8 {
    breadth(code)
}

/// Codes that can mean the same have one family.
const fn family(code: E) -> u16 {
    match code.0 {
        101..=105 => 101,
        201 | 203 => 203,
        301..=315 | 501 => 301,
        401 | 411 | 421 => 421,
        403 | 413 | 422 => 422,
        505 | 601..=610 => 601,
        651..=655 => 651,
        801..=817 => 801,
        other => other,
    }
}

/// Tells whether two codes can mean the same, one being the other or a generalisation of it.
fn related(a: E, b: E, place: Place) -> Option<Code> {
    if a == b {
        return (breadth(a) < NO_CODE).then_some(Code::Equal);
    }
    if family(a) != family(b) {
        return None;
    }
    let at_a_facility = |code: E| matches!(code.0, 302 | 304 | 309 | 501);
    let general = |code: E| matches!(code.0, 101 | 301 | 421 | 422 | 601 | 651 | 801);
    // 301 covers transport, not the arrival at the office that delivers.
    let covers = |wide: E, narrow: E| general(wide) && !(wide == E::IN_TRANSIT && narrow.0 == 501);
    let same = covers(a, b)
        || covers(b, a)
        || matches!((a.0, b.0), (201, 203) | (203, 201))
        || (at_a_facility(a) && at_a_facility(b) && place == Place::SameFacility);
    same.then_some(Code::Generalises)
}

/// Whether the clock's offset is evidence rather than an assumption.
fn is_known(time: &EventTime) -> bool {
    time.instant.is_some() && time.basis < Basis::SourceConvention
}

fn clocks(a: &Claim, b: &Claim, place: Place) -> Option<(Clock, i64)> {
    let (one, two) = (&a.time, &b.time);
    if one.precision == Precision::Day || two.precision == Precision::Day {
        let same = one.local.date() == two.local.date() && place <= Place::SameLocality;
        return same.then_some((Clock::Day, 0));
    }
    let tolerance = match one.precision.min(two.precision) {
        Precision::Hour => 3_599,
        _ => SAME_MOMENT,
    };
    let instants = one
        .instant
        .zip(two.instant)
        .map(|(one, two)| (one.as_second() - two.as_second()).abs());
    let both_known = is_known(one) && is_known(two);
    if let Some(apart) = instants.filter(|apart| *apart <= tolerance) {
        let clock = if both_known {
            Clock::Known
        } else {
            Clock::Wall
        };
        return Some((clock, apart));
    }
    let walls = (wall_second(one) - wall_second(two)).abs();
    if !both_known && walls <= tolerance {
        return Some((Clock::Wall, walls));
    }
    let apart = instants.unwrap_or(walls);
    let mistaken = one.precision == Precision::Second
        && two.precision == Precision::Second
        && apart <= FURTHEST_ZONE
        && apart % QUARTER == 0
        && place <= Place::Compatible
        && words(a) != 0
        && words(a) == words(b);
    mistaken.then_some((Clock::ZoneMistaken, apart))
}

/// Compares two places; `None` if they contradict each other.
pub(crate) fn places(a: Option<&Location>, b: Option<&Location>) -> Option<Place> {
    let (Some(a), Some(b)) = (a, b) else {
        return Some(Place::Unknown);
    };
    if let (Some(one), Some(two)) = (&a.facility, &b.facility)
        && !one.code.is_empty()
        && one.system == two.system
        && one.code == two.code
    {
        return Some(Place::SameFacility);
    }
    if differ(&a.country, &b.country) {
        return None;
    }
    let (here, there) = (&a.locality, &b.locality);
    if here.is_empty() || there.is_empty() || !comparable(here, there) {
        let unknown = a.resolution() == Resolution::None || b.resolution() == Resolution::None;
        return Some(if unknown {
            Place::Unknown
        } else {
            Place::Compatible
        });
    }
    if !same_name(here, there) {
        return None;
    }
    Some(if a.country.is_empty() || b.country.is_empty() {
        Place::Compatible
    } else {
        Place::SameLocality
    })
}

fn differ(a: &str, b: &str) -> bool {
    !a.is_empty() && !b.is_empty() && a != b
}

/// Names in different scripts can be one place; only names in one script can be compared.
fn comparable(a: &str, b: &str) -> bool {
    a.is_ascii() == b.is_ascii()
}

/// One name, or one at the beginning of the other ("Memphis" and "Memphis TN", 深圳 and 深圳市).
fn same_name(a: &str, b: &str) -> bool {
    if a.is_ascii() {
        return begins_alike(&mut names(a), &mut names(b), |a, b| {
            a.eq_ignore_ascii_case(b)
        });
    }
    begins_alike(&mut letters(a), &mut letters(b), |a, b| a == b)
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// Tells whether one sequence is the beginning of the other.
fn begins_alike<T: Copy>(
    a: &mut impl Iterator<Item = T>,
    b: &mut impl Iterator<Item = T>,
    same: impl Fn(T, T) -> bool,
) -> bool {
    loop {
        match (a.next(), b.next()) {
            (Some(one), Some(two)) if same(one, two) => {}
            (Some(_), Some(_)) => return false,
            _ => return true,
        }
    }
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
}

/// The words of a row without case, space and punctuation; 0 if there are none.
pub(crate) fn words(claim: &Claim) -> u64 {
    let mut hash = DefaultHasher::new();
    let mut count = 0_u32;
    for letter in letters(claim.native_text.reveal()) {
        letter.hash(&mut hash);
        count += 1;
    }
    if count == 0 { 0 } else { hash.finish().max(1) }
}

fn wall_second(time: &EventTime) -> i64 {
    time.local
        .duration_since(jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0))
        .as_secs()
}

fn wall_minute(time: &EventTime) -> i64 {
    wall_second(time).div_euclid(60)
}
