//! The fake DHL Paket keeps the contract of Parcel DE Tracking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use reqwest::{Client, RequestBuilder};
use support::{client, simulator};
use waybill_simulator::{Kind, Quota, SPAN, Simulator, Source};

const BUSINESS: &str = "d-get-piece-detail";
const PUBLIC: &str = "get-status-for-public-user";

fn source(sim: &Simulator) -> &dyn Source {
    sim.source("dhl-parcel-de").unwrap()
}

fn setting(sim: &Simulator, key: &str) -> String {
    let settings = source(sim).settings();
    let found = settings.into_iter().find(|(known, _)| *known == key);
    found.unwrap().1
}

fn number(sim: &Simulator, name: &str) -> &'static str {
    source(sim).scenario(name).unwrap().number
}

/// Address of a request.
fn address(sim: &Simulator, xml: &str) -> String {
    let xml: String = form_urlencoded::byte_serialize(xml.as_bytes()).collect();
    format!("{}/shipments?xml={xml}", setting(sim, "base_url"))
}

fn ask(client: &Client, sim: &Simulator, xml: &str) -> RequestBuilder {
    let url = address(sim, xml);
    let (key, secret) = (setting(sim, "api_key"), setting(sim, "api_secret"));
    client.get(url).basic_auth(key, Some(secret))
}

fn wish(sim: &Simulator, request: &str, codes: &str, more: &str) -> String {
    let escape = |text: String| text.replace('&', "&amp;").replace('<', "&lt;");
    let (user, password) = (setting(sim, "user"), escape(setting(sim, "password")));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><data appname=\"{user}\" \
         password=\"{password}\" request=\"{request}\" language-code=\"en\" \
         piece-code=\"{codes}\"{more}/>"
    )
}

async fn track(client: &Client, sim: &Simulator, request: &str, codes: &str) -> String {
    said(client, sim, &wish(sim, request, codes, "")).await
}

async fn said(client: &Client, sim: &Simulator, xml: &str) -> String {
    let response = ask(client, sim, xml).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(
        response.headers()["content-type"]
            .to_str()
            .unwrap()
            .contains("xml")
    );
    response.text().await.unwrap()
}

#[tokio::test]
async fn both_layers_of_credentials_are_checked() {
    let (sim, client) = (simulator().await, client());
    let xml = wish(&sim, BUSINESS, number(&sim, "delivered"), "");
    let open = client.get(address(&sim, &xml));
    assert_eq!(open.send().await.unwrap().status(), 401);
    let wrong = xml.replace("zt-simulated", "zt-other");
    assert!(said(&client, &sim, &wrong).await.contains(" code=\"5\""));
    assert!(said(&client, &sim, &xml).await.contains(" code=\"0\""));
}

#[tokio::test]
async fn rows_appear_in_german_time_as_the_clock_advances() {
    let (sim, client) = (simulator().await, client());
    let code = number(&sim, "delivered");
    let start = track(&client, &sim, BUSINESS, code).await;
    assert_eq!(start.matches("\"piece-event\"").count(), 1);
    // The simulator starts at 08:00 UTC.
    assert!(
        start.contains("event-timestamp=\"02.03.2026 09:00\""),
        "{start}"
    );
    assert!(start.contains("delivery-date=\"04.03.2026\""));
    sim.advance(SPAN);
    let done = track(&client, &sim, BUSINESS, code).await;
    assert_eq!(done.matches("\"piece-event\"").count(), 6);
    assert!(
        done.contains("delivery-event-flag=\"1\"") && done.contains("recipient-name=\"M MUSTER\"")
    );
    assert!(done.contains("delivery-date=\"\""));
    let bare = format!("piece-identifier=\"{}\"", code.trim_start_matches('0'));
    assert!(done.contains(&bare));
    let public = track(&client, &sim, PUBLIC, code).await;
    assert!(public.contains("piece-status-public-list") && !public.contains("piece-event-list"));
}

#[tokio::test]
async fn outcomes_come_by_code() {
    let (sim, client) = (simulator().await, client());
    let good = number(&sim, "delivered");
    for (codes, more, code) in [
        ("", "", 45),
        ("00340437700000000113", "", 41),
        (&*format!("{good};123"), "", 41),
        ("780199999994", "", 100),
        (number(&sim, "not-found-yet"), "", 100),
        (good, " zip-code=\"10115\"", 57),
        (good, " zip-code=\"24103\"", 0),
    ] {
        let answer = said(&client, &sim, &wish(&sim, BUSINESS, codes, more)).await;
        assert!(
            answer.contains(&format!(" code=\"{code}\"")),
            "{codes}: {answer}"
        );
    }
    let foreign = number(&sim, "not-ours");
    let answer = track(&client, &sim, BUSINESS, &format!("{foreign};{good}")).await;
    assert!(answer.contains("error-status=\"62\"") && answer.contains("error-status=\"0\""));
    let answer = track(&client, &sim, PUBLIC, foreign).await;
    assert!(!answer.contains("62\""));
    let twenty_one = [good; 21].join(";");
    for xml in [
        wish(&sim, BUSINESS, &twenty_one, ""),
        wish(&sim, PUBLIC, &[good; 16].join(";"), ""),
        wish(&sim, "d-get-everything", good, ""),
        "<data".to_owned(),
    ] {
        let response = ask(&client, &sim, &xml).send().await.unwrap();
        assert_eq!(response.status(), 400);
    }
    let elsewhere = format!("{}/parcels", setting(&sim, "base_url"));
    let (key, secret) = (setting(&sim, "api_key"), setting(&sim, "api_secret"));
    let request = client.get(elsewhere).basic_auth(key, Some(secret));
    assert_eq!(request.send().await.unwrap().status(), 404);
    assert_eq!(source(&sim).requests_of(Kind::Other), 1);
}

#[tokio::test]
async fn every_scenario_ends_within_the_span() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    assert!(source(&sim).scenarios().len() >= 8);
    for scenario in source(&sim).scenarios() {
        assert!(scenario.last_event < SPAN, "{}", scenario.name);
        let answer = track(&client, &sim, PUBLIC, scenario.number).await;
        assert!(answer.contains(&format!(" piece-code=\"{}\"", scenario.number)));
    }
    let odd = track(&client, &sim, BUSINESS, number(&sim, "unknown-code")).await;
    assert!(odd.contains("Something new &lt;&amp; strange> happened."));
    let back = track(&client, &sim, BUSINESS, number(&sim, "return-to-sender")).await;
    assert_eq!(back.matches("ruecksendung=\"true\"").count(), 3);
    source(&sim).set_quota(Quota {
        per_second: None,
        per_day: Some(0),
    });
    let xml = wish(&sim, BUSINESS, number(&sim, "delivered"), "");
    let response = ask(&client, &sim, &xml).send().await.unwrap();
    assert_eq!(response.status(), 429);
}

#[tokio::test]
async fn load_numbers_are_known_distinct_and_stable() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let mut numbers: Vec<String> = (0..200).map(|n| source(&sim).load_number(n)).collect();
    for part in numbers.chunks(20) {
        let codes = part.join(";");
        let answer = track(&client, &sim, BUSINESS, &codes).await;
        assert_eq!(answer.matches("\"piece-shipment\"").count(), 20);
        assert_eq!(answer.matches("\"piece-event\"").count(), 120);
        assert_eq!(track(&client, &sim, BUSINESS, &codes).await, answer);
        assert_eq!(source(&sim).requests_for(&part[0]), 2);
    }
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 200);
}
