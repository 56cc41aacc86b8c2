//! What the sentence of an event adds to its code, and what it means where there is none.
//!
//! The sentences are Chinese unless the account asks for English; only words that leave no doubt
//! are listed. None of them is ever passed on from here.

use waybill_core::code::{EventCode, ReasonCode};

use crate::codes::Meaning;

/// Places that keep an item until somebody collects it.
const KEEPERS: &[&str] = &[
    "丰巢",
    "快递柜",
    "智能柜",
    "自提柜",
    "储物柜",
    "驿站",
    "代收点",
    "便利店",
    "自提点",
    "服务点",
    "locker",
    "pickup point",
];
/// The item has left such a place in the hands of the recipient.
const COLLECTED: &[&str] = &[
    "取件成功",
    "已取件",
    "取走",
    "取出",
    "凭取件码",
    "凭取货码",
    "collected",
    "picked up by",
];
/// Manner of a delivery.
const MANNERS: &[(&[&str], EventCode)] = &[
    (
        &[
            "前台",
            "门卫",
            "物业",
            "保安",
            "收发室",
            "传达室",
            "reception",
            "front desk",
        ],
        EventCode::DELIVERED_TO_RECEPTION,
    ),
    (
        &["邻居", "neighbour", "neighbor"],
        EventCode::DELIVERED_TO_NEIGHBOUR,
    ),
    (
        &["信报箱", "信箱", "mailbox"],
        EventCode::DELIVERED_TO_MAILBOX,
    ),
    (
        &["家门口", "放门口", "放置门口", "front door"],
        EventCode::DELIVERED_TO_SAFE_PLACE,
    ),
];
/// Why a delivery did not succeed; the first that fits.
const FAILURES: &[(&[&str], ReasonCode)] = &[
    (&["拒收", "refused"], ReasonCode::RECIPIENT_REFUSED),
    (
        &["放假", "休息", "下班", "未上班", "closed"],
        ReasonCode::RECIPIENT_BUSINESS_CLOSED,
    ),
    (
        &[
            "地址不详",
            "地址错误",
            "地址有误",
            "地址不符",
            "查无此",
            "incorrect address",
        ],
        ReasonCode::RECIPIENT_INCORRECT_ADDRESS,
    ),
    (&["搬迁", "搬家", "迁址"], ReasonCode::RECIPIENT_MOVED),
    (
        &["改约", "另约", "约定", "改天", "更改派送时间"],
        ReasonCode::RECIPIENT_REQUESTED_DELAY,
    ),
    (
        &[
            "无人",
            "不在",
            "外出",
            "联系不上",
            "无法联系",
            "未联系上",
            "not available",
        ],
        ReasonCode::RECIPIENT_NOT_AVAILABLE,
    ),
    (
        &["未付款", "无法付款", "拒付"],
        ReasonCode::RECIPIENT_PAYMENT_PENDING,
    ),
    (
        &["天气", "台风", "暴雨", "暴雪", "weather"],
        ReasonCode::WEATHER,
    ),
    (
        &["禁止进入", "无法进入"],
        ReasonCode::RECIPIENT_ACCESS_RESTRICTED,
    ),
];

fn says(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// Lower case where a sentence has Latin letters.
fn lower(remark: &str) -> std::borrow::Cow<'_, str> {
    if remark.bytes().any(|byte| byte.is_ascii_uppercase()) {
        remark.to_ascii_lowercase().into()
    } else {
        remark.into()
    }
}

/// Makes the event of a known code more precise; `None` if the sentence adds nothing.
pub(super) fn refined(event: EventCode, remark: &str) -> Option<Meaning> {
    let listed = matches!(
        event,
        EventCode::DELIVERED | EventCode::DELIVERY_ATTEMPTED | EventCode::RETURN_INITIATED
    );
    if !listed || remark.is_empty() {
        return None;
    }
    let text = lower(remark);
    let plain = |event| {
        Some(Meaning {
            event,
            reason: None,
        })
    };
    match event {
        EventCode::DELIVERED => {
            if says(&text, KEEPERS) {
                return plain(if says(&text, COLLECTED) {
                    EventCode::COLLECTED_BY_RECIPIENT
                } else {
                    EventCode::AVAILABLE_FOR_PICKUP
                });
            }
            let manner = MANNERS.iter().find(|(words, _)| says(&text, words))?;
            plain(manner.1)
        }
        EventCode::DELIVERY_ATTEMPTED => {
            let (_, reason) = FAILURES.iter().find(|(words, _)| says(&text, words))?;
            let event = match *reason {
                ReasonCode::RECIPIENT_REFUSED => EventCode::REFUSED,
                _ => event,
            };
            Some(Meaning {
                event,
                reason: Some(*reason),
            })
        }
        _ if text.contains("转寄") && !text.contains("退回") => plain(EventCode::REDIRECTED),
        _ => None,
    }
}

/// Whether a sentence speaks of a return and of a forwarding at once.
pub(super) fn leaves_open_whereto(remark: &str) -> bool {
    remark.contains("退回") && remark.contains("转寄")
}

/// What a sentence without a known code means.
pub(super) fn meaning(remark: &str) -> Option<Meaning> {
    let text = remark.trim();
    let event = if says(text, &["派送不成功", "派件不成功", "派送失败"]) {
        EventCode::DELIVERY_ATTEMPTED
    } else if text.contains("退回") {
        EventCode::RETURN_INITIATED
    } else if says(text, KEEPERS) && says(text, &["存放", "放入", "投递", "到达", "待取"])
    {
        EventCode::AVAILABLE_FOR_PICKUP
    } else if says(text, &["正在派送", "派送途中", "派送中", "派件中"]) {
        EventCode::OUT_FOR_DELIVERY
    } else if says(text, &["清关完成", "海关放行", "已清关"]) {
        EventCode::CUSTOMS_RELEASED
    } else if says(text, &["清关", "海关", "报关"]) {
        EventCode::CUSTOMS_PROCESSING
    } else if text.contains("滞留") {
        EventCode::HELD
    } else if text.contains("已签收") {
        EventCode::DELIVERED
    } else {
        return None;
    };
    let bare = Meaning {
        event,
        reason: None,
    };
    Some(refined(event, text).unwrap_or(bare))
}
