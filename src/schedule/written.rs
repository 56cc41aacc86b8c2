//! Items, flows and times as they are written in Redis; the scripts in `lua` take them apart, too.

use waybill_core::poll::Lane;
use waybill_core::shipment::ShipmentId;

use super::planner::NOBODY;
use super::queue::{Flow, Item, Task};

/// A time in 15 digits that sort as the times do.
pub(super) fn time(millis: i64) -> String {
    format!("{:015}", millis.clamp(0, 999_999_999_999_999))
}

/// Name of an item among those of its shard.
pub(super) fn key(task: Task, id: &ShipmentId) -> String {
    let task = match task {
        Task::Poll => 'p',
        Task::Review => 'r',
    };
    format!("{task}{id}", id = id.0)
}

/// Due time, interval, failures and flow.
pub(super) fn words(item: &Item) -> [String; 4] {
    let Flow {
        source,
        lane,
        tenant,
    } = &item.flow;
    [
        time(item.due),
        item.interval.to_string(),
        item.failures.to_string(),
        format!("{source}:{lane}:{tenant}", lane = lane.as_str()),
    ]
}

/// A flow by its name, and whether its source is one of these: if not, it is nobody's.
pub(super) fn flow(name: &str, sources: &[&'static str]) -> Option<(Flow, bool)> {
    let mut parts = name.splitn(3, ':');
    let (source, lane, tenant) = (parts.next()?, parts.next()?, parts.next()?);
    let known = sources.iter().chain([&NOBODY]);
    let known = known.copied().find(|one| *one == source);
    let lane = Lane::ALL.into_iter().find(|one| one.as_str() == lane)?;
    let flow = Flow {
        source: known.unwrap_or(NOBODY),
        lane,
        tenant: tenant.into(),
    };
    Some((flow, known.is_some()))
}

/// An item and the fence of its claim, 0 if it has none. What cannot be understood was never
/// written by this version.
pub(super) fn item(key: &str, value: &str, sources: &[&'static str]) -> Option<(Item, u64)> {
    let task = match key.get(..1)? {
        "p" => Task::Poll,
        _ => Task::Review,
    };
    let mut words = value.splitn(6, ' ').skip(1);
    let mut word = || words.next();
    let fence = word()?.parse().unwrap_or_default();
    let due = word()?.parse().ok()?;
    let interval = word()?.parse().ok()?;
    let failures = word()?.parse().ok()?;
    let (flow, _) = flow(word()?, sources)?;
    let item = Item {
        task,
        id: ShipmentId(key.get(1..)?.to_owned()),
        flow,
        due,
        interval,
        failures,
    };
    Some((item, fence))
}
