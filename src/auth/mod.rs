//! Who calls: from a credential to a tenant and its scopes.
//!
//! **Invariant:** a tenant comes from a credential that was verified, and from nowhere else. With any
//! way to know callers configured, whoever shows no valid credential gets nothing, and is not told
//! what was wrong with it.

pub mod audit;
mod file;
mod gate;
mod jwks;
mod jwt;
pub mod keys;
pub mod pepper;
mod ring;
pub mod settings;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::Sha256;
use tokio::task::JoinHandle;
use waybill_core::adapter::{BoxFuture, Http};
use waybill_core::caller::{Caller, Scope};

use self::jwks::{Jwks, Origin};
use self::jwt::{Issuer, Unverified};
use self::keys::Ring;
use self::pepper::Peppers;
use self::settings::{Mode, Settings, SpiffeSettings};
use crate::clock::Clock;
use crate::grpc::status::Failure;
use crate::method::{self, Need};
use crate::quota::Allowance;
use crate::server::Peer;
use crate::v1::ErrorReason;

pub use self::gate::Gate;

/// How often the keys file is looked at.
const POLL: Duration = Duration::from_secs(2);
/// How often it is written down when keys were last used.
const NOTE: Duration = Duration::from_secs(60);
/// Verified tokens that are remembered, and for how long.
const REMEMBERED: u64 = 10_000;
const REMEMBER: Duration = Duration::from_secs(60);

/// Why a credential was not taken. For metrics and auditors; the caller is told none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is none.
    Missing,
    /// It has no known form.
    Malformed,
    /// There is no such key.
    Unknown,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    Early,
    /// It was taken back.
    Revoked,
    /// It is of an issuer that is not trusted.
    Issuer,
    /// It is meant for somebody else.
    Audience,
    /// It is signed in a way that is not allowed.
    Algorithm,
    /// Its signature is wrong.
    Signature,
    /// Its issuer has no such key.
    Kid,
    /// It names no tenant that its issuer can speak for.
    Tenant,
}

impl Denied {
    /// Label for a metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Early => "early",
            Self::Revoked => "revoked",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Kid => "kid",
            Self::Tenant => "tenant",
        }
    }
}

/// Who calls. A clone is a reference.
#[derive(Clone)]
pub struct Principal {
    /// Tenant and scopes.
    pub caller: Arc<Caller>,
    /// What its tenant may still ask for.
    pub quota: Allowance,
}

/// What becomes of a call.
pub enum Admission {
    /// It is nobody's, and may be: a probe.
    Open,
    /// Whose it is.
    Known(Principal),
    /// It may not be.
    Refused(Failure),
    /// An issuer has to be asked first.
    Later(BoxFuture<'static, Result<Principal, Failure>>),
}

/// Knows callers. A clone is a reference.
#[derive(Clone)]
pub struct Auth(Arc<Room>);

struct Room {
    /// Everybody, where nobody is asked.
    everybody: Option<Principal>,
    keys: Option<KeysFile>,
    issuers: Vec<Issuer>,
    /// Clients with certificates, by SPIFFE id.
    spiffe: HashMap<String, Principal>,
    /// By the keyed hash of a token: who it was, until when, and as of which keys.
    verified: moka::sync::Cache<[u8; 32], Arc<Remembered>>,
    /// Keys that hash, made at the start.
    hash: Hmac<Sha256>,
    open_reflection: bool,
    failures: audit::Failures,
    clock: Clock,
}

struct Remembered {
    principal: Principal,
    until: i64,
}

struct KeysFile {
    path: PathBuf,
    peppers: Peppers,
    ring: RwLock<Arc<Ring<Principal>>>,
    generation: AtomicU64,
}

impl KeysFile {
    fn open(settings: &Settings) -> Result<(Self, String), String> {
        let path = settings.keys_file.clone();
        let hint = "waybill keys create makes it";
        let text = keys::read_text(&path).map_err(|error| {
            format!(
                "auth.keys_file: cannot read {}: {error}; {hint}",
                path.display()
            )
        })?;
        let peppers = Peppers::read(settings)?;
        let ring = Self::ring(&text, &peppers)
            .map_err(|error| format!("auth.keys_file: {}: {error}", path.display()))?;
        let file = Self {
            path,
            peppers,
            ring: RwLock::new(Arc::new(ring)),
            generation: AtomicU64::new(1),
        };
        Ok((file, text))
    }

