//! Which observations of different sources tell of the same thing: several claims, one event.
//!
//! Observations are taken in the order in which they were heard. Each joins the best cluster that
//! it fits in code, clock and place, or begins one of its own. A comparison of fits goes criterion
//! by criterion; there are no weights and no threshold. Candidates are looked up by what must agree,
//! so that the work grows with the number of observations and not with its square.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use jiff::Timestamp;

use crate::code::EventCode as E;
use crate::event::{Claim, Classifier, Digest, Observation};
use crate::fold::moment;
use crate::same_code::{Code, NO_CODE, breadth, family, related};
use crate::same_place::{Place, Places};
use crate::time::{Basis, EventTime, Precision};

/// Observations of one event, in the order in which they were heard.
pub(crate) struct Cluster<'a> {
    /// The one that the event has its id from.
    pub(crate) first: &'a Arc<Observation>,
    pub(crate) others: Vec<&'a Arc<Observation>>,
    /// How each of the others fitted when it joined.
    pub(crate) fits: Vec<(Digest, Fit)>,
    /// Clocks that differ by a whole number of quarters of an hour: somebody assumed a zone.
    pub(crate) zone_mistaken: bool,
}

/// An observation, and what is compared of it again and again.
struct Row<'a> {
    one: &'a Arc<Observation>,
    claim: &'a Claim,
    /// Position of the source among all, by name.
    source: usize,
    at: Timestamp,
    /// See [`words`].
    words: u64,
    /// Position of its place among all.
    place: usize,
    /// Seconds of the wall clock, as if it were UTC.
    wall: i64,
}

/// Rows of one event, by their positions.
struct Group {
    first: usize,
    others: Vec<usize>,
    /// How each of the others fitted.
    fits: Vec<Fit>,
    /// The most precise code among them.
    code: E,
    zone_mistaken: bool,
}

impl Group {
    fn members(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}

/// Greatest difference between two clocks that tell the same moment: aggregators cut seconds.
const SAME_MOMENT: i64 = 120;
/// Zones differ by multiples of a quarter of an hour, and by 14 hours at most from the clock that
/// was taken for theirs.
const QUARTER: i64 = 15 * 60;
const FURTHEST_ZONE: i64 = 14 * 3_600;
const DAY: i64 = 24 * 3_600;

/// Groups observations, which are in the order in which they were heard. What one source said at
/// once is taken together: its rows join in the order of how well they fit, so that none takes the
/// place of a better one; of rows that fit equally well, the earlier ones belong together.
pub(crate) fn clusters(observations: &[Arc<Observation>]) -> Vec<Cluster<'_>> {
    let one_source = observations.windows(2).all(|pair| {
        pair[0].source == pair[1].source && pair[0].evidence_root == pair[1].evidence_root
    });
    let mut sources: Vec<&Arc<str>> = Vec::new();
    let position = |sources: &[&Arc<str>], one: &Observation| {
        // Rows that were heard together share the name of their source.
        let mut shared = sources.iter();
        let shared = shared.position(|name| Arc::ptr_eq(name, &one.source));
        shared.or_else(|| sources.iter().position(|name| **name == one.source))
    };
    for one in observations {
        if position(&sources, one).is_none() {
            sources.push(&one.source);
        }
    }
    sources.sort_unstable();
    let source_of = |one: &Observation| position(&sources, one);
    let mut places = Places::default();
    let mut rows: Vec<Row<'_>> = observations
        .iter()
        .map(|one| {
            let source = source_of(one).unwrap_or_default();
            Row::new(one, source, one_source, &mut places)
        })
        .collect();
    places.settle();
    rows.sort_unstable_by(|a, b| {
        let key = |row: &Row<'_>| (row.one.receive_time, row.source, row.at, row.one.sequence);
        key(a).cmp(&key(b)).then_with(|| a.one.id.cmp(&b.one.id))
    });
    let mut grouping = Grouping::new(&rows, &places, one_source);
    let mut from = 0;
    for heard in
        rows.chunk_by(|a, b| a.one.receive_time == b.one.receive_time && a.source == b.source)
    {
        grouping.take(from..from + heard.len());
        from += heard.len();
    }
    let groups = grouping.groups.into_iter();
    groups
        .map(|group| Cluster {
            first: rows[group.first].one,
            others: group.others.iter().map(|&at| rows[at].one).collect(),
            fits: group
                .others
                .iter()
                .map(|&at| rows[at].one.id)
                .zip(group.fits)
                .collect(),
            zone_mistaken: group.zone_mistaken,
        })
        .collect()
}

