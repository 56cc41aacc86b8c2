//! Nobody gets anything without a credential that is good for it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::callers::{KeysFile, call, methods, with_key};
use common::program;
use common::{World, channel, eventually, track, trailers};
use jiff::Timestamp;
use tonic::Code;
use waybill::auth::keys;
use waybill::method::{METHODS, Method, Need};
use waybill_core::caller::Scope;

const EVERYTHING: [&str; 10] = [
    "track",
    "watch",
    "register",
    "exceptions",
    "ingest",
    "analytics",
    "personal",
    "paid",
    "evidence",
    "admin",
];

/// Every method that a server has, by the descriptors.
fn served() -> BTreeSet<String> {
    let sets = [
        waybill::v1::DESCRIPTORS,
        waybill::admin::v1::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    sets.into_iter().flat_map(methods).collect()
}

#[test]
fn every_method_says_what_it_needs() {
    let known: BTreeSet<String> = METHODS.iter().map(|one| one.path.to_owned()).collect();
    assert_eq!(known.len(), METHODS.len(), "a method stands there twice");
    assert_eq!(known, served());
    for Method { path, need, .. } in METHODS {
        let is_probe = path.starts_with("/grpc.health.");
        assert_eq!(*need == Need::Nothing, is_probe, "{path}");
    }
}

fn scopes_of(need: Need) -> &'static [Scope] {
    match need {
        Need::Scopes(scopes) => scopes,
        _ => &[],
    }
}

#[tokio::test]
async fn every_method_with_every_credential() {
    let file = KeysFile::new();
    let now = Timestamp::now();
    let right = file.key("shop-a", &EVERYTHING);
    let bare = file.key("shop-b", &[]);
    let (_, expired) = file.key_until("shop-a", &EVERYTHING, Some(now));
    let (id, revoked) = file.key_until("shop-a", &EVERYTHING, None);
    keys::revoke(&file.path(), &id, now).unwrap();
    let world = World::start(|config| config.auth = file.settings()).await;
    let (public, operators) = (
        channel(world.app.address).await,
        channel(world.app.admin).await,
    );

    let mut wrong = right.clone();
    let last = wrong.pop().unwrap();
    wrong.push(if last == '0' { '1' } else { '0' });
    let shown = |key: &str| format!("Bearer {key}");
    let bad: Vec<(&str, Vec<String>)> = vec![
        ("none", vec![]),
        ("wrong secret", vec![shown(&wrong)]),
        ("expired", vec![shown(&expired)]),
        ("revoked", vec![shown(&revoked)]),
        ("nonsense", vec![shown("nonsense")]),
        ("another scheme", vec![format!("Basic {right}")]),
        ("no scheme", vec![right.clone()]),
        ("two of them", vec![shown(&right), shown(&right)]),
        ("a token", vec![shown("eyJhbGciOiJub25lIn0.e30.")]),
    ];
    let mut said = BTreeSet::new();
    for Method { path, need, .. } in METHODS {
        let server = match path.starts_with("/waybill.admin.") {
            true => &operators,
            false => &public,
        };
        for (name, shown) in &bad {
            let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
            let ended = call(server, path, &shown).await;
            if *need == Need::Nothing {
                ended.unwrap();
                continue;
            }
            let status = ended.expect_err(path);
            assert_eq!(status.code(), Code::Unauthenticated, "{path} with {name}");
            let (reason, wait) = trailers(&status);
            assert_eq!((reason.as_str(), wait), ("UNAUTHENTICATED", None));
            said.insert(format!("{} {:?}", status.message(), status.details()));
        }
        let bare = call(server, path, &[&shown(&bare)]).await;
        match (scopes_of(*need).first(), bare) {
            (Some(scope), Err(status)) => {
                assert_eq!(status.code(), Code::PermissionDenied, "{path}");
                assert_eq!(trailers(&status).0, "PERMISSION");
                assert!(
                    status.message().contains(scope.as_str()),
                    "{path}: {status}"
                );
            }
            (Some(_), Ok(())) => panic!("{path} needs no scope"),
            (None, ended) => assert!(is_let_in(&ended), "{path}: {ended:?}"),
        }
        let ended = call(server, path, &[&shown(&right)]).await;
        assert!(is_let_in(&ended), "{path}: {ended:?}");
    }
    assert_eq!(said.len(), 1, "what is wrong shows: {said:?}");
    // What nobody has thought of is closed too.
    for path in ["/waybill.v1.TrackingService/New", "/other.Service/Method"] {
        let status = call(&public, path, &[]).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{path}");
        let status = call(&public, path, &[&shown(&right)]).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
    }
    world.stop().await;
}

