//! An adapter that lives in a process of its own, over `waybill.adapter.v1`.
//!
//! It owns the connection and how a call goes wrong. It must not know what stands around it: the
//! guard treats a plug-in as any other source.
//!
//! **Invariant:** nothing that a plug-in writes is trusted. Sizes are capped, every answer is
//! checked against its query, and no text of a plug-in reaches an error or a log.

mod plugin;
mod read;

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Ctx, Descriptor, Hints, Limits, Pushed, Query, Subscribed,
    Subscription,
};
use waybill_core::error::{Error, ErrorKind, Retry};
use waybill_core::number::TrackingNumber;

use self::read::malformed;
use crate::adapter::v1 as wire;
use crate::adapter::v1::adapter_service_client::AdapterServiceClient;
use crate::grpc::convert;
use crate::trace::{self, Trace};
use crate::v1;

pub(crate) use self::plugin::HINTS;
pub use self::plugin::registry;
pub(crate) use self::read::{is_id, is_zone, location, reports, requirements};

/// Greatest size of one message in bytes.
const MESSAGE: usize = 4 * 1_024 * 1_024;
/// Greatest size of all messages of one call in bytes.
const CALL: usize = 4 * MESSAGE;
/// Time for a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// What an adapter waits beyond its time, so that the guard ends the call: only the guard knows
/// whether the time was the source's or a caller's, and so whether the source has failed.
const SLACK: Duration = Duration::from_millis(50);

/// A plug-in as a source.
pub struct Remote {
    source: &'static Descriptor,
    client: AdapterServiceClient<Channel>,
    /// Set once the plug-in has said that it offers the source as it is configured.
    described: OnceCell<()>,
    timeout: Duration,
}

impl Remote {
    /// Makes an adapter; the connection is made at first use and whenever it is lost.
    ///
    /// # Errors
    /// Says what is wrong with the endpoint.
    pub fn new(
        source: &'static Descriptor,
        endpoint: &str,
        limits: &Limits,
    ) -> Result<Self, String> {
        let endpoint = Endpoint::from_shared(endpoint.to_owned())
            .map_err(|_| "is not an address".to_owned())?
            .connect_timeout(CONNECT)
            // A connection whose peer is gone would otherwise take every call until it times out.
            .http2_keep_alive_interval(Duration::from_secs(15))
            .keep_alive_timeout(Duration::from_secs(5))
            .tcp_nodelay(true);
        let client = AdapterServiceClient::new(endpoint.connect_lazy())
            .max_decoding_message_size(MESSAGE)
            .max_encoding_message_size(MESSAGE);
        Ok(Self {
            source,
            client,
            described: OnceCell::new(),
            timeout: limits.timeout,
        })
    }

