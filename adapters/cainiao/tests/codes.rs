//! The code table, and what stands for codes where there are none.

use waybill_core::code::ReasonCode;
use waybill_core::event::MappingBasis;
use waybill_core::status::Status;

use super::super::meaning::{CODES, Said, normal, of, of_status, of_trade};
use super::super::{facts, place, words};
use super::*;

fn event(code: &str) -> (EventCode, MappingBasis) {
    let code = normal(code);
    let said = Said {
        code: &code,
        ..Said::default()
    };
    let (meaning, basis) = of(CODES.as_ref().unwrap(), said);
    (meaning.event, basis)
}

#[test]
fn every_row_is_understood() {
    let codes = CODES.as_ref().unwrap();
    assert_eq!(codes.len(), 195);
    let rows: Vec<_> = include_str!("../codes.csv").lines().skip(1).collect();
    for (scope, count) in [
        // 148 of the lists of actions, and seven that the European last mile was seen to send.
        ("", 155),
        // 14 to 26 of the domestic list are not described anywhere.
        ("domestic", 14),
        ("group", 5),
        ("status", 11),
        ("trade", 10),
    ] {
        let prefix = format!("{scope},");
        let of_scope = rows.iter().filter(|row| row.starts_with(&prefix));
        assert_eq!(of_scope.count(), count, "{scope}");
    }
}

#[test]
fn one_row_is_left_unmapped_on_purpose() {
    let rows = include_str!("../codes.csv").lines();
    let unmapped: Vec<_> = rows.filter(|row| row.contains(",UNMAPPED,")).collect();
    // It was seen for a parcel that the carrier took as well as for one that waits.
    let [pickup] = unmapped.as_slice() else {
        panic!("{unmapped:?}");
    };
    assert!(pickup.starts_with("status,PICKUP,"));
    assert!(of_status(CODES.as_ref().unwrap(), "pickup").is_none());
}

#[test]
fn ends_and_holds_mean_what_they_say() {
    for (code, expected) in [
        ("GTMS_SIGNED", EventCode::DELIVERED),
        ("LM_SIGN_SUCCESS", EventCode::DELIVERED),
        ("GTMS_STA_SIGNED", EventCode::AVAILABLE_FOR_PICKUP),
        ("GTMS_WAIT_SELF_PICK", EventCode::AVAILABLE_FOR_PICKUP),
        ("GSTA_INBOUND", EventCode::AVAILABLE_FOR_PICKUP),
        ("PUDO_DELIVERY", EventCode::AVAILABLE_FOR_PICKUP),
        ("GSTA_BUYER_SIGN", EventCode::COLLECTED_BY_RECIPIENT),
        ("GTMS_SIGN_FAILURE", EventCode::FINAL_ATTEMPT_FAILED),
        ("GTMS_DEL_FAILURE", EventCode::DELIVERY_ATTEMPTED),
        ("GWMS_CANCEL", EventCode::CANCELLED),
        ("RT_WH_DESTROY", EventCode::DESTROYED),
        ("RETURNED", EventCode::RETURNED_TO_SENDER),
        ("RT_WH_INBOUND", EventCode::RETURN_IN_TRANSIT),
        ("PU_PICKUP_FAILURE", EventCode::PICKUP_FAILED),
        ("SC_OUTBOUND_FAILURE", EventCode::DELAYED),
        ("CC_IM_EXCEPTION", EventCode::IMPORT_CUSTOMS_HELD),
        ("CUS_TAX", EventCode::CUSTOMS_PAYMENT_REQUIRED),
        ("GTMS_RELABEL", EventCode::IDENTIFIER_CHANGED),
        ("07", EventCode::DELIVERED),
        ("06", EventCode::REFUSED),
        // As one list spells it, and as hands do.
        ("CC_TRANS\u{ff3f}START", EventCode::CUSTOMS_PROCESSING),
        (" gtms signed ", EventCode::DELIVERED),
    ] {
        assert_eq!(event(code), (expected, MappingBasis::Code), "{code}");
    }
}

