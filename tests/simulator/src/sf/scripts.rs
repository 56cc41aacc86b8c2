//! Owns the scripted SF waybills, all made up: number, places, events. Knows no JSON and no HTTP.

use super::PHONE;
use super::waybill::{Act, Place, Waybill};
use crate::scenario::{DAY, HOUR};

/// A script: what is told about it and its waybill.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) shows: &'static str,
    pub(super) waybill: Waybill,
}

const fn china(text: &'static str) -> Place {
    Place {
        text,
        zone: "Asia/Shanghai",
    }
}

pub(super) static SHENZHEN: Place = china("深圳市");
pub(super) static BEIJING: Place = china("北京市");
pub(super) static HANGZHOU: Place = china("杭州市");
pub(super) static SHANGHAI: Place = china("上海市");
pub(super) static WUHAN: Place = china("武汉市");
pub(super) static CHENGDU: Place = china("成都市");
static HUB: Place = china("【武汉模拟集散中心】");
static SHOP: Place = china("成都市模拟路便利店");
static TOKYO: Place = Place {
    text: "东京",
    zone: "Asia/Tokyo",
};
static LOS_ANGELES: Place = Place {
    text: "Los Angeles, USA",
    zone: "America/Los_Angeles",
};

const fn act(at: i64, place: &'static Place, op: &'static str, remark: &'static str) -> Act {
    Act::new(at, place, op, remark)
}

const PICKED_UP: Act = act(0, &SHENZHEN, "50", "顺丰速运 已收取快件");
const LOADED: Act = act(
    2 * HOUR,
    &SHENZHEN,
    "30",
    "快件已装车,准备发往 【武汉模拟集散中心】",
);
const AT_HUB: Act = act(12 * HOUR, &HUB, "31", "快件到达 【武汉模拟集散中心】");
const SEALED: Act = act(14 * HOUR, &HUB, "36", "快件已发车");
const ON_ROAD: Act = act(
    DAY + 6 * HOUR,
    &CHENGDU,
    "44",
    "正在派送途中,请您准备签收(派件人:模拟,电话:13900000000)",
);
const SIGNED: Act = act(DAY + 9 * HOUR, &CHENGDU, "80", "已签收,感谢使用顺丰");
const PROOF: Act = act(DAY + 9 * HOUR + 1, &CHENGDU, "8000", "可在官网查看签收图");

pub(super) const WAYBILL: Waybill = Waybill {
    number: "",
    order: "",
    phone: None,
    acts: &[],
    two_levels: true,
    as_object: false,
    omitted: false,
};