    /// A request that says how long it may take.
    fn request<T>(message: T, until: Instant) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(until.saturating_duration_since(Instant::now()));
        let trace = trace::current().and_then(Trace::to_header);
        if let Some(value) = trace.and_then(|value| value.to_str().ok()?.parse().ok()) {
            request.metadata_mut().insert(trace::HEADER, value);
        }
        request
    }

    /// Asks the plug-in once whether it offers this source.
    async fn check(&self, until: Instant) -> Result<(), Error> {
        let describe = || async {
            let message = wire::DescribeRequest {
                gateway_version: env!("CARGO_PKG_VERSION").to_owned(),
            };
            let request = Self::request(message, until);
            let answer = self.client.clone().describe(request).await;
            let answer = answer.map_err(|status| match status.code() {
                Code::Unimplemented => malformed("the endpoint is no plug-in"),
                _ => failed(&status),
            })?;
            self.fits(&answer.into_inner())
        };
        self.described.get_or_try_init(describe).await.copied()
    }

    fn fits(&self, offer: &wire::DescribeResponse) -> Result<(), Error> {
        let offered = offer
            .sources
            .iter()
            .find(|offered| offered.id == self.source.id)
            .ok_or_else(|| malformed("the plug-in does not offer this source"))?;
        if offered.carrier != self.source.carrier {
            return Err(malformed("the plug-in speaks for another carrier"));
        }
        let batch = usize::try_from(offered.max_batch_size.max(1)).unwrap_or(usize::MAX);
        if batch < self.source.limits.batch {
            return Err(malformed("the plug-in takes fewer queries at once"));
        }
        let plain = |c: u8| c.is_ascii_alphanumeric() || b".-+".contains(&c);
        let version = offer.adapter_version.as_str();
        let is_version = version.len() <= 64 && version.bytes().all(plain);
        tracing::info!(
            source = self.source.id,
            version = if is_version { version } else { "" },
            "plug-in connected"
        );
        Ok(())
    }

    /// Puts each answer into its place. A place that stays empty got none; an error is about all
    /// empty places.
    async fn collect(
        &self,
        queries: &[Query],
        answers: &mut [Option<Answer>],
        until: Instant,
    ) -> Result<(), Error> {
        self.check(until).await?;
        let message = wire::FetchRequest {
            source: self.source.id.to_owned(),
            queries: queries.iter().map(|query| self.query(query)).collect(),
        };
        let request = Self::request(message, until);
        let answer = self.client.clone().fetch(request).await;
        let mut stream = answer.map_err(|status| failed(&status))?.into_inner();
        let mut size = 0;
        loop {
            let message = stream.message().await.map_err(|status| failed(&status))?;
            let Some(message) = message else {
                return Ok(());
            };
            size += message.encoded_len();
            let index = usize::try_from(message.index).unwrap_or(usize::MAX);
            let error = match (answers.get_mut(index), queries.get(index)) {
                _ if size > CALL => too_large(),
                (Some(place @ None), Some(query)) => {
                    *place = Some(read::answer(self.source, query, message.answer));
                    continue;
                }
                (Some(Some(_)), _) => malformed("the plug-in answers a query twice"),
                _ => malformed("the plug-in answers a query that was not asked"),
            };
            // Whoever mixes up its answers may have mixed up those before as well.
            answers.iter_mut().for_each(|answer| *answer = None);
            return Err(error);
        }
    }

    fn query(&self, query: &Query) -> wire::Query {
        wire::Query {
            shipment: Some(v1::ShipmentKey {
                key: Some(v1::shipment_key::Key::TrackingNumber(
                    query.number.reveal().to_owned(),
                )),
                carrier: query.carrier.clone(),
                hints: Some(self.hints(&query.hints)),
            }),
            format: query.format.clone(),
        }
    }

    /// The hints that the source can use: nobody else is told a postal code.
    fn hints(&self, hints: &Hints) -> v1::Hints {
        let capabilities = &self.source.capabilities;
        let used = |name: &str, value: &String| {
            let mut names = capabilities
                .required_hints
                .iter()
                .chain(capabilities.optional_hints);
            let is_used = names.any(|hint| *hint == name);
            if is_used {
                value.clone()
            } else {
                String::new()
            }
        };
        v1::Hints {
            postal_code: used("postal_code", hints.postal_code.reveal()),
            destination_country: used("destination_country", &hints.destination_country),
            origin_country: used("origin_country", &hints.origin_country),
            ship_date: used("ship_date", &hints.ship_date),
            phone_last_four: used("phone_last_four", hints.phone_last_four.reveal()),
        }
    }

    async fn ask(&self, within: Duration, queries: &[Query]) -> Vec<Answer> {
        let until = Instant::now() + within;
        // Of a batch, what has come by then is kept.
        let patience = if queries.len() > 1 {
            until - within / 20
        } else {
            until + SLACK
        };
        let mut answers: Vec<Option<Answer>> = queries.iter().map(|_| None).collect();
        let ended = timeout_at(patience, self.collect(queries, &mut answers, until)).await;
        let late = || Error::new(ErrorKind::Timeout, "the plug-in did not answer in time");
        let missing = match ended {
            Ok(Ok(())) => malformed("the plug-in gives no answer to a query"),
            Ok(Err(error)) => error,
            Err(_) => late(),
        };
        if missing.kind == ErrorKind::Timeout && answers.iter().all(Option::is_none) {
            sleep_until(until + SLACK).await;
        }
        let filled = answers.into_iter();
        filled
            .map(|answer| answer.unwrap_or_else(|| Err(missing.clone())))
            .collect()
    }

    async fn register(
        &self,
        within: Duration,
        queries: &[Query],
        change: Subscription,
    ) -> Result<Vec<Subscribed>, Error> {
        let until = Instant::now() + within;
        self.check(until).await?;
        let message = wire::SubscribeRequest {
            source: self.source.id.to_owned(),
            queries: queries.iter().map(|query| self.query(query)).collect(),
            cancel: change == Subscription::Stop,
        };
        let request = Self::request(message, until);
        let answer = self.client.clone().subscribe(request).await;
        let answer = answer.map_err(|status| failed(&status))?.into_inner();
        if answer.results.len() != queries.len() {
            return Err(malformed("the plug-in gives no result to a query, or two"));
        }
        let read = |(result, query): (wire::SubscribeResult, &Query)| match result.failure {
            Some(failure) => Err(read::failure(&failure, query)),
            None => result.renew_time.map(read::timestamp).transpose(),
        };
        Ok(answer.results.into_iter().zip(queries).map(read).collect())
    }

    async fn translate(
        &self,
        push: &http::Request<Bytes>,
        now: Timestamp,
    ) -> Result<Pushed, Error> {
        let until = Instant::now() + self.timeout;
        self.check(until).await?;
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            Some(wire::HttpHeader {
                name: name.as_str().to_owned(),
                value: value.to_str().ok()?.to_owned(),
            })
        };
        let path = push.uri().path_and_query();
        let message = wire::TranslatePushRequest {
            source: self.source.id.to_owned(),
            http_method: push.method().as_str().to_owned(),
            http_path: path.map_or("/", |path| path.as_str()).to_owned(),
            headers: push.headers().iter().filter_map(header).collect(),
            body: push.body().to_vec(),
            receive_time: Some(convert::timestamp(now)),
        };
        let request = Self::request(message, until);
        let answer = self.client.clone().translate_push(request).await;
        let answer = answer.map_err(|status| failed(&status))?.into_inner();
        if answer.poll_numbers.len() > read::MANY {
            return Err(malformed("the plug-in names more than 100 numbers"));
        }
        let poll = answer.poll_numbers.iter().map(|text| {
            TrackingNumber::parse(text).map_err(|_| malformed("the plug-in names no number"))
        });
        let mut reply = http::Response::builder().status(match answer.http_status {
            0 => 200,
            status => u16::try_from(status).unwrap_or(u16::MAX),
        });
        for header in &answer.http_headers {
            reply = reply.header(&header.name, &header.value);
        }
        let reply = reply
            .body(Bytes::from(answer.http_body))
            .ok()
            .filter(|reply| (200..600).contains(&reply.status().as_u16()));
        Ok(Pushed {
            id: read::cut(&answer.push_id, 128),
            poll: poll.collect::<Result<_, _>>()?,
            reports: read::reports(self.source, answer.reports)?,
            reply: reply.ok_or_else(|| malformed("the reply of the plug-in is not http"))?,
        })
    }
}

