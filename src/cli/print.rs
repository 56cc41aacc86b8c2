//! Messages as text for people.

use std::io::IsTerminal;

use waybill::v1;

use super::out::say;
use super::people::Printer;

/// Prints who was asked, and how old the answer is.
pub(super) fn sources(response: &v1::TrackResponse) {
    for outcome in &response.outcomes {
        say!("{}", self::outcome(outcome));
    }
    if let Some(freshness) = &response.freshness {
        say!("data: {}", self::freshness(freshness));
        if freshness.unrecorded {
            say!("      the gateway's store is away: this is only what sources said lately");
        }
    }
}

/// What became of one source, in one line.
pub(super) fn outcome(outcome: &v1::SourceOutcome) -> String {
    let error = outcome
        .error
        .as_ref()
        .map(|error| format!(": {}", error.message));
    let latency = outcome
        .latency
        .as_ref()
        .map(|latency| format!(" in {}", duration(latency)));
    let who = match outcome.source.as_str() {
        "" => format!("carrier {}", outcome.carrier),
        source => format!("source {source}"),
    };
    format!(
        "{who}: {}{}{}",
        words(outcome.result().as_str_name(), "SOURCE_RESULT_"),
        latency.unwrap_or_default(),
        error.unwrap_or_default(),
    )
}

/// Freshness in words.
pub(super) fn freshness(freshness: &v1::Freshness) -> String {
    let state = words(freshness.state().as_str_name(), "FRESHNESS_STATE_");
    match &freshness.fetch_time {
        Some(time) => format!("{state}, fetched {time}"),
        None => state,
    }
}

/// Progress and next step in one line; `None` if the route is unknown.
pub(super) fn position(record: &v1::Shipment) -> Option<String> {
    let progress = record.progress.as_ref()?;
    let bar = bar(progress);
    let (step, of) = (progress.step, progress.of);
    let next = match &record.next_step {
        Some(next) => match next
            .window
            .as_ref()
            .and_then(|window| window.start.as_ref())
        {
            Some(start) => format!("next: {} ({})", next.title, time(Some(start))),
            None => format!("next: {}", next.title),
        },
        None if record.terminal => "done".to_owned(),
        None => String::new(),
    };
    Some(format!("  [{bar}] step {step} of {of}  {next}"))
}

/// Progress as a bar.
pub(super) fn bar(progress: &v1::Progress) -> String {
    (0..progress.of)
        .map(|at| if at < progress.step { '#' } else { '.' })
        .collect()
}

/// An exception in words.
pub(super) fn exception(problem: &v1::ShipmentException) -> String {
    let due = problem.due_time.as_ref();
    format!(
        "{} ({}): {}{}{}",
        words(problem.category().as_str_name(), "EXCEPTION_CATEGORY_"),
        words(problem.severity().as_str_name(), "SEVERITY_"),
        words(problem.next_action().as_str_name(), "NEXT_ACTION_"),
        due.map(|due| format!(" until {due}")).unwrap_or_default(),
        match problem.owner() {
            v1::Responsibility::Nobody | v1::Responsibility::Unspecified => String::new(),
            owner => format!("; up to: {}", words(owner.as_str_name(), "RESPONSIBILITY_")),
        },
    )
}

/// What a tenant does about an exception; `None` if nothing.
pub(super) fn handling<'a>(
    overlay: &'a v1::TenantOverlay,
    exception: &str,
) -> Option<&'a v1::ExceptionHandling> {
    let mut all = overlay.exceptions.iter();
    all.find(|one| one.exception_id == exception)
}

/// A time on its own clock; a question mark says that the zone is unknown.
pub(super) fn time(time: Option<&v1::EventTime>) -> String {
    let Some(time) = time else {
        return String::new();
    };
    let local = time.local_time.replace('T', " ");
    match offset(time) {
        Some(offset) => format!("{local} {offset}"),
        None => format!("{local} (zone?)"),
    }
}

/// Offset from UTC, for example "+08:00".
pub(super) fn offset(time: &v1::EventTime) -> Option<String> {
    let seconds = time.utc_offset.as_ref()?.seconds;
    let minutes = seconds.abs() / 60;
    let sign = if seconds < 0 { '-' } else { '+' };
    Some(format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}

/// Prints one result of a batch in one line.
pub(super) fn batch_result(result: &v1::BatchTrackResult, numbers: &[String]) {
    use v1::batch_track_result::Outcome;
    let number = numbers
        .get(result.index as usize)
        .map_or("?", String::as_str);
    match &result.outcome {
        Some(Outcome::Response(response)) => match response.shipments.first() {
            Some(record) => say!(
                "{number}  {}  {}",
                words(record.status().as_str_name(), "SHIPMENT_STATUS_"),
                position(record).unwrap_or_default().trim(),
            ),
            None => say!("{number}  not known yet"),
        },
        Some(Outcome::Error(problem)) => say!(
            "{number}  error {}: {}",
            words(problem.reason().as_str_name(), "ERROR_REASON_"),
            problem.message
        ),
        None => say!("{number}  no result"),
    }
}

/// Prints one message of a stream.
pub(super) fn watch(message: &v1::WatchMessage, printer: &Printer) {
    use v1::watch_message::Kind;
    match &message.kind {
        Some(Kind::Update(update)) => {
            let Some(record) = &update.shipment else {
                if let Some(overlay) = &update.overlay {
                    say!("-- what you add has changed: revision {}", overlay.revision);
                    printer.work(overlay);
                }
                return;
            };
            if update.change() == v1::WatchChange::Removed {
                say!("-- {} is no longer followed", record.id);
                return;
            }
            say!(
                "-- revision {}, {} new events",
                record.revision,
                update.new_event_ids.len()
            );
            let forecast = update.forecast.as_ref();
            printer.shipment(record, update.overlay.as_ref(), forecast);
        }
        Some(Kind::Synced(synced)) => {
            say!(
                "-- following; {} shipments known now",
                synced.shipment_count
            );
        }
        Some(Kind::Rejected(rejected)) => {
            let why = rejected
                .error
                .as_ref()
                .map_or("", |error| error.message.as_str());
            say!("-- not followed: {why}");
        }
        Some(Kind::GoingAway(going)) => {
            let why = words(going.reason().as_str_name(), "GOING_AWAY_REASON_");
            say!("-- the server ends the stream: {why}");
        }
        Some(Kind::Reset(reset)) => {
            let why = words(reset.reason().as_str_name(), "WATCH_RESET_REASON_");
            say!("-- everything anew: {why}");
        }
        Some(Kind::Opened(_) | Kind::Heartbeat(_)) | None => {}
    }
}

/// An enum value's name as words: prefix gone, lower case, spaces.
pub(super) fn words(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix)
        .to_lowercase()
        .replace('_', " ")
}

fn duration(duration: &prost_types::Duration) -> String {
    let millis = duration.seconds * 1_000 + i64::from(duration.nanos) / 1_000_000;
    format!("{millis} ms")
}

/// Bold on a terminal, plain in a pipe.
pub(super) fn bold(text: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\x1b[1m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
