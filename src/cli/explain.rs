//! `waybill explain` and `waybill rebuild`: why a record is what it is, read from the operators' port
//! of a running gateway.
//!
//! What people see has no personal data unless they ask for it: numbers but for their last four
//! characters, the sources' own texts and towns stay out. The JSON has everything.

use std::process::ExitCode;

use clap::Args;
use tonic::Status;
use waybill::admin::v1 as admin;
use waybill::admin::v1::admin_service_client::AdminServiceClient;
use waybill::v1;
use waybill_core::code::{EventCode, ReasonCode};

use super::client::{Caller, caller, failed};
use super::out::say;
use super::{Shown, json, print};

/// Greatest answer: every event of a shipment with its evidence.
const ANSWER_BYTES: usize = 64 * 1_024 * 1_024;
/// Characters of a number that are shown.
const SHOWN: usize = 4;

/// Which shipment, and where the gateway is.
#[derive(Args)]
struct Which {
    /// Tracking number, as printed or typed.
    number: String,
    /// Only shipments of this carrier id.
    #[arg(long, default_value = "")]
    carrier: String,
    /// Address of the operators' port of the gateway.
    #[arg(
        long,
        env = "WAYBILL_ADMIN_ADDRESS",
        default_value = "http://127.0.0.1:9465"
    )]
    admin: String,
    #[command(flatten)]
    shown: Shown,
    /// Print proto3 JSON, for programs. It has all personal data in it.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Explain {
    #[command(flatten)]
    which: Which,
    /// Show numbers, the sources' own texts and towns in full.
    #[arg(long)]
    show_personal: bool,
}

#[derive(Args)]
pub(super) struct Rebuild {
    #[command(flatten)]
    which: Which,
    /// Change nothing, only tell.
    #[arg(long)]
    dry_run: bool,
}

impl Which {
    async fn client(&self) -> Result<AdminServiceClient<Caller>, String> {
        let client = AdminServiceClient::new(caller(&self.admin, &self.shown).await?);
        Ok(client.max_decoding_message_size(ANSWER_BYTES))
    }

    fn key(&self) -> v1::ShipmentKey {
        v1::ShipmentKey {
            key: Some(v1::shipment_key::Key::TrackingNumber(self.number.clone())),
            carrier: self.carrier.clone(),
            hints: None,
        }
    }

    /// Prints why a call failed; of a number that is not stored, what to do.
    fn failed(&self, status: &Status) -> ExitCode {
        let code = failed(status);
        if status.code() == tonic::Code::NotFound {
            eprintln!("nothing is stored under this number: `waybill track` asks for it first");
        }
        code
    }
}

