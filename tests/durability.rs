//! `kill -9`: whatever a store in a file acknowledged is there afterwards.
//!
//! The test starts itself as a child that commits and says so on a pipe, and kills it at random
//! moments. Killing does not prove the sync itself (the page cache survives a process); it proves
//! that nothing is acknowledged early and that the file opens after being left in any state.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::record::{number, shipment, time};
use rand::Rng as _;
use waybill::store::file::FileStore;
use waybill::store::{Commit, Store, What};
use waybill_core::shipment::ShipmentId;

const FOLDER: &str = "WAYBILL_TEST_DURABILITY_FOLDER";
const KILLS: usize = 100;
const WRITERS: usize = 8;

/// The child: does nothing unless the test below started it.
#[test]
fn child_that_commits_until_it_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "the harness takes no arguments")]
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Arc::new(FileStore::open(Path::new(&folder), None).unwrap());
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(commit_for_ever(store.clone(), writer));
        }
        writers.join_all().await;
    });
}

async fn commit_for_ever(store: Arc<FileStore>, writer: usize) {
    let id = ShipmentId(format!("writer{writer}"));
    loop {
        let stored = store.load(&id).await.unwrap();
        let version = stored.map_or(0, |stored| stored.version);
        let next = u32::try_from(version).unwrap() + 1;
        let main = number(&format!("WRITER{writer}"));
        let alias = number(&format!("ALIAS{writer}N{next}"));
        let (dossier, record) = shipment(&id, &main, next);
        let commit = Commit {
            expected: version,
            dossier,
            record: Arc::new(record),
            next_change: None,
            aliases: vec![alias.into()],
            changed: true,
            time: time("2026-03-01T12:00:00Z"),
        };
        let sequence = store.commit(commit).await.unwrap();
        let line = format!("\nacknowledged {writer} {next} {sequence}.\n");
        let mut out = std::io::stdout().lock();
        out.write_all(line.as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

/// Ends the child also when an assertion fails.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a child for a random while and returns what it acknowledged: (writer, version, sequence).
fn run_and_kill(folder: &Path) -> Vec<(usize, u32, u64)> {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_commits_until_it_is_killed"])
        .args(["--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn();
    let mut child = Killed(child.unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    let mut take = |line: String| {
        // A line cut off by the kill has no full stop and was not acknowledged for certain.
        let words = line.strip_prefix("acknowledged ")?.strip_suffix('.')?;
        let mut words = words.split(' ');
        let mut word = || words.next();
        acknowledged.push((
            word()?.parse().unwrap(),
            word()?.parse().unwrap(),
            word()?.parse().unwrap(),
        ));
        Some(())
    };
    for line in lines.by_ref() {
        if take(line.unwrap()).is_some() {
            break;
        }
    }
    std::thread::sleep(Duration::from_micros(rand::rng().random_range(0..60_000)));
    child.0.kill().unwrap();
    lines.map_while(Result::ok).for_each(|line| {
        take(line);
    });
    assert!(child.0.wait().unwrap().code().is_none(), "died by itself");
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost_by_killing_the_process_100_times() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut newest: BTreeMap<usize, u32> = BTreeMap::new();
    let mut sequence = 0;
    for round in 0..KILLS {
        let acknowledged = run_and_kill(folder.path());
        assert!(!acknowledged.is_empty(), "round {round}");
        let store = FileStore::open(folder.path(), None).unwrap();
        runtime.block_on(async {
            for (writer, version, logged) in acknowledged {
                let alias = number(&format!("ALIAS{writer}N{version}"));
                let id = ShipmentId(format!("writer{writer}"));
                let ids = store.find(&alias.into()).await.unwrap();
                assert!(ids == [id.clone()], "round {round}: alias lost");
                let entry = store.changes(0, logged - 1, 1).await.unwrap().changes;
                let what = What::Record(version);
                assert_eq!((&entry[0].id, &entry[0].what), (&id, &what));
                let known = newest.entry(writer).or_default();
                *known = version.max(*known);
                sequence = logged.max(sequence);
            }
            for (writer, version) in &newest {
                let id = ShipmentId(format!("writer{writer}"));
                let stored = store.load(&id).await.unwrap().unwrap();
                assert!(stored.version >= u64::from(*version), "round {round}");
                assert_eq!(u64::from(stored.record.revision), stored.version);
            }
        });
    }
    let store = FileStore::open(folder.path(), None).unwrap();
    let changes = runtime
        .block_on(store.changes(0, 0, usize::MAX))
        .unwrap()
        .changes;
    assert!(changes.len() as u64 >= sequence);
    assert!((1..).zip(&changes).all(|(n, change)| change.sequence == n));
}
