//! One parcel from Shenzhen to Ohio, told as a story: what each source says as time passes, and the
//! one record that comes of it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use waybill::v1;

use super::{NOW, Tour, chapter, print, say, state};

/// Who is asked about the parcel.
const ASKED: [&str; 4] = ["china-post", "17track", "cainiao", "usps"];
/// The languages in which the customs hold is told, by tag and name.
const LANGUAGES: [(&str, &str); 3] = [("en", "English"), ("zh", "Chinese"), ("de", "German")];
/// Findings that the story is about; others are told by `waybill track`.
const TOLD: [v1::QualityFindingKind; 4] = [
    v1::QualityFindingKind::ImpossibleTravel,
    v1::QualityFindingKind::SourcesDisagree,
    v1::QualityFindingKind::EventAfterTerminal,
    v1::QualityFindingKind::FeedStale,
];

/// One moment of the story.
struct Moment {
    /// Hours since the parcel was announced.
    hours: i64,
    title: &'static str,
    /// Tell what can be done about it, in all languages.
    advice: bool,
}

const fn moment(hours: i64, title: &'static str) -> Moment {
    Moment {
        hours,
        title,
        advice: false,
    }
}

/// When the parcel is announced, in hours from the start of the scenarios.
const BEGIN: i64 = 90;

const STORY: [Moment; 7] = [
    moment(
        3,
        "Handed in at Shenzhen. Two sources tell of one scan, and USPS knows nothing.",
    ),
    moment(
        24,
        "Left China. One scan of 17TRACK has no offset; the clock of its place is known.",
    ),
    Moment {
        advice: true,
        ..moment(
            46,
            "Held by customs in Chicago. China Post lags, which is no contradiction.",
        )
    },
    moment(
        60,
        "A late sync: China Post hears of the arrival, on a clock that it does not name.",
    ),
    moment(76, "Released, and handed to USPS."),
    moment(
        102,
        "A contradiction: delivered in Shenzhen, says 17TRACK; just scanned in Columbus, says USPS.",
    ),
    moment(132, "Delivered in Columbus."),
];

impl Tour<'_> {
    /// The story of one parcel that four sources follow.
    pub(super) async fn story(&mut self) -> Result<(), String> {
        chapter(6, "From Shenzhen to Ohio: four sources, one record");
        let simulator = self.simulator;
        let script = simulator.source("usps").and_then(|it| it.scenario("story"));
        let number = super::number_of(script)?;
        let mut known: BTreeSet<String> = BTreeSet::new();
        for moment in &STORY {
            self.wait_until(BEGIN + moment.hours)?;
            let now = self.clock.now().strftime("%F %H:%M UTC").to_string();
            say!("{} - {}", print::bold(&now), moment.title);
            let response = self.ask(story_of(number, "en")).await?;
            let record = response
                .shipments
                .first()
                .ok_or("nobody knows the parcel")?;
            for source in ASKED {
                said(record, source);
            }
            state(record);
            legs(record);
            for event in &record.events {
                let disputed = event.standing() == v1::EventStanding::Disputed;
                if disputed && known.insert(event.id.clone()) {
                    say!("  ? disputed: {}", scan(event));
                }
            }
            for finding in &record.findings {
                let key = format!("{} {}", finding.kind, finding.detail);
                if TOLD.contains(&finding.kind()) && known.insert(key) {
                    let kind = finding.kind().as_str_name();
                    let kind = print::words(kind, "QUALITY_FINDING_KIND_");
                    say!(
                        "  ? {kind} ({}): {}",
                        finding.sources.join(", "),
                        finding.detail
                    );
                }
            }
            if moment.advice {
                self.in_every_language(number).await?;
            }
        }
        say!("");
        Ok(())
    }

    /// Lets time pass until so many hours after the start of the scenarios.
    fn wait_until(&self, hours: i64) -> Result<(), String> {
        let start = self.simulator.clock().start();
        let then = start
            .checked_add(SignedDuration::from_hours(hours))
            .map_err(|error| error.to_string())?;
        let left = then.duration_since(self.clock.now());
        if let Ok(left) = Duration::try_from(left) {
            self.pass(left);
        }
        Ok(())
    }

    async fn in_every_language(&self, number: &str) -> Result<(), String> {
        for (tag, name) in LANGUAGES {
            let response = self.ask(story_of(number, tag)).await?;
            let text = response.shipments.first();
            let text = text.and_then(|record| record.recipient_text.as_ref());
            let text = text.ok_or("the record has no text")?;
            say!("  {name}: {}. {} {}", text.title, text.body, text.next_step);
        }
        Ok(())
    }
}

/// A question to all who follow the parcel, whatever it costs.
fn story_of(number: &str, language: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        tracking_number: number.to_owned(),
        hints: Some(v1::Hints {
            destination_country: "US".to_owned(),
            ..Default::default()
        }),
        sources: ASKED.map(str::to_owned).to_vec(),
        view: v1::ShipmentView::Full as i32,
        language: language.to_owned(),
        max_age: NOW.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
        allow_paid: true,
        wait_for_all_sources: true,
        ..Default::default()
    }
}

/// What a source said last, in its own words and on its own clock.
fn said(record: &v1::Shipment, source: &str) {
    let mut all = record.events.iter().flat_map(|event| &event.observations);
    match all.find(|one| one.source == source) {
        Some(one) => say!(
            "  {source:<10} {:<27} {}",
            print::time(one.time.as_ref()),
            one.native_text
        ),
        None => say!("  {source:<10} nothing yet"),
    }
}

/// An event in a few words.
fn scan(event: &v1::TrackingEvent) -> String {
    let code = print::words(event.code().as_str_name(), "EVENT_CODE_");
    let place = event.location.as_ref();
    let place = place.map_or_else(String::new, |place| format!(" in {}", place.locality));
    let sources: Vec<&str> = event
        .observations
        .iter()
        .map(|one| one.source.as_str())
        .collect();
    format!("{code}{place}, says {}", sources.join(" and "))
}

/// Who had the parcel, one after the other.
fn legs(record: &v1::Shipment) {
    let name = |leg: &v1::Leg| match leg.carrier.as_str() {
        "" => "?".to_owned(),
        carrier => carrier.to_owned(),
    };
    let legs: Vec<String> = record.legs.iter().map(name).collect();
    say!("  legs: {}", legs.join(" > "));
}
