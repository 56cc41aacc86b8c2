//! The program as a user runs it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::program::{Running, command, err, json, out, run, run_beside, run_with_input};
use common::redis::Redis;
use common::{World, simulator};
use serde_json::Value;
use waybill_simulator::{Fault, Simulator};

const UPS_FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/adapters/ups/fixtures");
const DHL_FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/adapters/dhl/fixtures");

fn normalize(source: &str, status: &str, file: &str) -> Value {
    let output = run(&[
        "normalize",
        "--source",
        source,
        "--status",
        status,
        "--now",
        "2026-06-01T12:00:00Z",
        file,
    ]);
    json(&output)
}

#[test]
fn normalize_shows_what_an_answer_means_and_is_the_same_every_time() {
    let file = format!("{UPS_FIXTURES}/access_point.json");
    let first = normalize("ups", "200", &file);
    assert_eq!(first, normalize("ups", "200", &file));
    assert_eq!(first["problem"], Value::Null);
    let shipment = &first["shipments"][0];
    assert_eq!(shipment["status"], "SHIPMENT_STATUS_AVAILABLE_FOR_PICKUP");
    assert_eq!(
        shipment["events"][0]["time"]["instant"],
        "2026-03-05T00:40:00Z"
    );
    let evidence = &shipment["events"][0]["observations"][0];
    assert_eq!(evidence["nativeCode"], "D/2Q/161");
}

#[test]
fn normalize_shows_every_shipment_whatever_was_asked() {
    let file = format!("{DHL_FIXTURES}/ecommerce_one_number.json");
    let output = run(&[
        "normalize",
        "--source",
        "dhl",
        "--number",
        "9000000111",
        &file,
    ]);
    let shipments = &json(&output)["shipments"];
    let statuses: Vec<&str> = (0..3)
        .map(|at| shipments[at]["status"].as_str().unwrap())
        .collect();
    assert_eq!(
        statuses,
        [
            "SHIPMENT_STATUS_DELIVERED",
            "SHIPMENT_STATUS_DELIVERED",
            "SHIPMENT_STATUS_AVAILABLE_FOR_PICKUP"
        ]
    );
    assert_eq!(shipments.as_array().unwrap().len(), 3);
}

#[test]
fn normalize_leaves_a_time_open_that_nobody_can_know() {
    let shown = normalize(
        "ups",
        "200",
        &format!("{UPS_FIXTURES}/mail_innovations.json"),
    );
    let events = shown["shipments"][0]["events"].as_array().unwrap();
    // Of the state that it names all but a corner has one zone, but a country alone has several.
    let times = |basis: &str| {
        let times = events.iter().map(|event| &event["time"]);
        times.filter(|time| time["basis"] == basis).count()
    };
    assert_eq!(
        times("TIME_BASIS_LOCALITY") + times("TIME_BASIS_UNRESOLVED"),
        events.len()
    );
    assert!(times("TIME_BASIS_UNRESOLVED") > 0);
    for event in events {
        let time = &event["time"];
        let known = time["basis"] == "TIME_BASIS_LOCALITY";
        assert_eq!(time.get("instant").is_some(), known, "{time}");
    }
}

