//! What watchers see, written down to be judged.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill::v1::watch_message::Kind;
use waybill::v1::{self, WatchChange};
use waybill_check::{Record, Seen, What};

/// A watcher that writes down all that it sees and goes on at its last token, now at one node and
/// now at the other.
pub struct Watcher {
    /// A connection to the node whose turn it is.
    pub connect: fn(SocketAddr) -> Channel,
    pub nodes: [SocketAddr; 2],
    pub open: v1::WatchOpen,
    /// Pause after each message.
    pub pause: Duration,
    pub seen: Mutex<Vec<Seen>>,
    pub held: Mutex<BTreeMap<String, u32>>,
    pub resets: Mutex<usize>,
}

impl Watcher {
    pub async fn watch(self: Arc<Self>, mut turn: usize) {
        let mut token = Vec::new();
        loop {
            // Whatever ends a stream, there is another one.
            let _ended = self.stream(self.nodes[turn % 2], &mut token).await;
            turn += 1;
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn stream(&self, node: SocketAddr, token: &mut Vec<u8>) -> Result<(), tonic::Status> {
        let mut client = TrackingServiceClient::new((self.connect)(node));
        let open = v1::WatchOpen {
            resume_token: token.clone(),
            ..self.open.clone()
        };
        let request = v1::FollowRequest { open: Some(open) };
        let opening = timeout(Duration::from_secs(5), client.follow(request));
        let late = |_| tonic::Status::deadline_exceeded("no message in time");
        let mut stream = opening.await.map_err(late)??.into_inner();
        self.see(
            What::Opened {
                resumed: hex(token),
            },
            String::new(),
        );
        loop {
            // Twice the heartbeat.
            let next = timeout(Duration::from_secs(10), stream.message());
            let Some(message) = next.await.map_err(late)?? else {
                return Ok(());
            };
            if let Some(Kind::Reset(_)) = &message.kind {
                token.clear();
            }
            if !message.resume_token.is_empty() {
                token.clone_from(&message.resume_token);
            }
            let what = match message.kind {
                Some(Kind::Update(update)) => self.update(update),
                Some(Kind::Reset(_)) => {
                    *self.resets.lock().unwrap() += 1;
                    self.held.lock().unwrap().clear();
                    What::Reset
                }
                Some(Kind::Synced(_)) => What::Synced,
                Some(Kind::Rejected(rejected)) => panic!("{rejected:?}"),
                _ => What::Alive,
            };
            self.see(what, hex(&message.resume_token));
            sleep(self.pause).await;
        }
    }

    fn update(&self, update: v1::WatchUpdate) -> What {
        let change = update.change();
        let Some(shipment) = update.shipment else {
            // What the tenant adds is no revision.
            return What::Alive;
        };
        if change == WatchChange::Removed {
            self.held.lock().unwrap().remove(&shipment.id);
            return What::Removed {
                shipment: shipment.id,
            };
        }
        let shows_events = self.open.view == v1::ShipmentView::Full as i32;
        let events = shipment.events.into_iter().map(|it| it.id);
        let record = Record {
            events: shows_events.then(|| events.collect()),
            shipment: shipment.id,
            revision: shipment.revision,
        };
        let mut held = self.held.lock().unwrap();
        held.insert(record.shipment.clone(), record.revision);
        match change {
            WatchChange::Snapshot => What::Snapshot { record },
            _ => What::Update {
                record,
                previous: update.previous_revision,
                conflated: update.conflated_count,
                new_events: update.new_event_ids.into_iter().collect(),
            },
        }
    }

    fn see(&self, what: What, token: String) {
        self.seen.lock().unwrap().push(Seen { what, token });
    }
}

fn hex(token: &[u8]) -> String {
    token.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Waits until everybody holds this. Returns whether that was in time.
pub async fn settled(
    watchers: &[Arc<Watcher>],
    end: &BTreeMap<String, u32>,
    time: Duration,
) -> bool {
    let deadline = Instant::now() + time;
    let holds = |watcher: &Arc<Watcher>| *watcher.held.lock().unwrap() == *end;
    while !watchers.iter().all(holds) {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(50)).await;
    }
    true
}

pub fn end_of(records: &[v1::Shipment]) -> BTreeMap<String, u32> {
    let last = records.iter().map(|it| (it.id.clone(), it.revision));
    last.collect()
}
