//! `waybill shadow`: a provider's export beside our own records.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::io::Write as _;

use common::program::{err, json, out, run, run_beside};
use common::{World, track};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use waybill::v1;

struct Ours {
    number: String,
    record: v1::Shipment,
}

impl Ours {
    /// Our record of a scenario.
    async fn of(world: &World, scenario: &str) -> Self {
        let number = world.ups_number(scenario);
        let mut client = world.client().await;
        let answer = client.track(track(&number)).await.unwrap();
        let record = answer.into_inner().shipments.remove(0);
        Self { number, record }
    }

    /// Time of the newest event, moved by some minutes.
    fn last(&self, minutes: i64) -> String {
        let time = self.record.last_event_time.as_ref().unwrap();
        let at = time.instant.as_ref().unwrap();
        let at = Timestamp::new(at.seconds, 0).unwrap();
        (at + SignedDuration::from_mins(minutes)).to_string()
    }

    fn status(&self) -> v1::ShipmentStatus {
        self.record.status()
    }

    fn mask(&self) -> String {
        let tail = &self.number[self.number.len() - 4..];
        format!("{}{tail}", "*".repeat(self.number.len() - 4))
    }
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

async fn shadow(world: &World, text: &str, options: &[&str]) -> Value {
    let file = file(text);
    let address = format!("http://{}", world.app.address);
    let path = file.path().to_str().unwrap();
    let arguments = [&["shadow", path, "--address", &address, "--json"], options].concat();
    json(&run_beside(&arguments).await)
}

/// A UPS number with a right check digit that no fake knows.
const NOWHERE: &str = "1Z999AA10123456784";

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_difference_is_found_counted_and_masked() {
    let world = World::start_at(std::time::Duration::from_secs(20 * 86_400), |_| {}).await;
    let delivered = Ours::of(&world, "delivered").await;
    let held = Ours::of(&world, "customs-hold").await;
    let announced = Ours::of(&world, "label-only").await;
    assert_eq!(delivered.status(), v1::ShipmentStatus::Delivered);
    assert_eq!(held.status(), v1::ShipmentStatus::Delivered);
    assert_eq!(announced.status(), v1::ShipmentStatus::InfoReceived);

    let head = "tracking_number,slug,tag,subtag,last_checkpoint_time,shipment_delivery_date,expected_delivery";
    let at = delivered.last(0);
    let row = |ours: &Ours, rest: &str| format!("{},ups,{rest}\n", ours.number);
    let agree = row(&delivered, &format!("Delivered,Delivered_001,{at},{at},"));
    let rows = [
        agree.clone(),
        row(
            &delivered,
            &format!("Delivered,Delivered_001,{at},{},", delivered.last(47)),
        ),
        row(
            &delivered,
            &format!("Delivered,Delivered_001,{at},{},", delivered.last(-8 * 60)),
        ),
        row(
            &held,
            &format!("Exception,Exception_018,{},,", held.last(-2_000)),
        ),
        row(
            &delivered,
            &format!("Delivered,,{},,", delivered.last(3_000)),
        ),
        row(&delivered, "Pending,Pending_001,,,"),
        format!("{NOWHERE},ups,InTransit,InTransit_001,,,\n"),
        "1234!,ups,InTransit,,,,\n".to_owned(),
        format!("{},ups,Somewhere,,,,\n", announced.number),
    ];
    let found = shadow(&world, &format!("{head}\n{}", rows.concat()), &[]).await;
    assert_eq!(
        (&found["compared"], &found["agree"]),
        (&json!(8), &json!(1)),
        "{found:#}"
    );
    assert_eq!(found["unreadable"], 1);
    let kinds = &found["differences"];
    let expected = [
        ("delivered_time_differs", 1),
        ("zone_suspect", 1),
        ("status_differs", 1),
        ("ours_newer", 1),
        ("theirs_newer", 1),
        ("unknown_to_them", 1),
        ("unknown_to_us", 1),
        ("not_answered", 1),
    ];
    for (kind, count) in expected {
        assert_eq!(kinds[kind]["count"], count, "{kind}: {found:#}");
    }
    assert_eq!(kinds.as_object().unwrap().len(), expected.len());
    assert_eq!(
        kinds["status_differs"]["pairs"],
        json!({ "Exception / Delivered": 1 })
    );
    assert_eq!(
        kinds["delivered_time_differs"]["examples"],
        json!([{ "number": delivered.mask(), "theirs": delivered.last(47), "ours": at }])
    );
    assert_eq!(
        kinds["not_answered"]["examples"][0]["ours"],
        "tracking number invalid"
    );
    let text = found.to_string();
    for number in [
        &delivered.number,
        &held.number,
        &announced.number,
        &NOWHERE.to_owned(),
    ] {
        assert!(!text.contains(number.as_str()));
    }

    // An hour is enough for the 47 minutes, and not for a zone.
    let wide = shadow(
        &world,
        &format!("{head}\n{}", rows.concat()),
        &["--tolerance", "60"],
    )
    .await;
    assert_eq!(wide["differences"].get("delivered_time_differs"), None);
    assert_eq!(wide["differences"]["zone_suspect"]["count"], 1);
    assert_eq!(wide["agree"], 2);

    let table = file(&format!("{head}\n{}", rows.concat()));
    let address = format!("http://{}", world.app.address);
    let path = table.path().to_str().unwrap();
    let page = run_beside(&["shadow", path, "--address", &address]).await;
    assert_eq!(page.status.code(), Some(0), "{}", err(&page));
    let page = out(&page);
    for part in [
        "8 compared, 1 agree",
        "zone suspect: 1",
        "1  Exception / Delivered",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    assert!(page.contains(&delivered.mask()) && !page.contains(&delivered.number));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_the_other_provider_are_compared_in_its_words() {
    let world = World::start_at(std::time::Duration::from_secs(20 * 86_400), |_| {}).await;
    let delivered = Ours::of(&world, "delivered").await;
    let announced = Ours::of(&world, "label-only").await;
    let object = |ours: &Ours, status: &str, detail: &str, time: String| {
        json!({ "number": ours.number, "carrier": 100_002, "track_info": {
            "latest_status": { "status": status, "sub_status": detail },
            "latest_event": { "time_iso": time },
            "milestone": [{ "key_stage": status, "time_iso": time }],
        }})
    };
    let same = object(
        &delivered,
        "Delivered",
        "Delivered_Other",
        delivered.last(0),
    );
    let other = object(
        &announced,
        "InTransit",
        "InTransit_PickedUp",
        announced.last(1),
    );
    let answer = json!({ "code": 0, "data": { "accepted": [same, other], "rejected": [] } });
    let found = shadow(&world, &answer.to_string(), &[]).await;
    assert_eq!(
        (&found["compared"], &found["agree"]),
        (&json!(2), &json!(1)),
        "{found:#}"
    );
    let status = &found["differences"]["status_differs"]["examples"][0];
    assert_eq!(status["theirs"], "InTransit (InTransit_PickedUp)");
    assert_eq!(status["ours"], "InfoReceived (InfoReceived)");

    let lines = format!("{same}\n{same}\n");
    let held = shadow(&world, &lines, &["--provider", "17track", "--cache-only"]).await;
    assert_eq!(
        (&held["compared"], &held["agree"]),
        (&json!(2), &json!(2)),
        "{held:#}"
    );
    world.stop().await;
}

#[test]
fn a_file_that_says_nothing_is_refused_before_anybody_is_asked() {
    for (text, complaint) in [
        ("number,status\n1Z1,Delivered\n", "say so with --provider"),
        ("a,b\n1,2\n", "no column is called tracking_number"),
        (
            "number,tag\n,AttemptFail\n",
            "no row has a number and a known status",
        ),
    ] {
        let file = file(text);
        let output = run(&["shadow", file.path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(err(&output).contains(complaint), "{}", err(&output));
    }
    let output = run(&["shadow", "/nowhere/export.csv"]);
    assert!(err(&output).contains("cannot read /nowhere/export.csv"));
}