impl Adapter for Remote {
    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(self.ask(ctx.within, queries))
    }

    /// Raw answers never leave the plug-in.
    fn interpret(
        &self,
        queries: &[Query],
        _response: &http::Response<Bytes>,
        _now: Timestamp,
    ) -> Vec<Answer> {
        let error = unsupported("only the plug-in itself understands raw answers");
        let count = queries.len().max(1);
        (0..count).map(|_| Err(error.clone())).collect()
    }

    fn subscribe<'a>(
        &'a self,
        ctx: Ctx<'a>,
        queries: &'a [Query],
        change: Subscription,
    ) -> BoxFuture<'a, Vec<Subscribed>> {
        Box::pin(async move {
            let results = self.register(ctx.within, queries, change).await;
            results.unwrap_or_else(|error| queries.iter().map(|_| Err(error.clone())).collect())
        })
    }

    fn translate_push<'a>(
        &'a self,
        push: &'a http::Request<Bytes>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        Box::pin(self.translate(push, now))
    }
}

fn unsupported(message: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, message).unspent()
}

fn too_large() -> Error {
    malformed("an answer of the plug-in is too large").with_code("too_large")
}

/// What the status of a call says, by the table at the service.
fn failed(status: &Status) -> Error {
    let error = match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => {
            Error::new(ErrorKind::Timeout, "the plug-in did not answer in time")
        }
        Code::ResourceExhausted => Error::new(ErrorKind::Throttled, "the plug-in asks to wait"),
        Code::PermissionDenied | Code::Unauthenticated => {
            Error::new(ErrorKind::Denied, "the plug-in says that access is refused")
        }
        Code::InvalidArgument => {
            Error::new(ErrorKind::InvalidQuery, "the plug-in refuses the call")
        }
        Code::Unimplemented => Error::new(ErrorKind::Unsupported, "the plug-in cannot do this"),
        Code::Unavailable if is_unconnected(status) => {
            Error::new(ErrorKind::Unavailable, "no connection to the plug-in").unspent()
        }
        Code::Unavailable | Code::Unknown | Code::Aborted => {
            Error::new(ErrorKind::Unavailable, "the plug-in failed")
        }
        Code::OutOfRange => too_large(),
        _ => malformed("the plug-in answers with something else"),
    };
    let advice = status.get_details_retry_info();
    match advice.and_then(|advice| advice.retry_delay) {
        Some(wait) => error.with_retry(Retry::After(wait)),
        None => error,
    }
}

/// Whether a call never left.
fn is_unconnected(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
