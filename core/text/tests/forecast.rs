//! What is said of our own expectation.

use super::*;
use crate::forecast::{Forecast, Times, forecast};

/// A forecast for a parcel to a country, at hours after the start.
fn made(country: &str, hours: [u64; 2]) -> Forecast {
    let mut record = parcel();
    let start = at("2026-05-12T08:00:00Z");
    record.events = vec![picked_up(start)];
    record.destination = Some(Location {
        country: country.into(),
        ..Location::default()
    });
    let times = hours.map(|hours| (hours as f64 * 3_600.0, 206));
    let now = at("2026-05-12T09:00:00Z");
    forecast(&record, |_| Times::new(times.to_vec()), now).unwrap()
}

fn picked_up(at: Timestamp) -> crate::event::Event {
    use crate::adapter::Report;
    use crate::event::{Claim, Classifier, MappingBasis, SourceClass};
    let claim = Claim {
        native_id: String::new(),
        native_code: "PU".into(),
        native_reason: String::new(),
        native_text: String::new().into(),
        code: EventCode::PICKED_UP,
        reason: None,
        basis: MappingBasis::Code,
        time: time(&at.to_string(), "CN"),
        location: None,
        carrier: String::new(),
        classifier: Classifier::Actual,
        retracted: false,
        doubt: None,
    };
    let number = TrackingNumber::parse("LX123456785CN").unwrap();
    let report = Report {
        number: number.clone(),
        relays: "post".into(),
        complete: true,
        language: "en".into(),
        claims: vec![claim.into()],
        facts: crate::shipment::Facts::default(),
    };
    let id = ShipmentId("0".repeat(26));
    let mut dossier = crate::reconcile::Dossier::new(id, number, "post".into());
    dossier.absorb("post", SourceClass::Custodian, &report, at);
    dossier.record().events.remove(0)
}

#[test]
fn our_own_expectation_is_told_as_ours_with_the_number_it_rests_on() {
    let several = made("DE", [100, 220]);
    let english = catalogue();
    let english = english.find("en");
    assert_eq!(
        english.forecast(&several),
        "We expect delivery between 16 May 2026 and 21 May 2026. This is our own estimate from 412 \
         parcels on this route; the carrier has not said it."
    );
    let one = made("DE", [100, 101]);
    assert!(
        english
            .forecast(&one)
            .starts_with("We expect delivery on 16 May 2026. This is our own estimate")
    );
    // Where the clock of the destination is not known, that is said.
    let far = made("US", [100, 220]);
    assert!(
        english
            .forecast(&far)
            .contains("between 16 May 2026 (UTC) and 21 May 2026 (UTC)")
    );
    for (language, own) in [
        ("de", "selbst"),
        ("es", "estimación nuestra"),
        ("fr", "notre propre"),
        ("zh-Hans", "自行"),
    ] {
        let catalogue = catalogue();
        for forecast in [&several, &one] {
            let text = catalogue.find(language).forecast(forecast);
            assert!(text.contains(own) && text.contains("412"), "{text}");
            assert!(!text.contains(['{', '}', '$']), "{text}");
        }
    }
}
