//! Texts for people over real gRPC and at the command line: in the language of the call, with the
//! operator's own words, and the same facts for a screen reader.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::program::{err, out, run, run_beside};
use common::{ANY, World, track, trailers};
use tokio_stream::StreamExt;
use tonic::Code;
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::v1;
use waybill_simulator::{Options, Simulator};

/// A parcel from Shenzhen to Osaka, handed to the airline in Guangzhou.
const TO_JAPAN: &str = "EA513001003CN";

/// A gateway that asks the post in China, whose scripts have run for these hours, and the texts in
/// a folder.
async fn china(hours: u64, folder: &Path) -> World {
    let simulator = Simulator::start(Options {
        elapsed: Duration::from_hours(hours),
        ..Options::live(0.0)
    })
    .await
    .unwrap();
    let mut config = Config::default();
    let mut section: toml::Table = "limits = { per_second = 1000, burst = 1000, per_day = 0 }"
        .parse()
        .unwrap();
    let source = simulator.source("china-post").unwrap();
    for (key, value) in source.settings() {
        section.insert(key.to_owned(), value.into());
    }
    config.sources.insert("china-post".to_owned(), section);
    config.server.listen = ANY;
    config.server.side = ANY;
    config.texts.folder = folder.to_owned();
    let clock = Clock::system();
    let app = waybill::app::start(config, common::registry(), clock.clone());
    World {
        app: app.await.unwrap(),
        simulator,
        clock,
    }
}

fn in_language(language: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        language: language.to_owned(),
        ..track(TO_JAPAN)
    }
}

#[tokio::test]
async fn one_record_is_told_in_the_language_of_each_call() {
    let world = china(17, Path::new("")).await;
    let mut client = world.client().await;
    let rows = [
        (
            "",
            "en",
            "On the way",
            "Handed over for long-distance transport",
        ),
        (
            "de-AT",
            "de",
            "Unterwegs",
            "Für den Ferntransport übergeben",
        ),
        ("zh-CN", "zh-Hans", "运输途中", "已交付长途运输"),
        (
            "es",
            "es",
            "En camino",
            "Entregado para el transporte de larga distancia",
        ),
        (
            "fr-CA",
            "fr",
            "En route",
            "Remis pour le transport longue distance",
        ),
        (
            "ja",
            "en",
            "On the way",
            "Handed over for long-distance transport",
        ),
    ];
    let mut etags = Vec::new();
    // The second time the answers come from the bytes that are kept.
    for _ in 0..3 {
        for (wanted, language, milestone, title) in rows {
            let answer = client.track(in_language(wanted)).await.unwrap();
            let record = &answer.get_ref().shipments[0];
            let texts = [&record.recipient_text, &record.shipper_text];
            for text in texts.map(|text| text.as_ref().unwrap()) {
                assert_eq!(text.language, language, "{wanted}");
                assert_eq!(text.title, title);
                assert!(!text.body.contains(TO_JAPAN));
                assert!(!text.short_form.is_empty() && !text.next_step.is_empty());
            }
            let step = v1::Milestone::InTransit;
            let mut milestones = record.milestones.iter();
            let found = milestones.find(|one| one.milestone() == step).unwrap();
            assert_eq!(found.title, milestone);
            etags.push(record.etag.clone());
        }
    }
    etags.dedup();
    assert_eq!(etags.len(), 1, "the etag is that of the record");

    let refused = client.track(in_language("en;q=1")).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(trailers(&refused).0, "FIELD_INVALID");
    world.stop().await;
}

#[tokio::test]
async fn every_method_with_a_record_knows_languages() {
    let world = china(17, Path::new("")).await;
    let mut client = world.client().await;
    let answer = client.track(in_language("de")).await.unwrap().into_inner();
    let text = answer.shipments[0].recipient_text.clone();
    let german = |record: &v1::Shipment| assert_eq!(record.recipient_text, text);

    let request = v1::GetShipmentRequest {
        id: answer.shipments[0].id.clone(),
        language: "de".to_owned(),
        ..Default::default()
    };
    let one = client.get_shipment(request).await.unwrap().into_inner();
    german(one.shipment.as_ref().unwrap());

    let request = v1::BatchTrackRequest {
        items: vec![v1::BatchTrackItem {
            tracking_number: TO_JAPAN.to_owned(),
            ..Default::default()
        }],
        language: "de".to_owned(),
        ..Default::default()
    };
    let mut batch = client.batch_track(request).await.unwrap().into_inner();
    let first = batch.next().await.unwrap().unwrap().message.unwrap();
    let v1::batch_track_response::Message::Result(result) = first else {
        panic!("{first:?}")
    };
    match result.outcome.unwrap() {
        v1::batch_track_result::Outcome::Response(answer) => german(&answer.shipments[0]),
        v1::batch_track_result::Outcome::Error(error) => panic!("{error:?}"),
    }

    let key = v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::TrackingNumber(TO_JAPAN.to_owned())),
        ..Default::default()
    };
    let shipments = v1::WatchShipments {
        shipments: vec![key],
    };
    let request = v1::FollowRequest {
        open: Some(v1::WatchOpen {
            target: Some(v1::watch_open::Target::Shipments(shipments)),
            language: "de".to_owned(),
            ..Default::default()
        }),
    };
    let mut stream = client.follow(request).await.unwrap().into_inner();
    let update = loop {
        let message = stream.next().await.unwrap().unwrap();
        if let Some(v1::watch_message::Kind::Update(update)) = message.kind {
            break update;
        }
    };
    german(update.shipment.as_ref().unwrap());

    let request = v1::ListEventCodesRequest {
        language: "zh".to_owned(),
    };
    let mut carriers = world.carriers().await;
    let codes = carriers.list_event_codes(request).await.unwrap();
    let delivered = codes.get_ref().codes.iter().find(|row| row.code == 601);
    assert_eq!(delivered.unwrap().title, "已送达");
    world.stop().await;
}

