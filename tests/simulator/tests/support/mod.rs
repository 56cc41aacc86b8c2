//! A plain HTTP client and a running simulator; owns no assertion.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use waybill_simulator::{Options, Simulator};

pub(crate) async fn simulator() -> Simulator {
    Simulator::start(Options::default()).await.unwrap()
}

pub(crate) fn client() -> Client {
    // Another test of the same process may have installed the provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

pub(crate) async fn json(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    (
        status,
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap(),
    )
}

pub(crate) async fn send(request: RequestBuilder) -> (StatusCode, Value) {
    json(request.send().await.unwrap()).await
}
