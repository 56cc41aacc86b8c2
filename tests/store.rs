//! What every store promises, asked of all, and what the one in a file promises beyond.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::sync::Arc;

use common::commits::{
    AT, assignee, changes, commit, count_of, following, found, id, overlay, revision,
};
use common::record::{PLACE, number, time};
use common::redis::{Cluster, Redis};
use waybill::store::file::FileStore;
use waybill::store::memory::MemoryStore;
use waybill::store::{Change, CommitError, Note, Place, Store, What};
use waybill_core::order::{Order, Subject};

/// Runs one promise against a store of each kind.
async fn on_all<F: Future<Output = ()>>(promise: impl Fn(Arc<dyn Store>) -> F) {
    promise(Arc::new(MemoryStore::new(1_000))).await;
    let folder = tempfile::tempdir().unwrap();
    promise(Arc::new(FileStore::open(folder.path(), None).unwrap())).await;
    let redis = Redis::start();
    promise(Arc::new(redis.store().await)).await;
    let cluster = Cluster::start();
    promise(Arc::new(cluster.store().await)).await;
}

#[tokio::test]
async fn what_is_committed_is_what_is_loaded() {
    on_all(|store| async move {
        assert!(store.load(&id("a")).await.unwrap().is_none());
        let first = commit("a", "AB1234567", 0, 7, AT);
        assert_eq!(store.commit(first.clone()).await, Ok(1));
        let stored = store.load(&id("a")).await.unwrap().unwrap();
        assert_eq!(stored.version, 1);
        assert!(stored.dossier == first.dossier);
        assert!(stored.record == first.record);
    })
    .await;
}

