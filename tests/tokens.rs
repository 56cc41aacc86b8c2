//! Tokens of issuers: what is taken, what is not, and how often an issuer is asked.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use common::callers::{ISSUER, Issuer, claims, with_key};
use common::{World, channel, track};
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use waybill::auth::settings::{JwtSettings, Settings};
use waybill::auth::{Admission, Auth};
use waybill::clock::Clock;
use waybill_core::adapter::{BoxFuture, Http};
use waybill_core::caller::{Scope, Scopes};
use waybill_core::error::{Error, ErrorKind};

const TRACK: &str = "/waybill.v1.TrackingService/Track";

/// An issuer's address: how often it was asked, and whether it answers.
struct Keys {
    jwks: Value,
    asked: AtomicUsize,
    away: AtomicBool,
}

impl Http for Keys {
    fn send(&self, _: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        Box::pin(async {
            self.asked.fetch_add(1, Ordering::SeqCst);
            match self.away.load(Ordering::SeqCst) {
                true => Err(Error::new(ErrorKind::Unavailable, "no connection")),
                false => Ok(http::Response::new(self.jwks.to_string().into())),
            }
        })
    }
}

fn settings() -> JwtSettings {
    JwtSettings {
        issuer: ISSUER.to_owned(),
        audiences: vec!["waybill".to_owned()],
        jwks_url: "https://idp.example/keys".to_owned(),
        ..JwtSettings::default()
    }
}

async fn auth(jwks: Value, settings: JwtSettings, clock: &Clock) -> (Auth, Arc<Keys>) {
    start(jwks, settings, clock, false).await
}

async fn start(jwks: Value, settings: JwtSettings, clock: &Clock, away: bool) -> (Auth, Arc<Keys>) {
    let keys = Arc::new(Keys {
        jwks,
        asked: AtomicUsize::new(0),
        away: AtomicBool::new(away),
    });
    let settings = Settings {
        jwt: [("idp".to_owned(), settings)].into(),
        ..Settings::default()
    };
    let http: Arc<dyn Http> = Arc::clone(&keys) as _;
    let (auth, _) = Auth::start(&settings, &http, clock.clone()).await.unwrap();
    (auth, keys)
}