#[tokio::test]
async fn an_exception_tells_both_sides_what_to_do() {
    let world = World::start_at(Duration::from_hours(40), |_| {}).await;
    let mut client = world.client().await;
    let number = world.ups_number("failed-attempt");
    let answer = client.track(track(&number)).await.unwrap().into_inner();
    let mut problems = answer.shipments[0].exceptions.iter();
    let failed = v1::ExceptionCategory::FailedDelivery;
    let problem = problems.find(|one| one.category() == failed).unwrap();
    let recipient = problem.recipient_text.as_ref().unwrap();
    let shipper = problem.shipper_text.as_ref().unwrap();
    assert_eq!(recipient.title, "Delivery failed");
    assert!(
        recipient
            .body
            .ends_with("Reason: nobody was there to take it.")
    );
    assert!(
        recipient.next_step.starts_with("Please choose a new day"),
        "{recipient:?}"
    );
    assert!(
        shipper
            .next_step
            .starts_with("The recipient has to choose a new day"),
        "{shipper:?}"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn track_speaks_three_languages_to_the_eye_and_to_the_ear() {
    let world = china(17, Path::new("")).await;
    let address = format!("http://{}", world.app.address);
    let rows = [
        ("en", "Handed over for long-distance transport", "Status: "),
        ("de", "Für den Ferntransport übergeben", "Zustand: "),
        ("zh", "已交付长途运输", "状态: "),
    ];
    for (language, title, label) in rows {
        let shared = [
            "track",
            TO_JAPAN,
            "--address",
            &address,
            "--language",
            language,
        ];
        let seen = run_beside(&shared).await;
        assert!(seen.status.success(), "{}", err(&seen));
        assert!(out(&seen).contains(title), "{}", out(&seen));
        let mut plain = shared.to_vec();
        plain.push("--plain");
        let heard = out(&run_beside(&plain).await);
        assert!(heard.contains(&format!("{label}{title}\n")), "{heard}");
        assert!(
            !heard.contains(['[', ']', '#', '|', '│', '\x1b']),
            "{heard}"
        );
        for line in heard.lines().filter(|line| !line.is_empty()) {
            assert!(line.contains(": "), "a fact and what it is: {line}");
            assert!(!line.starts_with(' ') && !line.contains("  "), "{line}");
        }
        // What one sees is what the other hears.
        let events = out(&seen)
            .lines()
            .filter(|line| line.contains("+08:00"))
            .count();
        let spoken = heard
            .lines()
            .filter(|line| line.contains("UTC+08:00"))
            .count();
        assert!(events > 2 && events == spoken, "{heard}");
    }
    world.stop().await;
}

#[tokio::test]
async fn an_operators_folder_overrides_texts_and_adds_languages() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "de.ftl",
        "code-handed-to-linehaul = Abgeflogen\n    .text = Ihr Päckchen fliegt.\n",
    );
    write("de-CH.ftl", "country-CN = Reich der Mitte\n");
    write("README.md", "not a language");
    let world = china(17, folder.path()).await;
    let mut client = world.client().await;
    let mut text = async |language: &str| {
        let answer = client.track(in_language(language)).await.unwrap();
        answer
            .into_inner()
            .shipments
            .remove(0)
            .recipient_text
            .unwrap()
    };
    let german = text("de").await;
    assert_eq!(german.title, "Abgeflogen");
    assert!(
        german.body.starts_with("Ihr Päckchen fliegt. "),
        "{german:?}"
    );
    let swiss = text("de-CH").await;
    assert_eq!(
        (swiss.language.as_str(), swiss.title.as_str()),
        ("de-CH", "Abgeflogen")
    );
    assert!(swiss.body.contains("Reich der Mitte"), "{swiss:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_broken_text_is_refused_at_start_and_by_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("de.ftl");
    std::fs::write(
        &file,
        "code-delivered = Da\n    .text = Da.\n\nno-such = x\n",
    )
    .unwrap();
    let mut config = Config::default();
    config.server.listen = ANY;
    config.server.side = ANY;
    config.texts.folder = folder.path().to_owned();
    let started = waybill::app::start(config, common::registry(), Clock::system()).await;
    let error = started.err().unwrap();
    assert!(error.contains("de.ftl: line 4: `no-such`"), "{error}");

    let settings = folder.path().join("waybill.toml");
    let text = format!("[texts]\nfolder = {:?}\n", folder.path());
    std::fs::write(&settings, text).unwrap();
    let checked = run(&["check", "--config", settings.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(
        err(&checked).contains("de.ftl: line 4"),
        "{}",
        err(&checked)
    );

    std::fs::remove_file(&file).unwrap();
    let checked = run(&["check", "--config", settings.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", err(&checked));
}
