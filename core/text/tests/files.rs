use super::super::catalogue::{Catalogue, File, Language};
use super::{Audience, parcel};

#[test]
fn the_wanted_language_is_looked_up_as_rfc_4647_says() {
    let brazil = complete("pt-BR");
    let catalogue = Catalogue::new(&[brazil, file("de-AT", "country-AT = Österreich\n")]).unwrap();
    let rows = [
        ("", "en"),
        ("en", "en"),
        ("en-GB", "en"),
        ("EN-us", "en"),
        ("de", "de"),
        ("de-DE", "de"),
        ("de-AT", "de-AT"),
        ("de-AT-1996", "de-AT"),
        ("de_CH", "de"),
        ("de-CH-x-bern", "de"),
        ("fr-CA", "fr"),
        ("es-419", "es"),
        ("zh", "zh-Hans"),
        ("zh-CN", "zh-Hans"),
        ("zh-Hans-SG", "zh-Hans"),
        ("zh-TW", "zh-Hans"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("ja", "en"),
        ("x-klingon", "en"),
        ("*", "en"),
        ("-", "en"),
    ];
    for (wanted, expected) in rows {
        assert_eq!(catalogue.find(wanted).tag(), expected, "{wanted:?}");
    }
    let traditional = Catalogue::new(&[complete("zh-Hant")]).unwrap();
    assert_eq!(traditional.find("zh-TW").tag(), "zh-Hant");
    assert_eq!(traditional.find("zh-SG").tag(), "zh-Hans");
}

fn file(tag: &str, text: &str) -> File {
    File {
        name: format!("{tag}.ftl"),
        tag: tag.into(),
        text: text.into(),
    }
}

/// A language that says everything in English.
fn complete(tag: &str) -> File {
    let parts = [
        include_str!("../en/status.ftl"),
        include_str!("../en/code.ftl"),
        include_str!("../en/reason.ftl"),
        include_str!("../en/exception.ftl"),
    ];
    file(tag, &parts.concat())
}

#[test]
fn an_operator_overrides_a_message_and_leaves_the_others() {
    let own = file(
        "de",
        "code-departed-export-office = Fast weg\n    .text = Es geht los.\n",
    );
    let catalogue = Catalogue::new(&[own]).unwrap();
    let text = catalogue
        .find("de")
        .shipment(&parcel(), Audience::Recipient, "");
    assert_eq!(
        (text.title.as_str(), text.short_form.as_str()),
        ("Fast weg", "Es geht los.")
    );
    assert!(text.body.contains("Zuletzt gemeldet"));
}

#[test]
fn a_broken_file_is_refused_by_name_and_line() {
    let refused = |tag: &str, text: &str| Catalogue::new(&[file(tag, text)]).err().unwrap();
    let rows = [
        ("de", "\nbetween = {\n", "de.ftl: line 3"),
        (
            "de",
            "# a\nno-such = x\n",
            "de.ftl: line 2: `no-such` is not a message",
        ),
        (
            "de",
            "code-delivered = Da\n",
            "`code-delivered` lacks its attribute `.text`",
        ),
        (
            "de",
            "code-delivered = Da\n  .text = x\n  .more = y\n",
            "has no attribute `.more`",
        ),
        (
            "de",
            "\ndeadline = { $day }\n",
            "line 2: `deadline` is not given `$day`",
        ),
        ("de", "deadline = { date }\n", "refers to another message"),
        ("de", "label-page = x\n", "is not a message that is used"),
        (
            "pt",
            "code-delivered = Entregue\n  .text = Entregue.\n",
            "is missing",
        ),
        ("no_language!", "", "no_language!.ftl"),
    ];
    for (tag, text, expected) in rows {
        let error = refused(tag, text);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_language_is_shared_between_threads() {
    let catalogue = Catalogue::new(&[]).unwrap();
    let german: &Language = catalogue.find("de");
    let say = || {
        german
            .shipment(&parcel(), Audience::Recipient, "Post")
            .title
    };
    let titles: Vec<String> = std::thread::scope(|scope| {
        let speakers: Vec<_> = (0..4).map(|_| scope.spawn(say)).collect();
        speakers
            .into_iter()
            .map(|one| one.join().unwrap())
            .collect()
    });
    assert!(
        titles
            .iter()
            .all(|title| !title.is_empty() && *title == titles[0])
    );
}
