//! `waybill shadow`: what a provider says about our parcels beside what we say, and the differences
//! by kind. Numbers are masked in all it prints.

mod compare;
mod export;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use waybill::v1;
use waybill::v1::carrier_service_client::CarrierServiceClient;
use waybill_core::projection::{to_aftership, to_track17};

use self::compare::{Difference, Kind, Vocabulary, differences};
use self::export::Theirs;
use super::client::{caller, connect, failed};
use super::explain::masked;
use super::out::say;
use super::{Remote, json, print};

/// Numbers of one batch.
const BATCH: usize = 500;

#[derive(Args)]
pub(super) struct Options {
    /// Export of the provider: CSV with a head line, JSON or JSON lines; "-" reads the standard
    /// input. docs/moving.md has the columns.
    file: PathBuf,
    /// Whose export it is; found out from its words unless given.
    #[arg(long, value_enum)]
    provider: Option<Provider>,
    /// Minutes by which times may differ.
    #[arg(long, default_value_t = 10)]
    tolerance: u32,
    /// Examples of each kind.
    #[arg(long, default_value_t = 3)]
    examples: usize,
    /// Ask no source: compare with what is held.
    #[arg(long)]
    cache_only: bool,
    /// Seconds to wait for each 500 numbers.
    #[arg(long, default_value_t = 120)]
    timeout: u64,
    #[command(flatten)]
    remote: Remote,
}

/// Whose words the export is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Provider {
    /// AfterShip.
    Aftership,
    /// 17TRACK.
    #[value(name = "17track")]
    Track17,
}

static AFTERSHIP: Vocabulary = Vocabulary {
    words: [
        "Pending",
        "InfoReceived",
        "InTransit",
        "OutForDelivery",
        "AttemptFail",
        "AvailableForPickup",
        "Delivered",
        "Exception",
        "Expired",
    ],
    project: to_aftership,
};

static TRACK17: Vocabulary = Vocabulary {
    words: [
        "NotFound",
        "InfoReceived",
        "InTransit",
        "OutForDelivery",
        "DeliveryFailure",
        "AvailableForPickup",
        "Delivered",
        "Exception",
        "Expired",
    ],
    project: to_track17,
};

impl Provider {
    const fn vocabulary(self) -> &'static Vocabulary {
        match self {
            Self::Aftership => &AFTERSHIP,
            Self::Track17 => &TRACK17,
        }
    }

    /// Finds out whose words an export is in: each has some that the other one does not have.
    fn of(rows: &[Theirs]) -> Result<Self, String> {
        let numbered = |row: &Theirs| {
            let tail = row.detail.rsplit('_').next().unwrap_or_default();
            !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit())
        };
        let named = |row: &Theirs| row.detail.contains('_') && !numbered(row);
        let only = |one: &Vocabulary, other: &Vocabulary| {
            rows.iter()
                .any(|row| one.word(row).is_some() && other.word(row).is_none())
        };
        let aftership = rows.iter().any(numbered) || only(&AFTERSHIP, &TRACK17);
        let track17 = rows.iter().any(named) || only(&TRACK17, &AFTERSHIP);
        match (aftership, track17) {
            (true, false) => Ok(Self::Aftership),
            (false, true) => Ok(Self::Track17),
            _ => Err("whose export is it? say so with --provider".to_owned()),
        }
    }
}

/// What a comparison came to.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    /// Rows that were compared.
    compared: usize,
    /// Rows of them without any difference.
    agree: usize,
    /// Rows that have no number, or no status that is known.
    unreadable: usize,
    /// Differences, by kind.
    differences: BTreeMap<Kind, Differences>,
}

/// Differences of one kind.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Differences {
    count: usize,
    /// Of statuses: how often which two met.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pairs: BTreeMap<String, usize>,
    examples: Vec<Example>,
}

/// One difference of one number.
#[derive(Serialize)]
struct Example {
    /// Masked.
    number: String,
    theirs: String,
    ours: String,
}

impl Summary {
    fn take(&mut self, number: &str, found: Vec<Difference>, examples: usize) {
        self.compared += 1;
        self.agree += usize::from(found.is_empty());
        for difference in found {
            let same = self.differences.entry(difference.kind).or_default();
            same.count += 1;
            if difference.kind == Kind::StatusDiffers {
                let main = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
                let pair = format!("{} / {}", main(&difference.theirs), main(&difference.ours));
                *same.pairs.entry(pair).or_default() += 1;
            }
            if same.examples.len() < examples {
                same.examples.push(Example {
                    number: masked(number),
                    theirs: difference.theirs,
                    ours: difference.ours,
                });
            }
        }
    }

