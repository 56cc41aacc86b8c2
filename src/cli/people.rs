//! Records as text for people, in their language: with a table for the eye, or one fact a line for
//! the ear.

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use waybill::v1;
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::exception::NextAction;
use waybill_core::text::{Catalogue, Language};

use super::out::say;
use super::print;

/// Who reads, and how.
#[derive(Args, Clone)]
pub(super) struct Reader {
    /// Language of the texts, a BCP 47 tag such as "de" or "zh".
    #[arg(long, default_value = "en")]
    language: String,
    /// Whom the texts speak to.
    #[arg(long, value_enum, default_value = "recipient")]
    audience: Audience,
    /// One fact a line, without tables, bars and colours, for a screen reader.
    #[arg(long)]
    plain: bool,
}

/// Whom the texts speak to.
#[derive(Clone, Copy, ValueEnum)]
enum Audience {
    /// Who gets the parcel.
    Recipient,
    /// Who sent it.
    Shipper,
}

/// Prints records for a reader.
pub(super) struct Printer {
    reader: Reader,
    catalogue: Catalogue,
}

impl Printer {
    pub(super) fn new(reader: Reader) -> Result<Self, String> {
        Ok(Self {
            reader,
            catalogue: Catalogue::new(&[])?,
        })
    }

    /// Language to ask for.
    pub(super) fn language(&self) -> &str {
        &self.reader.language
    }

    /// Prints the answer to `track`.
    pub(super) fn track(&self, response: &v1::TrackResponse) {
        for record in &response.shipments {
            let overlay = response.overlays.iter();
            let overlay = overlay.into_iter().find(|one| one.shipment_id == record.id);
            let forecast = response.forecasts.iter();
            let forecast = forecast
                .into_iter()
                .find(|one| one.shipment_id == record.id);
            self.shipment(record, overlay, forecast);
            say!("");
        }
        if response.shipments.is_empty() {
            let language = self.catalogue.find(&self.reader.language);
            say!("{}", language.label("unknown"));
        }
        print::sources(response);
    }

    /// Prints a record. The words around the texts are in the language that the texts came in.
    pub(super) fn shipment(
        &self,
        record: &v1::Shipment,
        overlay: Option<&v1::TenantOverlay>,
        forecast: Option<&v1::DeliveryForecast>,
    ) {
        let text = self.text(record.recipient_text.as_ref(), record.shipper_text.as_ref());
        let language = self.catalogue.find(&text.language);
        let times = times(record, forecast, language);
        if self.reader.plain {
            self.facts(record, overlay, &text, &times, language);
        } else {
            self.picture(record, overlay, &text, &times, language);
        }
    }

    fn text(&self, recipient: Option<&v1::Text>, shipper: Option<&v1::Text>) -> v1::Text {
        let text = match self.reader.audience {
            Audience::Recipient => recipient,
            Audience::Shipper => shipper,
        };
        text.cloned().unwrap_or_default()
    }

    /// Prints what the tenant does about exceptions of a record that was printed before.
    pub(super) fn work(&self, overlay: &v1::TenantOverlay) {
        let language = self.catalogue.find(&self.reader.language);
        for handling in &overlay.exceptions {
            for line in worked(handling, language) {
                say!("{line}");
            }
        }
    }