impl<'a> Row<'a> {
    /// `alone`: there is nothing to compare it with but rows of its own source.
    fn new(one: &'a Arc<Observation>, source: usize, alone: bool, places: &mut Places<'a>) -> Self {
        let claim = &*one.claim;
        let place = claim.location.as_ref().filter(|_| !alone);
        Self {
            one,
            claim,
            source,
            at: moment(&claim.time),
            words: if alone { 0 } else { words(claim) },
            place: places.add(place),
            wall: wall_second(&claim.time),
        }
    }
}

/// What two observations must share to be compared at all. Stretches are of four minutes.
#[derive(Clone, Copy)]
enum Trait {
    /// Family of the code, and stretch of the instant.
    Instant(u16, i64),
    /// Family of the code, and stretch of the wall clock.
    Wall(u16, i64),
    /// Family of the code, and the day of a clock that states no more.
    Day(u16, i64),
    /// Family of the code, and the day of any clock.
    AnyDay(u16, i64),
    /// Words, and stretch of the instant.
    WordsInstant(u64, i64),
    /// Words, and stretch of the wall clock.
    WordsWall(u64, i64),
    /// Words, second within the quarter of an hour, and number of the span of time that no zone
    /// mistake exceeds.
    WordsMoved(u64, i64, i64),
}

impl Trait {
    /// A number that equal traits share. Others may have it too: what it finds is compared.
    fn key(self) -> u64 {
        let (kind, what, at) = match self {
            Self::Instant(family, at) => (1, u64::from(family), at),
            Self::Wall(family, at) => (2, u64::from(family), at),
            Self::Day(family, at) => (3, u64::from(family), at),
            Self::AnyDay(family, at) => (4, u64::from(family), at),
            Self::WordsInstant(words, at) => (5, words, at),
            Self::WordsWall(words, at) => (6, words, at),
            Self::WordsMoved(words, second, span) => (7, words, span * QUARTER + second),
        };
        mix(mix(kind ^ what) ^ at.cast_unsigned())
    }
}

/// Spreads the bits of a number.
pub(crate) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number ^ (number >> 29)
}

/// Takes a key as it is: [`Trait::key`] has spread its bits.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

const STRETCH: i64 = 4 * 60;

struct Grouping<'a> {
    rows: &'a [Row<'a>],
    places: &'a Places<'a>,
    groups: Vec<Group>,
    /// By trait, the newest place in `listed` plus one.
    by_trait: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    /// Groups with a trait, each with the place of the one listed before it plus one; 0: there is
    /// none. One list for all traits, since there are many and nearly all have one group.
    listed: Vec<(usize, u32)>,
    /// By group, the search that has looked at it last; see [`Grouping::each_fit`].
    seen: Vec<Cell<u32>>,
    searches: Cell<u32>,
    one_source: bool,
    /// Some clock bears no offset, or an assumed one.
    some_local: bool,
    /// Seconds to look back and ahead: a clock can state an hour only.
    reach: i64,
    /// Some clock states a day only.
    some_day: bool,
}

