//! `waybill carriers`: all sources, with what they speak, can do and may be asked.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::program::{json, out, run};

#[test]
fn carriers_and_completions_are_listed() {
    let listed = json(&run(&["carriers", "--json"]));
    let ups = listed["carriers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|carrier| carrier["carrier"] == "ups")
        .unwrap();
    assert_eq!(ups["sources"], serde_json::json!(["ups"]));
    assert!(ups["formats"].as_array().unwrap().contains(&"ups".into()));
    let sources = listed["sources"].as_array().unwrap();
    let ids: Vec<&str> = sources
        .iter()
        .map(|it| it["source"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "sandbox",
            "dhl",
            "dhl-express",
            "dhl-parcel-de",
            "fedex",
            "ups",
            "usps",
            "china-post",
            "cainiao",
            "sf",
            "kuaidi100",
            "17track",
            "aftership",
        ]
    );
    for source in sources {
        assert!(!source["api"].as_str().unwrap().is_empty());
        assert!(
            source["batch"].as_u64().unwrap() > 0 && source["perSecond"].as_f64().unwrap() > 0.0
        );
        assert_eq!(source["configured"], false);
    }
    let usps = &sources[6];
    assert_eq!(usps["batch"], 35);
    assert_eq!(
        usps["optionalHints"],
        serde_json::json!(["postal_code", "ship_date"])
    );
    let people = out(&run(&["carriers"]));
    assert!(people.contains("Track API v1 and its webhook") && people.contains("off"));
    let script = run(&["completions", "bash"]);
    assert!(
        out(&script).contains("normalize"),
        "every command completes"
    );
}
