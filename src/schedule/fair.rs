//! Who goes first when more is due than may be asked: lanes by weight, tenants by turns, and nobody
//! for ever last.

use std::collections::HashMap;
use std::sync::Arc;

use waybill_core::poll::Lane;

use super::queue::{Backlog, Flow, Want};

/// Turns of each lane, in the order of [`Lane::ALL`].
const WEIGHTS: [i64; 3] = [6, 3, 1];

/// Whose turn it is at one source. Every item costs one, so a round of the tenants with a quantum of
/// one is a deficit round-robin without a remainder.
#[derive(Default)]
pub(super) struct Turns {
    /// What each lane is owed: smooth weighted round-robin.
    owed: [i64; 3],
    /// Who went last in each lane.
    last: [Option<Arc<str>>; 3],
}

/// Flows of one lane that still have something due, by tenant.
struct Ring {
    flows: Vec<(usize, usize)>,
    next: usize,
}

impl Turns {
    /// Shares `slots` out among what is due at `now`: how much of each flow goes.
    pub(super) fn share(&mut self, due: &[Backlog], now: i64, slots: usize) -> Vec<(Flow, usize)> {
        let mut rings: [Ring; 3] = std::array::from_fn(|lane| self.ring(due, now, lane));
        let mut taken = vec![0_usize; due.len()];
        for _ in 0..slots {
            let Some(lane) = self.lane(&rings) else { break };
            let ring = &mut rings[lane];
            let (at, left) = &mut ring.flows[ring.next];
            taken[*at] += 1;
            *left -= 1;
            self.last[lane] = Some(Arc::clone(&due[*at].flow.tenant));
            if *left == 0 {
                ring.flows.remove(ring.next);
            } else {
                ring.next += 1;
            }
            if ring.next >= ring.flows.len() {
                ring.next = 0;
            }
        }
        let taken = due.iter().zip(taken).filter(|(_, count)| *count > 0);
        taken
            .map(|(backlog, count)| (backlog.flow.clone(), count))
            .collect()
    }

    /// The next lane among those that have something due.
    fn lane(&mut self, rings: &[Ring; 3]) -> Option<usize> {
        let waiting = |lane: &usize| !rings[*lane].flows.is_empty();
        let total: i64 = (0..3).filter(waiting).map(|lane| WEIGHTS[lane]).sum();
        for lane in (0..3).filter(waiting) {
            self.owed[lane] += WEIGHTS[lane];
        }
        let first = (0..3)
            .filter(waiting)
            .rev()
            .max_by_key(|lane| self.owed[*lane])?;
        self.owed[first] -= total;
        Some(first)
    }

    /// Flows of a lane, beginning after the tenant that went last.
    fn ring(&self, due: &[Backlog], now: i64, lane: usize) -> Ring {
        let flows = due.iter().enumerate();
        let flows = flows.filter(|(_, backlog)| promoted(backlog, now) == lane);
        let mut flows: Vec<(usize, usize)> =
            flows.map(|(at, backlog)| (at, backlog.count)).collect();
        flows.sort_by(|one, other| due[one.0].flow.tenant.cmp(&due[other.0].flow.tenant));
        let next = self.last[lane].as_ref().map_or(0, |last| {
            flows.partition_point(|(at, _)| due[*at].flow.tenant <= *last)
        });
        let next = if next < flows.len() { next } else { 0 };
        Ring { flows, next }
    }
}

/// Lane of a flow by the age of its oldest item: one up for each interval that it is late.
fn promoted(backlog: &Backlog, now: i64) -> usize {
    let lane = Lane::ALL
        .iter()
        .position(|lane| *lane == backlog.flow.lane)
        .unwrap_or_default();
    let late = u64::try_from(now.saturating_sub(backlog.oldest)).unwrap_or_default();
    let up = late.checked_div(backlog.interval).unwrap_or(0).min(2);
    lane.saturating_sub(usize::try_from(up).unwrap_or_default())
}