impl<'a> Grouping<'a> {
    fn new(rows: &'a [Row<'a>], places: &'a Places<'a>, one_source: bool) -> Self {
        let mut times = rows.iter().map(|row| &row.claim.time);
        Self {
            rows,
            places,
            groups: Vec::with_capacity(rows.len()),
            by_trait: HashMap::with_capacity_and_hasher(4 * rows.len(), Default::default()),
            listed: Vec::with_capacity(5 * rows.len()),
            seen: Vec::with_capacity(rows.len()),
            searches: Cell::new(0),
            one_source,
            some_local: times.clone().any(|time| !is_known(time)),
            reach: if times.clone().any(|time| time.precision == Precision::Hour) {
                3_600
            } else {
                SAME_MOMENT
            },
            some_day: times.any(|time| time.precision == Precision::Day),
        }
    }

    /// Takes the rows that one source said at once.
    fn take(&mut self, heard: std::ops::Range<usize>) {
        let mut homes: Vec<Option<usize>> = vec![None; heard.len()];
        let mut fits: Vec<(Fit, usize, usize)> = Vec::new();
        if !self.groups.is_empty() {
            for row in heard.clone() {
                self.each_fit(row, |fit, at| fits.push((fit, row, at)));
            }
        }
        fits.sort_unstable();
        for (_, row, at) in fits {
            // Another row of the source may have joined it.
            if homes[row - heard.start].is_none()
                && let Some(fit) = self.fit(at, row)
            {
                self.join(at, row, fit);
                homes[row - heard.start] = Some(at);
            }
        }
        for (row, home) in heard.zip(homes) {
            let at = home.unwrap_or_else(|| self.settle(row));
            if self.rows[row].claim.classifier == Classifier::Actual {
                self.list(at, row);
            }
        }
    }

    /// Finds a group among those that the source's own rows have made, or makes one.
    fn settle(&mut self, row: usize) -> usize {
        let mut best: Option<(Fit, usize)> = None;
        self.each_fit(row, |fit, at| {
            best = Some(best.map_or((fit, at), |known| known.min((fit, at))));
        });
        if let Some((fit, at)) = best {
            self.join(at, row, fit);
            return at;
        }
        self.groups.push(Group {
            first: row,
            others: Vec::new(),
            fits: Vec::new(),
            code: self.rows[row].claim.code,
            zone_mistaken: false,
        });
        self.seen.push(Cell::new(0));
        self.groups.len() - 1
    }

    fn join(&mut self, at: usize, row: usize, fit: Fit) {
        let group = &mut self.groups[at];
        group.others.push(row);
        group.fits.push(fit);
        group.zone_mistaken |= fit.clock == Clock::ZoneMistaken;
        let code = self.rows[row].claim.code;
        if breadth(code) < breadth(group.code) {
            group.code = code;
        }
    }

    /// Every group that a row fits, and how well.
    fn each_fit(&self, row: usize, mut found: impl FnMut(Fit, usize)) {
        let Row {
            claim, words, wall, ..
        } = self.rows[row];
        let time = &claim.time;
        if claim.classifier != Classifier::Actual {
            return;
        }
        let family = family(claim.code);
        let search = self.searches.get() + 1;
        self.searches.set(search);
        let mut look = |wanted: Trait| {
            let mut place = self.by_trait.get(&wanted.key()).copied().unwrap_or(0);
            while let Some(&(at, before)) = self.listed.get((place as usize).wrapping_sub(1)) {
                place = before;
                if self.seen[at].replace(search) != search
                    && let Some(fit) = self.fit(at, row)
                {
                    found(fit, at);
                }
            }
        };
        if self.one_source {
            look(Trait::Wall(family, wall.div_euclid(STRETCH)));
            return;
        }
        if let Some(instant) = time.instant {
            for at in self.stretches(instant.as_second()) {
                look(Trait::Instant(family, at));
                if words != 0 {
                    look(Trait::WordsInstant(words, at));
                }
            }
        }
        for at in self.stretches(wall) {
            if self.some_local {
                look(Trait::Wall(family, at));
            }
            if words != 0 {
                look(Trait::WordsWall(words, at));
            }
        }
        if words != 0
            && let Some((second, span)) = moved(time, wall)
        {
            for step in -1..=1 {
                look(Trait::WordsMoved(words, second, span + step));
            }
        }
        if self.some_day {
            let day = wall.div_euclid(DAY);
            look(Trait::Day(family, day));
            if time.precision == Precision::Day {
                look(Trait::AnyDay(family, day));
            }
        }
    }

    /// Stretches of time in which what matches a clock can lie.
    fn stretches(&self, second: i64) -> std::ops::RangeInclusive<i64> {
        (second - self.reach).div_euclid(STRETCH)..=(second + self.reach).div_euclid(STRETCH)
    }

    /// Makes a group findable by what its newest member says.
    fn list(&mut self, at: usize, row: usize) {
        let Row {
            claim, words, wall, ..
        } = self.rows[row];
        let time = &claim.time;
        let family = family(claim.code);
        let (by_trait, listed) = (&mut self.by_trait, &mut self.listed);
        let mut add = |shared: Trait| {
            let newest = by_trait.entry(shared.key()).or_default();
            let known = listed.get((*newest as usize).wrapping_sub(1));
            if known.is_none_or(|(group, _)| *group != at) {
                listed.push((at, *newest));
                *newest = u32::try_from(listed.len()).unwrap_or(0);
            }
        };
        if self.one_source {
            add(Trait::Wall(family, wall.div_euclid(STRETCH)));
            return;
        }
        if let Some(instant) = time.instant {
            let stretch = instant.as_second().div_euclid(STRETCH);
            add(Trait::Instant(family, stretch));
            if words != 0 {
                add(Trait::WordsInstant(words, stretch));
            }
        }
        if self.some_local {
            add(Trait::Wall(family, wall.div_euclid(STRETCH)));
        }
        if words != 0 {
            add(Trait::WordsWall(words, wall.div_euclid(STRETCH)));
            if let Some((second, span)) = moved(time, wall) {
                add(Trait::WordsMoved(words, second, span));
            }
        }
        if self.some_day {
            let day = wall.div_euclid(DAY);
            add(Trait::AnyDay(family, day));
            if time.precision == Precision::Day {
                add(Trait::Day(family, day));
            }
        }
    }

    /// How well a row fits a group; `None` if it does not.
    fn fit(&self, at: usize, row: usize) -> Option<Fit> {
        let (group, new) = (&self.groups[at], &self.rows[row]);
        let members = || group.members().map(|member| &self.rows[member]);
        let own = |member: &&Row<'_>| {
            member.source == new.source && member.one.evidence_root == new.one.evidence_root
        };
        if let Some(known) = members().find(own) {
            // A source that lists a row twice says it once.
            return (known.claim == new.claim).then_some(Fit {
                other_words: false,
                code: Code::Equal,
                place: Place::SameFacility,
                clock: Clock::Known,
                apart: -1,
            });
        }
        if self.rows[group.first].claim.classifier != Classifier::Actual {
            return None;
        }
        let mut place = Place::Unknown;
        for member in members() {
            place = place.min(self.places.compare(member.place, new.place)?);
        }
        let same_words = new.words != 0 && members().any(|member| member.words == new.words);
        let code = match related(group.code, new.claim.code, place) {
            Some(code) => code,
            None if same_words && breadth(new.claim.code).max(breadth(group.code)) >= NO_CODE => {
                Code::Words
            }
            None => return None,
        };
        let (clock, apart) = members()
            .filter_map(|member| clocks(member, new, place))
            .min()?;
        Some(Fit {
            other_words: !same_words,
            code,
            place,
            clock,
            apart,
        })
    }
}

