//! What a gateway follows for its caller: `register`, `unregister`, `import`, `list`, `events` and
//! `watch`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use waybill::client::Bookmark;
use waybill::v1;
use waybill::v1::watch_open::Target;

use super::client::{connect, failed, pause, print_steps, watcher};
use super::out::say;
use super::people::{Printer, Reader};
use super::print;
use super::{Remote, View, json};

/// Registrations of one call.
const BATCH: usize = 1_000;
/// Events and shipments of one page.
const PAGE: u32 = 500;

/// Labels and carrier, as several commands take them.
#[derive(Args)]
struct Labels {
    /// Label, KEY=VALUE; may be given several times.
    #[arg(long = "label", value_parser = label)]
    labels: Vec<(String, String)>,
}

impl Labels {
    fn map(&self) -> BTreeMap<String, String> {
        self.labels.iter().cloned().collect()
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[derive(Args)]
pub(super) struct Register {
    /// Numbers to follow.
    #[arg(required = true)]
    numbers: Vec<String>,
    /// Carrier of all of them.
    #[arg(long, default_value = "")]
    carrier: String,
    #[command(flatten)]
    labels: Labels,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(super) struct Unregister {
    /// Shipment ids, as `waybill list` prints them.
    #[arg(required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(super) struct Import {
    /// File of registrations; "-" reads the standard input. Lines that begin with "{" are
    /// `Registration` in proto3 JSON. Anything else is CSV: a header with `number`, optionally
    /// `carrier` and `postal_code`, and every other column is a label.
    file: PathBuf,
    #[command(flatten)]
    labels: Labels,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    labels: Labels,
    /// Only this status, for example `in-transit`; may be given several times.
    #[arg(long)]
    status: Vec<String>,
    /// Only what needs attention: `informational`, `warning` or `critical`, or worse.
    #[arg(long)]
    severity: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(super) struct Events {
    /// Shipment id.
    id: String,
    /// Also what does not count: disputed and retracted events.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(super) struct Watch {
    #[command(flatten)]
    labels: Labels,
    /// File in which the place is kept: the next start goes on where this one ended.
    #[arg(long)]
    bookmark: Option<PathBuf>,
    /// Amount of detail.
    #[arg(long, value_enum, default_value = "standard")]
    view: View,
    #[command(flatten)]
    reader: Reader,
    #[command(flatten)]
    remote: Remote,
}

fn key(number: &str, carrier: &str, postal_code: &str) -> v1::ShipmentKey {
    v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::TrackingNumber(number.to_owned())),
        carrier: carrier.to_owned(),
        hints: (!postal_code.is_empty()).then(|| v1::Hints {
            postal_code: postal_code.to_owned(),
            ..Default::default()
        }),
    }
}

pub(super) async fn register(options: Register) -> Result<ExitCode, String> {
    let labels = options.labels.map();
    let registrations = options.numbers.iter().map(|number| v1::Registration {
        shipment: Some(key(number, &options.carrier, "")),
        labels: labels.clone(),
        ..Default::default()
    });
    send(registrations.enumerate().collect(), &options.remote).await
}

pub(super) async fn import(options: Import) -> Result<ExitCode, String> {
    let text = if options.file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(&options.file)
    };
    let text = text.map_err(|error| format!("cannot read {}: {error}", options.file.display()))?;
    let (mut registrations, broken) = read(&text)?;
    for (_, registration) in &mut registrations {
        registration.labels.extend(options.labels.map());
    }
    for (line, error) in &broken {
        eprintln!("line {line}: {error}");
    }
    let code = send(registrations, &options.remote).await?;
    Ok(match broken.is_empty() {
        true => code,
        false => ExitCode::FAILURE,
    })
}

type Lines<T> = Vec<(usize, T)>;

/// Reads registrations with their lines, and what cannot be read.
fn read(text: &str) -> Result<(Lines<v1::Registration>, Lines<String>), String> {
    let (mut registrations, mut broken) = (Vec::new(), Vec::new());
    if text.trim_start().starts_with('{') {
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() {
                continue;
            }
            match json::read("Registration", text) {
                Ok(registration) => registrations.push((line, registration)),
                Err(error) => broken.push((line, error)),
            }
        }
        return Ok((registrations, broken));
    }
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    if !header.iter().any(|name| name == "number") {
        return Err("the first line of a CSV file must name a column `number`".to_owned());
    }
    for (line, row) in (2..).zip(reader.records()) {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                broken.push((line, error.to_string()));
                continue;
            }
        };
        let (mut number, mut carrier, mut postal_code) = ("", "", "");
        let mut labels = BTreeMap::new();
        for (name, value) in header.iter().zip(&row) {
            match name {
                "number" => number = value,
                "carrier" => carrier = value,
                "postal_code" => postal_code = value,
                _ if value.is_empty() => {}
                label => {
                    labels.insert(label.to_owned(), value.to_owned());
                }
            }
        }
        let registration = v1::Registration {
            shipment: Some(key(number, carrier, postal_code)),
            labels,
            ..Default::default()
        };
        registrations.push((line, registration));
    }
    Ok((registrations, broken))
}

/// A server that has no room for a batch is waited for up to so long in all.
const PATIENCE: Duration = Duration::from_mins(1);

