//! The code table and the words.

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;
use waybill_core::status::Status;

use super::meaning::{CODES, of};
use super::wire::Route;

fn route(op: &'static str, remark: &'static str) -> Route<'static> {
    Route {
        op_code: op.into(),
        remark: remark.into(),
        ..Route::default()
    }
}

fn event(op: &'static str, remark: &'static str) -> EventCode {
    of(CODES.as_ref().unwrap(), &route(op, remark)).0.event
}

/// Cells of a scope: code and event.
fn rows(scope: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("../codes.csv")
        .lines()
        .skip(1)
        .filter_map(move |line| {
            let mut cells = line.split(',');
            (cells.next() == Some(scope)).then_some(())?;
            Some((cells.next()?, cells.next()?))
        })
}

#[test]
fn every_row_is_understood() {
    assert_eq!(CODES.as_ref().unwrap().len(), 153);
    for (scope, count) in [
        // The list of 140 codes, and one more that was seen.
        ("op", 141),
        ("op/reason", 1),
        ("secondary", 7),
        ("first", 4),
    ] {
        assert_eq!(rows(scope).count(), count, "{scope}");
    }
    let unmapped: Vec<_> = ["op", "op/reason", "secondary", "first"]
        .into_iter()
        .flat_map(rows)
        .filter(|(_, event)| *event == "UNMAPPED")
        .collect();
    assert!(unmapped.is_empty(), "{unmapped:?}");
}

#[test]
fn codes_mean_the_stage_that_they_stand_for() {
    let of_status = |status: Option<Status>| {
        let mut found: Vec<&str> = rows("op")
            .filter(|(_, event)| EventCode::by_name(event).unwrap().status() == status)
            .map(|(code, _)| code)
            .collect();
        found.sort_by_key(|code| code.parse::<u32>().unwrap());
        found
    };
    assert_eq!(
        of_status(Some(Status::Delivered)),
        ["80", "97", "128", "658", "679", "935"]
    );
    assert_eq!(
        of_status(Some(Status::AvailableForPickup)),
        ["125", "130", "632", "642", "664", "678"]
    );
    assert_eq!(of_status(Some(Status::DeliveryAttempted)), ["33", "70"]);
    assert_eq!(of_status(Some(Status::Returning)), ["631", "648"]);
    assert_eq!(of_status(Some(Status::Returned)), ["215", "660"]);
    assert_eq!(
        of_status(Some(Status::OutForDelivery)),
        [
            "44", "47", "122", "126", "154", "204", "211", "212", "630", "634", "676", "677",
            "870", "880", "933"
        ]
    );
    assert_eq!(
        of_status(None),
        [
            "34", "66", "72", "77", "135", "140", "151", "152", "611", "833", "934", "8000"
        ]
    );
}

#[test]
fn words_make_a_known_code_more_precise_and_nothing_else() {
    for (op, remark, expected) in [
        ("80", "已签收,感谢使用顺丰", EventCode::DELIVERED),
        ("80", "", EventCode::DELIVERED),
        ("80", "快件代签收(丰巢)", EventCode::AVAILABLE_FOR_PICKUP),
        ("80", "Left at a LOCKER", EventCode::AVAILABLE_FOR_PICKUP),
        ("80", "已从丰巢取件成功", EventCode::COLLECTED_BY_RECIPIENT),
        ("80", "代签收(物业)", EventCode::DELIVERED_TO_RECEPTION),
        ("80", "代签收(邻居)", EventCode::DELIVERED_TO_NEIGHBOUR),
        ("80", "已放家门口", EventCode::DELIVERED_TO_SAFE_PLACE),
        ("935", "已投信箱", EventCode::DELIVERED_TO_MAILBOX),
        ("70", "收件人拒收 派件不成功", EventCode::REFUSED),
        ("70", "派件不成功", EventCode::DELIVERY_ATTEMPTED),
        ("50", "已签收 丰巢 拒收", EventCode::PICKED_UP),
        ("44", "准备签收,将存放丰巢", EventCode::OUT_FOR_DELIVERY),
        ("648", "已转寄", EventCode::REDIRECTED),
        ("648", "已退回", EventCode::RETURN_INITIATED),
        ("99", "应客户要求转寄", EventCode::REDIRECTED),
    ] {
        assert_eq!(event(op, remark), expected, "{op} {remark}");
    }
}

#[test]
fn words_without_a_code_make_no_hasty_delivery() {
    for (remark, expected) in [
        ("您的快件已签收", EventCode::DELIVERED),
        ("正在派送途中,请您准备签收", EventCode::OUT_FOR_DELIVERY),
        ("已签收,存放于丰巢", EventCode::AVAILABLE_FOR_PICKUP),
        ("快件已存放驿站", EventCode::AVAILABLE_FOR_PICKUP),
        ("客户未签收", EventCode::UNMAPPED),
        ("签收失败", EventCode::UNMAPPED),
        ("快件已退回", EventCode::RETURN_INITIATED),
        ("派送不成功,无人在家", EventCode::DELIVERY_ATTEMPTED),
        ("清关完成", EventCode::CUSTOMS_RELEASED),
        ("海关查验", EventCode::CUSTOMS_PROCESSING),
        ("", EventCode::UNMAPPED),
    ] {
        assert_eq!(event("", remark), expected, "{remark}");
        assert_eq!(event("99999", remark), expected, "{remark}");
    }
}

#[test]
fn the_two_level_status_stands_in_for_an_unknown_code_only() {
    let codes = CODES.as_ref().unwrap();
    let with = |op: &'static str, first: &'static str, second: &'static str| Route {
        first_status_code: first.into(),
        secondary_status_code: second.into(),
        ..route(op, "")
    };
    for (op, first, second, expected, basis) in [
        (
            "",
            "4",
            "",
            EventCode::DELIVERED,
            MappingBasis::AggregatedStatus,
        ),
        (
            "",
            "2",
            "204",
            EventCode::CUSTOMS_PROCESSING,
            MappingBasis::AggregatedStatus,
        ),
        (
            "",
            "2",
            "205",
            EventCode::CUSTOMS_RELEASED,
            MappingBasis::AggregatedStatus,
        ),
        (
            "",
            "",
            "1301",
            EventCode::DELIVERY_ATTEMPTED,
            MappingBasis::AggregatedStatus,
        ),
        (
            "",
            "3",
            "399",
            EventCode::OUT_FOR_DELIVERY,
            MappingBasis::AggregatedStatus,
        ),
        ("", "9", "901", EventCode::UNMAPPED, MappingBasis::None),
        ("50", "4", "401", EventCode::PICKED_UP, MappingBasis::Code),
    ] {
        let (meaning, found) = of(codes, &with(op, first, second));
        assert_eq!(
            (meaning.event, found),
            (expected, basis),
            "{first} {second}"
        );
    }
    let named = Route {
        first_status_name: "派送中".into(),
        ..Route::default()
    };
    assert_eq!(of(codes, &named).0.event, EventCode::OUT_FOR_DELIVERY);
}

#[test]
fn a_reason_counts_with_its_code_only() {
    let codes = CODES.as_ref().unwrap();
    let with = |op: &'static str| Route {
        reason_code: "46".into(),
        ..route(op, "")
    };
    assert_eq!(of(codes, &with("70")).0.event, EventCode::CANCELLED);
    assert_eq!(
        of(codes, &with("33")).0.event,
        EventCode::DELIVERY_ATTEMPTED
    );
    let weather = of(codes, &route("70", "由于台风 派件不成功")).0;
    assert_eq!(weather.reason, Some(ReasonCode::WEATHER));
}
