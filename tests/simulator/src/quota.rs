//! Owns how many calls an account may make. Knows nothing of headers or error bodies.

use jiff::Timestamp;

/// Calls an account may make; `None` is no limit. Windows follow simulated time: a second, and a day in GMT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Calls in a second.
    pub per_second: Option<u32>,
    /// Calls in a GMT day.
    pub per_day: Option<u32>,
}

impl Quota {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        per_second: None,
        per_day: None,
    };
    /// The start plan of DHL's Unified Tracking API.
    pub const DHL_START_PLAN: Self = Self {
        per_second: Some(1),
        per_day: Some(250),
    };
}

const DAY: i64 = 86_400;

/// What is left of a quota.
#[derive(Default)]
pub(crate) struct Usage {
    pub(crate) quota: Quota,
    second: (i64, u32),
    day: (i64, u32),
}

impl Usage {
    pub(crate) fn new(quota: Quota) -> Self {
        Self {
            quota,
            ..Self::default()
        }
    }

    /// Counts a call; false if it is over the quota. A refused call uses nothing up.
    pub(crate) fn admit(&mut self, now: Timestamp) -> bool {
        let second = now.as_second();
        let in_second = spent(self.second, second);
        let in_day = spent(self.day, second.div_euclid(DAY));
        let over = |limit: Option<u32>, spent: u32| limit.is_some_and(|limit| spent >= limit);
        if over(self.quota.per_second, in_second) || over(self.quota.per_day, in_day) {
            return false;
        }
        self.second = (second, in_second.saturating_add(1));
        self.day = (second.div_euclid(DAY), in_day.saturating_add(1));
        true
    }
}

fn spent((window, count): (i64, u32), now: i64) -> u32 {
    if window == now { count } else { 0 }
}
