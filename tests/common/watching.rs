//! Streams as a client reads them, and changes that somebody else makes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tonic::Streaming;
use waybill::v1::watch_message::Kind;
use waybill::v1::watch_open::Target;
use waybill::v1::{self, EventCode, WatchChange};

use super::client;
use super::own::{event, send};

/// Numbers that only own systems know.
pub fn number(at: usize) -> String {
    format!("WHNUMBER{at:04}")
}

pub fn by_number(number: &str) -> v1::ShipmentKey {
    v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::TrackingNumber(number.to_owned())),
        ..Default::default()
    }
}

pub fn shipments(numbers: impl IntoIterator<Item = String>) -> v1::WatchOpen {
    let keys = numbers.into_iter().map(|number| by_number(&number));
    v1::WatchOpen {
        target: Some(Target::Shipments(v1::WatchShipments {
            shipments: keys.collect(),
        })),
        ..Default::default()
    }
}

pub fn labelled(key: &str, value: &str) -> v1::WatchOpen {
    v1::WatchOpen {
        target: Some(Target::Labels(v1::WatchLabels {
            labels: [(key.to_owned(), value.to_owned())].into(),
        })),
        ..Default::default()
    }
}

/// One more event for each number; `step` tells it from the others.
pub async fn change(address: SocketAddr, numbers: &[String], step: usize) {
    let (hour, minute) = (6 + step / 60, step % 60);
    let time = format!("2026-03-02T{hour:02}:{minute:02}:00Z");
    let events = numbers.iter().map(|number| {
        let id = format!("{number}-{step}");
        event(&id, number, EventCode::Information, &time)
    });
    let sent = send(address, events.collect()).await;
    assert_eq!(sent.rejected_count, 0, "{sent:?}");
}

/// Registers numbers with one label each.
pub async fn register(address: SocketAddr, numbers: &[String], (key, value): (&str, &str)) {
    let registrations = numbers.iter().map(|number| v1::Registration {
        shipment: Some(by_number(number)),
        labels: [(key.to_owned(), value.to_owned())].into(),
        ..Default::default()
    });
    let request = v1::BatchRegisterRequest {
        registrations: registrations.collect(),
    };
    let results = client(address).await.batch_register(request).await.unwrap();
    for result in results.into_inner().results {
        use v1::batch_register_result::Outcome;
        assert!(matches!(result.outcome, Some(Outcome::Response(_))));
    }
}

/// What one client holds.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Held {
    /// Revision by shipment id.
    pub revisions: BTreeMap<String, u32>,
    /// The newest token.
    pub token: Vec<u8>,
}

/// A stream, and what its reader holds.
pub struct Reader {
    pub stream: Streaming<v1::WatchMessage>,
    pub held: Held,
    pub sequence: u64,
}

impl Reader {
    /// A stream of which nothing has been read, whose reader holds nothing.
    pub fn of(stream: Streaming<v1::WatchMessage>) -> Self {
        Self {
            stream,
            held: Held::default(),
            sequence: 0,
        }
    }

    /// Opens a stream with what the client holds.
    pub async fn open(address: SocketAddr, open: v1::WatchOpen, held: Held) -> Self {
        let open = v1::WatchOpen {
            resume_token: held.token.clone(),
            ..open
        };
        let request = v1::FollowRequest { open: Some(open) };
        let stream = client(address).await.follow(request).await.unwrap();
        let mut reader = Self {
            held,
            ..Self::of(stream.into_inner())
        };
        let first = reader.next().await;
        assert!(matches!(first.kind, Some(Kind::Opened(_))), "{first:?}");
        assert!(first.resume_token.is_empty(), "nothing is covered yet");
        reader
    }

    /// The next message, taken over as the contract says.
    pub async fn next(&mut self) -> v1::WatchMessage {
        let message = tokio::time::timeout(Duration::from_secs(30), self.stream.message());
        let message = message.await.expect("a message in time").unwrap();
        let message = message.expect("the stream goes on");
        self.sequence += 1;
        assert_eq!(message.sequence, self.sequence, "without gaps");
        if let Some(Kind::Update(update)) = &message.kind
            && let Some(record) = &update.shipment
        {
            match update.change() {
                WatchChange::Removed => {
                    self.held.revisions.remove(&record.id);
                }
                _ => {
                    let held = self.held.revisions.entry(record.id.clone()).or_default();
                    *held = record.revision.max(*held);
                }
            }
        }
        if !message.resume_token.is_empty() {
            assert!(message.resume_token.len() <= 1_024);
            self.held.token.clone_from(&message.resume_token);
        }
        message
    }

    /// Everything up to and with `synced`.
    pub async fn synced(&mut self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        loop {
            let message = self.next().await;
            let kind = message.kind.unwrap();
            let is_end = matches!(kind, Kind::Synced(_));
            kinds.push(kind);
            if is_end {
                assert!(!self.held.token.is_empty(), "synced has a token");
                return kinds;
            }
        }
    }

    /// The next update.
    pub async fn update(&mut self) -> v1::WatchUpdate {
        loop {
            if let Some(Kind::Update(update)) = self.next().await.kind {
                return update;
            }
        }
    }
}

/// Updates among messages.
pub fn updates(kinds: &[Kind]) -> Vec<&v1::WatchUpdate> {
    let updates = kinds.iter().filter_map(|kind| match kind {
        Kind::Update(update) => Some(update),
        _ => None,
    });
    updates.collect()
}
