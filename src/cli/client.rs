//! Commands that ask a running gateway.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use prost::Message as _;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig};
use tonic::{Code, Request, Status};
use waybill::client::{Bookmark, Step, Watcher};
use waybill::config;
use waybill::v1;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill_core::privacy::Secret;

use super::out::say;
use super::people::{Printer, Reader};
use super::{Remote, Shown, View, json, print};

/// Exit code of a call that failed.
const FAILED: u8 = 1;

#[derive(Args)]
pub(super) struct Track {
    /// The number, as printed or typed.
    #[arg(required_unless_present = "order", conflicts_with = "order")]
    number: Option<String>,
    /// Shop or platform as configured, and the order's id there, instead of a number.
    #[arg(long, num_args = 2, value_names = ["PLATFORM", "ORDER_ID"])]
    order: Vec<String>,
    /// Carrier id, if known.
    #[arg(long, default_value = "")]
    carrier: String,
    /// Amount of detail.
    #[arg(long, value_enum, default_value = "standard")]
    view: View,
    /// Greatest age of held data in seconds; 0 asks the sources now.
    #[arg(long)]
    max_age: Option<u64>,
    /// Ask no source.
    #[arg(long)]
    cache_only: bool,
    /// Wait for every source.
    #[arg(long)]
    wait: bool,
    /// Postal code of the destination, for sources that need it.
    #[arg(long, default_value = "")]
    postal_code: String,
    /// Country of the destination, ISO 3166-1, for example DE.
    #[arg(long, default_value = "", value_name = "COUNTRY")]
    to: String,
    /// Country of the origin, ISO 3166-1, for example CN.
    #[arg(long, default_value = "", value_name = "COUNTRY")]
    from: String,
    /// Day of shipping, YYYY-MM-DD, for numbers that are used again.
    #[arg(long, default_value = "", value_name = "DATE")]
    ship_date: String,
    /// Also ask sources that bill each call or register each number.
    #[arg(long)]
    allow_paid: bool,
    /// Last four digits of the sender's or recipient's telephone number, for sources that need it.
    #[arg(long, default_value = "")]
    phone_last_four: String,
    /// Seconds to wait for the answer.
    #[arg(long, default_value_t = 5)]
    timeout: u64,
    #[command(flatten)]
    reader: Reader,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(super) struct Batch {
    /// File with one number per line; "-" reads the standard input.
    file: PathBuf,
    /// Amount of detail.
    #[arg(long, value_enum, default_value = "basic")]
    view: View,
    /// Seconds to wait for the whole batch.
    #[arg(long, default_value_t = 120)]
    timeout: u64,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(super) struct Follow {
    /// Numbers to follow.
    #[arg(required = true)]
    numbers: Vec<String>,
    /// Amount of detail.
    #[arg(long, value_enum, default_value = "standard")]
    view: View,
    #[command(flatten)]
    reader: Reader,
    #[command(flatten)]
    remote: Remote,
}

/// A connection that shows a credential, if there is one.
pub(super) type Caller = InterceptedService<Channel, Credential>;

/// What is shown with every call.
#[derive(Clone, Default)]
pub(super) struct Credential(Option<MetadataValue<Ascii>>);

impl Interceptor for Credential {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            let shown = request.metadata_mut();
            shown.insert("authorization", value.clone());
        }
        Ok(request)
    }
}

impl Shown {
    /// Reads the credential; none if neither the file nor the environment has one.
    pub(super) fn read(&self) -> Result<Option<MetadataValue<Ascii>>, String> {
        let secret = match &self.key_file {
            None => config::credential(),
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|error| {
                    format!("--key-file: cannot read {}: {error}", path.display())
                })?;
                Some(Secret::new(text))
            }
        };
        let value = secret.map(|secret| {
            let mut value: MetadataValue<Ascii> = format!("Bearer {}", secret.expose().trim())
                .parse()
                .map_err(|_| "the credential is not one line of plain text".to_owned())?;
            value.set_sensitive(true);
            Ok(value)
        });
        value.transpose()
    }
}

/// Opens a connection for calls about parcels to a gateway that asks nobody who calls.
pub(super) async fn connect_openly(
    address: &str,
) -> Result<TrackingServiceClient<Channel>, String> {
    let client = TrackingServiceClient::new(channel(address, None).await?);
    Ok(client.max_decoding_message_size(16 * 1_024 * 1_024))
}

/// Opens a connection for calls about parcels.
pub(super) async fn connect(remote: &Remote) -> Result<TrackingServiceClient<Caller>, String> {
    let client = TrackingServiceClient::new(caller(&remote.address, &remote.shown).await?);
    Ok(client.max_decoding_message_size(16 * 1_024 * 1_024))
}

