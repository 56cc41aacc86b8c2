//! Owns the SF waybills of load tests: thousands of known numbers without a table. Knows no HTTP.

use std::borrow::Cow;

use super::scripts::{BEIJING, CHENGDU, HANGZHOU, SHANGHAI, SHENZHEN, WAYBILL, WUHAN};
use super::waybill::{Act, Known, Place, Waybill};
use crate::scenario::{DAY, HOUR, spread};

const PREFIX: &str = "SF188";
const COUNT: u64 = 1_000_000_000;
/// What load waybills share.
static LOAD: Waybill = WAYBILL;

/// The number of a waybill that is known to the fake SF; a thousand million of them, then they repeat.
pub(super) fn number(index: u64) -> String {
    format!("{PREFIX}{:010}", index % COUNT)
}

pub(super) fn find(number: &str) -> Option<Known> {
    let digits = number
        .strip_prefix(PREFIX)
        .filter(|digits| digits.len() == 10)?;
    let index: u64 = digits.parse().ok().filter(|index| *index < COUNT)?;
    Some(Known {
        number: Cow::Owned(number.to_owned()),
        waybill: &LOAD,
        acts: Cow::Owned(journey(spread(index))),
    })
}

fn journey(seed: u64) -> Vec<Act> {
    // Waybills are in every stage when the scenarios start.
    let begin = -(i64::try_from(seed >> 8).unwrap_or(0) % (3 * DAY));
    let [origin, hub, destination]: [&'static Place; 3] = match seed % 4 {
        0 => [&SHENZHEN, &WUHAN, &BEIJING],
        1 => [&HANGZHOU, &SHANGHAI, &CHENGDU],
        2 => [&BEIJING, &WUHAN, &SHENZHEN],
        _ => [&CHENGDU, &SHANGHAI, &HANGZHOU],
    };
    let act = |hours: i64, place, op, remark| Act::new(begin + hours * HOUR, place, op, remark);
    let mut acts = vec![
        act(0, origin, "50", "顺丰速运 已收取快件"),
        act(3, origin, "30", "快件已装车,准备发往下一站"),
        act(12, hub, "31", "快件到达集散中心"),
        act(14, hub, "36", "快件已发车"),
        act(26, destination, "31", "快件到达集散中心"),
        act(32, destination, "44", "正在派送途中,请您准备签收"),
    ];
    acts.push(match seed.is_multiple_of(16) {
        true => act(35, destination, "70", "由于收方客户不在 派件不成功"),
        false => act(35, destination, "80", "已签收,感谢使用顺丰"),
    });
    acts
}