    fn ring(text: &str, peppers: &Peppers) -> Result<Ring<Principal>, String> {
        Ring::new(keys::parse(text)?, peppers, Principal::new)
    }

    fn current(&self) -> Arc<Ring<Principal>> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes what the file has become; a broken one changes nothing.
    fn take(&self, text: &str) {
        match Self::ring(text, &self.peppers) {
            Ok(ring) => {
                let count = ring.count();
                *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
                let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
                metrics::counter!("waybill_auth_keys_reads_total", "result" => "ok").increment(1);
                #[expect(clippy::cast_precision_loss, reason = "a count of reads")]
                metrics::gauge!("waybill_auth_keys_generation").set(generation as f64);
                audit::keys_read(generation, count);
            }
            Err(reason) => Self::keep(&reason),
        }
    }

    fn keep(reason: &str) {
        metrics::counter!("waybill_auth_keys_reads_total", "result" => "error").increment(1);
        tracing::error!(
            reason,
            "the keys file is not usable; the keys before it stay"
        );
    }

    /// Looks at the file again and again, and writes down what was used.
    async fn watch(&self, mut text: String, clock: &Clock) {
        let mut broken = false;
        let mut noted = clock.now();
        let mut used = BTreeMap::new();
        let mut next_note = tokio::time::Instant::now() + NOTE;
        loop {
            tokio::time::sleep(POLL).await;
            let path = self.path.clone();
            // The size is checked too, so nothing else of tokio's does.
            let read = tokio::task::spawn_blocking(move || keys::read_text(&path)).await;
            match read.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
                Ok(new) if new != text => {
                    // Uses between two reads are not to be lost with the old ring.
                    used.extend(self.current().used_since(noted));
                    self.take(&new);
                    text = new;
                    broken = false;
                }
                Ok(_) => broken = false,
                Err(error) if !broken => {
                    Self::keep(&error.to_string());
                    broken = true;
                }
                Err(_) => {}
            }
            if tokio::time::Instant::now() >= next_note {
                next_note += NOTE;
                let now = clock.now();
                used.extend(self.current().used_since(noted));
                noted = now;
                self.note(std::mem::take(&mut used)).await;
            }
        }
    }

    async fn note(&self, used: BTreeMap<String, Timestamp>) {
        if used.is_empty() {
            return;
        }
        let path = self.path.clone();
        let noted = tokio::task::spawn_blocking(move || keys::note_used(&path, &used)).await;
        // Where the file is mounted for reading only, that is how it should be.
        if let Ok(Err(reason)) = noted {
            tracing::debug!(reason, "cannot write down when keys were last used");
        }
    }
}

impl Principal {
    /// Whoever makes a call, as the check before the service has found out.
    ///
    /// # Errors
    /// A defect: nobody has checked the call.
    pub fn of(extensions: &http::Extensions) -> Result<&Self, Failure> {
        let found = extensions.get::<Self>();
        found.ok_or_else(|| Failure::internal("a call has no caller"))
    }

    fn new(caller: Caller) -> Self {
        Self {
            caller: Arc::new(caller),
            quota: Allowance::unlimited(),
        }
    }
}

