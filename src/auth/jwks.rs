//! The public keys of an issuer: from a file or by https, kept while the issuer is away.
//!
//! **Invariant:** whatever callers send, the issuer is asked at most once in [`PAUSE`].

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use waybill_core::adapter::Http;

/// How often the keys are read again.
const POLL: Duration = Duration::from_secs(60);
/// How often a file is read again.
const POLL_FILE: Duration = PAUSE;
/// Least time between two questions to an issuer.
const PAUSE: Duration = Duration::from_secs(10);
/// Time for one answer.
const TIME: Duration = Duration::from_secs(5);
/// How long keys work after the issuer was last heard.
const STALE: Duration = Duration::from_secs(24 * 3_600);
/// Keys of an issuer.
const KEYS: usize = 100;

/// Where keys come from.
pub(super) enum Origin {
    /// A file.
    File(PathBuf),
    /// The issuer.
    Url(http::Uri, Arc<dyn Http>),
}

/// The keys of one issuer.
pub(super) struct Jwks {
    name: String,
    origin: Origin,
    keys: RwLock<Option<Arc<KeySet>>>,
    /// When the issuer was asked last; held while it is asked.
    asked: Mutex<Option<Instant>>,
}

/// The keys as of one answer.
pub(super) struct KeySet {
    keys: Vec<Key>,
    time: Instant,
    lasts: bool,
}

struct Key {
    kid: Option<String>,
    algorithm: Option<String>,
    key: DecodingKey,
}

impl KeySet {
    fn read(text: &[u8], lasts: bool) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Wire {
            keys: Vec<serde_json::Value>,
        }
        let wire: Wire = serde_json::from_slice(text).map_err(|_| "is not a JWK set".to_owned())?;
        // A key of a kind that is not known here must not spoil the others.
        let keys = wire.keys.into_iter().take(KEYS).filter_map(Key::read);
        let keys: Vec<Key> = keys.collect();
        if keys.is_empty() {
            return Err("has no key that can be used".to_owned());
        }
        Ok(Self {
            keys,
            time: Instant::now(),
            lasts,
        })
    }

    /// The key with an id; without an id the only one that fits.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let named = |key: &&Key| kid.is_none() || key.kid.as_deref() == kid;
        let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm));
        let mut fitting = fitting.by_ref().filter(named);
        let first = fitting.next()?;
        (kid.is_some() || fitting.next().is_none()).then_some(&first.key)
    }
}

impl Key {
    /// `None` for a key that cannot verify anything here, a secret above all.
    fn read(wire: serde_json::Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(wire).ok()?;
        let fits = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => true,
            AlgorithmParameters::EllipticCurve(curve) => curve.curve == EllipticCurve::P256,
            AlgorithmParameters::OctetKeyPair(curve) => curve.curve == EllipticCurve::Ed25519,
            _ => false,
        };
        let signs = match &jwk.common.public_key_use {
            None | Some(PublicKeyUse::Signature) => true,
            Some(_) => false,
        };
        let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| fits && signs)?;
        Some(Self {
            kid: jwk.common.key_id,
            algorithm: jwk.common.key_algorithm.map(|name| name.to_string()),
            key,
        })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let family = match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => AlgorithmFamily::Rsa,
            Algorithm::ES256 => AlgorithmFamily::Ec,
            Algorithm::EdDSA => AlgorithmFamily::Ed,
            _ => return false,
        };
        let named = self.algorithm.as_ref();
        self.key.family() == family && named.is_none_or(|name| *name == format!("{algorithm:?}"))
    }
}

impl Jwks {
    /// Keys that are not known yet.
    pub(super) fn new(name: &str, origin: Origin) -> Self {
        Self {
            name: name.to_owned(),
            origin,
            keys: RwLock::new(None),
            asked: Mutex::new(None),
        }
    }

    /// The keys, unless there are none or they are too old.
    pub(super) fn keys(&self) -> Option<Arc<KeySet>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let keys = keys.as_ref()?;
        (keys.lasts || keys.time.elapsed() < STALE).then(|| Arc::clone(keys))
    }

    /// Reads the keys now, unless that was done a moment ago. One asks, and the others wait for it.
    ///
    /// # Errors
    /// Says why there are no new ones; the old ones stay.
    pub(super) async fn refresh(&self) -> Result<(), String> {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|last| last.elapsed() < PAUSE) {
            return Ok(());
        }
        *asked = Some(Instant::now());
        let read = self.read().await;
        let result = if read.is_ok() { "ok" } else { "error" };
        metrics::counter!("waybill_jwks_reads_total", "issuer" => self.name.clone(), "result" => result)
            .increment(1);
        let keys = Arc::new(read?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
        Ok(())
    }

    async fn read(&self) -> Result<KeySet, String> {
        match &self.origin {
            Origin::File(path) => {
                let text = tokio::fs::read(path).await;
                let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
                KeySet::read(&text, true).map_err(|why| format!("{}: {why}", path.display()))
            }
            Origin::Url(url, http) => {
                let request = http::Request::get(url).body(Bytes::new());
                let request = request.map_err(|error| error.to_string())?;
                let answer = timeout(TIME, http.send(request)).await;
                let answer = answer.map_err(|_| "no answer in time".to_owned())?;
                let answer = answer.map_err(|error| error.message)?;
                if answer.status() != http::StatusCode::OK {
                    return Err(format!("answered with status {}", answer.status().as_u16()));
                }
                KeySet::read(answer.body(), false)
            }
        }
    }

    /// Reads the keys again and again.
    pub(super) async fn refresh_forever(&self) {
        let pause = match &self.origin {
            Origin::File(_) => POLL_FILE,
            Origin::Url(..) => POLL,
        };
        loop {
            tokio::time::sleep(pause).await;
            if let Err(reason) = self.refresh().await {
                let issuer = &self.name;
                tracing::warn!(
                    issuer,
                    reason,
                    "cannot read an issuer's keys; the old ones stay"
                );
            }
        }
    }
}