    fn print(&self) {
        say!(
            "{} compared, {} agree{}",
            self.compared,
            self.agree,
            match self.unreadable {
                0 => String::new(),
                rows => format!("; {rows} rows have no number or no known status"),
            }
        );
        for (kind, differences) in &self.differences {
            say!("\n{}: {}", print::bold(kind.label()), differences.count);
            for (pair, count) in &differences.pairs {
                say!("  {count:>6}  {pair} (theirs / ours)");
            }
            for example in &differences.examples {
                let Example {
                    number,
                    theirs,
                    ours,
                } = example;
                say!("  {number}: theirs {theirs}, ours {ours}");
            }
        }
    }
}

pub(super) async fn run(options: Options) -> Result<ExitCode, String> {
    let name = options.file.display();
    let text = if options.file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(&options.file)
    };
    let text = text.map_err(|error| format!("cannot read {name}: {error}"))?;
    let rows = export::read(&text).map_err(|problem| format!("{name}: {problem}"))?;
    let provider = match options.provider {
        Some(provider) => provider,
        None => Provider::of(&rows)?,
    };
    let vocabulary = provider.vocabulary();
    let mut summary = Summary::default();
    let mut readable = Vec::with_capacity(rows.len());
    for row in rows {
        match vocabulary.word(&row).filter(|_| !row.number.is_empty()) {
            Some(word) => readable.push((row, word)),
            None => summary.unreadable += 1,
        }
    }
    if readable.is_empty() {
        return Err(format!("{name}: no row has a number and a known status"));
    }
    let carriers = carriers(&options.remote).await?;
    for part in readable.chunks(BATCH) {
        let answers = match ask(&options, part, &carriers).await? {
            Ok(answers) => answers,
            Err(status) => return Ok(failed(&status)),
        };
        for ((row, word), answer) in part.iter().zip(&answers) {
            let tolerance = 60 * i64::from(options.tolerance);
            let found = match answer {
                Answer::Shipment(ours) => {
                    differences(row, word, ours.as_deref(), vocabulary, tolerance)
                }
                Answer::Failed(reason) => vec![Difference {
                    kind: Kind::NotAnswered,
                    theirs: (*word).to_owned(),
                    ours: reason.clone(),
                }],
            };
            summary.take(&row.number, found, options.examples);
        }
    }
    if options.remote.json {
        json::pretty(&summary)?;
    } else {
        summary.print();
    }
    Ok(ExitCode::SUCCESS)
}

/// What our gateway said of one number.
enum Answer {
    /// The best record, if there is one.
    Shipment(Option<Box<v1::Shipment>>),
    /// Why there is no answer.
    Failed(String),
}

/// Ids of the carriers that our gateway knows: only such a word of theirs is passed on.
async fn carriers(remote: &Remote) -> Result<BTreeSet<String>, String> {
    let mut client = CarrierServiceClient::new(caller(&remote.address, &remote.shown).await?);
    let known = client
        .list_carriers(v1::ListCarriersRequest::default())
        .await;
    let known = known.map_err(|status| super::client::failure(&status))?;
    let ids = known.into_inner().carriers.into_iter();
    Ok(ids.map(|carrier| carrier.id).collect())
}

/// Asks our gateway about some rows; answers are in their order.
async fn ask(
    options: &Options,
    rows: &[(Theirs, &'static str)],
    carriers: &BTreeSet<String>,
) -> Result<Result<Vec<Answer>, tonic::Status>, String> {
    use v1::batch_track_response::Message;
    use v1::batch_track_result::Outcome;
    let items = rows.iter().map(|(row, _)| v1::BatchTrackItem {
        tracking_number: row.number.clone(),
        carrier: Some(row.carrier.clone())
            .filter(|carrier| carriers.contains(carrier))
            .unwrap_or_default(),
        ..Default::default()
    });
    let mut request = tonic::Request::new(v1::BatchTrackRequest {
        items: items.collect(),
        view: v1::ShipmentView::Standard as i32,
        cache_only: options.cache_only,
        ..Default::default()
    });
    request.set_timeout(Duration::from_secs(options.timeout));
    let mut client = connect(&options.remote).await?;
    let mut stream = match client.batch_track(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return Ok(Err(status)),
    };
    let mut answers: Vec<Answer> = rows.iter().map(|_| Answer::Shipment(None)).collect();
    loop {
        let message = match stream.message().await {
            Ok(Some(message)) => message.message,
            Ok(None) => return Ok(Ok(answers)),
            Err(status) => return Ok(Err(status)),
        };
        let Some(Message::Result(result)) = message else {
            continue;
        };
        let Some(answer) = answers.get_mut(result.index as usize) else {
            continue;
        };
        *answer = match result.outcome {
            Some(Outcome::Response(response)) => {
                Answer::Shipment(response.shipments.into_iter().next().map(Box::new))
            }
            Some(Outcome::Error(problem)) => Answer::Failed(print::words(
                problem.reason().as_str_name(),
                "ERROR_REASON_",
            )),
            None => Answer::Failed("no outcome".to_owned()),
        };
    }
}
