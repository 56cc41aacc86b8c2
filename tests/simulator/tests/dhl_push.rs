//! The fake DHL keeps the contract of its push.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use support::{client, send, simulator};
use waybill_simulator::{Kind, SPAN, Simulator};

fn ask(client: &Client, sim: &Simulator, method: Method, path: &str) -> RequestBuilder {
    let base = sim.dhl().base_url().replace("/track", "/tracking/push/v1");
    let request = client.request(method, format!("{base}{path}"));
    request.header("DHL-API-Key", sim.dhl().api_key())
}

fn wish() -> Value {
    json!({
        "format": "Default",
        "type": "Shipment",
        "service": "express",
        "hook": {
            "uri": "https://waybill.example/push",
            "authentication": {
                "type": "ApiKeyAuthentication", "header": "X-Hook", "token": "our token"
            },
        },
        "events": ["Transit", "Delivered"],
        "shipmentIDs": ["9000000111"],
    })
}

#[tokio::test]
async fn a_subscription_lives_from_validation_to_its_end() {
    let (sim, client) = (simulator().await, client());
    let create = ask(&client, &sim, Method::POST, "/subscription");
    let (status, made) = send(create.body(wish().to_string())).await;
    assert_eq!(status, 201);
    assert_eq!(sim.dhl().requests_of(Kind::Register), 1);
    let id = made["id"].as_str().unwrap().to_owned();
    let (_, listed) = send(ask(&client, &sim, Method::GET, "/subscriptions")).await;
    assert_eq!(listed[0]["shipmentIDs"], json!(["9000000111"]));
    assert_eq!(listed[0]["hook"].get("authentication"), None);

    let posts = sim.dhl().hook_posts();
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].uri(), "https://waybill.example/push");
    assert_eq!(posts[0].headers()["x-hook"], "our token");
    let validate: Value = serde_json::from_slice(posts[0].body()).unwrap();
    assert_eq!(validate["scope"], "subscription.validate");
    assert_eq!(validate["self"], made["self"]);

    let path = format!("/subscription/{id}");
    let secret = validate["secret"].as_str().unwrap();
    for (given, status) in [("wrong", 403), (secret, 204)] {
        let activate = ask(&client, &sim, Method::POST, &path);
        let answer = activate.header("DHL-API-Hook-Secret", given).send().await;
        assert_eq!(answer.unwrap().status(), status);
    }
    sim.advance(SPAN);
    let posts = sim.dhl().hook_posts();
    let bodies: Vec<Value> = posts
        .iter()
        .map(|post| serde_json::from_slice(post.body()).unwrap())
        .collect();
    assert_eq!(bodies[0]["scope"], "subscription.ready");
    assert_eq!(bodies[1]["scope"], "subscription.push");
    assert_eq!(bodies[1]["shipments"][0]["id"], "9000000111");

    assert_eq!(send(ask(&client, &sim, Method::GET, &path)).await.0, 200);
    let ended = ask(&client, &sim, Method::DELETE, &path).send().await;
    assert_eq!(ended.unwrap().status(), 204);
    assert_eq!(send(ask(&client, &sim, Method::GET, &path)).await.0, 404);
    assert!(sim.dhl().hook_posts().is_empty());
}

#[tokio::test]
async fn a_bad_wish_is_refused() {
    let (sim, client) = (simulator().await, client());
    for (pointer, value) in [
        ("/format", json!("Other")),
        ("/type", json!("Pigeon")),
        ("/service", json!("pigeon")),
        ("/hook/uri", json!("http://waybill.example")),
        ("/hook/authentication/type", json!("Basic")),
        ("/events", json!([])),
        ("/events", json!(["Moved"])),
        ("/shipmentIDs", json!([])),
        ("/shipmentIDs", json!(vec!["1234567890"; 11])),
    ] {
        let mut wish = wish();
        *wish.pointer_mut(pointer).unwrap() = value;
        let create = ask(&client, &sim, Method::POST, "/subscription");
        let (status, body) = send(create.body(wish.to_string())).await;
        assert_eq!(
            (status.as_u16(), &body["status"]),
            (400, &json!(400)),
            "{pointer}"
        );
    }
    let base = sim.dhl().base_url().replace("/track", "/tracking/push/v1");
    let request = client.get(format!("{base}/subscriptions"));
    assert_eq!(send(request).await.0, 401, "without a key");
    let elsewhere = ask(&client, &sim, Method::GET, "/subscribers");
    assert_eq!(send(elsewhere).await.0, 404);
    assert!(sim.dhl().hook_posts().is_empty());
}
