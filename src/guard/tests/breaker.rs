//! Every transition of the breaker, by itself.

use proptest::prelude::*;

use super::*;
use crate::guard::breaker::Permit;

/// What a call does to the breaker.
#[derive(Clone, Copy, Debug)]
enum Do {
    Answer,
    Fail,
    /// An answer that took as long as a slow one.
    Slow,
    /// An end without a verdict.
    Nothing,
    /// The caller goes away.
    Leave,
    Wait(Duration),
}

use Do::{Answer, Fail, Leave, Nothing, Slow, Wait};

const SLOW: Duration = Duration::from_secs(8);
/// Longer than the first trip can last.
const FIRST: Duration = Duration::from_millis(6_001);

fn fresh() -> Breaker {
    let names = Names {
        source: "test",
        account: "a".into(),
    };
    Breaker::new(
        names,
        SOURCE,
        Rules::of_source(&BreakerTuning::default(), SLOW),
    )
}

fn end(permit: Permit, how: Do) {
    match how {
        Answer => permit.settle(Verdict::Answered, MILLI),
        Fail => permit.settle(Verdict::Failed, MILLI),
        Slow => permit.settle(Verdict::Answered, SLOW),
        Nothing => permit.settle(Verdict::Nothing, MILLI),
        Leave | Wait(_) => drop(permit),
    }
}

/// Does it all; returns how many calls were refused.
async fn run(breaker: &Breaker, steps: impl IntoIterator<Item = Do>) -> usize {
    let mut refused = 0;
    for step in steps {
        match step {
            Wait(time) => tokio::time::advance(time).await,
            step => match breaker.admit() {
                Ok(permit) => end(permit, step),
                Err(_) => refused += 1,
            },
        }
    }
    refused
}

async fn tripped() -> Breaker {
    let breaker = fresh();
    run(&breaker, [Fail; 5]).await;
    assert_eq!(breaker.state().0, BreakerState::Tripped);
    breaker
}

async fn probing() -> (Breaker, Permit) {
    let breaker = tripped().await;
    tokio::time::advance(FIRST).await;
    let probe = breaker.admit().expect("the probe is due");
    assert!(probe.probe);
    assert_eq!(breaker.state().0, BreakerState::Probing);
    (breaker, probe)
}

fn left(breaker: &Breaker) -> Duration {
    let until = breaker.state().1.expect("tripped");
    until.saturating_duration_since(Instant::now())
}

