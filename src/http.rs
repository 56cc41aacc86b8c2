//! The one HTTP client, behind core's [`Http`] port: time-outs, size cap, speed floor, error
//! classes.
//!
//! **Invariant:** it retries nothing, follows no redirect and reads no proxy from the environment.
//! URLs and headers can hold tracking numbers and credentials, so neither reaches an error or a
//! log: a log line has the host, method, status and duration, and error messages are fixed texts.
//! It knows nothing of sources, quotas or breakers, and reaches whom it is told to; see `reach`.

mod reach;

use std::error::Error as StdError;
use std::num::NonZeroU32;
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use waybill_core::adapter::{BoxFuture, Http};
use waybill_core::error::{Error, ErrorKind};

pub use self::reach::Names;
use self::reach::{Checked, Reach, System};
use crate::trace::{self, Trace};

/// How far a carrier's server is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Time for name look-up, connection and TLS together.
    #[serde(with = "friendly")]
    pub connect_timeout: Duration,
    /// Time for a whole exchange. A safety net: each source has its own, shorter one.
    #[serde(with = "friendly")]
    pub total_timeout: Duration,
    /// Greatest body in bytes, after decompression.
    pub body_cap: usize,
    /// Slowest body in bytes per second, after decompression.
    pub body_floor: NonZeroU32,
    /// How long a body may stay behind the floor.
    #[serde(with = "friendly")]
    pub body_grace: Duration,
    /// Idle connections kept per host.
    pub idle_per_host: usize,
    /// How long an idle connection is kept.
    #[serde(with = "friendly")]
    pub idle_timeout: Duration,
    /// Hosts of base URLs that may be spoken to without TLS, and whose addresses need not be public.
    pub private_hosts: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            total_timeout: Duration::from_secs(60),
            body_cap: 2 * 1024 * 1024,
            body_floor: NonZeroU32::MIN.saturating_add(1023),
            body_grace: Duration::from_secs(2),
            idle_per_host: 128,
            idle_timeout: Duration::from_secs(90),
            private_hosts: Vec::new(),
        }
    }
}

/// Makes ring the process's TLS implementation. More than one call is fine.
pub fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that the program has chosen a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// The client. A clone shares its connections.
#[derive(Clone)]
#[expect(clippy::disallowed_types, reason = "this is the one client")]
pub struct Client {
    inner: reqwest::Client,
    reach: Arc<Reach>,
    private_hosts: Arc<[String]>,
    body_cap: usize,
    body_floor: NonZeroU32,
    body_grace: Duration,
}

