//! The policy, row by row.

use waybill_core::adapter::Hints;
use waybill_core::error::ErrorKind;
use waybill_core::number::TrackingNumber;
use waybill_core::order::Order;

use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn mins(n: u64) -> Duration {
    Duration::from_mins(n)
}

fn at(passed: Duration) -> Timestamp {
    after(NOW, passed)
}

#[test]
fn an_answer_is_fresh_by_stage_and_never_asked_for_more_often_than_the_quota_pays() {
    let policy = Freshness::default();
    for (stage, minutes) in [
        (Stage::Label, 30),
        (Stage::Transit, 15),
        (Stage::OutForDelivery, 2),
        (Stage::Exception, 10),
        (Stage::Terminal, 24 * 60),
    ] {
        assert_eq!(policy.fresh_for(stage, Duration::ZERO), mins(minutes));
        assert_eq!(policy.fresh_for(stage, mins(9_999)), mins(9_999));
    }
}

#[test]
fn a_found_answer_ages_from_fresh_to_served_while_renewed_to_expired() {
    let policy = Freshness::default();
    let entry = policy.found(Vec::new(), NOW, mins(15));
    let age = |minutes, max_age| policy.age(&entry, at(mins(minutes)), max_age);
    assert_eq!(age(0, None), Age::Fresh);
    assert_eq!(age(14, None), Age::Fresh);
    assert_eq!(age(15, None), Age::Revalidate);
    assert_eq!(age(74, None), Age::Revalidate);
    assert_eq!(age(75, None), Age::Expired);
    assert_eq!(age(5, Some(mins(4))), Age::Expired);
    assert_eq!(age(5, Some(mins(5))), Age::Fresh);
    assert_eq!(age(20, Some(mins(60))), Age::Revalidate);
    assert_eq!(age(80, Some(mins(90))), Age::Expired);
    let before_it_was_fetched = at(mins(0)) - Duration::from_secs(3);
    assert_eq!(
        policy.age(&entry, before_it_was_fetched, Some(Duration::ZERO)),
        Age::Fresh
    );
}

#[test]
fn a_found_answer_stands_in_for_a_failing_source_for_seven_days() {
    let policy = Freshness::default();
    let week = Duration::from_hours(7 * 24);
    let entry = policy.found(Vec::new(), NOW, mins(15));
    assert!(policy.stands_in(&entry, at(week - mins(1))));
    assert!(!policy.stands_in(&entry, at(week)));
    assert_eq!(entry.keep_until, at(week));
    assert_eq!(policy.age(&entry, at(week), None), Age::Expired);
    assert!(!policy.stands_in(&policy.not_found(None, NOW), NOW));
}

#[test]
fn an_answer_is_kept_as_long_as_it_may_be_served() {
    let policy = Freshness::default();
    let slow_source = policy.found(Vec::new(), NOW, Duration::from_hours(72));
    assert_eq!(slow_source.keep_until, at(Duration::from_hours(5 * 72)));
}

#[test]
fn not_found_holds_for_a_minute_and_doubles_to_half_an_hour() {
    let policy = Freshness::default();
    let mut held = None;
    for (streak, minutes) in (1..).zip([1, 2, 4, 8, 16, 30, 30]) {
        let entry = policy.not_found(held.as_ref(), NOW);
        assert!(entry.answer == Held::NotFound { streak });
        assert_eq!(entry.fresh_until, at(mins(minutes)));
        assert_eq!(policy.age(&entry, at(mins(minutes)), None), Age::Expired);
        assert!(kept_for(&entry, at(mins(minutes + 29))).is_some());
        held = Some(entry.answer);
    }
    let endless = Held::NotFound { streak: u32::MAX };
    let entry = policy.not_found(Some(&endless), NOW);
    assert_eq!(entry.fresh_until, at(mins(30)));
    let found = Held::Found(Vec::new());
    assert!(policy.not_found(Some(&found), NOW).answer == Held::NotFound { streak: 1 });
}

#[test]
fn impossible_numbers_hold_for_a_day_and_failures_for_a_moment() {
    let policy = Freshness::default();
    let impossible = policy.impossible(NOW);
    assert_eq!(impossible.fresh_until, at(Duration::from_hours(24)));
    let error = Error::new(ErrorKind::Unavailable, "gone");
    let failed = policy.failed(error, NOW);
    assert_eq!(failed.fresh_until, at(Duration::from_secs(5)));
    for entry in [impossible, failed] {
        assert_eq!(policy.age(&entry, entry.fresh_until, None), Age::Expired);
    }
}

#[test]
fn figures_are_read_from_a_configuration_in_words() {
    let policy: Freshness = toml::from_str("transit = \"90 min\"\nnot_found = \"5s\"").unwrap();
    let expected = Freshness {
        transit: mins(90),
        not_found: Duration::from_secs(5),
        ..Freshness::default()
    };
    assert_eq!(policy, expected);
    assert!(toml::from_str::<Freshness>("tranzit = \"90 min\"").is_err());
    assert!(toml::from_str::<Freshness>("transit = \"-1 min\"").is_err());
    let text = toml::to_string(&Freshness::default()).unwrap();
    assert_eq!(
        toml::from_str::<Freshness>(&text).unwrap(),
        Freshness::default()
    );
}

#[test]
fn a_key_differs_with_everything_that_changes_an_answer_and_shows_nothing() {
    let keys = Keys::new(&[1; 32]);
    let query = |number: &str, hints: Hints| Query {
        hints,
        ..Query::of(TrackingNumber::parse(number).unwrap())
    };
    let plain = query("AB1234567", Hints::default());
    let hinted = Hints {
        postal_code: waybill_core::privacy::Pii::new("01234".to_owned()),
        ..Hints::default()
    };
    let mut formatted = plain.clone();
    formatted.format = "s10".to_owned();
    let ordered = |platform: &str, id: &str| OrderQuery {
        order: Order::parse(platform, id).ok().unwrap(),
        hints: Hints::default(),
    };
    let order = ordered("shop-a", "AB1234567");
    let mut of_carrier = plain.clone();
    of_carrier.carrier = "acme".to_owned();
    let different = [
        Key::new(&keys, "dhl", "main", &plain),
        Key::new(&keys, "ups", "main", &plain),
        Key::new(&keys, "dhl", "shop-a", &plain),
        Key::new(&keys, "dhl", "main", &query("AB1234568", Hints::default())),
        Key::new(&keys, "dhl", "main", &query("AB1234567", hinted)),
        Key::new(&keys, "dhl", "main", &formatted),
        Key::of_order(&keys, "dhl", "main", &order),
        Key::of_order(&keys, "dhl", "main", &ordered("shop-b", "AB1234567")),
        Key::of_order(&keys, "dhl", "main", &ordered("shop-a", "AB-1234567")),
        Key::new(&keys, "dhl", "main", &of_carrier),
        Key::new(&Keys::new(&[2; 32]), "dhl", "main", &plain),
    ];
    let distinct: std::collections::HashSet<_> = different.iter().collect();
    assert_eq!(distinct.len(), different.len());
    assert_eq!(different[0], Key::new(&keys, "dhl", "main", &plain));
    assert!(different.iter().all(|key| key.as_str().len() == 64));
}