#[test]
fn normalize_names_the_kind_of_every_failure_and_the_advice() {
    let dhl = |name: &str| format!("{DHL_FIXTURES}/error_{name}.json");
    let ups = format!("{UPS_FIXTURES}/not_found.json");
    let rows = [
        (
            "dhl",
            "400",
            dhl("400"),
            "invalid_query",
            "400",
            "never",
            None,
        ),
        ("dhl", "401", dhl("401"), "denied", "401", "never", None),
        (
            "dhl",
            "404",
            dhl("404"),
            "not_found",
            "404",
            "after",
            Some("1800s"),
        ),
        (
            "dhl",
            "429",
            dhl("429"),
            "throttled",
            "429",
            "after",
            Some("5s"),
        ),
        ("dhl", "503", dhl("503"), "unavailable", "503", "now", None),
        (
            "ups",
            "200",
            ups,
            "not_found",
            "TW0001",
            "after",
            Some("60s"),
        ),
    ];
    for (source, status, file, kind, code, retry, after) in rows {
        let shown = normalize(source, status, &file);
        let problem = &shown["problem"];
        assert_eq!(shown["shipments"], serde_json::json!([]), "{file}");
        assert_eq!(problem["kind"], kind, "{file}");
        assert_eq!(problem["nativeCode"], code, "{file}");
        assert_eq!(problem["retry"], retry, "{file}");
        assert_eq!(problem.get("retryAfter").and_then(Value::as_str), after);
        assert!(!problem["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn normalize_understands_that_it_cannot_understand() {
    let deep = "[".repeat(100_000);
    let nested = format!("{{\"shipments\":{}{}}}", "[".repeat(90), "]".repeat(90));
    let large = "x".repeat(10_000_000);
    let bodies: [&[u8]; 10] = [
        b"",
        b"[]",
        b"null",
        b"42",
        b"<html><body>Log in</body></html>",
        b"\x00\xff\xfe\x80",
        b"{\"shipments\":[{\"id\":\"9000000111\",\"ser",
        deep.as_bytes(),
        nested.as_bytes(),
        large.as_bytes(),
    ];
    for source in ["dhl", "ups"] {
        for body in bodies {
            let shown = json(&run_with_input(
                &["normalize", "--source", source, "-"],
                body,
            ));
            let start = String::from_utf8_lossy(&body[..body.len().min(40)]);
            assert_eq!(shown["problem"]["kind"], "malformed", "{source}: {start}");
            assert_eq!(shown["shipments"], serde_json::json!([]));
        }
    }
}

#[test]
fn normalize_refuses_what_it_cannot_read() {
    let output = run(&["normalize", "--source", "nobody", "-"]);
    assert_eq!(output.status.code(), Some(1));
    for known in ["dhl", "ups", "sandbox"] {
        assert!(err(&output).contains(known), "{}", err(&output));
    }
    let output = run(&["normalize", "--source", "ups", "no-such-file.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("no-such-file.json"));
}

#[test]
fn detect_ranks_formats_and_keeps_a_number_whose_check_digit_is_wrong() {
    let candidates = |number| json(&run(&["detect", number, "--json"]))["candidates"].clone();
    let right = candidates("1ZSIM0010300000017");
    assert_eq!(right[0]["format"], "ups");
    assert_eq!(right[0]["carrier"], "ups");
    assert_eq!(right[0]["checkDigitValid"], true);
    assert_eq!(right[0]["rank"], 1);
    assert!(!right[0]["reason"].as_str().unwrap().is_empty());
    assert_eq!(
        candidates("1ZSIM0010300000018")[0]["checkDigitValid"],
        false
    );
    let ten_digits = candidates("9000000111");
    let without_check = ten_digits
        .as_array()
        .unwrap()
        .iter()
        .find(|candidate| candidate["format"] == "deppon_short")
        .expect("a format without a check digit fits ten digits");
    assert_eq!(without_check.get("checkDigitValid"), None);
}

#[test]
fn init_writes_a_configuration_that_loads_as_it_is_and_un_commented() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("waybill.toml");
    let path = file.to_str().unwrap();
    assert!(run(&["init", "--out", path]).status.success());
    let checked = run(&["check", "--config", path]);
    assert!(checked.status.success(), "{}", err(&checked));
    assert!(out(&checked).contains("names no source"));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("listen = \"127.0.0.1:8780\" starts it; docs/push.md"));
    assert!(text.contains("## it can push, to /push/ups at push.listen"));

    let again = run(&["init", "--out", path]);
    assert_eq!(again.status.code(), Some(1), "a file is never overwritten");

    let text = std::fs::read_to_string(&file).unwrap();
    let open: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        .collect();
    std::fs::write(&file, open.join("\n")).unwrap();
    let missing = run(&["check", "--config", path]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        err(&missing).contains("is required"),
        "only what nobody else can know is missing: {}",
        err(&missing)
    );
    let required = waybill_adapters::ALL
        .iter()
        .flat_map(|source| source.settings)
        .filter(|setting| setting.required);
    let filled = required.fold(open.join("\n"), |text, setting| {
        let key = setting.key;
        text.replace(
            &format!("\n{key} = \"\""),
            &format!("\n{key} = \"offline\""),
        )
    });
    std::fs::write(&file, filled).unwrap();
    let checked = run(&["check", "--config", path]);
    assert!(checked.status.success(), "{}", err(&checked));
    for step in ["shed", "bulkhead", "retry", "breaker", "quota", "time-out"] {
        assert!(out(&checked).contains(step), "{}", out(&checked));
    }
}

/// Sources that point at the simulator.
fn configuration(simulator: &Simulator, secret: &str, key: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(
        file,
        "[sources.dhl]\nbase_url = {:?}\napi_key = {key:?}\n\
         [sources.ups]\nbase_url = {:?}\nclient_id = {:?}\nclient_secret = {secret:?}",
        simulator.dhl().base_url(),
        simulator.ups().base_url(),
        simulator.ups().client_id(),
    )
    .unwrap();
    file
}

/// What `check --live` says of DHL and of UPS.
async fn live(file: &tempfile::NamedTempFile) -> (Option<i32>, [String; 2]) {
    let path = file.path().to_str().unwrap().to_owned();
    let output = run_beside(&["check", "--live", "--config", &path]).await;
    let text = out(&output);
    let mut lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("live"))
        .map(|line| line.trim().to_owned());
    let lines = [lines.next().unwrap(), lines.next().unwrap()];
    (output.status.code(), lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_check_tells_keys_rights_and_network_apart() {
    let simulator = simulator(Duration::ZERO).await;
    let secret = simulator.ups().client_secret().to_owned();
    let key = simulator.dhl().api_key().to_owned();
    let good = configuration(&simulator, &secret, &key);
    let (code, [dhl, ups]) = live(&good).await;
    assert_eq!(code, Some(0), "{dhl} {ups}");
    assert!(dhl.starts_with("works") && ups.starts_with("works"));

    let (code, [dhl, ups]) = live(&configuration(&simulator, "wrong", "wrong")).await;
    assert_eq!(code, Some(1));
    assert!(dhl.contains("the key, which is wrong"), "{dhl}");
    assert!(ups.contains("no token: credentials refused"), "{ups}");
    assert!(ups.contains("lacks the tracking product"), "{ups}");

    let forbidden: Fault = "status:403".parse().unwrap();
    simulator.dhl().set_fault(Some(forbidden.clone()));
    simulator.ups().set_fault(Some(forbidden));
    let (code, [dhl, ups]) = live(&good).await;
    assert_eq!(code, Some(1));
    for line in [dhl, ups] {
        assert!(line.contains("lacks the right to track"), "{line}");
    }

    simulator.dhl().down().await;
    simulator.ups().down().await;
    let (code, lines) = live(&good).await;
    assert_eq!(code, Some(1));
    for line in lines {
        assert!(line.starts_with("not reached"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn track_and_batch_speak_json_and_fail_with_reason_and_retry() {
    let world = World::start(|_| {}).await;
    let address = format!("http://{}", world.app.address);
    let number = world.ups_number("delivered");
    let tracked = run_beside(&["track", &number, "--json", "--address", &address]).await;
    let shipment = &json(&tracked)["shipments"][0];
    assert_eq!(shipment["status"], "SHIPMENT_STATUS_DELIVERED");
    assert_eq!(shipment["trackingNumber"], number.as_str());

    let refused = run_beside(&["track", "not a number!", "--json", "--address", &address]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty());
    assert!(
        err(&refused).contains("TRACKING_NUMBER_INVALID"),
        "{}",
        err(&refused)
    );

    let arguments = ["batch", "-", "--json", "--address", &address].map(str::to_owned);
    let input = format!(
        "# two numbers\n{number}\n\n{}\n",
        world.dhl_number("delivered")
    );
    let batch = tokio::task::spawn_blocking(move || {
        run_with_input(&arguments.each_ref().map(String::as_str), input.as_bytes())
    })
    .await
    .unwrap();
    assert!(batch.status.success(), "{}", err(&batch));
    let lines: Vec<Value> = out(&batch)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2]["summary"]["successCount"], 2);

    world.simulator.ups().down().await;
    let other = world.ups_number("in-transit");
    let failed = run_beside(&["track", &other, "--address", &address]).await;
    assert_eq!(failed.status.code(), Some(1));
    let message = err(&failed);
    assert!(message.contains("SOURCES_UNAVAILABLE"), "{message}");
    assert!(message.contains("try again in"), "{message}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_tracked_by_platform_and_id() {
    let world = common::every::world(|_| ()).await;
    let address = format!("http://{}", world.app.address);
    let order = ["track", "--order", "1688", "880000000000000001"];
    let tracked = run_beside(&[&order[..], &["--json", "--address", &address]].concat()).await;
    let shipments = &json(&tracked)["shipments"];
    assert_eq!(shipments.as_array().unwrap().len(), 2);
    let both = run(&[&order[..], &["1ZSIM0010300000017"]].concat());
    assert_eq!(both.status.code(), Some(2), "one of the two");
    assert_eq!(run(&["track"]).status.code(), Some(2));
    let order = ["track", "--order", "ebay", "77-1", "--address", &address];
    let failed = run_beside(&order).await;
    assert!(err(&failed).contains("NO_SOURCE_CONFIGURED"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_sources_names_the_setting() {
    let world = World::start(|config| config.sources.clear()).await;
    let address = format!("http://{}", world.app.address);
    let failed = run_beside(&["track", "1ZSIM0010300000017", "--address", &address]).await;
    assert_eq!(failed.status.code(), Some(1));
    let message = err(&failed);
    assert!(message.contains("NO_SOURCE_CONFIGURED"), "{message}");
    assert!(message.contains("[sources."), "{message}");
    world.stop().await;
}

fn serve(more: &[&str]) -> Running {
    let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--side", "127.0.0.1:0"];
    arguments.extend(more);
    Running::start(&arguments)
}

#[test]
fn serve_listens_beyond_loopback_only_if_told_so() {
    let refused = run(&["serve", "--listen", "0.0.0.0:0", "--side", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("--insecure"), "{}", err(&refused));
}

#[test]
fn serve_ends_well_when_it_is_asked_to() {
    for signal in ["TERM", "INT"] {
        let mut server = serve(&[]);
        server.line("waybill listens on");
        assert_eq!(server.signal(signal), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_starts_without_its_redis_and_says_so() {
    let redis = Redis::absent();
    let mut server = serve(&["--redis", &redis.url()]);
    let line = server.line("waybill listens on");
    let side = line
        .rsplit(' ')
        .next()
        .unwrap()
        .trim_end_matches(')')
        .to_owned();
    common::eventually("/readyz says what is degraded", async || {
        let body = get(&side, "/readyz").await;
        body.starts_with("HTTP/1.1 200") && body.contains("degraded") && body.contains("cache")
    })
    .await;
    assert_eq!(server.signal("TERM"), Some(0));
}

/// One exchange in HTTP/1.1.
async fn get(address: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[test]
fn follow_prints_the_stream_as_json_and_outlives_its_server() {
    let mut carriers = Running::start(&["sim", "--speed", "0"]);
    let mut config = tempfile::NamedTempFile::new().unwrap();
    let mut line = carriers.line("[sources.dhl]");
    while !line.starts_with("# what there is") {
        writeln!(config, "{line}").unwrap();
        line = carriers.line("");
    }
    let config = config.path().to_str().unwrap();
    let mut server = serve(&["--config", config]);
    let line = server.line("waybill listens on");
    let port = line.split_whitespace().nth(3).unwrap();
    let address = format!("http://{port}");
    let mut follow = Running::start(&[
        "follow",
        "1ZSIM0010300000017",
        "--json",
        "--address",
        &address,
    ]);
    let update: Value = serde_json::from_str(&follow.line("\"update\"")).unwrap();
    let shipment = &update["update"]["shipment"];
    assert_eq!(shipment["trackingNumber"], "1ZSIM0010300000017");
    follow.line("\"synced\"");
    assert_eq!(server.signal("TERM"), Some(0));
    follow.line("\"goingAway\"");
    let side = "127.0.0.1:0";
    let mut next = Running::start(&[
        "serve", "--config", config, "--listen", port, "--side", side,
    ]);
    next.line("waybill listens on");
    follow.line("\"synced\"");
    assert_eq!(follow.signal("INT"), Some(0));
}

#[test]
fn proto_writes_the_files_of_this_version() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        run(&["proto", "--out", folder.path().to_str().unwrap()])
            .status
            .success()
    );
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let names = |folder: &Path| {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    for package in ["waybill/v1", "waybill/adapter/v1"] {
        let (source, written) = (protos.join(package), folder.path().join(package));
        assert_eq!(names(&written), names(&source));
        for name in names(&source) {
            let (ours, theirs) = (source.join(&name), written.join(&name));
            assert_eq!(std::fs::read(ours).unwrap(), std::fs::read(theirs).unwrap());
        }
    }
}

#[test]
fn a_reader_that_stops_early_is_no_failure() {
    let mut child = command(&["demo"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success());
    assert_eq!(err(&ended), "");
}

#[test]
fn the_demo_tells_its_tour_and_ends() {
    let demo = run(&["demo"]);
    let told = out(&demo);
    assert!(demo.status.success(), "{}", err(&demo));
    for part in [
        "check digit of UPS 1Z are right",
        "next: Out for delivery",
        "dhl: tripped",
        "UPS is not concerned",
        "DHL works again",
        "revision 2",
        "  usps       nothing yet",
        "legs: china-post > cainiao > usps",
        "! customs (warning): wait; up to: authority",
        "English: Held by customs",
        "Chinese: 被目的地国家海关暂扣",
        "German: Vom Zoll im Zielland angehalten",
        "(zone?) 【CHICAGO】到达境外进口互换局",
        "? disputed: delivered in Shenzhen, says 17track",
        "? impossible travel (17track): 12",
        "delivered            20",
        "That was the tour",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn the_demo_can_stay_and_says_how_to_call_it() {
    let mut demo = Running::start(&["demo", "--keep"]);
    let line = demo.line("waybill track ");
    let words: Vec<&str> = line.split_whitespace().collect();
    let tracked = run(&["track", words[2], "--address", words[4]]);
    assert!(tracked.status.success(), "{}", err(&tracked));
    assert!(out(&tracked).contains("source ups: "));
    assert_eq!(demo.signal("TERM"), Some(0));
}