impl Client {
    /// Makes a client that reaches nobody yet; see [`Client::only`].
    ///
    /// # Errors
    /// `Internal` if the machine has no trusted root certificates.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        Self::with_names(settings, Arc::new(System))
    }

    /// The same, with names looked up elsewhere than by the system.
    ///
    /// # Errors
    /// As of [`Client::new`].
    #[expect(clippy::disallowed_types, reason = "this is the one client")]
    pub fn with_names(settings: &Settings, names: Arc<dyn Names>) -> Result<Self, Error> {
        install_crypto();
        let inner = reqwest::Client::builder()
            .user_agent(concat!("waybill/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .retry(reqwest::retry::never())
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.total_timeout)
            .pool_max_idle_per_host(settings.idle_per_host)
            .pool_idle_timeout(settings.idle_timeout)
            // A connection whose peer is gone would otherwise take every request until it times out.
            .http2_keep_alive_interval(Duration::from_secs(15))
            .http2_keep_alive_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .dns_resolver(Arc::new(Checked {
                names,
                private: settings.private_hosts.clone(),
            }))
            .build()
            .map_err(|error| {
                let cause = chain(&error).last().map(ToString::to_string);
                Error::new(
                    ErrorKind::Internal,
                    format!("no http client: {}", cause.unwrap_or_default()),
                )
                .unspent()
            })?;
        Ok(Self {
            inner,
            reach: Arc::default(),
            private_hosts: settings.private_hosts.clone().into(),
            body_cap: settings.body_cap,
            body_floor: settings.body_floor,
            body_grace: settings.body_grace,
        })
    }

    /// The same client, for requests to the hosts of these URLs, by the same scheme and port, and to
    /// nobody else.
    ///
    /// # Errors
    /// Names a host that must not be reached: without TLS or at an address that is not public, it has
    /// to be on this machine or in [`Settings::private_hosts`].
    pub fn only(&self, urls: &[&str]) -> Result<Self, String> {
        Ok(Self {
            reach: Arc::new(Reach::new(urls, &self.private_hosts)?),
            ..self.clone()
        })
    }

    async fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, Error> {
        let mut request = reqwest::Request::try_from(request).map_err(|_| {
            Error::new(ErrorKind::Internal, "request has no usable address").unspent()
        })?;
        if let Some(value) = trace::current().and_then(Trace::to_header) {
            request.headers_mut().insert(trace::HEADER, value);
        }
        if !self.reach.admits(request.url()) {
            metrics::counter!("waybill_http_refused_total", "reason" => "host").increment(1);
            let message = "request to a host that is not the source's own";
            return Err(Error::new(ErrorKind::Internal, message).unspent());
        }
        let mut response = self
            .inner
            .execute(request)
            .await
            .map_err(|error| before_head(&error))?;
        let mut whole = http::Response::new(Bytes::new());
        *whole.status_mut() = response.status();
        *whole.version_mut() = response.version();
        *whole.headers_mut() = std::mem::take(response.headers_mut());
        *whole.body_mut() = self.collect(response).await?;
        Ok(whole)
    }

    /// Reads a body. Patience starts at the grace, is used up by waiting and is earned back by
    /// bytes, so that a drip ends after the grace however long it could go on.
    async fn collect(&self, mut response: reqwest::Response) -> Result<Bytes, Error> {
        let stated = response.content_length().unwrap_or(0);
        if stated > self.body_cap as u64 {
            return Err(self.too_large());
        }
        let mut body = BytesMut::with_capacity(usize::try_from(stated).unwrap_or(0));
        let mut patience = self.body_grace;
        loop {
            let asked = Instant::now();
            let chunk = match tokio::time::timeout(patience, response.chunk()).await {
                Err(_) => return Err(Error::new(ErrorKind::Timeout, "body came too slowly")),
                Ok(Err(error)) => return Err(in_body(&error)),
                Ok(Ok(None)) => return Ok(body.freeze()),
                Ok(Ok(Some(chunk))) => chunk,
            };
            if body.len() + chunk.len() > self.body_cap {
                return Err(self.too_large());
            }
            body.extend_from_slice(&chunk);
            let nanos = chunk.len() as u64 * 1_000_000_000 / u64::from(self.body_floor.get());
            patience = patience
                .saturating_sub(asked.elapsed())
                .saturating_add(Duration::from_nanos(nanos))
                .min(self.body_grace);
        }
    }

    fn too_large(&self) -> Error {
        let message = format!("body is larger than {} bytes", self.body_cap);
        Error::new(ErrorKind::Malformed, message).with_code("too_large")
    }
}

impl Http for Client {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        Box::pin(async move {
            let method = request.method().clone();
            let host = request.uri().host().unwrap_or_default().to_owned();
            let asked = Instant::now();
            let result = self.exchange(request).await;
            let millis = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
            match &result {
                Ok(response) => {
                    let status = response.status().as_u16();
                    tracing::debug!(host, %method, status, millis, "http exchange");
                }
                Err(error) => {
                    tracing::debug!(host, %method, kind = error.kind.as_str(), millis, "http exchange");
                }
            }
            result
        })
    }
}

fn before_head(error: &reqwest::Error) -> Error {
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => Error::new(ErrorKind::Timeout, "no connection in time").unspent(),
        (true, false) => Error::new(ErrorKind::Unavailable, "no connection").unspent(),
        (false, true) => Error::new(ErrorKind::Timeout, "no response in time"),
        (false, false) if transport(error).is_some_and(hyper::Error::is_parse) => {
            Error::new(ErrorKind::Malformed, "response is not http").with_code("not_http")
        }
        (false, false) => Error::new(ErrorKind::Unavailable, "connection lost before a response"),
    }
}

fn in_body(error: &reqwest::Error) -> Error {
    if error.is_timeout() {
        Error::new(ErrorKind::Timeout, "body did not end in time")
    } else if transport(error).is_some() {
        Error::new(ErrorKind::Unavailable, "connection lost within the body")
    } else {
        Error::new(ErrorKind::Malformed, "body cannot be decompressed").with_code("bad_encoding")
    }
}

/// The failure of the connection behind an error, if that is what it was.
fn transport(error: &reqwest::Error) -> Option<&hyper::Error> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}
