//! Owns the orders of the shops, all made up, and their JSON. Knows no HTTP.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::{Clock, local};
use crate::scenario::{DAY, HOUR};

/// A step: minutes from the start, code (of Taobao only), words.
type Step = (i64, &'static str, &'static str);

/// A parcel of an order.
struct Carton {
    id: &'static str,
    bill: &'static str,
    steps: &'static [Step],
}

/// An order of 1688 or Alibaba.com.
pub(super) struct Order {
    pub(super) site: &'static str,
    pub(super) id: &'static str,
    cartons: &'static [Carton],
}

/// A trade of Taobao.
pub(super) struct Trade {
    pub(super) id: &'static str,
    company: &'static str,
    bill: &'static str,
    /// The platform's own word, once it was shipped.
    status: &'static str,
    steps: &'static [Step],
}

pub(super) static ORDERS: [Order; 2] = [
    Order {
        site: "1688",
        id: "880000000000000001",
        cartons: &[
            Carton {
                id: "LP88000000000101",
                bill: "8800000000101",
                steps: &[
                    (0, "", "在测试一公司进行揽件扫描"),
                    (
                        8 * HOUR,
                        "",
                        "在测试分拨中心进行装车扫描，即将发往：示例分拨中心",
                    ),
                    (DAY, "", "到达目的地网点示例公司，快件将很快进行派送"),
                    (DAY + 2 * HOUR, "", "在示例公司进行派件扫描"),
                    (DAY + 6 * HOUR, "", "快件已签收"),
                ],
            },
            Carton {
                id: "BX880000000000102",
                bill: "8800000000102",
                steps: &[
                    (0, "", "在测试一公司进行揽件扫描"),
                    (2 * DAY, "", "已存放至示例驿站，请凭取件码取件"),
                ],
            },
        ],
    },
    Order {
        site: "alibaba",
        id: "880000000000000002",
        cartons: &[Carton {
            id: "LP88000000000201",
            bill: "8800000000201",
            steps: &[(0, "", "已揽收"), (DAY, "", "航班起飞")],
        }],
    },
];

pub(super) static TRADES: [Trade; 2] = [
    Trade {
        id: "8800000000000011",
        company: "中通快递",
        bill: "75880000000011",
        status: "物流公司揽收成功",
        steps: &[
            (0, "GOT", "【测试市】已揽收"),
            (DAY, "SENT_SCAN", "正在派件"),
            (DAY + 3 * HOUR, "SIGNED", "已由示例驿站签收，请凭取件码取件"),
        ],
    },
    Trade {
        id: "8800000000000012",
        company: "某某物流",
        bill: "75880000000012",
        status: "对方已签收",
        steps: &[],
    },
];

/// Beijing time without a zone.
fn wall(clock: &Clock, minutes: i64) -> String {
    let at = clock.minutes_from_start(minutes);
    let wall = local(at, "Asia/Shanghai");
    wall.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn past<'a>(steps: &'a [Step], clock: &'a Clock, now: Timestamp) -> impl Iterator<Item = &'a Step> {
    steps
        .iter()
        .filter(move |step| clock.minutes_from_start(step.0) <= now)
}

impl Order {
    pub(super) fn render(&self, clock: &Clock, now: Timestamp) -> Value {
        let parcel = |parcel: &Carton| {
            let step = |(at, _, remark): &Step| json!({ "acceptTime": wall(clock, *at), "remark": remark });
            let steps: Vec<Value> = past(parcel.steps, clock, now).map(step).collect();
            // The id of an order is a number here.
            let order: u64 = self.id.parse().unwrap_or_default();
            json!({
                "logisticsId": parcel.id,
                "logisticsBillNo": parcel.bill,
                "orderId": order,
                "logisticsSteps": steps,
            })
        };
        let parcels: Vec<Value> = self.cartons.iter().map(parcel).collect();
        json!({ "logisticsTrace": parcels, "success": true })
    }
}

impl Trade {
    pub(super) fn render(&self, clock: &Clock, now: Timestamp) -> Value {
        let step = |(at, code, text): &Step| json!({ "status_time": wall(clock, *at), "status_desc": text, "action": code });
        let steps: Vec<Value> = past(self.steps, clock, now).map(step).collect();
        let trade: u64 = self.id.parse().unwrap_or_default();
        json!({ "logistics_trace_search_response": {
            "out_sid": self.bill,
            "company_name": self.company,
            "tid": trade,
            "status": self.status,
            "trace_list": { "transit_step_info": steps },
            "request_id": "simulated",
        } })
    }
}
