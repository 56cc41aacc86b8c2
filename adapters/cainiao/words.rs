//! Events that have words and no code: the remarks of 1688, and steps of Taobao without an action.
//!
//! The words are those with which Chinese carriers describe their scans. The first rule of which
//! all words are there decides, so what denies or narrows a delivery stands before it. A parcel
//! that a station or locker has signed for waits to be collected.

use std::sync::LazyLock;

use regex::RegexSet;
use waybill_core::code::{EventCode, ReasonCode};

use crate::codes::Meaning;

/// One of each list has to be there.
struct Rule {
    all: &'static [&'static [&'static str]],
    event: EventCode,
    reason: Option<ReasonCode>,
}

const fn rule(all: &'static [&'static [&'static str]], event: EventCode) -> Rule {
    Rule {
        all,
        event,
        reason: None,
    }
}

const fn because(
    all: &'static [&'static [&'static str]],
    event: EventCode,
    reason: ReasonCode,
) -> Rule {
    Rule {
        all,
        event,
        reason: Some(reason),
    }
}

/// Stations, lockers and counters.
const DEPOT: &[&str] = &[
    "驿站",
    "快递柜",
    "丰巢",
    "自提",
    "代收点",
    "快递超市",
    "智能柜",
    "待取件",
];
const TAKEN: &[&str] = &["取走", "已取件", "取件成功", "已自提", "自提成功", "取出"];

const RULES: &[Rule] = &[
    // Returns, before the signature that ends them.
    rule(
        &[&["退回", "退件", "退货"], &["签收"]],
        EventCode::RETURNED_TO_SENDER,
    ),
    rule(&[&["退回", "退件", "退货"]], EventCode::RETURN_IN_TRANSIT),
    // What is no delivery.
    because(
        &[&["拒收", "拒签", "拒绝签收"]],
        EventCode::REFUSED,
        ReasonCode::RECIPIENT_REFUSED,
    ),
    rule(
        &[&[
            "签收失败",
            "派送失败",
            "派件失败",
            "投递失败",
            "派送不成功",
            "妥投失败",
            "未妥投",
            "无法派送",
            "异常签收",
            "派送异常",
            "再次派送",
            "改期派送",
        ]],
        EventCode::DELIVERY_ATTEMPTED,
    ),
    rule(&[&["清关失败", "清关异常", "扣关"]], EventCode::HELD),
    because(
        &[&["查验"]],
        EventCode::HELD,
        ReasonCode::CUSTOMS_INSPECTION,
    ),
    rule(
        &[&["清关完成", "清关成功", "清关结束", "海关放行"]],
        EventCode::CUSTOMS_RELEASED,
    ),
    rule(&[&["清关", "海关", "报关"]], EventCode::CUSTOMS_PROCESSING),
    rule(
        &[&["揽收失败", "揽件失败", "揽收异常"]],
        EventCode::PICKUP_FAILED,
    ),
    rule(
        &[&["待揽收", "等待揽收", "等待揽件", "未揽收"]],
        EventCode::AWAITING_HANDOVER,
    ),
    rule(&[&["已丢失", "确认丢失", "已遗失"]], EventCode::LOST),
    rule(&[&["丢失", "遗失"]], EventCode::SEARCH_STARTED),
    rule(&[&["破损"]], EventCode::DAMAGED),
    rule(&[&["延误", "滞留", "延迟"]], EventCode::DELAYED),
    rule(
        &[&["取消"], &["订单", "包裹", "快件"]],
        EventCode::CANCELLED,
    ),
    // A station is not the recipient.
    rule(&[DEPOT, TAKEN], EventCode::COLLECTED_BY_RECIPIENT),
    rule(
        &[&["代收", "代签", "签收"], &["邻居"]],
        EventCode::DELIVERED_TO_NEIGHBOUR,
    ),
    rule(
        &[
            DEPOT,
            &[
                "已代收",
                "代收,",
                "代收，",
                "签收",
                "存放",
                "放入",
                "已送达",
                "已送至",
                "已投递",
                "已到",
                "待取件",
                "取件码",
                "入库",
            ],
        ],
        EventCode::AVAILABLE_FOR_PICKUP,
    ),
    rule(
        &[
            &["代收", "代签", "签收"],
            &["前台", "门卫", "保安", "物业", "收发室"],
        ],
        EventCode::DELIVERED_TO_RECEPTION,
    ),
    // What will happen has not.
    rule(
        &[
            &["到达", "抵达"],
            &["很快进行派送", "即将派送", "将进行派送", "准备派送"],
        ],
        EventCode::ARRIVED_AT_DELIVERY_OFFICE,
    ),
    rule(
        &[&["已签收", "签收成功", "签收人", "已妥投", "妥投成功"]],
        EventCode::DELIVERED,
    ),
    rule(
        &[&["派件", "派送", "投递中", "正在投递", "安排投递", "送货中"]],
        EventCode::OUT_FOR_DELIVERY,
    ),
    rule(
        &[&["等待签收", "待签收", "未签收"]],
        EventCode::OUT_FOR_DELIVERY,
    ),
    rule(&[&["签收", "妥投"]], EventCode::DELIVERED),
    // The first mile.
    rule(
        &[&["揽收", "揽件", "收寄", "已收件", "收件扫描", "已收取"]],
        EventCode::PICKED_UP,
    ),
    // The way.
    rule(
        &[&["航班", "飞机"], &["起飞"]],
        EventCode::TRANSPORT_DEPARTED,
    ),
    rule(
        &[&["航班", "飞机"], &["降落", "到达", "抵达", "落地"]],
        EventCode::TRANSPORT_ARRIVED,
    ),
    rule(
        &[&["装车", "发往", "发出", "离开", "出库", "已发车", "出港"]],
        EventCode::DEPARTED_FACILITY,
    ),
    rule(
        &[&["到达", "抵达", "卸车", "入库", "进港", "已到"]],
        EventCode::ARRIVED_AT_FACILITY,
    ),
    rule(
        &[&["分拣", "称重", "装袋", "集包", "扫描"]],
        EventCode::SORTED,
    ),
    rule(
        &[&["运输中", "转运", "中转", "在途", "运输途中"]],
        EventCode::IN_TRANSIT,
    ),
    rule(
        &[&[
            "下单",
            "接单",
            "电子面单",
            "已发货",
            "商家发货",
            "卖家发货",
            "通知快递",
        ]],
        EventCode::INFO_RECEIVED,
    ),
];

/// The lists of all rules, in their order.
static WORDS: LazyLock<RegexSet> = LazyLock::new(|| {
    let lists = RULES.iter().flat_map(|rule| rule.all);
    // The words hold nothing that means something in a pattern. A test sees that they are one.
    RegexSet::new(lists.map(|words| words.join("|"))).unwrap_or_else(|_| RegexSet::empty())
});

/// What the words of an event mean.
pub(super) fn of(text: &str) -> Option<Meaning> {
    let found = WORDS.matches(text);
    let mut next = 0;
    let fits = |rule: &&Rule| {
        let lists = next..next + rule.all.len();
        next = lists.end;
        lists.end <= found.len() && lists.into_iter().all(|list| found.matched(list))
    };
    RULES.iter().find(fits).map(|rule| Meaning {
        event: rule.event,
        reason: rule.reason,
    })
}

/// Tells whether the words of a delivery say that the parcel went to a shop or locker, from which
/// nobody has taken it yet.
pub(super) fn is_deposit(text: &str) -> bool {
    if text.is_ascii() {
        let words = text.to_ascii_lowercase();
        let says = |list: &[&str]| list.iter().any(|part| words.contains(part));
        return says(&[
            "locker",
            "parcelshop",
            "parcel shop",
            "pudo",
            "pick-up point",
            "pickup point",
            "pick up point",
            "collection point",
            "self-pick",
        ]) && !says(&["collected", "picked up", "pickup by"]);
    }
    let says = |list: &[&str]| list.iter().any(|part| text.contains(part));
    says(DEPOT) && !says(TAKEN)
}