fn is_let_in(ended: &Result<(), tonic::Status>) -> bool {
    let code = ended
        .as_ref()
        .map_or_else(tonic::Status::code, |()| Code::Ok);
    !matches!(
        code,
        Code::Unauthenticated | Code::PermissionDenied | Code::Internal | Code::Unknown
    )
}

#[tokio::test]
async fn paid_sources_need_a_scope() {
    let file = KeysFile::new();
    let (thrifty, rich) = (
        file.key("shop-a", &["track"]),
        file.key("shop-a", &["track", "paid"]),
    );
    let world = World::start(|config| config.auth = file.settings()).await;
    let channel = channel(world.app.address).await;
    let request = waybill::v1::TrackRequest {
        allow_paid: true,
        ..track(&world.ups_number("delivered"))
    };
    let status = with_key(&channel, &thrifty).track(request.clone()).await;
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("\"paid\""), "{status}");
    with_key(&channel, &rich).track(request).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn reflection_is_open_if_it_is_said_so() {
    let file = KeysFile::new();
    let world = World::start(|config| {
        config.auth = file.settings();
        config.auth.open_reflection = true;
    })
    .await;
    let channel = channel(world.app.address).await;
    for Method { path, need, .. } in METHODS {
        if *need == Need::Reflection {
            let ended = call(&channel, path, &[]).await;
            assert!(is_let_in(&ended), "{path}: {ended:?}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn keys_are_made_and_revoked_while_servers_run() {
    let file = KeysFile::new();
    let first = file.key("shop-a", &["track"]);
    let worlds = [
        World::start(|config| config.auth = file.settings()).await,
        World::start(|config| config.auth = file.settings()).await,
    ];
    let number = worlds[0].ups_number("delivered");
    let mut clients = Vec::new();
    for world in &worlds {
        clients.push(channel(world.app.address).await);
    }
    let works = async |key: &str| {
        let mut all = Vec::new();
        for channel in &clients {
            let answer = with_key(channel, key).track(track(&number)).await;
            all.push(answer.is_ok());
        }
        all
    };
    assert_eq!(works(&first).await, [true, true]);
    let (id, second) = file.key_until("shop-a", &["track"], None);
    let since = std::time::Instant::now();
    eventually("the new key works", async || {
        works(&second).await == [true, true]
    })
    .await;
    // A file that cannot be read takes nothing away.
    let text = std::fs::read_to_string(file.path()).unwrap();
    std::fs::write(file.path(), "[[key]]\nid = ").unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(works(&second).await, [true, true]);
    std::fs::write(file.path(), text).unwrap();
    keys::revoke(&file.path(), &id, Timestamp::now()).unwrap();
    let revoked = std::time::Instant::now();
    eventually("the key is revoked", async || {
        works(&second).await == [false, false]
    })
    .await;
    assert!(
        revoked.elapsed() < Duration::from_secs(10),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(works(&first).await, [true, true], "the other key stays");
    for world in worlds {
        world.stop().await;
    }
}

#[tokio::test]
async fn nobody_listens_to_the_world_by_accident() {
    let everywhere = ([0, 0, 0, 0], 0).into();
    let start = async |change: &dyn Fn(&mut waybill::config::Config)| {
        let mut config = waybill::config::Config::default();
        config.server.listen = everywhere;
        config.server.side = common::ANY;
        change(&mut config);
        let clock = waybill::clock::Clock::system();
        let started = waybill::app::start(config, common::registry(), clock).await;
        match started {
            Ok(app) => {
                app.stop().await;
                String::new()
            }
            Err(error) => error,
        }
    };
    let error = start(&|_| {}).await;
    assert!(
        error.contains("auth.mode") && error.contains("auth.keys_file"),
        "{error}"
    );
    let open = waybill::auth::settings::Mode::None;
    assert_eq!(start(&|config| config.auth.mode = open).await, "");
    let file = KeysFile::new();
    let error = start(&|config| config.auth = file.settings()).await;
    assert!(error.contains("server.insecure"), "{error}");
    let both = |config: &mut waybill::config::Config| {
        config.auth = file.settings();
        config.auth.mode = open;
    };
    assert!(start(&both).await.contains("auth.mode"));
    let missing = |config: &mut waybill::config::Config| {
        config.auth = file.settings();
        config.auth.keys_file = "/nowhere/keys.toml".into();
        config.server.insecure = true;
    };
    assert!(start(&missing).await.contains("waybill keys create"));
}

#[test]
fn the_program_makes_lists_and_revokes_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let file = path.to_str().unwrap();
    let keys = |arguments: &[&str]| {
        let mut all = vec!["keys", "--keys-file", file];
        all.extend(arguments);
        program::run(&all)
    };
    let made = keys(&["create", "--tenant", "shop-a", "--scopes", "track,personal"]);
    assert!(made.status.success(), "{}", program::err(&made));
    let key = program::out(&made).trim().to_owned();
    let (id, secret) = key.strip_prefix("wb_").unwrap().split_once('_').unwrap();
    assert_eq!(secret.len(), 64);
    let more = ["--expires", "90d", "--name", "the shop"];
    let second = keys(
        &[
            &["create", "--tenant", "shop-b", "--scopes", "track"],
            &more[..],
        ]
        .concat(),
    );
    assert!(second.status.success(), "{}", program::err(&second));
    let revoked = keys(&["revoke", id]);
    assert!(revoked.status.success(), "{}", program::err(&revoked));
    let listed = keys(&["list", "--json"]);
    let all = program::json(&listed);
    assert_eq!(all["keys"][0]["id"], id);
    assert_eq!(all["keys"][0]["state"], "revoked");
    assert_eq!(all["keys"][1]["state"], "active");
    assert_eq!(all["keys"][1]["name"], "the shop");
    assert!(!all["keys"][1]["expireTime"].is_null());
    let table = keys(&["list", "--tenant", "shop-b"]);
    assert!(program::out(&table).contains("shop-b") && !program::out(&table).contains("shop-a"));
    // Once printed, a secret is nowhere.
    for output in [&revoked, &listed, &table, &second] {
        let said = program::out(output) + &program::err(output);
        assert!(!said.contains(secret));
    }
    assert!(!program::err(&made).contains(secret));
    for name in ["keys.toml", "keys.toml.pepper"] {
        let path = folder.path().join(name);
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{name}");
        assert!(!std::fs::read_to_string(path).unwrap().contains(secret));
    }
    // What was done is told to auditors.
    assert!(program::err(&made).contains("key_created") && program::err(&made).contains(id));
    assert!(program::err(&revoked).contains("key_revoked"));
    for (wrong, expected) in [
        (
            vec!["create", "--tenant", "Shop", "--scopes", "track"],
            "tenant",
        ),
        (
            vec!["create", "--tenant", "a", "--scopes", "all"],
            "is not a scope",
        ),
        (
            vec![
                "create",
                "--tenant",
                "a",
                "--scopes",
                "track",
                "--expires",
                "soon",
            ],
            "--expires",
        ),
        (vec!["revoke", "nobody"], "no key"),
    ] {
        let output = keys(&wrong);
        assert!(!output.status.success());
        assert!(
            program::err(&output).contains(expected),
            "{}",
            program::err(&output)
        );
    }
}
