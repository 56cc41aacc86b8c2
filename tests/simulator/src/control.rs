//! Owns the control port: faults, clock and counters over HTTP for a person at a terminal.
//! Does not know any carrier's wire format.
//!
//! `GET /_sim` lists everything; `POST /_sim/fault?carrier=dhl&fault=hang[&times=3][&target=token]` (also
//! `fault=down`, `fault=none`), `/_sim/latency?carrier=dhl&ms=50`, `/_sim/advance?seconds=3600` and
//! `/_sim/tokens?state=expired|revoked` change it, and `/_sim/push?carrier=17track&number=N` has the
//! carrier push what it knows of a number to the gateway that was named at the start.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::Sources;
use crate::body::Answered;
use crate::clock::Clock;
use crate::fake::{Fake, Source, Target, send};
use crate::fault::Fault;
use crate::seen::{Answer, Kind, Seen};
use crate::server::{Connections, Exchange, Reset, Running, bind, spawn};
use crate::ups::Ups;

struct Control {
    clock: Clock,
    sources: Sources,
    ups: Fake<Ups>,
    push_to: Option<SocketAddr>,
}

pub(crate) async fn start(
    port: u16,
    clock: Clock,
    sources: Sources,
    ups: Fake<Ups>,
    push_to: Option<SocketAddr>,
) -> io::Result<(SocketAddr, Running)> {
    let bound = bind(port).await?;
    let address = bound.1;
    let control = Arc::new(Control {
        clock,
        sources,
        ups,
        push_to,
    });
    let (_, running) = spawn(bound, control, Arc::new(Connections::default()));
    Ok((address, running))
}

/// What was wrong with a command.
struct Refusal(StatusCode, String);

impl Refusal {
    fn bad(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, message.into())
    }
}

impl Exchange for Control {
    async fn exchange(&self, request: Request<Incoming>) -> Result<Response<Answered>, Reset> {
        let (parts, _) = request.into_parts();
        let seen = Seen::new(parts, Bytes::new());
        let (status, body) = match self.obey(&seen).await {
            Ok(()) => (StatusCode::OK, self.state()),
            Err(Refusal(status, message)) => (status, json!({ "error": message })),
        };
        Ok(send(Answer::json(status, "application/json", &body)))
    }
}

impl Control {
    async fn obey(&self, seen: &Seen) -> Result<(), Refusal> {
        let method = if seen.path == "/_sim" {
            Method::GET
        } else {
            Method::POST
        };
        let command = seen
            .path
            .strip_prefix("/_sim")
            .filter(|_| seen.method == method);
        match command {
            Some("") => Ok(()),
            Some("/fault") => fault(self.named(seen)?, seen).await,
            Some("/latency") => {
                let latency = Duration::from_millis(whole(seen, "ms")?);
                self.named(seen)?.set_latency(latency);
                Ok(())
            }
            Some("/advance") => {
                self.clock
                    .advance(Duration::from_secs(whole(seen, "seconds")?));
                Ok(())
            }
            Some("/push") => self.push(seen).await,
            Some("/tokens") => {
                match seen.query("state") {
                    Some("expired") => self.ups.expire_tokens(),
                    Some("revoked") => self.ups.revoke_tokens(),
                    _ => return Err(Refusal::bad("state must be expired or revoked")),
                }
                Ok(())
            }
            _ => Err(Refusal(StatusCode::NOT_FOUND, "no such command".to_owned())),
        }
    }

    async fn push(&self, seen: &Seen) -> Result<(), Refusal> {
        let fake = self.named(seen)?;
        let to = self.push_to;
        let to = to.ok_or_else(|| Refusal::bad("nobody said where to push to"))?;
        let push = fake.push(seen.query("number").unwrap_or_default());
        let push = push.ok_or_else(|| Refusal::bad("nothing is pushed of this number"))?;
        let sent = push.send(to, &format!("/push/{}", fake.id())).await;
        match sent {
            Ok((status, _)) if status.is_success() => Ok(()),
            Ok((status, _)) => Err(Refusal(
                StatusCode::BAD_GATEWAY,
                format!("the gateway answered with {status}"),
            )),
            Err(error) => Err(Refusal(StatusCode::BAD_GATEWAY, error.to_string())),
        }
    }

    fn state(&self) -> Value {
        let sources = self.sources.iter().map(|source| state(source.as_ref()));
        json!({
            "now": self.clock.now().to_string(),
            "start": self.clock.start().to_string(),
            "speed": self.clock.speed(),
            "carriers": sources.collect::<Vec<_>>(),
        })
    }

    fn named(&self, seen: &Seen) -> Result<&dyn Source, Refusal> {
        let asked = seen.query("carrier").unwrap_or_default();
        let found = self.sources.iter().find(|source| source.id() == asked);
        found.map(AsRef::as_ref).ok_or_else(|| {
            let known: Vec<_> = self.sources.iter().map(|source| source.id()).collect();
            Refusal::bad(format!("carrier must be one of {}", known.join(", ")))
        })
    }
}

fn whole(seen: &Seen, name: &str) -> Result<u64, Refusal> {
    let value = seen.query(name).and_then(|text| text.parse().ok());
    value.ok_or_else(|| Refusal::bad(format!("{name} must be a whole number")))
}

async fn fault(fake: &dyn Source, seen: &Seen) -> Result<(), Refusal> {
    let target = match seen.query("target") {
        None | Some("api") => Target::Api,
        Some("token") if fake.has_tokens() => Target::Token,
        Some("token") => return Err(Refusal::bad(format!("{} has no tokens", fake.id()))),
        Some(_) => return Err(Refusal::bad("target must be api or token")),
    };
    let times = match seen.query("times") {
        None => None,
        Some(text) => Some(
            text.parse()
                .map_err(|_| Refusal::bad("times must be a whole number"))?,
        ),
    };
    let text = seen
        .query("fault")
        .ok_or_else(|| Refusal::bad("fault is missing"))?;
    match text {
        "down" if times.is_some() => return Err(Refusal::bad("down cannot be counted")),
        "down" => fake.down().await,
        "none" => {
            fake.arm(target, None, None);
            let failed = |error: io::Error| {
                Refusal(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    format!("cannot listen again: {error}"),
                )
            };
            fake.up().await.map_err(failed)?;
        }
        name => {
            let fault: Fault = name
                .parse()
                .map_err(|error| Refusal::bad(format!("{error}")))?;
            fake.arm(target, Some(fault), times);
        }
    }
    Ok(())
}

fn state(fake: &dyn Source) -> Value {
    let settings = fake.settings();
    let base_url = settings.iter().find(|(key, _)| *key == "base_url");
    let scenario = |scenario: crate::Scenario| {
        json!({
            "name": scenario.name,
            "number": scenario.number,
            "title": scenario.title,
            "shows": scenario.shows,
            "last_event_seconds": scenario.last_event.as_secs(),
        })
    };
    json!({
        "carrier": fake.id(),
        "base_url": base_url.map(|(_, url)| url),
        "down": fake.is_down(),
        "fault": fake.fault(Target::Api).map(|fault| fault.to_string()),
        "token_fault": fake.fault(Target::Token).map(|fault| fault.to_string()),
        "latency_ms": fake.latency().as_secs_f64() * 1000.0,
        "requests": fake.requests(),
        "token_requests": fake.requests_of(Kind::Token),
        "open_connections": fake.open_connections(),
        "accepted_connections": fake.accepted_connections(),
        "scenarios": fake.scenarios().into_iter().map(scenario).collect::<Vec<_>>(),
    })
}
