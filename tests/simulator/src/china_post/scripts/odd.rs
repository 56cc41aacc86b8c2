//! Owns the items whose data is odd, late or withdrawn. Knows no JSON and no HTTP.

use super::*;

pub(super) static SCRIPTS: [Script; 6] = [
    Script {
        name: "withdrawn-delivery",
        title: "Delivered by mistake: both operations are taken back within the hour",
        shows: "743 takes back 704, and 742 takes back 702: the item is not delivered any more",
        item: Item {
            number: "9951300000011",
            operations: &[
                ACCEPTED,
                AT_HUB,
                ON_ROAD,
                op(42 * HOUR, "704", "投递结果反馈-妥投", &BEIJING_DELIVERY).deliver("10"),
                op(43 * HOUR, "743", "投递妥投撤销", &BEIJING_DELIVERY),
                op(43 * HOUR + 5, "742", "投递下段撤销", &BEIJING_DELIVERY),
                op(64 * HOUR, "702", "投递下段", &BEIJING_DELIVERY),
            ],
            ..BASE
        },
    },
    Script {
        name: "label-only",
        title: "Data was sent ahead and the item never came",
        shows: "the message to the other post is all there ever is",
        item: Item {
            number: "LX513001017CN",
            operations: &[op(0, "552", "发送ITMATT", &UNKNOWN)],
            ..EMS
        },
    },
    Script {
        name: "not-found-yet",
        title: "Without operations for the first six hours",
        shows: "success without rows at first: not found is not final",
        item: Item {
            number: "9951300000012",
            operations: &[
                op(6 * HOUR, "203", "收寄计费信息", &CHENGDU),
                op(12 * HOUR, "305", "揽投发运/封车", &CHENGDU),
            ],
            ..BASE
        },
    },
    Script {
        name: "unknown-code",
        title: "Operations and a way of delivery that nobody has seen before",
        shows: "unknown codes are kept, and an unknown way of delivery is doubted",
        item: Item {
            number: "9951300000013",
            operations: &[
                ACCEPTED,
                op(DAY, "888", "月光交接", &BEIJING_HUB),
                op(DAY + HOUR, "Z_001", "斑马通道", &BEIJING_HUB),
                op(44 * HOUR, "704", "投递结果反馈-妥投", &BEIJING_DELIVERY).deliver("777"),
            ],
            ..BASE
        },
    },
    Script {
        name: "only-the-end",
        title: "Posted in China, then nothing but the delivery abroad, a day late",
        shows: "a gap between departure and delivery is usual for such items",
        item: Item {
            number: "UA513001051CN",
            product: "平常小包",
            operations: &[
                op(0, "203", "收寄计费信息", &SHENZHEN),
                op(DAY, "423", "出口邮件直封封发", &GUANGZHOU),
                op(8 * DAY, "463", "境外妥投", &STOCKHOLM).late(24),
            ],
            ..BASE
        },
    },
    Script {
        name: "out-of-order",
        title: "The other post reports its customs after the delivery office",
        shows: "operations come in the order in which they were heard of",
        item: Item {
            number: "CP513001025CN",
            product: "国际包裹",
            operations: &[
                op(0, "203", "收寄计费信息", &SHENZHEN),
                op(DAY, "423", "出口邮件直封封发", &GUANGZHOU),
                op(4 * DAY, "459", "到达境外进口互换局", &STOCKHOLM).late(60),
                op(4 * DAY + 6 * HOUR, "487", "境外进口海关放行", &STOCKHOLM).late(54),
                op(5 * DAY, "461", "到达境外投递局", &STOCKHOLM).late(1),
            ],
            ..BASE
        },
    },
];