impl Auth {
    /// Reads keys and issuers, and looks after them from now on. The tasks run until they are
    /// aborted.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    pub async fn start(
        settings: &Settings,
        http: &Arc<dyn Http>,
        clock: Clock,
    ) -> Result<(Self, Vec<JoinHandle<()>>), String> {
        settings.check()?;
        let everybody = !settings.knows_callers() || settings.mode == Mode::None;
        let (keys, text) = match settings.has_keys() {
            true => KeysFile::open(settings).map(|(file, text)| (Some(file), text))?,
            false => (None, String::new()),
        };
        let mut issuers = Vec::new();
        if !settings.jwt.is_empty() {
            ring::install();
        }
        for (name, issuer) in &settings.jwt {
            let origin = match issuer.jwks_url.as_str() {
                "" => Origin::File(issuer.jwks_file.clone()),
                url => {
                    let uri = url
                        .parse()
                        .map_err(|_| format!("auth.jwt.{name}.jwks_url: is not an address"))?;
                    Origin::Url(uri, Arc::clone(http))
                }
            };
            let is_file = matches!(origin, Origin::File(_));
            let issuer = Issuer::new(name, issuer, Jwks::new(name, origin))?;
            match issuer.jwks.refresh().await {
                Ok(()) => {}
                Err(reason) if is_file => {
                    return Err(format!("auth.jwt.{name}.jwks_file: {reason}"));
                }
                // A server must start also while an issuer is away.
                Err(reason) => {
                    tracing::warn!(issuer = name, reason, "cannot read an issuer's keys")
                }
            }
            issuers.push(issuer);
        }
        let client = |(id, client): (&String, &SpiffeSettings)| {
            let caller = Caller {
                tenant: client.tenant.clone(),
                scopes: settings::scopes(&client.scopes)?,
            };
            Ok::<_, String>((id.clone(), Principal::new(caller)))
        };
        let spiffe = settings
            .spiffe
            .iter()
            .map(client)
            .collect::<Result<_, _>>()?;
        let secret: [u8; 32] = rand::random();
        let hash = Hmac::new_from_slice(&secret).map_err(|error| error.to_string())?;
        let auth = Self(Arc::new(Room {
            everybody: everybody.then(|| Principal::new(Caller::local())),
            keys,
            issuers,
            spiffe,
            verified: moka::sync::Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(REMEMBER)
                .build(),
            hash,
            open_reflection: settings.open_reflection,
            failures: audit::Failures::default(),
            clock,
        }));
        let mut tasks = Vec::new();
        if auth.0.keys.is_some() {
            let room = Arc::clone(&auth.0);
            tasks.push(crate::tasks::spawn("auth-keys", async move {
                if let Some(file) = &room.keys {
                    file.watch(text, &room.clock).await;
                }
            }));
        }
        for at in 0..auth.0.issuers.len() {
            let room = Arc::clone(&auth.0);
            tasks.push(crate::tasks::spawn("auth-jwks", async move {
                room.issuers[at].jwks.refresh_forever().await;
            }));
        }
        Ok((auth, tasks))
    }

    /// Whether callers are asked who they are.
    pub fn asks(&self) -> bool {
        self.0.everybody.is_none()
    }

    /// Decides about a call by its path and what it brings.
    pub fn admit(&self, path: &str, headers: &HeaderMap, client: Option<&Peer>) -> Admission {
        let need = method::of(path).need;
        if need == Need::Nothing {
            return Admission::Open;
        }
        let room = &self.0;
        if let Some(everybody) = &room.everybody {
            return Admission::Known(everybody.clone());
        }
        if need == Need::Reflection && room.open_reflection {
            return Admission::Open;
        }
        match room.find(headers, client) {
            Ok(principal) => match permitted(&principal, need) {
                Ok(()) => Admission::Known(principal),
                Err(failure) => Admission::Refused(failure),
            },
            Err(Unverified::Denied(denied)) => Admission::Refused(room.refuse(denied, path)),
            Err(Unverified::UnknownKey) => {
                let (room, headers) = (Arc::clone(room), headers.clone());
                let path = path.to_owned();
                Admission::Later(Box::pin(async move {
                    room.ask_issuer(&headers).await;
                    let found = room.find(&headers, None).map_err(|reason| match reason {
                        Unverified::Denied(denied) => denied,
                        Unverified::UnknownKey => Denied::Kid,
                    });
                    let principal = found.map_err(|denied| room.refuse(denied, &path))?;
                    permitted(&principal, need)?;
                    Ok(principal)
                }))
            }
        }
    }
}

