//! What a file and the environment come to.

use super::*;

fn load_text(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let pairs = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(Some(file.path()), pairs)
}

#[test]
fn the_environment_goes_over_the_file() {
    let file = "[calls]\npatience = \"1s\"\nbatch_items = 7\n[sources.dhl-express]\nuser = \"a\"\n";
    let config = load_text(
        file,
        &[
            ("WAYBILL_CALLS__PATIENCE", "250ms"),
            ("WAYBILL_SERVER__INSECURE", "true"),
            ("WAYBILL_SOURCES__DHL_EXPRESS__PASSWORD", "007"),
            ("WAYBILL_LOG", "debug"),
        ],
    )
    .unwrap();
    assert_eq!(config.calls.patience, ms(250));
    assert_eq!(config.calls.batch_items, 7);
    assert!(config.server.insecure);
    let accounts = accounts("dhl-express", &config.sources["dhl-express"]).unwrap();
    let pairs = &accounts[0].pairs;
    assert!(pairs.contains(&("user".to_owned(), "a".to_owned())));
    assert!(pairs.contains(&("password".to_owned(), "007".to_owned())));
}

#[test]
fn an_unknown_key_is_refused_naming_the_known_ones() {
    let error = load_text("[calls]\npatince = \"1s\"\n", &[]).err().unwrap();
    assert!(
        error.contains("patince") && error.contains("patience"),
        "{error}"
    );
    let error = load_text("[calls]\npatience = 3\n", &[]).err().unwrap();
    assert!(error.contains("string"), "{error}");
}

#[test]
fn a_broken_file_is_named_by_line_without_its_text() {
    let error = load_text("[sources.ups]\nclient_secret = \"hunter2\n", &[])
        .err()
        .unwrap();
    assert!(
        error.contains("line 2") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn accounts_start_from_the_keys_of_their_source() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "s3cret\n").unwrap();
    let text = format!(
        "environment = \"sandbox\"\n[limits]\nper_day = 9\n[accounts.shop-a]\nclient_secret_file = {:?}\n",
        secret.path()
    );
    let accounts = accounts("ups", &text.parse().unwrap()).unwrap();
    assert_eq!(accounts[0].name, "shop-a");
    assert_eq!(accounts[0].limits.per_day, Some(9));
    let expected = [("client_secret", "s3cret"), ("environment", "sandbox")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()));
    let mut pairs = accounts[0].pairs.clone();
    pairs.sort();
    assert_eq!(pairs, expected);
}

#[test]
fn costs_and_budgets_are_of_each_account() {
    let text = "cost = \"0.004\"\ndaily_budget = 5\n[accounts.a]\n[accounts.b]\ncost = 0.01\n";
    let accounts = accounts("ups", &text.parse().unwrap()).unwrap();
    let costs: Vec<String> = accounts.iter().map(|it| it.cost.to_string()).collect();
    assert_eq!(costs, ["0.004", "0.01"]);
    assert!(accounts.iter().all(|it| it.daily_budget.to_string() == "5"));
    assert!(accounts.iter().all(|it| it.pairs.is_empty()));
    let error = super::accounts("ups", &"cost = \"free\"".parse().unwrap());
    let error = error.err().unwrap();
    assert!(
        error.starts_with("sources.ups.cost: must be a decimal"),
        "{error}"
    );
}

#[test]
fn spans_read_back_what_they_write() {
    for text in ["300ms", "5s", "2m", "24h"] {
        let span: Span = serde_json::from_value(text.into()).unwrap();
        let again: Span = serde_json::from_value(serde_json::to_value(span).unwrap()).unwrap();
        assert_eq!(span, again);
    }
}
