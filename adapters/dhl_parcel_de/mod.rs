//! DHL Parcel DE Tracking: the API of DHL Paket in Germany. This file owns how it is asked and must
//! not know what answers say: [`answer`] shares them out, [`wire`] reads the XML, [`map`] and
//! [`facts`] make the record, [`meaning`] knows the codes, [`fault`] the failures.
//!
//! # What it is
//! `GET {base}/shipments?xml=<data … request="d-get-piece-detail" piece-code="…;…"/>` with the key
//! and secret of an app as HTTP Basic credentials, and user and password of the business customer
//! inside the XML. Sources: the pages "DHL Parcel DE Tracking (Post & Parcel Germany)" of
//! developer.dhl.com, its list of ICE and RIC combinations of July 2024, and answers in the public
//! clients christoph-schaeffer/dhl-business-shipping and thomas-zenkel/dhl_tracking.
//!
//! `access = "public"` asks `get-status-for-public-user` instead, which shows what the public page
//! shows. It works in production only. An answer about a signature (`d-get-signature`) is recognised
//! and holds no shipment: images are not kept.
//!
//! # Limits
//! Twenty numbers in a call, fifteen for the public request. 1,000 calls a day and 3 a second are
//! what clients report; DHL's page states no figure. The half hour between two calls for a number
//! is our choice: parcels are scanned a few times a day.
//!
//! # Clocks
//! All times are German time to the minute, `DD.MM.YYYY HH:mm`, without an offset; a scan abroad
//! has German time too, so the country of a scan is no clue. A date alone is a day.
//!
//! # Quirks
//! - Status 200 says nothing: `code` of the root does, and `error-status` of each piece. A negative
//!   code is a fault of theirs. A code 41 or 45 for many numbers can be about one of them: then
//!   the call is made again in halves, so that one bad number fails alone.
//! - A number can come back without its leading zeros.
//! - `ruecksendung` marks events on the way back to the sender: a delivery there is a return.
//! - `STORN` withdraws the event before it.
//! - A row can have a time and nothing else; it is left out.
//! - "Delivered" is also said of a locker; see [`meaning`].
//! - The password travels in the query of the address: the API has no other place for it.

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
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Request, Response, Uri};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use quick_xml::escape::escape;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Query, Setting, Settings,
};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::SourceClass;
use waybill_core::privacy::Secret;

use self::answer::{Piece, read, share_out};
use crate::sign::base64;

/// The source as data.
pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: "dhl-parcel-de",
    carrier: "dhl",
    display_name: "DHL Paket (Parcel DE Tracking)",
    api: "Parcel DE Tracking (XML)",
    country: "DE",
    tracking_url: "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode={tracking_number}",
    pages: &[],
    class: SourceClass::Custodian,
    capabilities: Capabilities {
        paid: false,
        registers: false,
        push: None,
        order_lookup: false,
        required_hints: &[],
        optional_hints: &["postal_code"],
        language: "en",
        default_time_zone: "Europe/Berlin",
        delivery_estimate: true,
        proof_of_delivery: true,
        history_days: 0,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: BUSINESS.batch,
        per_second: 3.0,
        burst: 3,
        per_day: 1_000,
        timeout: Duration::from_secs(10),
        slow: Duration::from_secs(3),
        min_interval: Duration::from_secs(1_800),
    },
    formats: &["dhl_paket_20", "dhl_paket_12"],
    carriers: &[],
    settings: &[
        Setting::secret(
            "api_key",
            "key of an app on developer.dhl.com with Parcel DE Tracking",
        ),
        Setting::secret("api_secret", "secret of the app"),
        Setting::secret(
            "user",
            "user of the business customer portal, called appname in the API",
        ),
        Setting::secret("password", "password of that user"),
        Setting::optional(
            "access",
            "business",
            "business: shipments of the account; public: what the public page shows",
        ),
        Setting::optional("environment", "production", "production or sandbox"),
        Setting::optional(
            "base_url",
            "",
            "address of the API, without /shipments; empty: that of the environment",
        ),
    ],
    build,
};

/// A request of the API.
struct Access {
    request: &'static str,
    /// Numbers in one call.
    batch: usize,
}

const BUSINESS: Access = Access {
    request: "d-get-piece-detail",
    batch: 20,
};
const PUBLIC: Access = Access {
    request: "get-status-for-public-user",
    batch: 15,
};

/// One account.
struct ParcelDe {
    base_url: String,
    authorization: Secret,
    user: Secret,
    password: Secret,
    access: &'static Access,
}

