//! DHL Express: tracking by MyDHL API. This file owns how it is asked and must not know what
//! answers say: [`answer`] reads and shares them out, [`map`] and [`facts`] make the record,
//! [`meaning`] knows the codes, [`place`] the stations, [`fault`] the failures.
//!
//! # What it is
//! `GET {base}/shipments/{number}/tracking` for one waybill, `GET {base}/tracking` with up to 200
//! `shipmentTrackingNumber` or `pieceTrackingNumber`, both with HTTP Basic credentials. Source:
//! the OpenAPI document of MyDHL API, version 3.1.1. The test environment knows fixed waybills
//! only and allows 500 calls a day.
//!
//! # Limits
//! DHL agrees on limits with each customer and publishes none; three calls a second and a quarter
//! of an hour between two calls for a number are our choice.
//!
//! # Clocks
//! Date and time are the wall clock of the service area. With `requestGMTOffsetPerEvent` each
//! checkpoint has its `GMTOffset`, which is believed. The document has this parameter for a single
//! waybill only: that is why `batch` is 1 unless it is set. Without an offset the zone of the station decides, then that of the
//! country, and a country with several zones leaves the time open with bounds. The forecast never
//! has an offset and is read at the destination; 23:59 stands for a day.
//!
//! # Quirks
//! - Checkpoints come for the shipment and again for each piece. The same date, time, code and
//!   area are one; a delivery of some of several pieces is one in part.
//! - Asking for a piece answers with its shipment.
//! - A batch leaves out what it does not know. A refusal that names the numbers can be about one of
//!   them: then the call is made again in halves, so that one bad number fails alone.
//! - `status` of a problem is a text. The words of a delivery hold the name of who signed.
//!
//! Names, streets and the children of a breakbulk shipment are not read: the latter are other
//! shipments. `shipmentTimestamp` is no scan.

mod answer;
mod facts;
mod fault;
mod map;
mod meaning;
mod place;
#[cfg(test)]
mod tests;
mod wire;

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION};
use http::{HeaderValue, Request, Response, Uri};
use jiff::Timestamp;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Query, Setting, Settings,
};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::SourceClass;
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Secret;

use self::answer::{Entry, read, share_out};
use crate::sign::base64;

/// The source as data.
pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: "dhl-express",
    carrier: "dhl",
    display_name: "DHL Express (MyDHL API)",
    api: "MyDHL API: tracking",
    country: "DE",
    tracking_url: "https://www.dhl.com/global-en/home/tracking/tracking-express.html?submit=1&tracking-id={tracking_number}",
    pages: &[],
    class: SourceClass::Custodian,
    capabilities: Capabilities {
        paid: false,
        registers: false,
        push: None,
        order_lookup: false,
        required_hints: &[],
        optional_hints: &[],
        language: "en",
        default_time_zone: "",
        delivery_estimate: true,
        proof_of_delivery: true,
        history_days: 0,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: MOST,
        per_second: 3.0,
        burst: 3,
        per_day: 0,
        timeout: Duration::from_secs(10),
        slow: Duration::from_secs(3),
        min_interval: Duration::from_secs(900),
    },
    formats: &["dhl_express", "dhl_express_piece_id"],
    carriers: &[],
    settings: &[
        Setting::secret("username", "user of MyDHL API, from developer.dhl.com"),
        Setting::secret("password", "password of that user"),
        Setting::optional(
            "batch",
            "1",
            "numbers in one call, 1 to 200; only a call for one number learns GMT offsets",
        ),
        Setting::optional("environment", "production", "production or test"),
        Setting::optional(
            "base_url",
            "",
            "address of the API, without /tracking; empty: that of the environment",
        ),
    ],
    build,
};

/// Numbers in one call that the API takes.
const MOST: usize = 200;
/// What is wanted of every shipment: all checkpoints with their remarks, also those of pieces.
const VIEW: &str = "trackingView=all-checkpoints-with-remarks&levelOfDetail=all";

/// One account.
struct Express {
    base_url: String,
    authorization: Secret,
    batch: usize,
}

fn build(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    Express::new(settings).map(|adapter| Box::new(adapter) as Box<dyn Adapter>)
}

impl Express {
    fn new(settings: &Settings) -> Result<Self, String> {
        let base_url = match (settings.get("base_url"), settings.get("environment")) {
            ("", "production" | "") => "https://express.api.dhl.com/mydhlapi",
            ("", "test") => "https://express.api.dhl.com/mydhlapi/test",
            ("", _) => return Err("environment must be production or test".to_owned()),
            (url, _) => url.trim_end_matches('/'),
        };
        let url: Uri = base_url
            .parse()
            .map_err(|_| "base_url must be an address".to_owned())?;
        let local = matches!(url.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let plain = url.scheme_str() == Some("http") && local;
        if !(plain || url.scheme_str() == Some("https")) || url.query().is_some() {
            return Err("base_url must begin with https:// and have no query".to_owned());
        }
        let batch = match settings.get("batch") {
            "" => 1,
            text => text.parse().unwrap_or(0),
        };
        if !(1..=MOST).contains(&batch) {
            return Err(format!("batch must be a number from 1 to {MOST}"));
        }
        // A name with a colon cannot be told from its password in HTTP Basic.
        if settings.get("username").contains(':') {
            return Err("username must have no colon".to_owned());
        }
        let pair = format!("{}:{}", settings.get("username"), settings.get("password"));
        Ok(Self {
            base_url: base_url.to_owned(),
            authorization: Secret::new(format!("Basic {}", base64(pair.as_bytes()))),
            batch,
        })
    }
}

/// What a number names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Shipment,
    Piece,
    /// Nothing that this source could know.
    Nothing,
}