    fn picture(
        &self,
        record: &v1::Shipment,
        overlay: Option<&v1::TenantOverlay>,
        text: &v1::Text,
        times: &[String],
        language: &Language,
    ) {
        say!(
            "{}  {}  {}",
            print::bold(&record.tracking_number),
            record.carrier,
            print::bold(&text.title)
        );
        for line in [&text.body, &text.next_step].into_iter().chain(times) {
            if !line.is_empty() {
                say!("  {line}");
            }
        }
        if let Some(progress) = &record.progress {
            let bar = print::bar(progress);
            say!("  [{bar}] {}", language.step(progress.step, progress.of));
        }
        for problem in open(record) {
            let text = self.text(
                problem.recipient_text.as_ref(),
                problem.shipper_text.as_ref(),
            );
            say!("  ! {}: {}", text.title, text.body);
            say!("    {}", text.next_step);
            for line in choices(record, problem, language) {
                say!("    {line}");
            }
            for line in done(overlay, problem, language) {
                say!("    {line}");
            }
        }
        if record.events.is_empty() {
            return;
        }
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic);
        for event in &record.events {
            table.add_row([
                print::time(event.time.as_ref()),
                happened(event, language),
                place(event, language),
            ]);
        }
        say!("{table}");
    }

    fn facts(
        &self,
        record: &v1::Shipment,
        overlay: Option<&v1::TenantOverlay>,
        text: &v1::Text,
        times: &[String],
        language: &Language,
    ) {
        let fact = |label: &str, value: &str| {
            if !value.is_empty() {
                say!("{}: {value}", language.label(label));
            }
        };
        fact("number", &record.tracking_number);
        fact("carrier", &record.carrier);
        fact("status", &text.title);
        fact("what", &text.body);
        fact("next", &text.next_step);
        for line in times {
            say!("{line}");
        }
        if let Some(progress) = &record.progress {
            fact("progress", &language.step(progress.step, progress.of));
        }
        if let Some(step) = &record.next_step {
            fact("milestone", &step.title);
        }
        for problem in open(record) {
            let text = self.text(
                problem.recipient_text.as_ref(),
                problem.shipper_text.as_ref(),
            );
            fact("problem", &format!("{}. {}", text.title, text.body));
            fact("next", &text.next_step);
            for line in choices(record, problem, language) {
                say!("{line}");
            }
            for line in done(overlay, problem, language) {
                say!("{line}");
            }
        }
        for event in &record.events {
            let parts = [
                spoken_time(event.time.as_ref(), language),
                happened(event, language),
                place(event, language),
            ];
            let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            fact("event", &parts.join(". "));
        }
    }
}

/// When it should come: what the carrier promised beside what is expected now, where both are
/// known, and what the gateway expects.
fn times(
    record: &v1::Shipment,
    forecast: Option<&v1::DeliveryForecast>,
    language: &Language,
) -> Vec<String> {
    let is_promise =
        |one: &&v1::DeliveryEstimate| one.kind() == v1::EstimateKind::CarrierCommitment;
    let promised = record.estimates.iter().find(is_promise);
    let expected = record.estimates.iter().find(|one| !is_promise(one));
    let line = |label, estimate: &v1::DeliveryEstimate| {
        let window = estimate.window.as_ref()?;
        let time = spoken_time(window.end.as_ref().or(window.start.as_ref()), language);
        Some(format!("{}: {time}", language.label(label)))
    };
    let stated = promised.zip(expected).filter(|_| !record.terminal);
    let stated =
        stated.map(|(promised, expected)| [line("promised", promised), line("expected", expected)]);
    let stated = stated.into_iter().flatten().flatten();
    let own = forecast.map(|forecast| forecast.text.clone());
    stated.chain(own).collect()
}

fn open(record: &v1::Shipment) -> impl Iterator<Item = &v1::ShipmentException> {
    record
        .exceptions
        .iter()
        .filter(|problem| problem.close_time.is_none())
}

/// What the tenant does about a problem, one fact a line.
fn done(
    overlay: Option<&v1::TenantOverlay>,
    problem: &v1::ShipmentException,
    language: &Language,
) -> Vec<String> {
    let handling = overlay.and_then(|overlay| print::handling(overlay, &problem.id));
    handling.map_or_else(Vec::new, |handling| worked(handling, language))
}