/// Registers all of them in batches, and says what became of each that failed.
async fn send(registrations: Lines<v1::Registration>, remote: &Remote) -> Result<ExitCode, String> {
    use v1::batch_register_result::Outcome;
    let mut client = connect(remote).await?;
    let (mut new, mut known, mut refused) = (0, 0, 0);
    for batch in registrations.chunks(BATCH) {
        let all = batch.iter().map(|(_, registration)| registration.clone());
        let request = v1::BatchRegisterRequest {
            registrations: all.collect(),
        };
        let mut left = PATIENCE;
        let response = loop {
            let status = match client.batch_register(request.clone()).await {
                Ok(response) => break response.into_inner(),
                Err(status) => status,
            };
            let rest = pause(&status).and_then(|pause| Some((pause, left.checked_sub(pause)?)));
            let Some((pause, rest)) = rest else {
                if !remote.json {
                    say!("{new} registered, {known} known already, {refused} refused so far");
                }
                return Ok(failed(&status));
            };
            left = rest;
            tokio::time::sleep(pause).await;
        };
        if remote.json {
            json::line("BatchRegisterResponse", &response)?;
        }
        for ((line, _), result) in batch.iter().zip(response.results) {
            match result.outcome {
                Some(Outcome::Response(response)) if response.created => new += 1,
                Some(Outcome::Response(_)) => known += 1,
                Some(Outcome::Error(problem)) => {
                    refused += 1;
                    eprintln!("{}: {}", line, problem.message);
                }
                None => refused += 1,
            }
        }
    }
    if !remote.json {
        say!("{new} registered, {known} known already, {refused} refused");
    }
    Ok(match refused {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

pub(super) async fn unregister(options: Unregister) -> Result<ExitCode, String> {
    let mut client = connect(&options.remote).await?;
    for id in options.ids {
        let request = v1::UnregisterShipmentRequest { id };
        if let Err(status) = client.unregister_shipment(request).await {
            return Ok(failed(&status));
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn list(options: List) -> Result<ExitCode, String> {
    let number =
        |prefix: &str, name: &str| format!("{prefix}{}", name.to_uppercase().replace('-', "_"));
    let mut statuses = Vec::new();
    for name in &options.status {
        let known = v1::ShipmentStatus::from_str_name(&number("SHIPMENT_STATUS_", name));
        statuses.push(known.ok_or_else(|| format!("{name} is not a status"))? as i32);
    }
    let min_severity = match &options.severity {
        None => 0,
        Some(name) => {
            let known = v1::Severity::from_str_name(&number("SEVERITY_", name));
            known.ok_or_else(|| format!("{name} is not a severity"))? as i32
        }
    };
    let mut request = v1::ListShipmentsRequest {
        labels: options.labels.map(),
        statuses,
        min_severity,
        page_size: PAGE,
        ..Default::default()
    };
    let mut client = connect(&options.remote).await?;
    loop {
        let page = match client.list_shipments(request.clone()).await {
            Ok(page) => page.into_inner(),
            Err(status) => return Ok(failed(&status)),
        };
        if options.remote.json {
            json::line("ListShipmentsResponse", &page)?;
        } else {
            for (record, overlay) in page.shipments.iter().zip(&page.overlays) {
                let labels = overlay
                    .labels
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"));
                let labels: Vec<String> = labels.collect();
                say!(
                    "{}  {}  {}  {}",
                    record.id,
                    record.tracking_number,
                    print::words(record.status().as_str_name(), "SHIPMENT_STATUS_"),
                    labels.join(" "),
                );
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        request.page_token = page.next_page_token;
    }
}

pub(super) async fn events(options: Events) -> Result<ExitCode, String> {
    let mut client = connect(&options.remote).await?;
    let mut request = v1::ListEventsRequest {
        shipment_id: options.id,
        include_uncounted: options.all,
        page_size: PAGE,
        ..Default::default()
    };
    loop {
        let page = match client.list_events(request.clone()).await {
            Ok(page) => page.into_inner(),
            Err(status) => return Ok(failed(&status)),
        };
        if options.remote.json {
            json::line("ListEventsResponse", &page)?;
        } else {
            for event in &page.events {
                say!(
                    "{}  {}  {}",
                    print::time(event.time.as_ref()),
                    print::words(event.code().as_str_name(), "EVENT_CODE_"),
                    event
                        .location
                        .as_ref()
                        .map_or("", |place| place.locality.as_str()),
                );
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        request.page_token = page.next_page_token;
    }
}

pub(super) async fn watch(options: Watch) -> Result<ExitCode, String> {
    let stop = super::serve::stop_signal()?;
    tokio::select! {
        ended = keep_watching(options) => ended,
        _ = stop => Ok(ExitCode::SUCCESS),
    }
}

async fn keep_watching(options: Watch) -> Result<ExitCode, String> {
    let printer = Printer::new(options.reader)?;
    let labels = options.labels.map();
    let open = v1::WatchOpen {
        target: Some(match labels.is_empty() {
            true => Target::AllRegistered(true),
            false => Target::Labels(v1::WatchLabels { labels }),
        }),
        view: options.view.number(),
        language: printer.language().to_owned(),
        ..Default::default()
    };
    let file = options.bookmark;
    let bookmark = Bookmark {
        token: match &file {
            Some(file) if file.exists() => std::fs::read(file)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))?,
            _ => Vec::new(),
        },
        ..Default::default()
    };
    let mut kept = bookmark.token.clone();
    let watcher = watcher(&options.remote, open, bookmark).await?;
    print_steps(
        watcher,
        options.remote.json,
        &printer,
        |bookmark| match &file {
            Some(file) if bookmark.token != kept => {
                kept.clone_from(&bookmark.token);
                std::fs::write(file, &kept)
                    .map_err(|error| format!("cannot write {}: {error}", file.display()))
            }
            _ => Ok(()),
        },
    )
    .await
}
