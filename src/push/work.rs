//! Work on what waits: news go to steps 4 to 8, numbers are asked for.
//!
//! What concerns one number goes in the order in which it came; what concerns different ones, side
//! by side. Work that was cut off is done again after the next start, which changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use waybill_core::adapter::Report;
use waybill_core::number::TrackingNumber;

use super::queue::{Desk, Item, Queue, decode_news, decode_poll};
use crate::pipeline::{Pipeline, Polled};
use crate::watch::told;

/// Pushes of one desk that are looked at: those among them that wait for nobody are worked on.
const WINDOW: usize = 64;
/// Pushes of one desk that are worked on at once.
const WIDTH: usize = 16;
/// Numbers of one source that are asked for at once: its guard lets background calls wait anyway.
const POLLS: usize = 8;
/// Waits between attempts while the store fails.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A number that could not be asked for in this time is left to whoever polls it anyway.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(24);

/// A push that is looked at.
struct News {
    item: Item,
    numbers: Vec<TrackingNumber>,
    /// Gone once somebody works on it.
    content: Option<(Vec<Report>, Bytes)>,
}

/// Takes in the news of one desk until the server stops and nothing waits any more.
pub(super) async fn take(
    desk: Arc<Desk>,
    queue: Arc<Queue>,
    pipeline: Pipeline,
    mut inbox: mpsc::UnboundedReceiver<Item>,
    mut stop: watch::Receiver<bool>,
) {
    let mut window: VecDeque<News> = VecDeque::new();
    let mut running = FuturesUnordered::new();
    let mut stopping = false;
    loop {
        for news in startable(&mut window, WIDTH - running.len()) {
            running.push(start(&desk, &pipeline, news));
        }
        if stopping && window.is_empty() && inbox.is_empty() {
            return;
        }
        tokio::select! {
            Some((seq, is_taken)) = running.next() => {
                let at = window.iter().position(|news: &News| news.item.seq == seq);
                if let Some(news) = at.and_then(|at| window.remove(at)) {
                    finish(&desk, &queue, &news.item, if is_taken { "taken" } else { "lost" }).await;
                }
            }
            Some(item) = inbox.recv(), if window.len() < WINDOW => match decode_news(&item.plain) {
                Some((reports, body)) => window.push_back(News {
                    numbers: reports.iter().map(|report| report.number.clone()).collect(),
                    content: Some((reports, body)),
                    item,
                }),
                None => {
                    tracing::error!(source = desk.name, "a push cannot be read any more");
                    finish(&desk, &queue, &item, "lost").await;
                }
            },
            () = told(&mut stop), if !stopping => stopping = true,
        }
    }
}

/// What can be begun: nothing before it in the window is about the same number.
fn startable(
    window: &mut VecDeque<News>,
    room: usize,
) -> Vec<(u64, Timestamp, Vec<Report>, Bytes)> {
    let mut busy: HashSet<TrackingNumber> = HashSet::new();
    let mut found = Vec::new();
    for news in window {
        let is_free = news.numbers.iter().all(|number| !busy.contains(number));
        busy.extend(news.numbers.iter().cloned());
        if found.len() < room
            && is_free
            && let Some((reports, body)) = news.content.take()
        {
            found.push((news.item.seq, news.item.received, reports, body));
        }
    }
    found
}

