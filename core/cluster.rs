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
use crate::event::{Claim, Classifier, Observation};
use crate::fold::moment;
use crate::same_place::{Place, letters, places};
use crate::time::{Basis, EventTime, Precision};

/// Observations of one event, in the order in which they were heard.
pub(crate) struct Cluster<'a> {
    /// The one that the event has its id from.
    pub(crate) first: &'a Arc<Observation>,
    pub(crate) others: Vec<&'a Arc<Observation>>,
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

/// Groups observations, which are in the order in which they were heard. What one source said at
/// once is taken together: its rows join in the order of how well they fit, so that none takes the
/// place of a better one; of rows that fit equally well, the earlier ones belong together.
pub(crate) fn clusters(observations: &[Arc<Observation>]) -> Vec<Cluster<'_>> {
    let mut grouping = Grouping::new(observations);
    let mut rows: Vec<&Arc<Observation>> = observations.iter().collect();
    rows.sort_by_cached_key(|one| {
        let happened = (moment(&one.claim.time), one.sequence, one.id);
        (one.receive_time, &one.source, happened)
    });
    let at_once = |a: &&Arc<Observation>, b: &&Arc<Observation>| {
        a.receive_time == b.receive_time && a.source == b.source
    };
    for heard in rows.chunk_by(at_once) {
        grouping.take(heard);
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
    /// Words, and minute of the instant.
    WordsInstant(u64, i64),
    /// Words, and minute of the wall clock.
    WordsWall(u64, i64),
    /// Words, second within the quarter of an hour, and number of the stretch of time that no zone
    /// mistake exceeds.
    WordsMoved(u64, i64, i64),
}

