//! The bulkhead: places under way, places to wait, and who gets them.

use futures_util::future::join_all;

use super::*;

fn hanging() -> Rig {
    let rig = rig(WIDE, &once(), []);
    rig.fake.then_always(Say::Hang);
    rig
}

/// Starts calls that run beside the test.
async fn start(rig: &Rig, count: usize, priority: Priority, within: Duration) {
    for _ in 0..count {
        let guard = rig.guard.clone();
        let ask = rig.asking(priority, within);
        drop(crate::tasks::spawn("test", async move {
            guard.ask(ask).await;
        }));
    }
    tokio::time::sleep(MILLI).await;
}

#[tokio::test(start_paused = true)]
async fn no_more_than_32_calls_are_at_the_source() {
    let rig = rig(WIDE, &once(), []);
    rig.fake.then_always(Say::Found.slowly(150 * MILLI));
    let all = join_all((0..60).map(|_| rig.ask())).await;
    assert!(all.iter().all(Asked::found));
    assert_eq!(rig.fake.most.load(Ordering::SeqCst), 32);
}

#[tokio::test(start_paused = true)]
async fn an_interactive_call_waits_200_ms_for_a_place() {
    let rig = hanging();
    start(&rig, 32, Priority::Interactive, 20 * SECOND).await;
    assert_eq!(rig.guard.health().in_flight, 32);
    let begun = Instant::now();
    rig.ask().await.refused(ErrorKind::Overloaded);
    assert_eq!(begun.elapsed(), 200 * MILLI);
    assert_eq!(rig.fake.asked(), 32);
}

#[tokio::test(start_paused = true)]
async fn the_65th_waiting_call_is_shed_at_once() {
    let rig = hanging();
    start(&rig, 32, Priority::Interactive, 20 * SECOND).await;
    start(&rig, 64, Priority::Interactive, 20 * SECOND).await;
    let begun = Instant::now();
    rig.ask().await.refused(ErrorKind::Overloaded);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn background_calls_leave_room_and_wait_until_their_deadline() {
    let rig = hanging();
    start(&rig, 60, Priority::Background, 5 * SECOND).await;
    assert_eq!(rig.guard.health().in_flight, 24);

    rig.fake.then_always(Say::Found);
    let begun = Instant::now();
    assert!(rig.ask().await.found(), "an interactive call has a place");
    assert_eq!(begun.elapsed(), Duration::ZERO);

    let asked = rig.ask_in_background(3 * SECOND).await;
    asked.refused(ErrorKind::Overloaded);
    assert_eq!(begun.elapsed(), 3 * SECOND);

    // The first 24 end at their deadline, and there is room.
    let asked = rig.ask_in_background(30 * SECOND).await;
    assert!(asked.found());
    assert!(begun.elapsed() < 6 * SECOND);
    assert_eq!(rig.guard.health().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn callers_who_go_away_leave_no_trace() {
    let rig = hanging();
    for _ in 0..100 {
        let _ = tokio::time::timeout(50 * MILLI, rig.ask()).await;
    }
    assert_eq!(rig.fake.asked(), 100);
    let health = rig.guard.health();
    assert_eq!((health.in_flight, health.attempts), (0, 0));
    assert_eq!(health.source.state, BreakerState::Passing);
    rig.fake.then_always(Say::Found);
    let all = join_all((0..32).map(|_| rig.ask())).await;
    assert!(all.iter().all(Asked::found));
}

#[tokio::test(start_paused = true)]
async fn background_calls_leave_places_to_wait() {
    let rig = hanging();
    start(&rig, 200, Priority::Background, 20 * SECOND).await;
    start(&rig, 8, Priority::Interactive, 20 * SECOND).await;
    assert_eq!(rig.guard.health().in_flight, 32);
    let begun = Instant::now();
    rig.ask().await.refused(ErrorKind::Overloaded);
    assert_eq!(begun.elapsed(), 200 * MILLI, "it was not shed but waited");
}
