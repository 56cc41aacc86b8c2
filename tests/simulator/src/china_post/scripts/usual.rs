//! Owns the items whose data is as it should be, whatever happens to them. Knows no JSON and no HTTP.

use super::*;

pub(super) static SCRIPTS: [Script; 10] = [
    Script {
        name: "delivered",
        title: "Chengdu to Beijing, signed for",
        shows: "a whole life with the way of delivery beside it",
        item: Item {
            number: "9951300000001",
            operations: &[
                ACCEPTED,
                AT_HUB,
                AT_OFFICE,
                ON_ROAD,
                op(44 * HOUR, "704", "投递结果反馈-妥投", &BEIJING_DELIVERY).deliver("10"),
            ],
            ..BASE
        },
    },
    Script {
        name: "in-transit",
        title: "Chengdu to Beijing, still out for delivery",
        shows: "nothing after out for delivery: the state must not run ahead",
        item: Item {
            number: "9951300000002",
            operations: &[ACCEPTED, AT_HUB, AT_OFFICE, ON_ROAD],
            ..BASE
        },
    },
    Script {
        name: "failed-attempt",
        title: "Nobody there, delivered to the door the next day",
        shows: "a failed attempt is not final and is followed by a second round",
        item: Item {
            number: "9951300000003",
            form: Form::Object,
            operations: &[
                ACCEPTED,
                AT_HUB,
                ON_ROAD,
                op(45 * HOUR, "705", "投递结果反馈-未妥投", &BEIJING_DELIVERY).attempt("4"),
                op(65 * HOUR, "702", "投递下段", &BEIJING_DELIVERY),
                op(68 * HOUR, "704", "投递结果反馈-妥投", &BEIJING_DELIVERY).deliver("161"),
            ],
            ..BASE
        },
    },
    Script {
        name: "locker",
        title: "Put into a locker and taken out in the evening",
        shows: "delivered with a code of a locker is no delivery until 748",
        item: Item {
            number: "9951300000004",
            operations: &[
                ACCEPTED,
                AT_HUB,
                ON_ROAD,
                op(44 * HOUR, "704", "投递结果反馈-妥投", &BEIJING_DELIVERY).deliver("50"),
                op(54 * HOUR, "748", "收件人已取走邮件", &BEIJING_DELIVERY),
            ],
            ..BASE
        },
    },
    Script {
        name: "access-point",
        title: "Left at a pick-up point, where it still is",
        shows: "delivered with a code of a point: it waits to be collected",
        item: Item {
            number: "9951300000005",
            form: Form::List,
            operations: &[
                ACCEPTED,
                AT_HUB,
                ON_ROAD,
                op(44 * HOUR, "704", "投递结果反馈-妥投", &BEIJING_DELIVERY).deliver("30"),
            ],
            ..BASE
        },
    },
    Script {
        name: "return-to-sender",
        title: "Refused and brought back",
        shows: "a return ends with the sender and not before",
        item: Item {
            number: "9951300000006",
            operations: &[
                ACCEPTED,
                AT_HUB,
                ON_ROAD,
                op(45 * HOUR, "705", "投递结果反馈-未妥投", &BEIJING_DELIVERY).attempt("7"),
                op(50 * HOUR, "708", "退件登记", &BEIJING_DELIVERY),
                op(52 * HOUR, "326", "投递邮件接收-退件封发", &BEIJING_DELIVERY),
                op(4 * DAY, "711", "退回妥投", &CHENGDU),
            ],
            ..BASE
        },
    },
    Script {
        name: "to-japan",
        title: "Shenzhen to Osaka by EMS, delivered",
        shows: "China has the clock of Beijing, Japan its own, and neither says so",
        item: Item {
            number: "EA513001003CN",
            operations: &[
                op(HOUR, "203", "收寄计费信息", &SHENZHEN),
                op(8 * HOUR, "EXA", "送交出口海关/安全", &GUANGZHOU),
                op(9 * HOUR, "EXC", "出口海关/安全放行", &GUANGZHOU),
                op(10 * HOUR, "423", "出口邮件直封封发", &GUANGZHOU),
                op(16 * HOUR, "404", "交航扫描", &GUANGZHOU),
                op(30 * HOUR, "459", "到达境外进口互换局", &OSAKA).late(6),
                op(34 * HOUR, "487", "境外进口海关放行", &OSAKA).late(6),
                op(2 * DAY, "461", "到达境外投递局", &OSAKA).late(6),
                op(53 * HOUR, "463", "境外妥投", &OSAKA).late(6),
            ],
            ..EMS
        },
    },
    Script {
        name: "customs-hold",
        title: "Sweden to Beijing, held by customs for its duty",
        shows: "an item of another post, with customs in China",
        item: Item {
            number: "RR513001034SE",
            product: "挂号函件",
            operations: &[
                op(-2 * DAY, "464", "境外收寄", &STOCKHOLM),
                op(-DAY, "494", "离开境外出口互换局", &STOCKHOLM),
                op(6 * HOUR, "505", "飞机到达进港", &BEIJING_HUB),
                op(8 * HOUR, "EDB", "送交进口海关", &BEIJING_HUB),
                op(DAY, "EME", "进口海关留存待验", &BEIJING_HUB),
                op(26 * HOUR, "C_004", "税单已出", &BEIJING_HUB),
            ],
            ..BASE
        },
    },
    Script {
        name: "commercial-line",
        title: "Shenzhen to Chicago by a partner of the commercial line",
        shows: "O_ codes of a partner: no office, no certain clock, a last mile without a number",
        item: Item {
            number: "LV513001048CN",
            product: "商业渠道小包",
            operations: &[
                op(0, "O_001", "入库收寄", &UNKNOWN),
                op(20 * HOUR, "O_046", "出口清关完成", &UNKNOWN),
                op(30 * HOUR, "O_035", "启运", &UNKNOWN),
                op(3 * DAY, "O_043", "目的国已通关", &CHICAGO).late(12),
                op(4 * DAY, "O_050", "已交承运商运输", &CHICAGO).late(12),
                op(6 * DAY, "O_014", "出门投递", &CHICAGO).late(2),
                op(6 * DAY + 5 * HOUR, "O_016", "已妥投", &CHICAGO).late(2),
            ],
            ..BASE
        },
    },
    Script {
        name: "story",
        title: "Shenzhen to Ohio, which three other sources follow too",
        shows: "the other post's scans come late, and on a clock that nobody names",
        item: Item {
            number: STORY,
            product: "国际小包",
            operations: &[
                op(TOLD + 2 * HOUR, "203", "收寄计费信息", &SHENZHEN),
                op(TOLD + 10 * HOUR, "EXA", "送交出口海关/安全", &GUANGZHOU),
                op(TOLD + 11 * HOUR, "EXC", "出口海关/安全放行", &GUANGZHOU),
                op(TOLD + 12 * HOUR, "423", "出口邮件直封封发", &GUANGZHOU),
                op(TOLD + 18 * HOUR, "404", "交航扫描", &GUANGZHOU),
                op(TOLD + 38 * HOUR, "459", "到达境外进口互换局", &CHICAGO).late(20),
                op(TOLD + 130 * HOUR, "463", "境外妥投", &UNKNOWN).late(6),
            ],
            ..BASE
        },
    },
];