/// What was done about an exception: who has it, who saw it, that it is closed, the last note.
fn worked(handling: &v1::ExceptionHandling, language: &Language) -> Vec<String> {
    let time = |time: &Option<prost_types::Timestamp>| {
        time.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    let mut history = handling.history.iter().rev();
    let note = history.find(|step| !step.comment.is_empty());
    let facts = [
        ("assignee", handling.assignee.clone()),
        ("acknowledged", time(&handling.acknowledge_time)),
        ("resolved", time(&handling.resolve_time)),
        (
            "note",
            note.map(|step| step.comment.clone()).unwrap_or_default(),
        ),
    ];
    let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
    facts
        .map(|(label, value)| format!("{}: {value}", language.label(label)))
        .collect()
}

/// What else can be done about a problem, and where the carrier lets one do it.
fn choices(
    record: &v1::Shipment,
    problem: &v1::ShipmentException,
    language: &Language,
) -> Vec<String> {
    let mut lines: Vec<String> = problem
        .alternative_actions
        .iter()
        .filter_map(|number| action(*number))
        .map(|action| format!("{}: {}", language.label("also"), language.action(action)))
        .collect();
    let pages = record
        .contact_options
        .iter()
        .filter(|page| page.action == problem.next_action && !page.url.is_empty());
    lines.extend(pages.map(|page| format!("{}: {}", language.label("page"), page.url)));
    lines
}

/// Reads the enum of the API; `None` for a number that this version does not know.
fn action(number: i32) -> Option<NextAction> {
    Some(match v1::NextAction::try_from(number).ok()? {
        v1::NextAction::Unspecified => return None,
        v1::NextAction::Wait => NextAction::Wait,
        v1::NextAction::ProvideInformation => NextAction::ProvideInformation,
        v1::NextAction::PayCharges => NextAction::PayCharges,
        v1::NextAction::CorrectAddress => NextAction::CorrectAddress,
        v1::NextAction::ArrangeRedelivery => NextAction::ArrangeRedelivery,
        v1::NextAction::Collect => NextAction::Collect,
        v1::NextAction::ContactCarrier => NextAction::ContactCarrier,
        v1::NextAction::FileClaim => NextAction::FileClaim,
        v1::NextAction::ReshipOrRefund => NextAction::ReshipOrRefund,
        v1::NextAction::ReviewData => NextAction::ReviewData,
        v1::NextAction::ChangeToPickupPoint => NextAction::ChangeToPickupPoint,
        v1::NextAction::ReturnOrDispose => NextAction::ReturnOrDispose,
        v1::NextAction::OpenInvestigation => NextAction::OpenInvestigation,
        v1::NextAction::CollectEvidence => NextAction::CollectEvidence,
    })
}

/// What an event was, why, and whether it counts.
fn happened(event: &v1::TrackingEvent, language: &Language) -> String {
    let number = |number: i32| u16::try_from(number).unwrap_or(0);
    let mut text = language.event(EventCode(number(event.code)));
    if text.is_empty() {
        text = event.code.to_string();
    }
    let reason = language.reason(ReasonCode(number(event.reason)));
    if !reason.is_empty() {
        text.push_str(&format!(" ({reason})"));
    }
    let standing = match event.standing() {
        v1::EventStanding::Disputed => "disputed",
        v1::EventStanding::Retracted => "retracted",
        v1::EventStanding::Accepted | v1::EventStanding::Unspecified => return text,
    };
    format!("{text} [{}]", language.label(standing))
}

fn place(event: &v1::TrackingEvent, language: &Language) -> String {
    event.location.as_ref().map_or_else(String::new, |place| {
        language.place(&place.locality, &place.country_code)
    })
}

/// Day in words, clock and offset.
fn spoken_time(time: Option<&v1::EventTime>, language: &Language) -> String {
    let Some(time) = time else {
        return String::new();
    };
    let (day, clock) = match time.local_time.split_once('T') {
        Some((day, clock)) => (day, clock.get(..5).unwrap_or(clock)),
        None => (time.local_time.as_str(), ""),
    };
    let day = match day.parse() {
        Ok(date) => language.date(date),
        Err(_) => day.to_owned(),
    };
    // Of a day alone nobody asks the clock.
    match (clock, print::offset(time)) {
        ("", _) => day,
        (clock, Some(offset)) => format!("{day}, {clock} (UTC{offset})"),
        (clock, None) => format!("{day}, {clock} ({})", language.label("time-zone-unknown")),
    }
}