#[tokio::test(start_paused = true)]
async fn from_passing() {
    use BreakerState::{Passing, Tripped};
    let repeat = |steps: &[Do], times: usize| steps.repeat(times);
    let join = |parts: &[&[Do]]| parts.concat();
    let table: Vec<(&str, Vec<Do>, BreakerState)> = vec![
        ("an answer", vec![Answer], Passing),
        ("four failures", repeat(&[Fail], 4), Passing),
        ("five failures", repeat(&[Fail], 5), Tripped),
        (
            "an answer breaks the row",
            join(&[&[Fail; 4], &[Answer], &[Fail; 4]]),
            Passing,
        ),
        (
            "no verdict does not",
            join(&[&[Fail; 4], &[Nothing, Fail]]),
            Tripped,
        ),
        (
            "nor a caller who left",
            join(&[&[Fail; 4], &[Leave, Fail]]),
            Tripped,
        ),
        (
            "no verdicts at all",
            repeat(&[Nothing, Leave], 100),
            Passing,
        ),
        (
            "a row can be days long",
            repeat(&[Fail, Wait(Duration::from_secs(86_400))], 5),
            Tripped,
        ),
        (
            "half of 19",
            join(&[&repeat(&[Fail, Answer], 9), &[Fail]]),
            Passing,
        ),
        ("half of 20", repeat(&[Answer, Fail], 10), Tripped),
        (
            "less than half",
            join(&[&[Answer; 3], &repeat(&[Answer, Fail], 30)]),
            Passing,
        ),
        (
            "half of 20, but not within 30 s",
            join(&[
                &repeat(&[Answer, Fail], 9),
                &[Wait(Duration::from_secs(40))],
                &repeat(&[Answer, Fail], 9),
            ]),
            Passing,
        ),
        (
            "half of 20 within 27 s",
            join(&[
                &repeat(&[Answer, Fail], 5),
                &[Wait(Duration::from_secs(26))],
                &repeat(&[Answer, Fail], 5),
            ]),
            Tripped,
        ),
        (
            "failures after a long silence are few",
            join(&[
                &[Answer; 50],
                &[Wait(HOUR)],
                &repeat(&[Fail, Fail, Answer], 6),
            ]),
            Passing,
        ),
        ("15 of 20 slow", join(&[&[Answer; 5], &[Slow; 15]]), Passing),
        ("16 of 20 slow", join(&[&[Answer; 4], &[Slow; 16]]), Tripped),
        ("19 slow", repeat(&[Slow], 19), Passing),
        ("20 slow", repeat(&[Slow], 20), Tripped),
    ];
    for (name, steps, expected) in table {
        let breaker = fresh();
        let refused = run(&breaker, steps).await;
        assert_eq!(breaker.state().0, expected, "{name}");
        assert_eq!(refused, 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn tripped_refuses_until_its_time_and_says_when() {
    let breaker = tripped().await;
    let first = left(&breaker);
    assert!((4 * SECOND..=6 * SECOND).contains(&first), "{first:?}");
    assert_eq!(breaker.admit().err(), Some(first));
    tokio::time::advance(first - MILLI).await;
    assert_eq!(breaker.admit().err(), Some(MILLI));
    tokio::time::advance(MILLI).await;
    assert!(breaker.admit().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_late_end_of_an_earlier_call_changes_nothing() {
    for late in [Answer, Fail, Slow, Nothing, Leave] {
        let breaker = fresh();
        let mut early: Vec<_> = (0..3).map(|_| breaker.admit().unwrap()).collect();
        run(&breaker, [Fail; 5]).await;
        let before = left(&breaker);
        end(early.pop().unwrap(), late);
        assert_eq!(breaker.state().0, BreakerState::Tripped, "{late:?}");
        assert_eq!(left(&breaker), before, "{late:?}");

        tokio::time::advance(FIRST).await;
        let probe = breaker.admit().unwrap();
        end(early.pop().unwrap(), late);
        assert_eq!(breaker.state().0, BreakerState::Probing, "{late:?}");

        end(probe, Answer);
        run(&breaker, [Fail; 4]).await;
        end(early.pop().unwrap(), late);
        assert_eq!(breaker.state().0, BreakerState::Passing, "{late:?}");
        assert_eq!(run(&breaker, [Fail]).await, 0);
        assert_eq!(breaker.state().0, BreakerState::Tripped, "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn from_probing() {
    for (how, expected) in [
        (Answer, BreakerState::Passing),
        (Slow, BreakerState::Passing),
        (Fail, BreakerState::Tripped),
        (Nothing, BreakerState::Tripped),
        (Leave, BreakerState::Tripped),
    ] {
        let (breaker, probe) = probing().await;
        assert_eq!(
            breaker.admit().err(),
            Some(SECOND),
            "only one probe at a time"
        );
        end(probe, how);
        assert_eq!(breaker.state().0, expected, "{how:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_was_given_up_makes_room_at_once() {
    for how in [Leave, Nothing] {
        let (breaker, probe) = probing().await;
        end(probe, how);
        assert_eq!(left(&breaker), Duration::ZERO);
        let next = breaker.admit().expect("room for the next probe");
        assert!(next.probe);
        end(next, Answer);
        assert_eq!(breaker.state().0, BreakerState::Passing);
    }
}

#[tokio::test(start_paused = true)]
async fn each_failed_probe_doubles_the_time_and_a_recovery_resets_it() {
    let breaker = tripped().await;
    for plain in [5, 10, 20, 40, 80, 160, 300, 300, 300] {
        let plain = Duration::from_secs(plain);
        let got = left(&breaker);
        assert!(
            (plain.mul_f64(0.8)..=plain.mul_f64(1.2)).contains(&got),
            "{plain:?}: {got:?}"
        );
        tokio::time::advance(got).await;
        assert_eq!(run(&breaker, [Fail]).await, 0);
        assert_eq!(breaker.state().0, BreakerState::Tripped);
    }
    tokio::time::advance(left(&breaker)).await;
    assert_eq!(run(&breaker, [Answer]).await, 0);
    assert_eq!(breaker.state().0, BreakerState::Passing);
    run(&breaker, [Fail; 4]).await;
    assert_eq!(
        breaker.state().0,
        BreakerState::Passing,
        "old failures are forgotten"
    );
    run(&breaker, [Fail]).await;
    assert!(left(&breaker) <= 6 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_time_is_jittered_both_ways() {
    let mut times = Vec::new();
    for _ in 0..200 {
        times.push(left(&tripped().await).as_secs_f64());
    }
    assert!(times.iter().all(|time| (4.0..=6.0).contains(time)));
    assert!(times.iter().any(|time| *time < 4.5));
    assert!(times.iter().any(|time| *time > 5.5));
}

#[test]
fn threads_never_have_two_probes_at_once() {
    // Trips last no time at all, so that probing is what the threads fight for.
    let tuning = BreakerTuning {
        consecutive: std::num::NonZeroU32::MIN,
        base: Duration::ZERO,
        ..BreakerTuning::default()
    };
    let names = Names {
        source: "test",
        account: "a".into(),
    };
    let breaker = Breaker::new(names, SOURCE, Rules::of_source(&tuning, SLOW));
    let probes = AtomicU32::new(0);
    let seen = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let (breaker, probes, seen) = (&breaker, &probes, &seen);
            scope.spawn(move || {
                for round in 0..5_000_u32 {
                    let Ok(permit) = breaker.admit() else {
                        continue;
                    };
                    if permit.probe {
                        seen.fetch_add(1, Ordering::SeqCst);
                        assert_eq!(probes.fetch_add(1, Ordering::SeqCst), 0);
                        probes.fetch_sub(1, Ordering::SeqCst);
                    }
                    let how = [Fail, Answer, Nothing, Fail, Leave];
                    end(permit, how[((round + thread) % 5) as usize]);
                }
            });
        }
    });
    assert!(seen.load(Ordering::SeqCst) > 0);
    assert_ne!(breaker.state().0, BreakerState::Probing);
    assert!(breaker.admit().is_ok());
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Call(Do),
    /// A call that goes on beside the others.
    Hold,
    /// The end of the oldest of those.
    End(Do),
}

fn op() -> impl Strategy<Value = Op> {
    let how = prop_oneof![
        2 => Just(Answer), 4 => Just(Fail), 2 => Just(Slow), 1 => Just(Nothing), 1 => Just(Leave),
    ];
    prop_oneof![
        6 => how.clone().prop_map(Op::Call),
        1 => Just(Op::Hold),
        1 => how.prop_map(Op::End),
        1 => (0..400_000_u64).prop_map(|millis| Op::Call(Wait(Duration::from_millis(millis)))),
    ]
}

proptest! {
    #[test]
    fn there_is_always_a_way_back(ops in prop::collection::vec(op(), 0..200)) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let breaker = fresh();
            let mut held = VecDeque::new();
            for op in ops {
                match op {
                    Op::Call(step) => drop(run(&breaker, [step]).await),
                    Op::Hold => held.extend(breaker.admit().ok()),
                    Op::End(how) => if let Some(permit) = held.pop_front() {
                        end(permit, how);
                    },
                }
                let probes = held.iter().filter(|permit: &&Permit| permit.probe).count();
                assert!(probes <= 1);
                assert_eq!(probes == 1, breaker.state().0 == BreakerState::Probing);
            }
            held.clear();
            tokio::time::advance(Duration::from_secs(361)).await;
            let permit = breaker.admit().expect("a way back");
            end(permit, Answer);
            assert_eq!(breaker.state().0, BreakerState::Passing);
        });
    }
}