pub(super) async fn explain(options: Explain) -> Result<ExitCode, String> {
    let which = &options.which;
    let request = admin::ExplainShipmentRequest {
        shipment: Some(which.key()),
    };
    let answer = match which.client().await?.explain_shipment(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Ok(which.failed(&status)),
    };
    if which.json {
        json::line("admin.v1.ExplainShipmentResponse", &answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let page = Page {
        personal: options.show_personal,
    };
    for explanation in &answer.explanations {
        page.explanation(explanation);
    }
    if !options.show_personal {
        say!("(numbers, texts and towns are hidden; --show-personal shows them)");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn rebuild(options: Rebuild) -> Result<ExitCode, String> {
    let which = &options.which;
    let request = admin::RebuildShipmentRequest {
        shipment: Some(which.key()),
        validate_only: options.dry_run,
    };
    let answer = match which.client().await?.rebuild_shipment(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Ok(which.failed(&status)),
    };
    if which.json {
        json::line("admin.v1.RebuildShipmentResponse", &answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    for shipment in &answer.shipments {
        let id = &shipment.id;
        let (before, after) = (
            status(shipment.status_before()),
            status(shipment.status_after()),
        );
        let revision = shipment.revision;
        if shipment.changed_fields.is_empty() {
            say!("{id}: {after}, no difference (revision {revision})");
            continue;
        }
        let fields = shipment.changed_fields.join(", ");
        let what = if options.dry_run {
            "would be stored"
        } else {
            "stored"
        };
        say!("{id}: {before} -> {after}; differs in {fields}; {what} (revision {revision})");
    }
    Ok(ExitCode::SUCCESS)
}

/// A number but for its last characters.
pub(super) fn masked(number: &str) -> String {
    let length = number.chars().count();
    let hidden = length.saturating_sub(SHOWN);
    let tail: String = number.chars().skip(hidden).collect();
    // Of a short number nothing is shown: four characters would be most of it.
    if length < 2 * SHOWN {
        return "*".repeat(length);
    }
    format!("{}{tail}", "*".repeat(hidden))
}

/// An explanation on paper.
struct Page {
    personal: bool,
}

impl Page {
    fn explanation(&self, explanation: &admin::ShipmentExplanation) {
        let record = explanation.shipment.clone().unwrap_or_default();
        self.head(&record, explanation);
        say!("\nEvents, oldest first ({}):", explanation.steps.len());
        for (step, at) in explanation.steps.iter().zip(1..) {
            self.step(step, at);
        }
        if !record.legs.is_empty() {
            say!("\nWho had it:");
            for leg in &record.legs {
                say!("  {}", self.leg(leg));
            }
        }
        if !record.findings.is_empty() {
            say!("\nDoubts:");
        }
        for finding in &record.findings {
            let kind = print::words(finding.kind().as_str_name(), "QUALITY_FINDING_KIND_");
            let sources = finding.sources.join(", ");
            let by = if sources.is_empty() {
                String::new()
            } else {
                format!(" ({sources})")
            };
            let places = places_of(&finding.event_ids, explanation);
            say!("  {kind}{by}: {}{places}", finding.detail);
        }
        if !explanation.exceptions.is_empty() {
            say!("\nExceptions:");
        }
        for problem in &explanation.exceptions {
            exception(problem, explanation);
        }
        if !explanation.upcoming_changes.is_empty() {
            say!("\nWithout news:");
        }
        for change in &explanation.upcoming_changes {
            let decision = change.decision.clone().unwrap_or_default();
            let category = match change.category() {
                v1::ExceptionCategory::Unspecified => String::new(),
                category => {
                    let name = print::words(category.as_str_name(), "EXCEPTION_CATEGORY_");
                    format!("{name}: ")
                }
            };
            let time = at(change.time.as_ref());
            say!(
                "  {time}  {category}{} [{}]",
                decision.detail,
                decision.rule
            );
        }
        say!("");
    }

    fn head(&self, record: &v1::Shipment, explanation: &admin::ShipmentExplanation) {
        say!(
            "{}  {}  {}  (id {}, revision {}, {})",
            print::bold(&self.number(&record.tracking_number)),
            record.carrier,
            print::bold(status(record.status())),
            record.id,
            record.revision,
            print::words(record.tracking_state().as_str_name(), "TRACKING_STATE_"),
        );
        let id = &record.status_event_id;
        let set_by = explanation
            .steps
            .iter()
            .zip(1..)
            .find(|(step, _)| step.event.as_ref().is_some_and(|event| event.id == *id));
        match set_by {
            Some((step, at)) => {
                let event = step.event.clone().unwrap_or_default();
                say!(
                    "  because of event {at}, {} at {}, said by {} independent source(s)",
                    code(event.code),
                    print::time(event.time.as_ref()),
                    record.source_count,
                );
            }
            None => say!("  because no event that counts says otherwise"),
        }
        if !explanation.changed_fields.is_empty() {
            let fields = explanation.changed_fields.join(", ");
            say!("  ! the stored record differs in {fields}: `waybill rebuild` stores this one");
        }
    }

    fn step(&self, step: &admin::Step, at: usize) {
        let event = step.event.clone().unwrap_or_default();
        let decision = step.decision.clone().unwrap_or_default();
        let (before, after) = (status(step.status_before()), status(step.status_after()));
        let moved = if before == after {
            after.to_owned()
        } else {
            format!("{before} -> {after}")
        };
        let why = match reason(event.reason) {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        let line = format!(
            "{at:>3}. {}  {}{why}  {}",
            print::time(event.time.as_ref()),
            code(event.code),
            self.place(event.location.as_ref()),
        );
        say!("{}", line.trim_end());
        let standing = match event.standing() {
            v1::EventStanding::Disputed => "DISPUTED, ",
            v1::EventStanding::Retracted => "WITHDRAWN, ",
            v1::EventStanding::Accepted | v1::EventStanding::Unspecified => "",
        };
        say!(
            "     {standing}{moved}: {} [{}]",
            decision.detail,
            decision.rule
        );
        for claim in &step.claims {
            let observation = event
                .observations
                .iter()
                .find(|observation| observation.id == claim.observation_id);
            if let Some(observation) = observation {
                // Of a lone claim there is nothing to tell: the event is what it says.
                self.claim(claim, observation, step.claims.len() > 1);
            }
        }
    }

    fn claim(&self, claim: &admin::ClaimExplanation, observation: &v1::Observation, shared: bool) {
        let class = print::words(observation.source_class().as_str_name(), "SOURCE_CLASS_");
        let root = if observation.evidence_root == observation.source {
            String::new()
        } else {
            format!(", of {}", observation.evidence_root)
        };
        let basis = print::words(observation.mapping_basis().as_str_name(), "MAPPING_BASIS_");
        say!(
            "     - {} ({class}{root}) {:?} = {} by {basis}; heard {}",
            observation.source,
            observation.native_code,
            code(observation.code),
            at(observation.receive_time.as_ref()),
        );
        if self.personal && !observation.native_text.is_empty() {
            say!("       {:?}", observation.native_text);
        }
        if shared {
            let joined = claim.joined.clone().unwrap_or_default();
            say!("       {} [{}]", joined.detail, joined.rule);
        }
        for given in claim.given_fields.iter().filter(|_| shared) {
            let decision = given.decision.clone().unwrap_or_default();
            say!(
                "       gave {}: {} [{}]",
                given.field,
                decision.detail,
                decision.rule
            );
        }
        if let Some(withdrawn) = &claim.withdrawn {
            say!(
                "       withdrawn: {} [{}]",
                withdrawn.detail,
                withdrawn.rule
            );
        }
    }

    fn leg(&self, leg: &v1::Leg) -> String {
        let carrier = if leg.carrier.is_empty() {
            "an unknown carrier"
        } else {
            &leg.carrier
        };
        let role = print::words(leg.role().as_str_name(), "LEG_ROLE_");
        let number = match self.number(&leg.tracking_number) {
            number if number.is_empty() => number,
            number => format!(", as {number}"),
        };
        let span = |time: Option<&prost_types::Timestamp>, open: &str| {
            time.map_or_else(|| open.to_owned(), |time| at(Some(time)))
        };
        let start = span(leg.start_time.as_ref(), "not yet");
        let end = span(leg.end_time.as_ref(), "now");
        format!("{carrier} ({role}{number}) from {start} to {end}")
    }

    fn number(&self, number: &str) -> String {
        if self.personal {
            number.to_owned()
        } else {
            masked(number)
        }
    }

    fn place(&self, place: Option<&v1::Location>) -> String {
        let Some(place) = place else {
            return String::new();
        };
        if self.personal && !place.locality.is_empty() {
            return format!("{} {}", place.locality, place.country_code);
        }
        place.country_code.clone()
    }
}

fn exception(problem: &admin::ExceptionExplanation, explanation: &admin::ShipmentExplanation) {
    let it = problem.exception.clone().unwrap_or_default();
    let opened = problem.opened.clone().unwrap_or_default();
    let closed = match it.close_time {
        Some(_) => "closed",
        None => "OPEN",
    };
    say!(
        "  {closed} {}{}",
        print::exception(&it),
        places_of(&it.event_ids, explanation)
    );
    let open_time = at(it.open_time.as_ref());
    say!(
        "    opened {open_time}: {} [{}]",
        opened.detail,
        opened.rule
    );
    if let Some(decision) = &problem.closed {
        let close_time = at(it.close_time.as_ref());
        say!(
            "    closed {close_time}: {} [{}]",
            decision.detail,
            decision.rule
        );
    }
}

/// Numbers of the events on the page, for example ", events 2, 3".
fn places_of(ids: &[String], explanation: &admin::ShipmentExplanation) -> String {
    let places: Vec<String> = explanation
        .steps
        .iter()
        .zip(1..)
        .filter(|(step, _)| {
            let event = step.event.as_ref();
            event.is_some_and(|event| ids.contains(&event.id))
        })
        .map(|(_, at): (_, usize)| at.to_string())
        .collect();
    match places.as_slice() {
        [] => String::new(),
        [one] => format!(", event {one}"),
        _ => format!(", events {}", places.join(", ")),
    }
}

fn status(status: v1::ShipmentStatus) -> &'static str {
    status.as_str_name().trim_start_matches("SHIPMENT_STATUS_")
}

fn code(number: i32) -> String {
    let info = u16::try_from(number)
        .ok()
        .and_then(|number| EventCode(number).info());
    info.map_or_else(|| number.to_string(), |info| info.name.to_owned())
}

fn reason(number: i32) -> &'static str {
    let info = u16::try_from(number)
        .ok()
        .and_then(|number| ReasonCode(number).info());
    info.map_or("", |info| info.name)
}

/// An instant to the second.
fn at(time: Option<&prost_types::Timestamp>) -> String {
    time.map_or_else(String::new, |time| {
        prost_types::Timestamp {
            seconds: time.seconds,
            nanos: 0,
        }
        .to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn of_a_number_four_characters_are_shown_and_of_a_short_one_none() {
        assert_eq!(masked("1Z9999999999990017"), "**************0017");
        assert_eq!(masked("12345678"), "****5678");
        assert_eq!(masked("1234567"), "*******");
        assert_eq!(masked(""), "");
    }
}
