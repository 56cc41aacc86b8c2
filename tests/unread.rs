//! A reader that does not read takes nothing from others.
#![cfg(feature = "server")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use common::own::standing;
use common::watching::{Held, Reader, change, labelled, number, register};
use common::{eventually, track, trailers};
use prost::Message as _;
use waybill::v1;
use waybill_faults::probe::{END_HEADERS, END_STREAM, PREFACE, Probe, call, frame, kind, message};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const FOLLOW: &str = "/waybill.v1.TrackingService/Follow";
/// More than may read the change log at once.
const STALLED: u32 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_nobody_reads_hold_up_no_other_stream_and_no_call() {
    let world = standing(|config| {
        config.load.requests = STALLED;
        config.load.streams_percent = 100;
    })
    .await;
    let address = world.app.address;
    let numbers: Vec<String> = (1..=40).map(number).collect();
    change(address, &numbers, 0).await;
    register(address, &numbers, ("shop", "a")).await;
    let mut reader = Reader::open(address, labelled("shop", "a"), Held::default()).await;
    reader.synced().await;
    let held = reader.held.clone();
    drop(reader);
    change(address, &numbers, 1).await;

    // Each has more to say than may wait, and may not send a byte of it.
    let open = v1::WatchOpen {
        resume_token: held.token.clone(),
        ..labelled("shop", "a")
    };
    let request = v1::FollowRequest { open: Some(open) }.encode_to_vec();
    let mut unread = Vec::new();
    for _ in 0..STALLED {
        let mut probe = Probe::silent(HERE, address).await.unwrap();
        probe.send(PREFACE).await.unwrap();
        let no_window = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        let acknowledged = frame(kind::SETTINGS, END_STREAM, 0, &[]);
        let headers = frame(kind::HEADERS, END_HEADERS, 1, &call(FOLLOW, &[]));
        let asked = frame(kind::DATA, END_STREAM, 1, &message(&request));
        for piece in [no_window, acknowledged, headers, asked] {
            probe.send(&piece).await.unwrap();
        }
        let seen = probe.listen(Duration::from_millis(50)).await;
        assert!(seen.is_open());
        unread.push(probe);
    }

    // Their places are given back before they have said anything.
    let mut client = world.client().await;
    eventually("there is room for a call", async || {
        match client.track(track("WHNOBODY1")).await {
            Err(status) => trailers(&status).0 != "OVERLOADED",
            Ok(_) => true,
        }
    })
    .await;
    let again = async {
        let mut reader = Reader::open(address, labelled("shop", "a"), held).await;
        reader.synced().await;
        reader
            .held
            .revisions
            .values()
            .filter(|it| **it == 2)
            .count()
    };
    let again = tokio::time::timeout(Duration::from_secs(30), again).await;
    assert_eq!(again, Ok(numbers.len()), "it is told what has changed");
    for probe in &mut unread {
        assert!(probe.ping().await.is_ok(), "they are still there");
    }
    drop(unread);
    world.stop().await;
}