/// Takes in a push by itself, as long as it takes; says its place, and whether it ended well.
fn start(
    desk: &Desk,
    pipeline: &Pipeline,
    (seq, received, reports, body): (u64, Timestamp, Vec<Report>, Bytes),
) -> impl Future<Output = (u64, bool)> + Send + use<> {
    let (source, pipeline) = (desk.source(), pipeline.clone());
    let (tell, done) = oneshot::channel();
    let work = crate::tasks::spawn("push-news", async move {
        let mut wait = FIRST_WAIT;
        while let Err(error) = pipeline
            .take_push(&source, &reports, body.clone(), received)
            .await
        {
            let source = source.descriptor.id;
            tracing::warn!(source, reason = error.message, "a push waits for the store");
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        // It waits for this.
        let _listening = tell.send(());
    });
    let work = AbortOnDropHandle::new(work);
    async move {
        let is_taken = done.await.is_ok();
        drop(work);
        (seq, is_taken)
    }
}

async fn finish(desk: &Desk, queue: &Queue, item: &Item, outcome: &'static str) {
    let source = desk.id;
    metrics::counter!("waybill_push_work_total", "source" => source, "outcome" => outcome)
        .increment(1);
    queue.done(desk, item).await;
}

/// Numbers of one desk that are to be asked for.
#[derive(Default)]
struct Polls {
    /// Those that wait, each with the newest push about it: one answer does for all before it.
    waiting: HashMap<TrackingNumber, Item>,
    /// Those of them that can be asked for.
    ready: VecDeque<TrackingNumber>,
    /// Those that cannot yet.
    later: BTreeMap<(Instant, u64), TrackingNumber>,
}

/// Asks for the numbers of one desk until it is dropped.
pub(super) async fn poll(
    desk: Arc<Desk>,
    queue: Arc<Queue>,
    pipeline: Pipeline,
    mut inbox: mpsc::UnboundedReceiver<Item>,
) {
    let mut polls = Polls::default();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < POLLS
            && let Some(number) = polls.ready.pop_front()
        {
            if let Some(item) = polls.waiting.remove(&number) {
                let (desk, pipeline) = (Arc::clone(&desk), pipeline.clone());
                running.push(async move {
                    let since = item.received;
                    let polled = pipeline.poll_for_push(&desk.source(), &number, since).await;
                    (number, item, polled)
                });
            }
        }
        let due = polls.later.keys().next().map(|(due, _)| *due);
        tokio::select! {
            Some((number, item, polled)) = running.next() => {
                let age = pipeline.now().duration_since(item.received);
                match polled {
                    Polled::Done => finish(&desk, &queue, &item, "asked").await,
                    Polled::Later(_) if polls.waiting.contains_key(&number) => {
                        finish(&desk, &queue, &item, "merged").await;
                    }
                    Polled::Later(wait) if age < GIVE_UP => {
                        let due = Instant::now() + wait;
                        polls.later.insert((due, item.seq), number.clone());
                        polls.waiting.insert(number, item);
                    }
                    Polled::Later(_) | Polled::Never => {
                        finish(&desk, &queue, &item, "not_asked").await;
                    }
                }
            }
            Some(item) = inbox.recv() => match decode_poll(&item.plain) {
                Some(number) => match polls.waiting.insert(number.clone(), item) {
                    Some(before) => finish(&desk, &queue, &before, "merged").await,
                    None => polls.ready.push_back(number),
                },
                None => finish(&desk, &queue, &item, "lost").await,
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                if let Some((_, number)) = polls.later.pop_first() {
                    polls.ready.push_back(number);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(seq: u64, numbers: &[&str]) -> News {
        let numbers = numbers.iter().map(|text| TrackingNumber::parse(text));
        News {
            item: Item {
                seq,
                received: Timestamp::UNIX_EPOCH,
                plain: Bytes::new(),
            },
            numbers: numbers.collect::<Result<_, _>>().unwrap(),
            content: Some((Vec::new(), Bytes::new())),
        }
    }

    fn started(window: &mut VecDeque<News>, room: usize) -> Vec<u64> {
        let found = startable(window, room).into_iter();
        found.map(|(seq, ..)| seq).collect()
    }

    #[test]
    fn what_is_about_one_number_goes_in_order_and_the_rest_side_by_side() {
        let mut window = VecDeque::from([
            news(1, &["AAAA1"]),
            news(2, &["AAAA1", "BBBB1"]),
            news(3, &["BBBB1"]),
            news(4, &["CCCC1"]),
            news(5, &["DDDD1"]),
        ]);
        assert_eq!(started(&mut window, 2), [1, 4]);
        assert_eq!(started(&mut window, 8), [5]);
        window.pop_front();
        assert_eq!(started(&mut window, 8), [2], "the one before it has ended");
        assert!(started(&mut window, 8).is_empty());
        window.pop_front();
        assert_eq!(started(&mut window, 8), [3]);
    }
}