#[test]
fn a_family_never_ends_a_journey() {
    for (code, expected) in [
        ("GWMS_NEW", EventCode::INFO_RECEIVED),
        ("GTMS_NEW", EventCode::IN_TRANSIT),
        ("LM_NEW", EventCode::IN_TRANSIT),
        ("GSTA_NEW", EventCode::IN_TRANSIT),
        ("CIQ_NEW", EventCode::CUSTOMS_PROCESSING),
        ("RT_NEW", EventCode::RETURN_IN_TRANSIT),
        ("RT_NEW_FAIL", EventCode::EXCEPTION),
    ] {
        assert_eq!(event(code), (expected, MappingBasis::AggregatedStatus));
    }
    for code in ["NEW", "14", "26", "LMX_NEW", "\u{0}"] {
        assert_eq!(event(code), (EventCode::UNMAPPED, MappingBasis::None));
    }
}

#[test]
fn words_stand_for_codes() {
    use EventCode as E;
    for (text, expected) in [
        ("快件已被 已签收 签收", E::DELIVERED),
        ("已签收，如有疑问请联系派件员", E::DELIVERED),
        ("签收失败，收件人不在", E::DELIVERY_ATTEMPTED),
        ("正在派送途中,请您准备签收", E::OUT_FOR_DELIVERY),
        ("客户拒收", E::REFUSED),
        ("退件已签收", E::RETURNED_TO_SENDER),
        ("快件退回中", E::RETURN_IN_TRANSIT),
        (
            "已存放至丰巢快递柜，请凭取件码取件",
            E::AVAILABLE_FOR_PICKUP,
        ),
        ("您的快件已由驿站代收，已签收", E::AVAILABLE_FOR_PICKUP),
        ("快件已从快递柜取出", E::COLLECTED_BY_RECIPIENT),
        ("已签收，签收人：邻居", E::DELIVERED_TO_NEIGHBOUR),
        ("清关完成", E::CUSTOMS_RELEASED),
        ("等待揽收", E::AWAITING_HANDOVER),
        ("快件已到达测试市", E::ARRIVED_AT_FACILITY),
        ("在分拨中心进行称重扫描", E::SORTED),
        ("运输中", E::IN_TRANSIT),
        ("航班起飞", E::TRANSPORT_DEPARTED),
        ("确认丢失", E::LOST),
    ] {
        let meaning = words::of(text).unwrap();
        assert_eq!(meaning.event, expected, "{text}");
    }
    let refused = words::of("拒收").unwrap();
    assert_eq!(refused.reason, Some(ReasonCode::RECIPIENT_REFUSED));
    for text in ["", "天气晴", "hello"] {
        assert_eq!(words::of(text), None);
    }
}

#[test]
fn a_trade_and_a_parcel_have_statuses() {
    let codes = CODES.as_ref().unwrap();
    let trade = |text| of_trade(codes, text).and_then(|meaning| meaning.event.status());
    assert_eq!(trade("对方已签收"), Some(Status::Delivered));
    let wide = "已经确认消息接收，等待物流公司接单";
    assert_eq!(trade(wide), Some(Status::InfoReceived));
    assert_eq!(trade("签收失败"), Some(Status::DeliveryAttempted));
    assert_eq!(trade("?"), None);
    let parcel = |text| of_status(codes, text).and_then(|meaning| meaning.event.status());
    assert_eq!(parcel("transport"), Some(Status::InTransit));
    assert_eq!(parcel("SIGN"), Some(Status::Delivered));
}

#[test]
fn partners_and_countries_have_ids() {
    assert_eq!(facts::carrier(&["?", "PostNL"]), "postnl");
    assert_eq!(facts::carrier(&["YUNDA"]), "yunda");
    assert_eq!(facts::carrier(&["顺丰速运"]), "sf");
    assert_eq!(facts::carrier(&["", "TESTCP"]), "");
    let country = |name| place::country(name).map(|place| place.country);
    assert_eq!(country("Mainland China").as_deref(), Some("CN"));
    assert_eq!(country("Hong Kong,China").as_deref(), Some("HK"));
    assert_eq!(country("France,Lille").as_deref(), Some("FR"));
    assert_eq!(country("Bélgica").as_deref(), Some(""));
    assert_eq!(country(" "), None);
    for line in include_str!("../countries.csv").lines().skip(1) {
        let (_, code) = line.rsplit_once(',').unwrap();
        assert!(code.len() == 2 && code.bytes().all(|c| c.is_ascii_uppercase()));
    }
}