/// The tenant and scopes that a token has.
async fn admit(auth: &Auth, token: &str) -> Result<(String, Scopes), String> {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let principal = match auth.admit(TRACK, &headers, None) {
        Admission::Open => panic!("it is not open"),
        Admission::Known(principal) => Ok(principal),
        Admission::Refused(failure) => Err(failure),
        Admission::Later(later) => later.await,
    };
    let caller = principal.map_err(|failure| failure.message)?.caller;
    Ok((caller.tenant.clone(), caller.scopes))
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[tokio::test(start_paused = true)]
async fn a_token_is_good_for_its_tenant_and_scopes_by_every_algorithm() {
    let (issuer, clock) = (Issuer::new(), Clock::manual(Timestamp::UNIX_EPOCH));
    let (auth, _) = auth(issuer.jwks(), settings(), &clock).await;
    let good = claims(clock.now());
    let expected = Scopes::from_iter([Scope::Track, Scope::Personal]);
    for (algorithm, kid) in [
        ("RS256", "rsa"),
        ("PS256", "rsa"),
        ("ES256", "ec"),
        ("EdDSA", "ed"),
    ] {
        let token = issuer.token(algorithm, kid, &good);
        let admitted = admit(&auth, &token).await;
        assert_eq!(admitted, Ok(("shop-a".to_owned(), expected)), "{algorithm}");
        // The only key of its kind needs no name.
        let token = issuer.token_with(&json!({"alg": algorithm}), &good);
        assert!(admit(&auth, &token).await.is_ok(), "{algorithm}");
    }
    let listed = with(good.clone(), "scope", json!(["track", "personal", "other"]));
    let token = issuer.token("EdDSA", "ed", &listed);
    assert_eq!(
        admit(&auth, &token).await,
        Ok(("shop-a".to_owned(), expected))
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_forged_stale_or_for_somebody_else_is_refused() {
    let (issuer, clock) = (Issuer::new(), Clock::manual(Timestamp::UNIX_EPOCH));
    let now = clock.now().as_second();
    let limited = JwtSettings {
        algorithms: vec!["RS256".to_owned(), "ES256".to_owned()],
        tenants: vec!["shop-a".to_owned()],
        ..settings()
    };
    let (auth, _) = auth(issuer.jwks(), limited, &clock).await;
    let good = claims(clock.now());
    let rsa = |claims: &Value| issuer.token("RS256", "rsa", claims);
    let whole = rsa(&good);
    let mut parts: Vec<&str> = whole.split('.').collect();
    let other = BASE64.encode(with(good.clone(), "tenant", json!("shop-b")).to_string());
    parts[1] = &other;
    let cases = [
        ("alg none", issuer.token("none", "rsa", &good)),
        ("alg None", issuer.token("None", "rsa", &good)),
        (
            "no signature",
            format!("{}.", whole.rsplit_once('.').unwrap().0),
        ),
        (
            "HS256 with the public key",
            issuer.token("HS256", "rsa", &good),
        ),
        (
            "HS256 with a shared secret",
            issuer.token("HS256", "oct", &good),
        ),
        (
            "an algorithm that is not allowed",
            issuer.token("EdDSA", "ed", &good),
        ),
        ("PS256, not allowed", issuer.token("PS256", "rsa", &good)),
        (
            "the algorithm of another key",
            issuer.token("RS256", "ec", &good),
        ),
        (
            "another issuer's key",
            Issuer::new().token("ES256", "ec", &good),
        ),
        ("claims changed", parts.join(".")),
        (
            "critical header",
            issuer.token_with(
                &json!({"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": false}),
                &good,
            ),
        ),
        (
            "key in the header",
            Issuer::new().token_with(
                &json!({"alg": "ES256", "jwk": issuer.jwks()["keys"][1]}),
                &good,
            ),
        ),
        (
            "issuer",
            rsa(&with(good.clone(), "iss", json!("https://evil.example"))),
        ),
        ("no issuer", rsa(&without(good.clone(), "iss"))),
        ("audience", rsa(&with(good.clone(), "aud", json!("other")))),
        ("no audience", rsa(&without(good.clone(), "aud"))),
        ("expired", rsa(&with(good.clone(), "exp", json!(now - 60)))),
        ("no end", rsa(&without(good.clone(), "exp"))),
        (
            "end is a text",
            rsa(&with(good.clone(), "exp", json!((now + 300).to_string()))),
        ),
        ("not yet", rsa(&with(good.clone(), "nbf", json!(now + 61)))),
        (
            "beginning is a text",
            rsa(&with(good.clone(), "nbf", json!("0"))),
        ),
        ("no tenant", rsa(&without(good.clone(), "tenant"))),
        (
            "tenant is no id",
            rsa(&with(good.clone(), "tenant", json!("Shop A"))),
        ),
        (
            "tenant of another issuer",
            rsa(&with(good.clone(), "tenant", json!("shop-b"))),
        ),
        ("empty", String::new()),
        ("huge", format!("{whole}{}", "A".repeat(9_000))),
    ];
    for (what, token) in cases {
        let refused = admit(&auth, &token).await;
        assert_eq!(
            refused,
            Err("a valid credential is required".to_owned()),
            "{what}"
        );
    }
    assert!(admit(&auth, &whole).await.is_ok());
    // Clocks may differ by a minute.
    for (name, value) in [("exp", now - 59), ("nbf", now + 60)] {
        let token = rsa(&with(good.clone(), name, json!(value)));
        assert!(admit(&auth, &token).await.is_ok(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_good_expires() {
    let (issuer, clock) = (Issuer::new(), Clock::manual(Timestamp::UNIX_EPOCH));
    let (auth, _) = auth(issuer.jwks(), settings(), &clock).await;
    let token = issuer.token("ES256", "ec", &claims(clock.now()));
    assert!(admit(&auth, &token).await.is_ok());
    clock.advance(Duration::from_secs(359));
    assert!(admit(&auth, &token).await.is_ok());
    clock.advance(Duration::from_secs(1));
    assert!(admit(&auth, &token).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_asks_the_issuer_once_in_ten_seconds() {
    let (issuer, clock) = (Issuer::new(), Clock::manual(Timestamp::UNIX_EPOCH));
    let (auth, keys) = auth(issuer.jwks(), settings(), &clock).await;
    let good = claims(clock.now());
    tokio::time::sleep(Duration::from_secs(11)).await;
    let before = keys.asked.load(Ordering::SeqCst);
    for round in 0..3 {
        let tokens = (0..1_000).map(|at| issuer.token("EdDSA", &format!("{round}-{at}"), &good));
        let calls: Vec<_> = tokens
            .map(|token| {
                let auth = auth.clone();
                tokio::spawn(async move { admit(&auth, &token).await })
            })
            .collect();
        for call in calls {
            assert!(call.await.unwrap().is_err());
        }
        let asked = keys.asked.load(Ordering::SeqCst) - before;
        assert_eq!(asked, round + 1);
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn keys_outlive_their_issuer_by_a_day() {
    let (issuer, clock) = (Issuer::new(), Clock::manual(Timestamp::UNIX_EPOCH));
    let (auth, keys) = auth(issuer.jwks(), settings(), &clock).await;
    keys.away.store(true, Ordering::SeqCst);
    // Each with its own token: what was verified a moment ago is not what is asked here.
    let admitted = async |at: i64| {
        let good = with(claims(clock.now()), "exp", json!(at + 1_000_000));
        admit(&auth, &issuer.token("ES256", "ec", &good)).await
    };
    tokio::time::sleep(Duration::from_secs(24 * 3_600 - 1)).await;
    assert!(admitted(1).await.is_ok());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(admitted(2).await.is_err());
    keys.away.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(admitted(3).await.is_ok(), "the issuer is back");
}

#[tokio::test(start_paused = true)]
async fn a_server_starts_while_its_issuer_is_away_and_asks_again_for_the_first_token() {
    let (issuer, clock) = (Issuer::new(), Clock::manual(Timestamp::UNIX_EPOCH));
    let (auth, keys) = start(issuer.jwks(), settings(), &clock, true).await;
    let token = issuer.token("ES256", "ec", &claims(clock.now()));
    assert!(admit(&auth, &token).await.is_err());
    assert_eq!(
        keys.asked.load(Ordering::SeqCst),
        1,
        "it was asked a moment ago"
    );
    keys.away.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(admit(&auth, &token).await.is_ok());
    assert_eq!(keys.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_call_with_a_token_is_answered() {
    let issuer = Issuer::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), issuer.jwks().to_string()).unwrap();
    let world = World::start(|config| {
        let settings = JwtSettings {
            jwks_url: String::new(),
            jwks_file: file.path().to_owned(),
            tenant_claim: "https://shop/tenant".to_owned(),
            scopes_claim: "permissions".to_owned(),
            scopes_prefix: "waybill:".to_owned(),
            ..settings()
        };
        config.auth.jwt.insert("idp".to_owned(), settings);
    })
    .await;
    let channel = channel(world.app.address).await;
    let number = world.ups_number("delivered");
    let mut own = claims(Timestamp::now());
    own["https://shop/tenant"] = json!("shop-a");
    own["permissions"] = json!(["waybill:track", "watch"]);
    let token = issuer.token("RS256", "rsa", &own);
    let mut client = with_key(&channel, &token);
    client.track(track(&number)).await.unwrap();
    let status = client.follow(waybill::v1::FollowRequest::default()).await;
    assert_eq!(status.unwrap_err().code(), tonic::Code::PermissionDenied);
    let token = issuer.token("RS256", "rsa", &claims(Timestamp::now()));
    let status = with_key(&channel, &token).track(track(&number)).await;
    assert_eq!(status.unwrap_err().code(), tonic::Code::Unauthenticated);
    world.stop().await;
}