#[tokio::test]
async fn a_commit_on_another_version_changes_nothing_at_all() {
    on_all(|store| async move {
        store
            .commit(commit("a", "AB1234567", 0, 1, AT))
            .await
            .unwrap();
        for wrong in [0, 2, u64::MAX - 1] {
            let mut late = commit("a", "AB1234567", wrong, 9, AT);
            late.aliases.push(number("ZZ9999999").into());
            assert_eq!(store.commit(late).await, Err(CommitError::Conflict));
        }
        let missing = commit("b", "CD1234567", 3, 9, AT);
        assert_eq!(store.commit(missing).await, Err(CommitError::Conflict));

        assert_eq!(count_of(&*store, "a").await, Some((1, 1)));
        assert_eq!(count_of(&*store, "b").await, None);
        assert!(found(&*store, "ZZ9999999").await.is_empty());
        assert!(found(&*store, "CD1234567").await.is_empty());
        assert_eq!(changes(&*store, 0, 10).await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_is_lost_when_64_tasks_write_the_same_shipment() {
    on_all(|store| async move {
        let tasks = (0..64).map(|_| {
            let store = store.clone();
            async move {
                for _ in 0..2 {
                    loop {
                        let (version, count) = count_of(&*store, "a").await.unwrap_or((0, 0));
                        let next = commit("a", "AB1234567", version, count + 1, AT);
                        match store.commit(next).await {
                            Ok(_) => break,
                            Err(CommitError::Conflict) => {}
                            Err(CommitError::Store(error)) => panic!("{error}"),
                        }
                    }
                }
            }
        });
        let mut set = tokio::task::JoinSet::new();
        tasks.for_each(|task| {
            set.spawn(task);
        });
        set.join_all().await;

        assert_eq!(count_of(&*store, "a").await, Some((128, 128)));
        let changes = changes(&*store, 0, 1_000).await;
        let seen: Vec<_> = changes.iter().map(|c| (c.sequence, revision(c))).collect();
        let expected: Vec<_> = (1..=128).map(|n| (u64::from(n), n)).collect();
        assert_eq!(seen, expected);
    })
    .await;
}

#[tokio::test]
async fn a_shipment_is_found_under_every_number_it_ever_had() {
    on_all(|store| async move {
        let mut first = commit("b", "AB1234567", 0, 1, AT);
        first.aliases = vec![number("LAST-MILE 1").into()];
        store.commit(first).await.unwrap();
        store
            .commit(commit("a", "AB1234567", 0, 1, AT))
            .await
            .unwrap();
        let mut again = commit("b", "AB1234567", 1, 2, AT);
        again.aliases = vec![number("LASTMILE2").into()];
        store.commit(again).await.unwrap();

        assert_eq!(found(&*store, "AB1234567").await, ["a", "b"]);
        assert_eq!(found(&*store, "LASTMILE1").await, ["b"]);
        assert_eq!(found(&*store, "LASTMILE2").await, ["b"]);
        assert!(found(&*store, "LASTMILE3").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_order_leads_to_its_parcels_and_is_no_number() {
    on_all(|store| async move {
        let order = |platform: &str, id: &str| Subject::from(Order::parse(platform, id).unwrap());
        for (id, parcel) in [("a", "AB1234567"), ("b", "CD1234567")] {
            let mut commit = commit(id, parcel, 0, 1, AT);
            commit.aliases = vec![order("shop", "1234-567")];
            store.commit(commit).await.unwrap();
        }
        let parcels = store.find(&order("shop", "1234-567")).await.unwrap();
        assert_eq!(parcels, [id("a"), id("b")]);
        for other in [order("shop", "1234567"), order("shop-b", "1234-567")] {
            assert!(store.find(&other).await.unwrap().is_empty());
        }
        assert!(found(&*store, "1234567").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_change_log_has_what_changed_in_order_and_by_pages() {
    on_all(|store| async move {
        for n in 0..5 {
            let mut next = commit("a", "AB1234567", n, n as u32 + 1, AT);
            next.changed = n != 2;
            let sequence = store.commit(next).await.unwrap();
            assert_eq!(sequence == 0, n == 2);
        }
        let page = changes(&*store, 1, 2).await;
        let seen: Vec<_> = page.iter().map(|c| (c.sequence, revision(c))).collect();
        assert_eq!(seen, [(2, 2), (3, 4)]);
        assert!(page.iter().all(|c| c.id == id("a") && c.time == time(AT)));
        assert!(changes(&*store, 4, 10).await.is_empty());
        assert!(changes(&*store, u64::MAX, 10).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn changes_go_after_72_hours_and_the_gap_shows() {
    on_all(|store| async move {
        let times = [
            "2026-03-01T12:00:00Z",
            "2026-03-01T13:00:00Z",
            "2026-03-04T12:30:00Z",
        ];
        for (n, at) in (0..).zip(times) {
            let next = commit("a", "AB1234567", n, 1, at);
            store.commit(next).await.unwrap();
        }
        let sequences =
            |changes: Vec<Change>| changes.iter().map(|c| c.sequence).collect::<Vec<_>>();
        assert_eq!(sequences(changes(&*store, 0, 10).await), [2, 3]);
        let much_later = commit("a", "AB1234567", 3, 1, "2027-01-01T00:00:00Z");
        assert_eq!(store.commit(much_later).await, Ok(4));
        assert_eq!(sequences(changes(&*store, 0, 10).await), [4]);
    })
    .await;
}

#[tokio::test]
async fn what_a_tenant_follows_is_listed_by_what_changed_last() {
    on_all(|store| async move {
        let update = |name: &'static str, version: u64, hour: u32| {
            let store = store.clone();
            async move {
                let at = format!("2026-03-01T{hour:02}:00:00Z");
                let mut next = commit(name, &format!("AB123456{name}"), version, 1, &at);
                let mut record = (*next.record).clone();
                record.update_time = time(&at);
                next.record = Arc::new(record);
                store.commit(next).await.unwrap();
            }
        };
        let list = |tenant: &'static str, after: Option<Place>| {
            let store = store.clone();
            async move {
                let places = store.registered(tenant, after, 2).await.unwrap();
                let ids: Vec<String> = places.iter().map(|place| place.id.0.clone()).collect();
                (ids.concat(), places.last().cloned())
            }
        };
        for (name, hour) in [("1", 1), ("2", 2), ("3", 3), ("4", 4)] {
            update(name, 0, hour).await;
        }
        for (tenant, names) in [("one", "213"), ("one-more", "4")] {
            for name in names.split("").filter(|name| !name.is_empty()) {
                let commit = following(tenant, name, 0, true);
                store.commit_overlay(commit).await.unwrap();
            }
        }
        let (ids, last) = list("one", None).await;
        assert_eq!(ids, "12");
        assert_eq!(list("one", last.clone()).await.0, "3");
        assert_eq!(list("one-more", None).await.0, "4");
        assert_eq!(list("on", None).await.0, "");
        let tenants = store.tenants().await.unwrap();
        assert_eq!(tenants, ["one", "one-more"]);

        // What changes while somebody pages comes again at the end.
        update("1", 1, 9).await;
        assert_eq!(list("one", last).await.0, "31");
        let left = following("one", "3", 1, false);
        store.commit_overlay(left).await.unwrap();
        update("3", 1, 10).await;
        assert_eq!(list("one", None).await.0, "21");
    })
    .await;
}

#[tokio::test]
async fn tenants_do_not_see_what_others_add_and_the_shipment_does_not_change() {
    on_all(|store| async move {
        store
            .commit(commit("a", "AB1234567", 0, 1, AT))
            .await
            .unwrap();
        assert_eq!(assignee(&*store, "one", "a").await, None);
        for (tenant, who) in [("one", "Ada"), ("one-more", "Grace")] {
            let added = store.commit_overlay(overlay(tenant, "a", 0, who)).await;
            assert_eq!(added, Ok(()));
        }
        assert_eq!(assignee(&*store, "one", "a").await.unwrap(), "Ada");
        assert_eq!(assignee(&*store, "one-more", "a").await.unwrap(), "Grace");
        assert_eq!(assignee(&*store, "on", "a").await, None);
        let all = store.overlays(&id("a")).await.unwrap();
        let all: Vec<_> = all
            .iter()
            .map(|(tenant, one)| {
                (
                    tenant.as_str(),
                    one.exceptions[0].assignee.reveal().as_str(),
                )
            })
            .collect();
        assert_eq!(all, [("one", "Ada"), ("one-more", "Grace")]);
        assert!(store.overlays(&id("b")).await.unwrap().is_empty());
        assert_eq!(count_of(&*store, "a").await, Some((1, 1)));
        let logged = changes(&*store, 0, 10).await;
        let logged: Vec<_> = logged.into_iter().map(|one| one.what).collect();
        let added = |tenant: &str| What::Overlay(tenant.to_owned());
        assert_eq!(logged, [What::Record(1), added("one"), added("one-more")]);

        // A new record keeps what tenants added.
        store
            .commit(commit("a", "AB1234567", 1, 2, AT))
            .await
            .unwrap();
        assert_eq!(assignee(&*store, "one", "a").await.unwrap(), "Ada");
    })
    .await;
}

#[tokio::test]
async fn an_overlay_on_another_revision_or_of_no_shipment_changes_nothing() {
    on_all(|store| async move {
        let early = store.commit_overlay(overlay("one", "a", 0, "Ada")).await;
        assert_eq!(early, Err(CommitError::Conflict), "no such shipment");
        store
            .commit(commit("a", "AB1234567", 0, 1, AT))
            .await
            .unwrap();
        store
            .commit_overlay(overlay("one", "a", 0, "Ada"))
            .await
            .unwrap();
        for wrong in [0, 2, 9] {
            let late = store.commit_overlay(overlay("one", "a", wrong, "Eve"));
            assert_eq!(late.await, Err(CommitError::Conflict), "{wrong}");
        }
        assert_eq!(assignee(&*store, "one", "a").await.unwrap(), "Ada");
        let next = store.commit_overlay(overlay("one", "a", 1, "Grace"));
        assert_eq!(next.await, Ok(()));
        assert_eq!(assignee(&*store, "one", "a").await.unwrap(), "Grace");
    })
    .await;
}

#[tokio::test]
async fn a_full_memory_forgets_the_shipment_updated_longest_ago_and_its_numbers() {
    let store = MemoryStore::new(2);
    for (name, main) in [("a", "AAAA1"), ("b", "BBBB1")] {
        store.commit(commit(name, main, 0, 1, AT)).await.unwrap();
    }
    store.commit(commit("a", "AAAA1", 1, 2, AT)).await.unwrap();
    store.commit(commit("c", "CCCC1", 0, 1, AT)).await.unwrap();

    assert_eq!(count_of(&store, "b").await, None);
    assert!(found(&store, "BBBB1").await.is_empty());
    assert_eq!(count_of(&store, "a").await, Some((2, 2)));
    assert_eq!(found(&store, "CCCC1").await, ["c"]);
}

#[tokio::test]
async fn a_file_opens_again_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made").join("here");
    let store = FileStore::open(&path, None).unwrap();
    let mut first = commit("a", "AB1234567", 0, 7, AT);
    first.aliases = vec![number("LASTMILE1").into()];
    store.commit(first.clone()).await.unwrap();
    let added = overlay("one", "a", 0, "Ada");
    store.commit_overlay(added).await.unwrap();
    let name = store.keys().shipment_id("dhl", &number("AB1234567"), 0);
    drop(store);

    let store = FileStore::open(&path, None).unwrap();
    let stored = store.load(&id("a")).await.unwrap().unwrap();
    assert!(stored.dossier == first.dossier && stored.record == first.record);
    assert_eq!(found(&store, "LASTMILE1").await, ["a"]);
    assert_eq!(assignee(&store, "one", "a").await.unwrap(), "Ada");
    assert_eq!(
        store.keys().shipment_id("dhl", &number("AB1234567"), 0),
        name
    );
    assert_eq!(
        store.commit(commit("a", "AB1234567", 1, 8, AT)).await,
        Ok(3),
        "after the shipment and what was added to it"
    );
}

#[tokio::test]
async fn no_file_has_a_number_or_a_place_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), None).unwrap();
    let mut first = commit("a", "AB1234567", 0, 7, AT);
    first.aliases = vec![number("LASTMILE1").into()];
    store.commit(first).await.unwrap();
    let added = overlay("one", "a", 0, "Ada Lovelace");
    store.commit_overlay(added).await.unwrap();
    drop(store);
    let mut files = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        files += 1;
        for word in ["AB1234567", "LASTMILE1", PLACE, "Lovelace"] {
            let shows = bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes());
            assert!(!shows, "{word}");
        }
    }
    assert_eq!(files, 3, "data, keys of shipments, master key");
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_says_which_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let open = |key: Option<&std::path::Path>| FileStore::open(folder.path(), key);
    let store = open(None).unwrap();
    let reason = |result: Result<FileStore, waybill::store::file::OpenError>| {
        let text = result.err().unwrap().to_string();
        assert!(text.contains("waybill.redb"), "{text}");
        text
    };
    assert!(reason(open(None)).contains("in use by another process"));
    drop(store);

    let other = folder.path().join("other");
    std::fs::write(&other, [1; 32]).unwrap();
    assert!(reason(open(Some(&other))).contains("another master key"));

    std::fs::rename(folder.path().join("key"), &other).unwrap();
    assert!(reason(open(None)).contains("key file"));
    assert!(!folder.path().join("key").exists());
    drop(open(Some(&other)).unwrap());

    std::fs::write(folder.path().join("waybill.redb"), b"not a store at all").unwrap();
    reason(open(Some(&other)));
}

/// Overwrites the stored value of shipment "a" as a later version, or a broken disk, would.
fn overwrite(folder: &std::path::Path, change: impl Fn(&mut Vec<u8>)) {
    let table: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("shipments");
    let db = redb::Database::open(folder.join("waybill.redb")).unwrap();
    let tx = db.begin_write().unwrap();
    {
        let mut table = tx.open_table(table).unwrap();
        let mut value = redb::ReadableTable::get(&table, "a")
            .unwrap()
            .unwrap()
            .value()
            .to_vec();
        change(&mut value);
        table.insert("a", value.as_slice()).unwrap();
    }
    tx.commit().unwrap();
}

#[tokio::test]
async fn a_value_that_cannot_be_read_is_absent_and_can_be_written_anew() {
    let damage: [fn(&mut Vec<u8>); 4] = [
        |value| value[0] = 250,
        |value| value[3] ^= 1,
        |value| *value.last_mut().unwrap() ^= 1,
        Vec::clear,
    ];
    for change in damage {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path(), None).unwrap();
        store
            .commit(commit("a", "AB1234567", 0, 7, AT))
            .await
            .unwrap();
        drop(store);
        overwrite(folder.path(), change);

        let store = FileStore::open(folder.path(), None).unwrap();
        assert_eq!(count_of(&store, "a").await, None);
        let anew = commit("a", "AB1234567", 0, 8, AT);
        assert_eq!(store.commit(anew).await, Ok(2));
        assert_eq!(count_of(&store, "a").await, Some((1, 8)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_never_see_a_version_go_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FileStore::open(folder.path(), None).unwrap());
    store
        .commit(commit("a", "AB1234567", 0, 1, AT))
        .await
        .unwrap();
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = store.clone();
        readers.spawn(async move {
            let mut newest = 0;
            while newest < 50 {
                let (version, count) = count_of(&*store, "a").await.unwrap();
                assert!(version >= newest);
                assert_eq!(version, u64::from(count));
                newest = version;
                tokio::task::yield_now().await;
            }
        });
    }
    for version in 1..50 {
        let next = commit("a", "AB1234567", version, version as u32 + 1, AT);
        store.commit(next).await.unwrap();
        assert_eq!(count_of(&*store, "a").await.unwrap().0, version + 1);
    }
    readers.join_all().await;
}

#[tokio::test]
async fn a_note_is_replaced_only_by_the_one_that_follows_it() {
    let note = |version: u64, value: &str| Note {
        version,
        value: value.as_bytes().to_vec(),
    };
    on_all(|store| async move {
        let (one, two) = ([1; 32], [2; 32]);
        assert_eq!(store.notes(&[one, two]).await.unwrap(), [None, None]);
        let first = vec![
            (one, note(1, "a")),
            (one, note(1, "b")),
            (two, note(2, "c")),
        ];
        assert_eq!(store.keep(first).await.unwrap(), [true, false, false]);
        let next = vec![(one, note(2, "d")), (two, note(1, "e"))];
        assert_eq!(store.keep(next).await.unwrap(), [true, true]);
        let kept = store.notes(&[two, one]).await.unwrap();
        assert_eq!(kept, [Some(note(1, "e")), Some(note(2, "d"))]);
        // Of many writers at once, one is first.
        let many = (0..16).map(|_| store.keep(vec![(one, note(3, "f"))]));
        let won = futures_util::future::join_all(many).await;
        let won = won
            .into_iter()
            .filter(|won| *won.as_ref().unwrap() == [true]);
        assert_eq!(won.count(), 1);
    })
    .await;

    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), None).unwrap();
    let secret = "a note that nobody reads";
    store.keep(vec![([3; 32], note(1, secret))]).await.unwrap();
    drop(store);
    let file = std::fs::read(folder.path().join("waybill.redb")).unwrap();
    let is_there = |part: &[u8]| part == secret.as_bytes();
    assert!(!file.windows(secret.len()).any(is_there), "it is sealed");
    let store = FileStore::open(folder.path(), None).unwrap();
    let kept = store.notes(&[[3; 32]]).await.unwrap();
    assert_eq!(kept, [Some(note(1, secret))]);
    drop(store);

    // What has no room in memory goes, the oldest first.
    let store = MemoryStore::new(1);
    for at in 0..9 {
        store.keep(vec![([at; 32], note(1, "x"))]).await.unwrap();
    }
    let kept = store.notes(&[[0; 32], [1; 32], [8; 32]]).await.unwrap();
    let kept: Vec<bool> = kept.iter().map(Option::is_some).collect();
    assert_eq!(kept, [false, true, true]);
}