/// Opens a connection that shows a credential.
pub(super) async fn caller(address: &str, shown: &Shown) -> Result<Caller, String> {
    let credential = Credential(shown.read()?);
    Ok(InterceptedService::new(
        channel(address, shown.ca_file.as_deref()).await?,
        credential,
    ))
}

/// A watcher that shows a credential.
pub(super) async fn watcher(
    remote: &Remote,
    open: v1::WatchOpen,
    bookmark: Bookmark,
) -> Result<Watcher, String> {
    let watcher = Watcher::new(
        channel(&remote.address, remote.shown.ca_file.as_deref()).await?,
        open,
        bookmark,
    );
    Ok(match remote.shown.read()? {
        Some(value) => watcher.with_authorization(value),
        None => watcher,
    })
}

/// Opens a connection.
async fn channel(address: &str, ca_file: Option<&Path>) -> Result<Channel, String> {
    let mut endpoint = Channel::from_shared(address.to_owned())
        .map_err(|error| format!("{address} is not an address: {error}"))?
        .connect_timeout(Duration::from_secs(5));
    if address.starts_with("https://") {
        let tls = match ca_file {
            None => ClientTlsConfig::new().with_native_roots(),
            Some(path) => {
                let text = std::fs::read(path);
                let text = text.map_err(|error| {
                    format!("--ca-file: cannot read {}: {error}", path.display())
                })?;
                ClientTlsConfig::new().ca_certificate(Certificate::from_pem(text))
            }
        };
        let secured = endpoint.tls_config(tls);
        endpoint = secured.map_err(|error| format!("--ca-file: {error}"))?;
    }
    endpoint.connect().await.map_err(|error| {
        format!("cannot reach a gateway at {address}: {error} (start one with `waybill serve`)")
    })
}

/// A failed call in one line: reason, message and advice.
pub(super) fn failure(status: &Status) -> String {
    let text = |key: &str| {
        status
            .metadata()
            .get(key)
            .and_then(|value| value.to_str().ok())
    };
    let reason = text("waybill-reason").unwrap_or("no reason given");
    let retry = match text("waybill-retry-ms") {
        Some(millis) => format!("; try again in {millis} ms"),
        None => String::new(),
    };
    format!("{:?} {reason}: {}{retry}", status.code(), status.message())
}

/// How long to wait before a call that was turned away is made again; `None`: it is not to be.
pub(super) fn pause(status: &Status) -> Option<Duration> {
    let advice = status.metadata().get("waybill-retry-ms")?;
    let millis = advice.to_str().ok()?.parse().ok()?;
    (status.code() == Code::ResourceExhausted).then(|| Duration::from_millis(millis))
}

pub(super) fn failed(status: &Status) -> ExitCode {
    eprintln!("error: {}", failure(status));
    for outcome in outcomes(status) {
        eprintln!("  {}", print::outcome(&outcome));
    }
    ExitCode::from(FAILED)
}

/// What became of each source that was asked, where the call failed for that.
fn outcomes(status: &Status) -> Vec<v1::SourceOutcome> {
    let Ok(details) = tonic_types::pb::Status::decode(status.details()) else {
        return Vec::new();
    };
    let named = |any: &&prost_types::Any| any.type_url.ends_with("/waybill.v1.SourceOutcomes");
    let found = details.details.iter().find(named);
    found
        .and_then(|any| v1::SourceOutcomes::decode(&*any.value).ok())
        .map(|all| all.outcomes)
        .unwrap_or_default()
}