fn named(number: &TrackingNumber) -> Named {
    let text = number.reveal();
    if text.starts_with('J') {
        Named::Piece
    } else if text.bytes().all(|c| c.is_ascii_digit()) {
        Named::Shipment
    } else {
        Named::Nothing
    }
}

impl Adapter for Express {
    fn reaches(&self) -> Vec<&str> {
        vec![&self.base_url]
    }

    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move {
            let mut answers: Vec<Option<Answer>> = vec![None; queries.len()];
            // A call asks for shipments or for pieces, never for both.
            for kind in [Named::Shipment, Named::Piece] {
                let of_kind = (0..queries.len()).filter(|at| named(&queries[*at].number) == kind);
                let of_kind: Vec<usize> = of_kind.collect();
                for chunk in of_kind.chunks(MOST) {
                    self.ask_all(ctx, kind, queries, chunk, &mut answers).await;
                }
            }
            let refused =
                || Err(Error::new(ErrorKind::InvalidQuery, "no number of DHL Express").unspent());
            answers
                .into_iter()
                .map(|answer| answer.unwrap_or_else(refused))
                .collect()
        })
    }

    fn interpret(
        &self,
        queries: &[Query],
        response: &Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        let asked = match queries {
            [query] => Some(&query.number),
            _ => None,
        };
        match read(response, asked, now) {
            Ok(entries) => share_out(&entries, queries),
            Err(error) => vec![Err(error); queries.len().max(1)],
        }
    }

    fn batch(&self, limits: &Limits) -> usize {
        limits.batch.min(self.batch)
    }
}

impl Express {
    /// Asks for the queries at `places`, in halves if one of them spoils the call.
    async fn ask_all(
        &self,
        ctx: Ctx<'_>,
        kind: Named,
        queries: &[Query],
        places: &[usize],
        answers: &mut [Option<Answer>],
    ) {
        // Parts still to be asked, the first on top.
        let mut open = vec![places];
        while let Some(part) = open.pop() {
            let asked: Vec<Query> = part.iter().map(|at| queries[*at].clone()).collect();
            let found = match self.ask(ctx, kind, &asked).await {
                Ok(entries) => share_out(&entries, &asked),
                Err(error) if part.len() > 1 && fault::is_about_one_number(&error) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    open.extend([second, first]);
                    continue;
                }
                Err(error) => vec![Err(error); part.len()],
            };
            for (at, answer) in part.iter().zip(found) {
                answers[*at] = Some(answer);
            }
        }
    }

    async fn ask(&self, ctx: Ctx<'_>, kind: Named, queries: &[Query]) -> Result<Vec<Entry>, Error> {
        let mut numbers: Vec<&TrackingNumber> = Vec::with_capacity(queries.len());
        for query in queries {
            if !numbers.contains(&&query.number) {
                numbers.push(&query.number);
            }
        }
        let response = ctx.http.send(self.request(kind, &numbers)?).await?;
        let sole = match numbers.as_slice() {
            [number] => Some(*number),
            _ => None,
        };
        read(&response, sole, ctx.now)
    }

    /// Numbers consist of letters and digits, so nothing needs escaping.
    fn request(&self, kind: Named, numbers: &[&TrackingNumber]) -> Result<Request<Bytes>, Error> {
        let base = &self.base_url;
        let url = match (kind, numbers) {
            (Named::Shipment, [number]) => {
                let number = number.reveal();
                format!("{base}/shipments/{number}/tracking?{VIEW}&requestGMTOffsetPerEvent=true")
            }
            _ => {
                let name = match kind {
                    Named::Piece => "pieceTrackingNumber",
                    Named::Shipment | Named::Nothing => "shipmentTrackingNumber",
                };
                let mut url = format!("{base}/tracking?{VIEW}");
                for number in numbers {
                    url.push_str(&format!("&{name}={}", number.reveal()));
                }
                url
            }
        };
        let mut authorization = HeaderValue::from_str(self.authorization.expose())
            .map_err(|_| Error::new(ErrorKind::Internal, "credentials cannot be sent").unspent())?;
        authorization.set_sensitive(true);
        Request::get(url)
            .header(ACCEPT, "application/json")
            .header(ACCEPT_LANGUAGE, "eng")
            .header(AUTHORIZATION, authorization)
            .body(Bytes::new())
            .map_err(|_| Error::new(ErrorKind::Internal, "request cannot be built").unspent())
    }
}