pub(super) static SCRIPTS: [Script; 20] = [
    Script {
        name: "delivered",
        title: "Shenzhen to Chengdu, signed for",
        shows: "a whole life; 8000 a minute later is no second delivery",
        waybill: Waybill {
            number: "SF1710000000011",
            order: "SIM-ORDER-1",
            acts: &[PICKED_UP, LOADED, AT_HUB, SEALED, ON_ROAD, SIGNED, PROOF],
            ..WAYBILL
        },
    },
    Script {
        name: "in-transit",
        title: "Shenzhen to Chengdu, left the hub",
        shows: "nothing after the hub: the state must not run ahead",
        waybill: Waybill {
            number: "SF1710000000022",
            order: "SIM-ORDER-2",
            acts: &[PICKED_UP, LOADED, AT_HUB, SEALED],
            ..WAYBILL
        },
    },
    Script {
        name: "out-for-delivery",
        title: "on the road, handed to another courier on the way",
        shows: "44 and 204 repeat each other",
        waybill: Waybill {
            number: "SF1710000000033",
            acts: &[
                PICKED_UP,
                AT_HUB,
                ON_ROAD,
                act(DAY + 7 * HOUR, &CHENGDU, "204", "派件责任交接"),
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "label-only",
        title: "the sender is preparing it",
        shows: "an order is no possession",
        waybill: Waybill {
            number: "SF1710000000044",
            acts: &[act(0, &SHENZHEN, "647", "寄方准备快件中")],
            ..WAYBILL
        },
    },
    Script {
        name: "not-found-yet",
        title: "picked up after six hours",
        shows: "no routes is what an unknown number looks like",
        waybill: Waybill {
            number: "SF1710000000055",
            acts: &[act(6 * HOUR, &SHENZHEN, "54", "上门收件")],
            ..WAYBILL
        },
    },
    Script {
        name: "failed-attempt",
        title: "nobody home, delivered the next day",
        shows: "an attempt is not final; the reason stands in the words",
        waybill: Waybill {
            number: "SF1710000000066",
            acts: &[
                PICKED_UP,
                AT_HUB,
                ON_ROAD,
                act(
                    DAY + 9 * HOUR,
                    &CHENGDU,
                    "70",
                    "由于收方客户不在 派件不成功",
                ),
                act(2 * DAY + 2 * HOUR, &CHENGDU, "44", "正在派送途中"),
                act(2 * DAY + 4 * HOUR, &CHENGDU, "80", "已签收(门卫)"),
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "locker",
        title: "put into a locker, taken from it the next day",
        shows: "a deposit is no delivery",
        waybill: Waybill {
            number: "SF1710000000077",
            acts: &[
                PICKED_UP,
                ON_ROAD,
                act(DAY + 9 * HOUR, &CHENGDU, "125", "快件已存放至丰巢"),
                act(2 * DAY + 9 * HOUR, &CHENGDU, "128", "客户从丰巢取件成功"),
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "access-point",
        title: "signed for by a shop",
        shows: "80 is said of a deposit at a shop as well",
        waybill: Waybill {
            number: "SF1710000000088",
            acts: &[
                PICKED_UP,
                ON_ROAD,
                act(DAY + 9 * HOUR, &SHOP, "80", "快件代签收(便利店)"),
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "at-an-agent",
        title: "taken in by an agent at the start and again at the end",
        shows: "607 has two meanings, told apart by what came before",
        waybill: Waybill {
            number: "SF1710000000099",
            acts: &[
                act(0, &SHENZHEN, "607", "代理收件"),
                AT_HUB,
                ON_ROAD,
                act(DAY + 9 * HOUR, &CHENGDU, "607", "代理收件"),
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "from-china",
        title: "Shenzhen to Tokyo by air, through customs",
        shows: "times abroad have no stated zone",
        waybill: Waybill {
            number: "SF1710000000104",
            acts: &[
                PICKED_UP,
                act(8 * HOUR, &SHENZHEN, "604", "CFS清关"),
                act(10 * HOUR, &SHENZHEN, "606", "清关完成"),
                act(12 * HOUR, &SHENZHEN, "105", "航空起飞"),
                act(17 * HOUR, &TOKYO, "106", "航空落地"),
                act(18 * HOUR, &TOKYO, "605", "运力抵达口岸"),
                act(20 * HOUR, &TOKYO, "606", "清关完成"),
                act(DAY + 2 * HOUR, &TOKYO, "630", "落地配派件出仓"),
                act(DAY + 5 * HOUR, &TOKYO, "935", "外配签收"),
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "customs-hold",
        title: "kept back by customs in Los Angeles, duty owed",
        shows: "what somebody has to do, and Latin place names",
        waybill: Waybill {
            number: "SF171000000011500",
            acts: &[
                PICKED_UP,
                act(12 * HOUR, &SHENZHEN, "88", "外资航空起飞"),
                act(DAY, &LOS_ANGELES, "89", "外资航空落地"),
                act(DAY + 2 * HOUR, &LOS_ANGELES, "15", "海关查验"),
                act(DAY + 4 * HOUR, &LOS_ANGELES, "18", "海关扣件"),
                act(2 * DAY, &LOS_ANGELES, "613", "海关放行待补税"),
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "return-to-sender",
        title: "refused, sent back under a new waybill",
        shows: "the new number stands in the sentence only",
        waybill: Waybill {
            number: "SF1710000000126",
            acts: &[
                PICKED_UP,
                ON_ROAD,
                act(DAY + 8 * HOUR, &CHENGDU, "33", "收方客户拒收快件"),
                act(
                    DAY + 12 * HOUR,
                    &CHENGDU,
                    "648",
                    "快件已退回/转寄,新单号为: SF1710000000137",
                ),
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "the-way-back",
        title: "the new waybill of the one that was refused",
        shows: "the way back has a life of its own",
        waybill: Waybill {
            number: "SF1710000000137",
            acts: &[
                act(DAY + 12 * HOUR, &CHENGDU, "50", "顺丰速运 已收取快件"),
                act(2 * DAY, &HUB, "31", "快件到达 【武汉模拟集散中心】"),
                act(3 * DAY, &SHENZHEN, "660", "合作点退件给客户"),
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "partner-last-mile",
        title: "handed to another courier for the last leg",
        shows: "the number of the other courier beside a telephone number",
        waybill: Waybill {
            number: "SF1710000000148",
            acts: &[
                PICKED_UP,
                AT_HUB,
                act(
                    DAY,
                    &CHENGDU,
                    "626",
                    "快件转第三方快递 中通快递,单号 77100000000148,电话 13900000000",
                ),
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "exception",
        title: "kept at the hub, marked as abnormal, moving again",
        shows: "a hold that ends",
        waybill: Waybill {
            number: "SF1710000000159",
            acts: &[
                PICKED_UP,
                AT_HUB,
                act(13 * HOUR, &HUB, "77", "中转滞留"),
                act(20 * HOUR, &HUB, "72", "标记异常"),
                act(DAY + 2 * HOUR, &HUB, "34", "滞留件出仓"),
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "phone-check",
        title: "ordered by somebody else; the telephone ends in 5678",
        shows: "without the digits there are no routes, and no word why",
        waybill: Waybill {
            number: "SF1710000000160",
            phone: Some(PHONE),
            acts: &[PICKED_UP, AT_HUB, ON_ROAD],
            ..WAYBILL
        },
    },
    Script {
        name: "unknown-code",
        title: "operation codes that no list has",
        shows: "the two-level status stands in, else nothing is known",
        waybill: Waybill {
            number: "SF1710000000171",
            acts: &[
                PICKED_UP,
                Act {
                    status: Some("201"),
                    ..act(3 * HOUR, &SHENZHEN, "7171", "模拟操作")
                },
                act(4 * HOUR, &SHENZHEN, "7172", "模拟操作"),
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "contradiction",
        title: "signed for by its code, out for delivery by its status",
        shows: "a row that contradicts itself",
        waybill: Waybill {
            number: "SF1710000000182",
            acts: &[
                PICKED_UP,
                ON_ROAD,
                Act {
                    status: Some("301"),
                    ..SIGNED
                },
            ],
            ..WAYBILL
        },
    },
    Script {
        name: "old-account",
        title: "twelve digits, no two-level status, and the inner document as an object",
        shows: "both forms of apiResultData",
        waybill: Waybill {
            number: "171000000193",
            acts: &[PICKED_UP, AT_HUB, ON_ROAD, SIGNED],
            two_levels: false,
            as_object: true,
            ..WAYBILL
        },
    },
    Script {
        name: "left-out",
        title: "a number that answers do not list",
        shows: "fewer waybills come back than were asked for",
        waybill: Waybill {
            number: "SF1710000000204",
            acts: &[PICKED_UP],
            omitted: true,
            ..WAYBILL
        },
    },
];