impl Room {
    fn find(&self, headers: &HeaderMap, client: Option<&Peer>) -> Result<Principal, Unverified> {
        let Some(presented) = presented(headers)? else {
            let id = client.and_then(Peer::spiffe_id).ok_or(Denied::Missing)?;
            return Ok(self.spiffe.get(id).cloned().ok_or(Denied::Unknown)?);
        };
        if presented.starts_with(keys::PREFIX) {
            let file = self.keys.as_ref().ok_or(Denied::Unknown)?;
            let ring = file.ring.read().unwrap_or_else(PoisonError::into_inner);
            return Ok(ring.find(presented, self.clock.now()).cloned()?);
        }
        self.token(presented)
    }

    fn token(&self, token: &str) -> Result<Principal, Unverified> {
        if self.issuers.is_empty() || token.len() > jwt::LONGEST {
            return Err(Denied::Malformed.into());
        }
        let now = self.clock.now();
        let mut hash = self.hash.clone();
        hash.update(token.as_bytes());
        let hash: [u8; 32] = hash.finalize().into_bytes().into();
        if let Some(known) = self.verified.get(&hash) {
            if now.as_second() < known.until {
                return Ok(known.principal.clone());
            }
            return Err(Denied::Expired.into());
        }
        let verified = self.issuer(token)?.verify(token, now)?;
        let known = Remembered {
            principal: Principal::new(verified.caller),
            until: verified.until,
        };
        let principal = known.principal.clone();
        self.verified.insert(hash, Arc::new(known));
        Ok(principal)
    }

    fn issuer(&self, token: &str) -> Result<&Issuer, Denied> {
        let stated = jwt::stated_issuer(token).ok_or(Denied::Malformed)?;
        let mut issuers = self.issuers.iter();
        issuers
            .find(|one| one.issued(&stated))
            .ok_or(Denied::Issuer)
    }

    async fn ask_issuer(&self, headers: &HeaderMap) {
        let token = presented(headers).ok().flatten();
        let Some(issuer) = token.and_then(|token| self.issuer(token).ok()) else {
            return;
        };
        if let Err(reason) = issuer.jwks.refresh().await {
            tracing::debug!(
                reason,
                "cannot read an issuer's keys for a key that is not known"
            );
        }
    }

    fn refuse(&self, denied: Denied, path: &str) -> Failure {
        let method = match method::of(path).path {
            "" => "other",
            known => known,
        };
        self.failures.note(denied, method, self.clock.now());
        Failure::new(
            ErrorReason::Unauthenticated,
            "a valid credential is required",
        )
    }
}

/// What a call shows: `authorization: Bearer ...`, once.
fn presented(headers: &HeaderMap) -> Result<Option<&str>, Denied> {
    let mut all = headers.get_all(http::header::AUTHORIZATION).iter();
    let Some(value) = all.next() else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| Denied::Malformed)?;
    let (scheme, rest) = text.split_once(' ').ok_or(Denied::Malformed)?;
    let is_right = scheme.eq_ignore_ascii_case("bearer") && all.next().is_none();
    is_right
        .then_some(Some(rest.trim()))
        .ok_or(Denied::Malformed)
}

fn permitted(principal: &Principal, need: Need) -> Result<(), Failure> {
    let needed = match need {
        Need::Scopes(needed) => needed,
        Need::Nothing | Need::Credential | Need::Reflection => &[],
    };
    needed
        .iter()
        .try_for_each(|scope| require(&principal.caller, *scope))
}

/// Checks that a caller has a scope.
///
/// # Errors
/// `PERMISSION`, naming the scope.
pub fn require(caller: &Caller, scope: Scope) -> Result<(), Failure> {
    if caller.scopes.has(scope) {
        return Ok(());
    }
    let name = scope.as_str();
    let message = format!("the credential lacks the scope {name:?}");
    Err(Failure::new(ErrorReason::Permission, message).with("scope", name))
}
