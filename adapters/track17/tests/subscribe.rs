//! What begins and ends the pushes of a number.

use super::*;

const NUMBER: &str = "LX702200015CN";

fn taken() -> String {
    format!(r#"{{"code":0,"data":{{"accepted":[{{"number":"{NUMBER}","carrier":3011}}]}}}}"#)
}

fn kind(done: &[Subscribed]) -> Vec<Result<bool, ErrorKind>> {
    let kind = |done: &Subscribed| {
        done.as_ref()
            .map(Option::is_none)
            .map_err(|error| error.kind)
    };
    done.iter().map(kind).collect()
}

#[test]
fn to_begin_is_to_register() {
    let script = Script::new(|_, _| response(200, &taken()));
    let done = script.subscribe(
        &adapter(&[]),
        &[query_of("china-post", NUMBER), query("1234")],
        Subscription::Start,
    );
    assert_eq!(kind(&done), [Ok(true), Err(ErrorKind::InvalidQuery)]);
    let sent = script.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0, "register");
    assert!(sent[0].1.contains("3011"));
}

#[test]
fn what_is_registered_already_goes_on() {
    for (code, expected) in [
        (0, Ok(true)),
        (-18_019_904, Ok(true)),
        (-18_019_905, Err(ErrorKind::Unsupported)),
    ] {
        let script = Script::new(move |path, _| match path {
            "register" => response(200, &refusal(NUMBER, -18_019_901)),
            _ if code == 0 => response(200, &taken()),
            _ => response(200, &refusal(NUMBER, code)),
        });
        let done = script.subscribe(&adapter(&[]), &[query(NUMBER)], Subscription::Start);
        assert_eq!(kind(&done), [expected], "{code}");
        assert_eq!(script.sent()[1].0, "retrack");
    }
}

#[test]
fn to_end_is_to_stop() {
    for (code, expected) in [
        (0, Ok(true)),
        (-18_019_902, Ok(true)),
        (-18_019_906, Ok(true)),
        (-18_010_003, Err(ErrorKind::Unavailable)),
    ] {
        let script = Script::new(move |_, _| match code {
            0 => response(200, &taken()),
            code => response(200, &refusal(NUMBER, code)),
        });
        let done = script.subscribe(
            &adapter(&[]),
            &[query_of("china-post", NUMBER)],
            Subscription::Stop,
        );
        assert_eq!(kind(&done), [expected], "{code}");
        let sent = script.sent();
        assert_eq!(sent[0].0, "stoptrack");
        assert_eq!(
            sent[0].1,
            format!(r#"[{{"number":"{NUMBER}"}}]"#),
            "under whichever carrier"
        );
    }
}

#[test]
fn refusals_and_failures_are_each_numbers_own() {
    let script = Script::new(|_, _| response(200, &refusal(NUMBER, -18_019_908)));
    let queries = [query(NUMBER), query("LX702200041CN")];
    let done = script.subscribe(&adapter(&[]), &queries, Subscription::Start);
    assert_eq!(
        kind(&done),
        [Err(ErrorKind::Throttled), Err(ErrorKind::Unavailable)]
    );
    let script = Script::new(|_, _| response(401, ""));
    let done = script.subscribe(&adapter(&[]), &queries, Subscription::Stop);
    assert_eq!(kind(&done), [Err(ErrorKind::Denied); 2]);
    let many: Vec<Query> = (0..41)
        .map(|n| query(&format!("LX70220{n:04}CN")))
        .collect();
    let script = Script::new(|_, _| response(200, r#"{"code":0,"data":{}}"#));
    assert_eq!(
        script
            .subscribe(&adapter(&[]), &many, Subscription::Stop)
            .len(),
        41
    );
    assert_eq!(script.sent().len(), 2, "40 in a call");
}
