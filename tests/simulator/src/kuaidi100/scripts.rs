//! Owns the scripted parcels of Kuaidi100, all made up: number, company, rows. Knows no JSON and no HTTP.

use super::parcel::{Event, Parcel, Place, Silence};
use crate::scenario::{DAY, HOUR};

/// A script: what is told about it and its parcel.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) shows: &'static str,
    pub(super) number: &'static str,
    pub(super) parcel: Parcel,
}

impl Script {
    /// Minutes from the start to the last row, or to the end of the subscription.
    pub(super) fn last_event(&self) -> i64 {
        let dest = self.parcel.dest.map_or(&[][..], |(_, events)| events);
        let rows = self.parcel.events.iter().chain(dest);
        let last = rows.map(|event| event.at).max().unwrap_or(0);
        if self.parcel.silence == Silence::None {
            last
        } else {
            3 * DAY
        }
    }
}

const fn china(code: &'static str, names: &'static str) -> Place {
    Place {
        code,
        names,
        zone: "Asia/Shanghai",
    }
}

pub(super) const HANGZHOU: Place = china("CN330100000000", "浙江,杭州市");
pub(super) const BEIJING: Place = china("CN110105000000", "北京,朝阳区");
pub(super) const GUANGZHOU: Place = china("CN440100000000", "广东,广州市");
pub(super) const CHENGDU: Place = china("CN510100000000", "四川,成都市");
const TOKYO: Place = Place {
    code: "",
    names: "",
    zone: "Asia/Tokyo",
};
const BOISE: Place = Place {
    code: "",
    names: "",
    zone: "America/Boise",
};

pub(super) const fn ev(
    at: i64,
    code: &'static str,
    place: &'static Place,
    text: &'static str,
) -> Event {
    Event {
        at,
        code,
        text,
        place,
        hidden: false,
    }
}

const fn hidden(event: Event) -> Event {
    Event {
        hidden: true,
        ..event
    }
}

pub(super) const fn parcel(com: &'static str) -> Parcel {
    Parcel {
        com,
        phone: None,
        events: &[],
        dest: None,
        sloppy: false,
        state: None,
        silence: Silence::None,
    }
}

const fn script(
    name: &'static str,
    title: &'static str,
    shows: &'static str,
    number: &'static str,
    com: &'static str,
    events: &'static [Event],
) -> Script {
    Script {
        name,
        title,
        shows,
        number,
        parcel: Parcel {
            events,
            ..parcel(com)
        },
    }
}

const ORDERED: Event = ev(0, "101", &HANGZHOU, "商家已下单，等待揽收");
const TAKEN: Event = ev(5 * HOUR, "103", &HANGZHOU, "【杭州市】湖滨网点已揽收");
const LEFT: Event = ev(10 * HOUR, "1002", &HANGZHOU, "【杭州市】快件已发往北京中心");
const ARRIVED: Event = ev(DAY + 12 * HOUR, "1001", &BEIJING, "【北京市】快件已到达");
const ROUND: Event = ev(2 * DAY, "5", &BEIJING, "【北京市】望湖网点派件中");

