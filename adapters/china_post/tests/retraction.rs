//! Which operation a reversal takes back.

use serde_json::{Value, json};

use super::*;

const NUMBER: &str = "9900000000011";

fn row(code: &str, at: &str) -> Value {
    json!({ "waybillNo": NUMBER, "opCode": code, "opTime": format!("2026-02-12 {at}:00") })
}

/// Codes with a minus before those that were taken back, and the doubts.
fn told(rows: &[Value]) -> (Vec<String>, Vec<String>) {
    let report = report(&answer(&json!(rows)));
    let claims = report.claims.iter();
    let told = claims.map(|claim| {
        let sign = if claim.retracted { "-" } else { "" };
        format!("{sign}{}", claim.native_code)
    });
    (told.collect(), report.facts.doubts)
}

#[test]
fn the_latest_before_it_that_stands() {
    let (told, doubts) = told(&[
        row("704", "08:00"),
        row("704", "09:00"),
        row("743", "10:00"),
        row("743", "11:00"),
        row("704", "12:00"),
    ]);
    assert_eq!(told, ["-704", "-704", "743", "743", "704"]);
    assert!(doubts.is_empty());
}

#[test]
fn one_of_several_kinds() {
    let (told, _) = told(&[
        row("303", "08:00"),
        row("345", "08:10"),
        row("305", "08:20"),
        row("304", "08:30"),
        row("336", "08:40"),
    ]);
    assert_eq!(told, ["303", "-345", "305", "304", "336"]);
}

#[test]
fn at_the_same_time_it_comes_after() {
    let (told, doubts) = told(&[row("743", "09:00"), row("704", "09:00")]);
    assert_eq!(told, ["-704", "743"]);
    assert!(doubts.is_empty());
}

#[test]
fn an_operation_that_is_listed_twice_is_one() {
    let twice = row("704", "09:00");
    let (told, _) = told(&[twice.clone(), twice, row("743", "10:00")]);
    assert_eq!(told, ["-704", "-704", "743"]);
}

#[test]
fn without_one_before_it_nothing_is_taken_back() {
    let (told, doubts) = told(&[row("743", "08:00"), row("704", "09:00")]);
    assert_eq!(told, ["743", "704"]);
    assert_eq!(doubts, ["reversals of operations that are not listed: 1"]);
}

#[test]
fn a_delivery_counts_by_its_operation_whatever_it_means() {
    let mut locker = row("704", "09:00");
    locker["deliverCode"] = json!("50");
    let (told, _) = told(&[locker, row("743", "10:00")]);
    assert_eq!(told, ["-704", "743"]);
}

#[test]
fn every_number_on_its_own() {
    let mut other = row("743", "10:00");
    other["waybillNo"] = json!("9900000000028");
    let body = answer(&json!([row("704", "09:00"), other]));
    let reports = understood(&body).unwrap();
    assert_eq!(reports.len(), 2);
    assert!(!reports[0].claims[0].retracted);
}