/// How well an observation fits a cluster; the least is the best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fit {
    /// No member says it in the same words.
    other_words: bool,
    pub(crate) code: Code,
    pub(crate) place: Place,
    pub(crate) clock: Clock,
    /// Seconds between the clocks; negative for a row that its source lists twice.
    pub(crate) apart: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Clock {
    Known,
    Wall,
    Day,
    ZoneMistaken,
}

/// Whether the clock's offset is evidence rather than an assumption.
fn is_known(time: &EventTime) -> bool {
    time.instant.is_some() && time.basis < Basis::SourceConvention
}

fn clocks(a: &Row<'_>, b: &Row<'_>, place: Place) -> Option<(Clock, i64)> {
    let (one, two) = (&a.claim.time, &b.claim.time);
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
    let walls = (a.wall, b.wall);
    let same_wall = is_same_moment(walls, precisions);
    if !both_known && same_wall {
        return Some((Clock::Wall, cut_apart(walls)));
    }
    let (one_at, two_at) = instants.unwrap_or(walls);
    let apart = (one_at - two_at).abs();
    // Somebody read the clock of the scan in another zone; or moved it, which only a clock with
    // seconds can show: whole minutes of two scans are a whole number of quarters apart too often.
    let has_seconds = moved(one, a.wall).is_some() && moved(two, b.wall).is_some();
    let moved = has_seconds && apart % QUARTER == 0;
    let mistaken = (same_wall || moved)
        && precisions.0.min(precisions.1) >= Precision::Minute
        && apart <= FURTHEST_ZONE
        && place <= Place::Compatible
        && a.words != 0
        && a.words == b.words;
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
fn moved(time: &EventTime, wall: i64) -> Option<(i64, i64)> {
    (time.precision == Precision::Second && wall % 60 != 0)
        .then(|| (wall.rem_euclid(QUARTER), wall.div_euclid(FURTHEST_ZONE)))
}

/// Seconds between two clocks; whole minutes if one of them has no seconds, which somebody cut.
fn cut_apart((one, two): (i64, i64)) -> i64 {
    if one % 60 == 0 || two % 60 == 0 {
        60 * (one.div_euclid(60) - two.div_euclid(60)).abs()
    } else {
        (one - two).abs()
    }
}

/// The words of a row without case, space and punctuation, as a number; 0 if there are none.
pub(crate) fn words(claim: &Claim) -> u64 {
    let (mut hash, mut count) = (0xcbf2_9ce4_8422_2325_u64, 0_u32);
    let mut add = |letter: char| {
        hash = (hash ^ u64::from(letter)).wrapping_mul(0x0100_0000_01b3);
        count += 1;
    };
    for letter in claim.native_text.reveal().chars() {
        if letter.is_ascii_alphanumeric() {
            add(letter.to_ascii_lowercase());
        } else if !letter.is_ascii() && letter.is_alphanumeric() {
            letter.to_lowercase().for_each(&mut add);
        }
    }
    if count == 0 { 0 } else { mix(hash).max(1) }
}

fn wall_second(time: &EventTime) -> i64 {
    time.local
        .duration_since(jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0))
        .as_secs()
}