/// By how much the intervals of each tenant stretch when all together want more than there is: the
/// budget is filled like a vessel, so that who wants little has it in full, and the rest share what
/// is left evenly. Tenants without a factor are not stretched.
pub(super) fn stretch(wants: &[Want], budget: f64) -> HashMap<Arc<str>, f64> {
    let total: f64 = wants.iter().map(|want| want.rate).sum();
    if total <= budget {
        return HashMap::new();
    }
    let mut rates: Vec<f64> = wants.iter().map(|want| want.rate).collect();
    rates.sort_by(f64::total_cmp);
    let (mut left, mut sharing) = (budget, rates.len());
    let mut level = 0.0;
    for rate in rates {
        #[expect(clippy::cast_precision_loss, reason = "a count of tenants")]
        let even = left / sharing as f64;
        level = even;
        if rate > even {
            break;
        }
        left -= rate;
        sharing -= 1;
    }
    // With no budget at all nobody is asked, whatever the interval.
    let level = level.max(f64::MIN_POSITIVE);
    let above = wants.iter().filter(|want| want.rate > level);
    above
        .map(|want| (Arc::clone(&want.tenant), want.rate / level))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(tenant: &str, lane: Lane, count: usize, oldest: i64) -> Backlog {
        Backlog {
            flow: Flow {
                source: "a",
                lane,
                tenant: tenant.into(),
            },
            count,
            oldest,
            interval: 1_000,
        }
    }

    fn shared(turns: &mut Turns, due: &[Backlog], slots: usize) -> Vec<(String, usize)> {
        let shares = turns.share(due, 0, slots).into_iter();
        shares
            .map(|(flow, count)| (format!("{}-{}", flow.tenant, flow.lane.as_str()), count))
            .collect()
    }

    #[test]
    fn lanes_go_six_to_three_to_one() {
        let all: Vec<Backlog> = Lane::ALL
            .iter()
            .map(|lane| due("a", *lane, 100, 0))
            .collect();
        let mut turns = Turns::default();
        // One by one comes to the same as at once.
        let mut counts = [0; 3];
        for _ in 0..100 {
            let share = turns.share(&all, 0, 1).remove(0);
            let lane = Lane::ALL.iter().position(|lane| *lane == share.0.lane);
            counts[lane.unwrap()] += 1;
        }
        assert_eq!(counts, [60, 30, 10]);
        let at_once = shared(&mut Turns::default(), &all, 100);
        let at_once: Vec<usize> = at_once.into_iter().map(|(_, count)| count).collect();
        assert_eq!(at_once, [60, 30, 10]);
    }

    #[test]
    fn what_one_lane_leaves_others_have() {
        let all = [due("a", Lane::Tail, 5, 0), due("a", Lane::Hot, 2, 0)];
        let shares = shared(&mut Turns::default(), &all, 10);
        assert_eq!(shares, [("a-tail".to_owned(), 5), ("a-hot".to_owned(), 2)]);
    }

    #[test]
    fn tenants_take_turns_whatever_they_have() {
        let all = [
            due("big", Lane::Normal, 1_000, 0),
            due("small", Lane::Normal, 3, 0),
        ];
        let mut turns = Turns::default();
        let shares = shared(&mut turns, &all, 10);
        assert_eq!(
            shares,
            [("big-normal".to_owned(), 7), ("small-normal".to_owned(), 3)]
        );
        let mut firsts = Vec::new();
        for _ in 0..4 {
            firsts.extend(shared(&mut turns, &all, 1));
        }
        let names: Vec<&str> = firsts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["small-normal", "big-normal", "small-normal", "big-normal"]
        );
    }

    #[test]
    fn who_waits_for_two_intervals_is_hot() {
        let all = [
            due("young", Lane::Hot, 100, 0),
            due("old", Lane::Tail, 100, -2_000),
        ];
        let shares = shared(&mut Turns::default(), &all, 10);
        assert_eq!(
            shares,
            [("young-hot".to_owned(), 5), ("old-tail".to_owned(), 5)]
        );
    }

    #[test]
    fn who_wants_little_has_it_in_full() {
        let want = |tenant: &str, rate: f64| Want {
            tenant: tenant.into(),
            count: 1,
            rate,
        };
        let wants = [want("big", 90.0), want("middle", 40.0), want("small", 1.0)];
        assert_eq!(stretch(&wants, 131.0), HashMap::new());
        let factors = stretch(&wants, 61.0);
        assert_eq!(factors.get("small"), None);
        assert_eq!((factors["big"], factors["middle"]), (3.0, 40.0 / 30.0));
        let served = 90.0 / factors["big"] + 40.0 / factors["middle"] + 1.0;
        assert!((served - 61.0_f64).abs() < 1e-9);
        assert!(
            stretch(&wants, 0.0)
                .values()
                .all(|factor| factor.is_finite() || *factor > 1.0)
        );
    }
}