/// Every script.
pub(super) static SCRIPTS: [Script; 17] = [
    script(
        "delivered",
        "Hangzhou to Beijing by YTO, signed by the recipient",
        "a whole life from order to signature",
        "YT7712000000011",
        "yuantong",
        &[
            ORDERED,
            TAKEN,
            LEFT,
            ARRIVED,
            ROUND,
            ev(2 * DAY + 2 * HOUR, "301", &BEIJING, "已签收，签收人：本人"),
        ],
    ),
    script(
        "in-transit",
        "Hangzhou to Beijing, still out for delivery",
        "nothing after out for delivery: the state must not run ahead",
        "YT7712000000022",
        "yuantong",
        &[ORDERED, TAKEN, LEFT, ARRIVED, ROUND],
    ),
    script(
        "label-only",
        "Ordered and never picked up",
        "an order is no possession",
        "JT7712000000033",
        "jtexpress",
        &[ORDERED, ev(HOUR, "102", &HANGZHOU, "待揽收")],
    ),
    script(
        "not-found-yet",
        "Unknown for six hours",
        "500 turns into an answer later",
        "YT7712000000044",
        "yuantong",
        &[ev(6 * HOUR, "103", &HANGZHOU, "【杭州市】湖滨网点已揽收")],
    ),
    script(
        "failed-attempt",
        "Recipient not reached, delivered the next day",
        "a failed attempt is not final",
        "7712000000055",
        "yunda",
        &[
            TAKEN,
            LEFT,
            ARRIVED,
            ROUND,
            ev(2 * DAY + 3 * HOUR, "206", &BEIJING, "无法联系收件人"),
            ev(3 * DAY, "5", &BEIJING, "再次派件"),
            ev(3 * DAY + 2 * HOUR, "302", &BEIJING, "已签收"),
        ],
    ),
    script(
        "locker",
        "Put into a locker and fetched two days later",
        "the locker's signature is no delivery",
        "YT7712000000066",
        "yuantong",
        &[
            TAKEN,
            LEFT,
            ARRIVED,
            ROUND,
            ev(2 * DAY + HOUR, "501", &BEIJING, "快件已放入望湖快递柜"),
            ev(2 * DAY + HOUR, "304", &BEIJING, "快件已由望湖快递柜签收"),
            ev(
                3 * DAY + HOUR,
                "205",
                &BEIJING,
                "快件在望湖快递柜已超时，请尽快取件",
            ),
            ev(4 * DAY, "304", &BEIJING, "快件已取出，取件成功"),
        ],
    ),
    script(
        "station",
        "Left at a station, which signed for it",
        "signed by a station and never fetched",
        "JD7712000000077",
        "jd",
        &[
            TAKEN,
            LEFT,
            ARRIVED,
            hidden(ev(2 * DAY, "0", &BEIJING, "快件正在派送中")),
            hidden(ev(2 * DAY + HOUR, "304", &BEIJING, "快件已由驿站代收")),
        ],
    ),
    script(
        "return-to-sender",
        "Refused, sent back and signed for by the sender",
        "state 14 is an end only once it is signed for",
        "7712000000088",
        "yunda",
        &[
            TAKEN,
            LEFT,
            ARRIVED,
            ROUND,
            ev(2 * DAY + HOUR, "203", &BEIJING, "收件人拒收"),
            ev(3 * DAY, "6", &BEIJING, "快件退回中"),
            ev(5 * DAY, "14", &HANGZHOU, "拒签件，寄件人已签收"),
        ],
    ),
    script(
        "customs-hold",
        "Exported by YunExpress, held at the destination",
        "export and import customs share their codes",
        "YT2612000000000099",
        "yuntrack",
        &[
            ev(5 * HOUR, "103", &GUANGZHOU, "已揽收"),
            ev(DAY, "10", &GUANGZHOU, "待出口清关"),
            ev(DAY + 6 * HOUR, "12", &GUANGZHOU, "出口清关完成"),
            ev(5 * DAY, "13", &BOISE, "Held by customs, invoice needed"),
            ev(7 * DAY, "12", &BOISE, "Released by customs"),
            ev(8 * DAY, "0", &BOISE, "Arrived at local facility, Boise"),
        ],
    ),
    Script {
        parcel: Parcel {
            dest: Some((
                "japanposten",
                &[
                    ev(
                        4 * DAY,
                        "0",
                        &TOKYO,
                        "Arrival at inward office of exchange, Tokyo",
                    ),
                    ev(5 * DAY, "5", &TOKYO, "Out for delivery"),
                    ev(5 * DAY + 3 * HOUR, "3", &TOKYO, "Final delivery"),
                ],
            )),
            events: &[
                ev(4 * HOUR, "1", &GUANGZHOU, "已收寄"),
                ev(DAY, "12", &GUANGZHOU, "【广州国际】出口海关放行"),
                ev(2 * DAY, "1002", &GUANGZHOU, "【广州国际】离开，发往日本"),
            ],
            ..parcel("ems")
        },
        ..script(
            "from-china",
            "EMS to Japan, each post with its own leg",
            "the leg abroad comes by push only, its clock unknown",
            "EE770012340CN",
            "ems",
            &[],
        )
    },
    Script {
        parcel: Parcel {
            phone: Some("0199"),
            events: &[TAKEN, LEFT, ARRIVED, ROUND],
            ..parcel("shunfeng")
        },
        ..script(
            "phone-needed",
            "SF: the last four digits are 0199",
            "408 without a telephone number or with a wrong one",
            "SF7712000000101",
            "shunfeng",
            &[],
        )
    },
    script(
        "unknown-code",
        "States that no table has",
        "a new code is kept and not guessed at",
        "7712000000112",
        "yunda",
        &[
            TAKEN,
            ev(DAY, "109", &HANGZHOU, "新揽收状态"),
            ev(2 * DAY, "901", &BEIJING, "新状态"),
        ],
    ),
    script(
        "partner-last-mile",
        "Handed to another company at the destination",
        "state 7, the successor's number only in the text",
        "7712000000123",
        "shentong",
        &[
            TAKEN,
            LEFT,
            ev(2 * DAY, "7", &CHENGDU, "快件转投其他公司，新单号见短信"),
        ],
    ),
    Script {
        parcel: Parcel {
            sloppy: true,
            events: &[
                hidden(TAKEN),
                hidden(LEFT),
                hidden(ev(DAY, "1002", &HANGZHOU, "到达中心")),
                hidden(ev(DAY, "1002", &HANGZHOU, "离开中心")),
            ],
            ..parcel("youzhengguonei")
        },
        ..script(
            "local-times",
            "China Post: times in two forms, two rows in one second, no place",
            "the normal form counts, and the clock is China's",
            "9771200000134",
            "youzhengguonei",
            &[],
        )
    },
    Script {
        parcel: Parcel {
            state: Some("3"),
            events: &[TAKEN, LEFT],
            ..parcel("yuantong")
        },
        ..script(
            "contradiction",
            "Called signed while its newest row leaves the first centre",
            "the state of the answer contradicts its rows",
            "YT7712000000145",
            "yuantong",
            &[],
        )
    },
    Script {
        parcel: Parcel {
            silence: Silence::Forever,
            ..parcel("yunda")
        },
        ..script(
            "never-scanned",
            "A number that nobody ever scans",
            "the subscription is given up after three days",
            "7712000000156",
            "yunda",
            &[],
        )
    },
    Script {
        parcel: Parcel {
            silence: Silence::Elsewhere("jtexpress"),
            ..parcel("yunda")
        },
        ..script(
            "wrong-company",
            "Subscribed to under a company that does not have it",
            "the push that ends it names the right company",
            "7712000000167",
            "yunda",
            &[],
        )
    },
];