pub(super) async fn track(options: Track) -> Result<ExitCode, String> {
    let printer = Printer::new(options.reader)?;
    let mut client = connect(&options.remote).await?;
    let hints = v1::Hints {
        postal_code: options.postal_code,
        phone_last_four: options.phone_last_four,
        destination_country: options.to,
        origin_country: options.from,
        ship_date: options.ship_date,
    };
    let mut request = tonic::Request::new(v1::TrackRequest {
        tracking_number: options.number.unwrap_or_default(),
        order: order(options.order),
        carrier: options.carrier,
        hints: (hints != v1::Hints::default()).then_some(hints),
        view: options.view.number(),
        language: printer.language().to_owned(),
        max_age: options.max_age.map(|seconds| prost_types::Duration {
            seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
            nanos: 0,
        }),
        cache_only: options.cache_only,
        wait_for_all_sources: options.wait,
        allow_paid: options.allow_paid,
        ..Default::default()
    });
    request.set_timeout(Duration::from_secs(options.timeout));
    match client.track(request).await {
        Ok(response) if options.remote.json => {
            json::line("TrackResponse", response.get_ref())?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(response) => {
            printer.track(response.get_ref());
            Ok(ExitCode::SUCCESS)
        }
        Err(status) => Ok(failed(&status)),
    }
}

/// Reads the two values of `--order`.
fn order(values: Vec<String>) -> Option<v1::OrderKey> {
    let [platform, order_id] = <[String; 2]>::try_from(values).ok()?;
    Some(v1::OrderKey { platform, order_id })
}

pub(super) async fn batch(options: Batch) -> Result<ExitCode, String> {
    use v1::batch_track_response::Message;
    let text = if options.file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(&options.file)
    };
    let text = text.map_err(|error| format!("cannot read {}: {error}", options.file.display()))?;
    let numbers: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let items = numbers.iter().map(|number| v1::BatchTrackItem {
        tracking_number: number.clone(),
        ..Default::default()
    });
    let mut request = tonic::Request::new(v1::BatchTrackRequest {
        items: items.collect(),
        view: options.view.number(),
        ..Default::default()
    });
    request.set_timeout(Duration::from_secs(options.timeout));
    let mut client = connect(&options.remote).await?;
    let mut stream = match client.batch_track(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return Ok(failed(&status)),
    };
    loop {
        match stream.message().await {
            Ok(None) => return Err("the stream ended without a summary".to_owned()),
            Err(status) => return Ok(failed(&status)),
            Ok(Some(message)) if options.remote.json => {
                json::line("BatchTrackResponse", &message)?;
                if let Some(Message::Summary(summary)) = message.message {
                    return Ok(batch_code(&summary));
                }
            }
            Ok(Some(message)) => match message.message {
                Some(Message::Result(result)) => print::batch_result(&result, &numbers),
                Some(Message::Summary(summary)) => {
                    say!(
                        "{} answered, {} failed",
                        summary.success_count,
                        summary.error_count
                    );
                    return Ok(batch_code(&summary));
                }
                None => {}
            },
        }
    }
}

fn batch_code(summary: &v1::BatchTrackSummary) -> ExitCode {
    if summary.error_count == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

/// A subscription to numbers.
pub(super) fn subscription(numbers: &[String], view: i32, language: &str) -> v1::FollowRequest {
    let key = |number: &String| v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::TrackingNumber(number.clone())),
        ..Default::default()
    };
    let shipments = v1::WatchShipments {
        shipments: numbers.iter().map(key).collect(),
    };
    v1::FollowRequest {
        open: Some(v1::WatchOpen {
            target: Some(v1::watch_open::Target::Shipments(shipments)),
            view,
            language: language.to_owned(),
            ..Default::default()
        }),
    }
}

pub(super) async fn follow(options: Follow) -> Result<ExitCode, String> {
    let stop = super::serve::stop_signal()?;
    tokio::select! {
        ended = keep_following(options) => ended,
        _ = stop => Ok(ExitCode::SUCCESS),
    }
}

async fn keep_following(options: Follow) -> Result<ExitCode, String> {
    let printer = Printer::new(options.reader)?;
    let request = subscription(&options.numbers, options.view.number(), printer.language());
    let open = request.open.unwrap_or_default();
    let watcher = watcher(&options.remote, open, Bookmark::default()).await?;
    print_steps(watcher, options.remote.json, &printer, |_| Ok(())).await
}

/// Prints what a watcher says until it is refused; `keep` gets each bookmark after what it covers
/// was printed.
pub(super) async fn print_steps(
    mut watcher: Watcher,
    as_json: bool,
    printer: &Printer,
    mut keep: impl FnMut(&Bookmark) -> Result<(), String>,
) -> Result<ExitCode, String> {
    use v1::watch_message::Kind;
    loop {
        let next = match watcher.next().await {
            Ok(next) => next,
            Err(status) => return Ok(failed(&status)),
        };
        let kind = match next.step {
            Step::Update(update) => Some(Kind::Update(*update)),
            Step::Reset(reset) => Some(Kind::Reset(reset)),
            Step::Synced(synced) => Some(Kind::Synced(synced)),
            Step::Rejected(rejected) => Some(Kind::Rejected(*rejected)),
            Step::Leaving(going) => Some(Kind::GoingAway(going)),
            Step::Reconnecting(Some(status)) => {
                eprintln!("warning: {}; connecting again", failure(&status));
                None
            }
            Step::Alive | Step::Reconnecting(None) => None,
        };
        if kind.is_some() {
            let message = v1::WatchMessage {
                kind,
                ..Default::default()
            };
            match as_json {
                true => json::line("WatchMessage", &message)?,
                false => print::watch(&message, printer),
            }
        }
        keep(next.bookmark)?;
    }
}
