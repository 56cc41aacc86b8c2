//! No number, body or credential of a push is in any log line, at whatever level.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::push::{fake, push_of, record, send, world};
use http::StatusCode;
use tracing_subscriber::EnvFilter;
use waybill_simulator::Push;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything at its finest, but for the libraries that the server itself holds back.
const FILTER: &str = "trace,h2=warn,hyper=warn,hyper_util=warn,reqwest=warn,rustls=warn,tonic=warn,\
                      tower=warn,axum=warn,redb=warn,moka=warn";

#[tokio::test]
async fn nothing_of_a_push_is_logged_or_counted() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(FILTER))
        .with_writer(move || sink.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let world = world(|_| {}).await;
    let mut secrets = vec!["canary".to_owned()];
    for source in [
        "aftership",
        "17track",
        "kuaidi100",
        "cainiao",
        "china-post",
        "ups",
    ] {
        let fake = fake(&world, source);
        for (key, value) in fake.settings() {
            let is_secret = ["key", "secret", "token", "salt", "credential"]
                .iter()
                .any(|word| key.contains(word));
            secrets.extend(Some(value).filter(|value| is_secret && value.len() > 6));
        }
        let scenarios = fake.scenarios();
        let numbers = scenarios.iter().map(|scenario| scenario.number);
        let mut numbers = numbers.filter(|number| fake.push(number).is_some());
        let number = numbers.next().unwrap();
        secrets.push(number.to_owned());
        let push = push_of(&world, source, number);
        secrets.extend(push.proof.iter().map(|(_, proof)| proof.clone()));
        assert_eq!(send(&world, source, &push).await.0, StatusCode::OK);
        record(&world, number).await;
        for body in ["{\"number\":\"canary\"", "canary", ""] {
            let body = Bytes::from_static(body.as_bytes());
            let refused = Push {
                body,
                ..push.clone()
            };
            send(&world, source, &refused).await;
        }
        let wrong = Push {
            proof: Some(("sign", "canary".to_owned())),
            ..push
        };
        send(&world, source, &wrong).await;
    }
    let (body, proof) = waybill_simulator::track17_push("CANARY", &serde_json::json!("canary"));
    let strange = Push {
        media: "application/json",
        proof: Some(("sign", proof)),
        body: Bytes::from(body),
    };
    assert_eq!(send(&world, "17track", &strange).await.0, StatusCode::OK);
    let metrics = common::side(&world, "/metrics").await;
    world.stop().await;

    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(text.contains("a push was refused"), "{text}");
    assert!(text.contains("a push was not understood"), "{text}");
    let all = format!("{text}{metrics}").to_lowercase();
    for secret in secrets {
        let secret = secret.to_lowercase();
        let line = all.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "{secret}");
    }
}