struct Grouping<'a> {
    clusters: Vec<Cluster<'a>>,
    by_trait: HashMap<Trait, Vec<usize>>,
    one_source: bool,
    /// Some clock bears no offset, or an assumed one.
    some_local: bool,
    /// Minutes to look back and ahead: a clock can state an hour only.
    reach: i64,
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
            reach: if times.clone().any(|time| time.precision == Precision::Hour) {
                60
            } else {
                2
            },
            some_day: times.any(|time| time.precision == Precision::Day),
        }
    }

    /// Takes the rows that one source said at once.
    fn take(&mut self, rows: &[&'a Arc<Observation>]) {
        let words: Vec<u64> = rows.iter().map(|row| words(&row.claim)).collect();
        let mut homes: Vec<Option<usize>> = vec![None; rows.len()];
        let mut fits: Vec<(Fit, usize, usize)> = Vec::new();
        for (row, observation) in rows.iter().enumerate() {
            self.each_fit(observation, words[row], |fit, at| fits.push((fit, row, at)));
        }
        fits.sort_unstable();
        for (_, row, at) in fits {
            // Another row of the source may have joined it.
            if homes[row].is_none()
                && let Some(fit) = fit(&self.clusters[at], rows[row], words[row])
            {
                self.join(at, rows[row], fit);
                homes[row] = Some(at);
            }
        }
        for (row, observation) in rows.iter().enumerate() {
            let at = homes[row].unwrap_or_else(|| self.settle(observation, words[row]));
            if observation.claim.classifier == Classifier::Actual {
                self.list(at, observation, words[row]);
            }
        }
    }

    /// Finds a cluster among those that the source's own rows have made, or makes one.
    fn settle(&mut self, observation: &'a Arc<Observation>, words: u64) -> usize {
        let mut best: Option<(Fit, usize)> = None;
        self.each_fit(observation, words, |fit, at| {
            best = Some(best.map_or((fit, at), |known| known.min((fit, at))));
        });
        if let Some((fit, at)) = best {
            self.join(at, observation, fit);
            return at;
        }
        self.clusters.push(Cluster {
            first: observation,
            others: Vec::new(),
            code: observation.claim.code,
            zone_mistaken: false,
        });
        self.clusters.len() - 1
    }

    fn join(&mut self, at: usize, observation: &'a Arc<Observation>, fit: Fit) {
        let cluster = &mut self.clusters[at];
        cluster.others.push(observation);
        cluster.zone_mistaken |= fit.clock == Clock::ZoneMistaken;
        if breadth(observation.claim.code) < breadth(cluster.code) {
            cluster.code = observation.claim.code;
        }
    }

    /// Every cluster that an observation fits, and how well.
    fn each_fit(&self, observation: &Observation, words: u64, mut found: impl FnMut(Fit, usize)) {
        let time = &observation.claim.time;
        if observation.claim.classifier != Classifier::Actual {
            return;
        }
        let family = family(observation.claim.code);
        let wall = wall_minute(time);
        let mut seen: Vec<usize> = Vec::new();
        let mut look = |key: Trait| {
            for &at in self.by_trait.get(&key).into_iter().flatten() {
                if seen.contains(&at) {
                    continue;
                }
                seen.push(at);
                if let Some(fit) = fit(&self.clusters[at], observation, words) {
                    found(fit, at);
                }
            }
        };
        if self.one_source {
            look(Trait::Wall(family, wall));
            return;
        }
        for step in -self.reach..=self.reach {
            if let Some(instant) = time.instant {
                let minute = instant.as_second().div_euclid(60) + step;
                look(Trait::Instant(family, minute));
                look(Trait::WordsInstant(words, minute));
            }
            if self.some_local {
                look(Trait::Wall(family, wall + step));
            }
            look(Trait::WordsWall(words, wall + step));
        }
        if let Some((second, stretch)) = moved(time) {
            for step in -1..=1 {
                look(Trait::WordsMoved(words, second, stretch + step));
            }
        }
        if self.some_day {
            let day = wall.div_euclid(24 * 60);
            look(Trait::Day(family, day));
            if time.precision == Precision::Day {
                look(Trait::AnyDay(family, day));
            }
        }
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
            let minute = instant.as_second().div_euclid(60);
            add(Trait::Instant(family, minute));
            if words != 0 {
                add(Trait::WordsInstant(words, minute));
            }
        }
        if self.some_local {
            add(Trait::Wall(family, wall));
        }
        if words != 0 {
            add(Trait::WordsWall(words, wall));
            if let Some((second, stretch)) = moved(time) {
                add(Trait::WordsMoved(words, second, stretch));
            }
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
struct Fit {
    /// No member says it in the same words.
    other_words: bool,
    code: Code,
    place: Place,
    clock: Clock,
    apart: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Code {
    Equal,
    Generalises,
    /// One of them has no code that says what happened, and the words are equal.
    Words,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Clock {
    Known,
    Wall,
    Day,
    ZoneMistaken,
}

fn fit(cluster: &Cluster<'_>, new: &Observation, words: u64) -> Option<Fit> {
    let own = |one: &&Arc<Observation>| {
        one.source == new.source && one.evidence_root == new.evidence_root
    };
    if let Some(known) = cluster.members().find(own) {
        // A source that lists a row twice says it once.
        return is_repeated(&known.claim, &new.claim).then_some(Fit {
            other_words: false,
            code: Code::Equal,
            place: Place::SameFacility,
            clock: Clock::Known,
            apart: -1,
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
    let same_words = words != 0
        && cluster
            .members()
            .any(|member| self::words(&member.claim) == words);
    let code = match related(cluster.code, new.claim.code, place) {
        Some(code) => code,
        None if same_words && breadth(new.claim.code).max(breadth(cluster.code)) >= NO_CODE => {
            Code::Words
        }
        None => return None,
    };
    let (clock, apart) = cluster
        .members()
        .filter_map(|member| clocks(&member.claim, &new.claim, place))
        .min()?;
    Some(Fit {
        other_words: !same_words,
        code,
        place,
        clock,
        apart,
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
        | E::RETURNED_TO_SENDER
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
        505 | 601..=610 | 704 => 601,
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
    let instants = one
        .instant
        .zip(two.instant)
        .map(|(one, two)| (one.as_second(), two.as_second()));
    let precisions = (one.precision, two.precision);
    let both_known = is_known(one) && is_known(two);
    if let Some(pair) = instants
        && is_same_moment(pair, precisions)
    {
        let clock = if both_known {
            Clock::Known
        } else {
            Clock::Wall
        };
        return Some((clock, cut_apart(pair)));
    }
    let walls = (wall_second(one), wall_second(two));
    let same_wall = is_same_moment(walls, precisions);
    if !both_known && same_wall {
        return Some((Clock::Wall, cut_apart(walls)));
    }
    let (one_at, two_at) = instants.unwrap_or(walls);
    let apart = (one_at - two_at).abs();
    // Somebody read the clock of the scan in another zone; or moved it, which only a clock with
    // seconds can show: whole minutes of two scans are a whole number of quarters apart too often.
    let moved = apart % QUARTER == 0 && moved(one).is_some() && moved(two).is_some();
    let mistaken = (same_wall || moved)
        && precisions.0.min(precisions.1) >= Precision::Minute
        && apart <= FURTHEST_ZONE
        && place <= Place::Compatible
        && words(a) != 0
        && words(a) == words(b);
    mistaken.then_some((Clock::ZoneMistaken, apart))
}

/// Tells whether two clocks show one moment. An hour alone holds all that happened in it.
fn is_same_moment((one, two): (i64, i64), precisions: (Precision, Precision)) -> bool {
    match precisions {
        (Precision::Hour, Precision::Hour) => one == two,
        (Precision::Hour, _) => (0..3_600).contains(&(two - one)),
        (_, Precision::Hour) => (0..3_600).contains(&(one - two)),
        _ => (one - two).abs() <= SAME_MOMENT,
    }
}

/// What a clock with seconds keeps when it is read in another zone, and about when it was.
fn moved(time: &EventTime) -> Option<(i64, i64)> {
    let second = wall_second(time);
    (time.precision == Precision::Second && second % 60 != 0).then(|| {
        (
            second.rem_euclid(QUARTER),
            second.div_euclid(2 * FURTHEST_ZONE),
        )
    })
}

/// Seconds between two clocks; whole minutes if one of them has no seconds, which somebody cut.
fn cut_apart((one, two): (i64, i64)) -> i64 {
    if one % 60 == 0 || two % 60 == 0 {
        60 * (one.div_euclid(60) - two.div_euclid(60)).abs()
    } else {
        (one - two).abs()
    }
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