fn build(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    ParcelDe::new(settings).map(|adapter| Box::new(adapter) as Box<dyn Adapter>)
}

impl ParcelDe {
    fn new(settings: &Settings) -> Result<Self, String> {
        let base_url = match (settings.get("base_url"), settings.get("environment")) {
            ("", "production" | "") => "https://api-eu.dhl.com/parcel/de/tracking/v0",
            ("", "sandbox") => "https://api-sandbox.dhl.com/parcel/de/tracking/v0",
            ("", _) => return Err("environment must be production or sandbox".to_owned()),
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
        let access = match settings.get("access") {
            "business" | "" => &BUSINESS,
            "public" => &PUBLIC,
            _ => return Err("access must be business or public".to_owned()),
        };
        // A name with a colon cannot be told from its password in HTTP Basic.
        if settings.get("api_key").contains(':') {
            return Err("api_key must have no colon".to_owned());
        }
        let pair = format!("{}:{}", settings.get("api_key"), settings.get("api_secret"));
        Ok(Self {
            base_url: base_url.to_owned(),
            authorization: Secret::new(format!("Basic {}", base64(pair.as_bytes()))),
            user: settings.secret("user"),
            password: settings.secret("password"),
            access,
        })
    }
}

impl Adapter for ParcelDe {
    fn reaches(&self) -> Vec<&str> {
        vec![&self.base_url]
    }

    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(queries.len());
            for chunk in queries.chunks(self.access.batch) {
                // Parts still to be asked, the first on top.
                let mut open = vec![chunk];
                while let Some(part) = open.pop() {
                    match self.ask(ctx, part).await {
                        Ok(pieces) => answers.extend(share_out(&pieces, part)),
                        Err(error) if part.len() > 1 && fault::is_about_one_number(&error) => {
                            let (first, second) = part.split_at(part.len() / 2);
                            open.extend([second, first]);
                        }
                        Err(error) => answers.extend(part.iter().map(|_| Err(error.clone()))),
                    }
                }
            }
            answers
        })
    }

    fn interpret(
        &self,
        queries: &[Query],
        response: &Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        match read(response, sole(queries), now) {
            // An answer about a signature is understood and holds no shipment.
            Ok(pieces) if pieces.is_empty() => vec![Ok(Vec::new()); queries.len().max(1)],
            Ok(pieces) => share_out(&pieces, queries),
            Err(error) => vec![Err(error); queries.len().max(1)],
        }
    }

    fn batch(&self, limits: &Limits) -> usize {
        limits.batch.min(self.access.batch)
    }
}

/// The number of the only query: only then a piece without a number can be told whose it is.
fn sole(queries: &[Query]) -> Option<&waybill_core::number::TrackingNumber> {
    match queries {
        [query] => Some(&query.number),
        _ => None,
    }
}

impl ParcelDe {
    async fn ask(&self, ctx: Ctx<'_>, queries: &[Query]) -> Result<Vec<Piece>, Error> {
        let response = ctx.http.send(self.request(queries)?).await?;
        read(&response, sole(queries), ctx.now)
    }

    fn request(&self, queries: &[Query]) -> Result<Request<Bytes>, Error> {
        let mut numbers: Vec<&str> = Vec::with_capacity(queries.len());
        for query in queries {
            let number = query.number.reveal();
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><data appname=\"{}\" \
             password=\"{}\" request=\"{}\" language-code=\"en\" piece-code=\"{}\"",
            escape(self.user.expose()),
            escape(self.password.expose()),
            self.access.request,
            numbers.join(";"),
        );
        // With a postal code the API takes one number only.
        if let [query] = queries {
            let postal_code = query.hints.postal_code.reveal().trim();
            if !postal_code.is_empty() {
                xml.push_str(&format!(" zip-code=\"{}\"", escape(postal_code)));
            }
        }
        xml.push_str("/>");
        let xml = utf8_percent_encode(&xml, NON_ALPHANUMERIC);
        let mut authorization = HeaderValue::from_str(self.authorization.expose())
            .map_err(|_| Error::new(ErrorKind::Internal, "credentials cannot be sent").unspent())?;
        authorization.set_sensitive(true);
        Request::get(format!("{}/shipments?xml={xml}", self.base_url))
            .header(ACCEPT, "application/xml")
            .header(AUTHORIZATION, authorization)
            .body(Bytes::new())
            .map_err(|_| Error::new(ErrorKind::Internal, "request cannot be built").unspent())
    }
}
