//! TLS of the front door: certificates that change while calls run, and who the client is.
//!
//! **Invariant:** files that do not fit together change nothing; what was in use stays in use.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Listener;

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(5);

/// `[server.tls]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// File of the server's certificate and those between it and the root, PEM; empty: no TLS.
    pub cert_file: PathBuf,
    /// File of its key, PEM.
    pub key_file: PathBuf,
    /// File of the certificates, PEM, that clients' certificates are checked by; empty: clients are
    /// not asked for any.
    pub client_ca_file: PathBuf,
    /// Refuse connections of clients without a certificate.
    pub require_client_cert: bool,
}

impl TlsSettings {
    /// Whether connections are by TLS.
    pub fn is_on(&self) -> bool {
        !self.cert_file.as_os_str().is_empty()
    }

    /// Whether clients are asked for certificates.
    pub fn asks_clients(&self) -> bool {
        !self.client_ca_file.as_os_str().is_empty()
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), String> {
        let has_key = !self.key_file.as_os_str().is_empty();
        if self.is_on() != has_key {
            return Err("server.tls: cert_file and key_file belong together".to_owned());
        }
        if self.asks_clients() && !self.is_on() {
            return Err("server.tls.client_ca_file: needs cert_file and key_file".to_owned());
        }
        if self.require_client_cert && !self.asks_clients() {
            return Err("server.tls.require_client_cert: needs client_ca_file".to_owned());
        }
        Ok(())
    }
}

/// Content of the files.
#[derive(PartialEq, Eq)]
struct Files {
    cert: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl Files {
    fn read(settings: &TlsSettings) -> Result<Self, String> {
        let read = |field: &str, path: &Path| {
            let content = std::fs::read(path);
            content.map_err(|error| {
                format!(
                    "server.tls.{field}: cannot read {}: {error}",
                    path.display()
                )
            })
        };
        Ok(Self {
            cert: read("cert_file", &settings.cert_file)?,
            key: read("key_file", &settings.key_file)?.into(),
            client_ca: match settings.asks_clients() {
                true => Some(read("client_ca_file", &settings.client_ca_file)?),
                false => None,
            },
        })
    }

    fn config(&self, settings: &TlsSettings) -> Result<Arc<ServerConfig>, String> {
        let chain = certificates("cert_file", &self.cert)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| "server.tls.key_file: has no private key in PEM".to_owned())?;
        let builder = ServerConfig::builder_with_protocol_versions(&[&TLS13, &TLS12]);
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(text) => {
                let wrong = |error: String| format!("server.tls.client_ca_file: {error}");
                let mut roots = RootCertStore::empty();
                for root in certificates("client_ca_file", text)? {
                    roots.add(root).map_err(|error| wrong(error.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
                let verifier = match settings.require_client_cert {
                    true => verifier,
                    false => verifier.allow_unauthenticated(),
                };
                let verifier = verifier.build().map_err(|error| wrong(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| format!("server.tls: certificate and key: {error}"))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(field: &str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let all = all.map_err(|_| format!("server.tls.{field}: is not PEM"))?;
    match all.is_empty() {
        true => Err(format!("server.tls.{field}: has no certificate in PEM")),
        false => Ok(all),
    }
}

/// The certificates in use. A clone shares them.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl Tls {
    /// Reads the files, and what they become from now on. The future looks after them until it is
    /// dropped.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn open(
        settings: &TlsSettings,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<>), String> {
        let files = Files::read(settings)?;
        let config = files.config(settings)?;
        let tls = Self(Arc::new(RwLock::new(config)));
        let watching = tls.clone().watch(settings.clone(), files);
        Ok((tls, watching))
    }

    /// Shakes hands. Returns the connection, and the SPIFFE id of the client's certificate if it
    /// showed one.
    pub(super) async fn accept<I: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: I,
    ) -> io::Result<(TlsStream<I>, Option<String>)> {
        let io = TlsAcceptor::from(self.current()).accept(io).await?;
        let shown = io.get_ref().1.peer_certificates();
        let client = shown.and_then(spiffe_id);
        Ok((io, client))
    }

    fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn watch(self, settings: TlsSettings, mut used: Files) {
        let mut wrong = String::new();
        loop {
            tokio::time::sleep(POLL).await;
            let wanted = settings.clone();
            let read = tokio::task::spawn_blocking(move || Files::read(&wanted)).await;
            let read = read.unwrap_or_else(|error| Err(error.to_string()));
            let new = match read {
                Ok(files) if files == used => {
                    wrong.clear();
                    continue;
                }
                Ok(files) => files.config(&settings).map(|config| (files, config)),
                Err(reason) => Err(reason),
            };
            match new {
                Ok((files, config)) => {
                    *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
                    used = files;
                    wrong.clear();
                    count_read("ok");
                    tracing::info!("certificates read anew");
                }
                // Certificate and key are two files: between their changes they do not fit.
                Err(reason) if reason != wrong => {
                    count_read("error");
                    tracing::error!(reason, "certificates are not usable; those before stay");
                    wrong = reason;
                }
                Err(_) => {}
            }
        }
    }
}

fn count_read(result: &'static str) {
    metrics::counter!("waybill_tls_reads_total", "result" => result).increment(1);
}

/// A port with or without TLS.
pub struct Port {
    listener: TcpListener,
    tls: Option<Tls>,
}

impl Port {
    /// Makes a port of a listener.
    pub fn new(listener: TcpListener, tls: Option<Tls>) -> Self {
        Self { listener, tls }
    }
}

impl Listener for Port {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        Listener::accept(&mut self.listener).await
    }

    fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }
}

/// The one URI in the client's certificate, if it is a SPIFFE id.
fn spiffe_id(certificates: &[CertificateDer<'_>]) -> Option<String> {
    let own = webpki::EndEntityCert::try_from(certificates.first()?).ok()?;
    let mut names = own.valid_uri_names();
    let id = names.next().filter(|name| name.starts_with("spiffe://"))?;
    // A certificate with two of them is nobody's.
    names.next().is_none().then(|| id.to_owned())
}
