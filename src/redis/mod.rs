//! How a Redis (or Valkey) is reached: one server, the one that Sentinel names, or a cluster; in
//! clear or over TLS. The roles, cache and store, say what is asked over it.
//!
//! **Invariant:** neither a URL nor a password reaches a log or an error.

pub(crate) mod link;
pub(crate) mod script;

use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo as _, Pipeline, RedisError, RedisFuture, TlsCertificates, TlsMode, Value,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use waybill_core::privacy::Secret;

/// Which Redis, and how patiently.
pub struct RedisConfig {
    /// `redis://[user[:password]@]host[:port][/database]`; `rediss` for TLS; with `-sentinel` after
    /// the scheme a list of sentinels and the name of the master as path, with `-cluster` a list of
    /// nodes. `valkey` and `valkeys` mean the same.
    pub url: Secret,
    /// File of the password, over the one in the URL; empty: none.
    pub password_file: PathBuf,
    /// File of the password of the sentinels; empty: they ask for none.
    pub sentinel_password_file: PathBuf,
    /// File of the certificates, PEM, that are trusted instead of the system's; empty: the system's.
    pub ca_file: PathBuf,
    /// What every key starts with.
    pub prefix: String,
    /// Longest wait for an answer.
    pub response_timeout: Duration,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
}

impl RedisConfig {
    /// The defaults, for a URL.
    pub fn new(url: Secret) -> Self {
        Self {
            url,
            password_file: PathBuf::new(),
            sentinel_password_file: PathBuf::new(),
            ca_file: PathBuf::new(),
            prefix: "waybill:".to_owned(),
            response_timeout: Duration::from_millis(100),
            connect_timeout: Duration::from_millis(250),
        }
    }
}

const FORM: &str = "the URL is not of the form redis://[user:password@]host[:port]";
const NO_CERTIFICATE: &str = "the CA file holds no certificate in PEM";
const SENTINEL_PORT: u16 = 26_379;

/// A Redis that can be connected to.
pub(crate) struct Server {
    topology: Topology,
    /// For the servers that Sentinel and clusters name.
    certificates: Option<TlsCertificates>,
    response_timeout: Duration,
    connect_timeout: Duration,
}

enum Topology {
    One(Client),
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        password: Option<Secret>,
        master: String,
        /// How to speak to whoever is the master.
        node: ConnectionInfo,
    },
    Cluster(Vec<ConnectionInfo>),
}

impl Server {
    /// Reads the URL and the files; connects to nothing.
    ///
    /// # Errors
    /// Says what is wrong with the URL or which file cannot be read.
    pub(crate) fn new(config: &RedisConfig) -> Result<Self, String> {
        let url = config.url.expose();
        let (scheme, rest) = url.split_once("://").ok_or(FORM)?;
        let password = secret_in(&config.password_file)?;
        let certificates = certificates_in(&config.ca_file)?;
        let info = |url: &str| {
            let info = url.into_connection_info().map_err(|_| FORM)?;
            let is_tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
            let info = match &certificates {
                None => info,
                Some(_) if !is_tls => return Err("a CA is of use with rediss:// only".to_owned()),
                Some(certificates) => Client::build_with_tls(info, certificates.clone())
                    .map_err(|_| NO_CERTIFICATE)?
                    .get_connection_info()
                    .clone(),
            };
            // Not every user may tell the server who speaks.
            let mut settings = info.redis_settings().clone().set_skip_set_lib_name();
            if let Some(password) = &password {
                settings = settings.set_password(password.expose());
            }
            Ok::<_, String>(info.set_redis_settings(settings))
        };
        let topology = if let Some(base) = scheme.strip_suffix("-sentinel") {
            let (servers, path) = rest.split_once('/').unwrap_or((rest, ""));
            let (master, database) = path.split_once('/').unwrap_or((path, ""));
            if master.is_empty() {
                return Err("a sentinel URL ends in /NAME-OF-THE-MASTER".to_owned());
            }
            let urls = urls(base, servers, database, Some(SENTINEL_PORT));
            let sentinels: Vec<_> = urls.iter().map(|url| info(url)).collect::<Result<_, _>>()?;
            Topology::Sentinel {
                node: sentinels.first().ok_or(FORM)?.clone(),
                sentinels,
                password: secret_in(&config.sentinel_password_file)?,
                master: master.to_owned(),
            }
        } else if let Some(base) = scheme.strip_suffix("-cluster") {
            let servers = rest.split_once('/').map_or(rest, |(servers, _)| servers);
            let urls = urls(base, servers, "", None);
            let nodes: Vec<_> = urls.iter().map(|url| info(url)).collect::<Result<_, _>>()?;
            Topology::Cluster(nodes)
        } else {
            Topology::One(Client::open(info(url)?).map_err(|_| FORM)?)
        };
        Ok(Self {
            topology,
            certificates,
            response_timeout: config.response_timeout,
            connect_timeout: config.connect_timeout,
        })
    }

    pub(crate) const fn response_timeout(&self) -> Duration {
        self.response_timeout
    }

    /// How it is reached, in a word.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.topology {
            Topology::One(_) => "one server",
            Topology::Sentinel { .. } => "the master that sentinels name",
            Topology::Cluster(_) => "a cluster",
        }
    }

    /// Connects, and has an answer to a PING.
    pub(crate) async fn connect(&self) -> Result<Connection, RedisError> {
        let mut connection = match &self.topology {
            Topology::Cluster(nodes) => {
                // A slot that moves turns commands away for some milliseconds, not for seconds.
                let mut builder = ClusterClient::builder(nodes.iter().cloned())
                    .retries(32)
                    .min_retry_wait(5)
                    .max_retry_wait(100)
                    .connection_timeout(self.connect_timeout)
                    .response_timeout(self.response_timeout);
                if let Some(certificates) = &self.certificates {
                    builder = builder.certs(certificates.clone());
                }
                let client = builder.build()?;
                let connecting = client.get_async_connection();
                Connection::Cluster(self.in_time(connecting).await?)
            }
            _ => {
                let client = self.client().await?;
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(self.connect_timeout))
                    .set_response_timeout(Some(self.response_timeout));
                let connecting = client.get_multiplexed_async_connection_with_config(&config);
                Connection::One(connecting.await?)
            }
        };
        redis::cmd("PING").exec_async(&mut connection).await?;
        Ok(connection)
    }

    /// A connection that hears messages, to any one server: all of a cluster pass them on.
    pub(crate) async fn listen(&self) -> Result<PubSub, RedisError> {
        let Topology::Cluster(nodes) = &self.topology else {
            let client = self.client().await?;
            return self.in_time(client.get_async_pubsub()).await;
        };
        let mut error = late();
        for node in nodes {
            let client = Client::open(node.clone())?;
            match self.in_time(client.get_async_pubsub()).await {
                Ok(heard) => return Ok(heard),
                Err(failed) => error = failed,
            }
        }
        Err(error)
    }

    /// The one server, or the master as of now.
    async fn client(&self) -> Result<Client, RedisError> {
        let (sentinels, password, master, node) = match &self.topology {
            Topology::One(client) => return Ok(client.clone()),
            Topology::Cluster(nodes) => {
                let first = nodes.first().ok_or_else(late)?;
                return Client::open(first.clone());
            }
            Topology::Sentinel {
                sentinels,
                password,
                master,
                node,
            } => (sentinels, password, master, node),
        };
        let addresses = sentinels.iter().map(|info| info.addr().clone());
        let mut builder =
            SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?
                .set_client_to_redis_db(node.redis_settings().db());
        if let Some(user) = node.redis_settings().username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = node.redis_settings().password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(password) = password {
            builder = builder.set_client_to_sentinel_password(password.expose());
        }
        if matches!(node.addr(), ConnectionAddr::TcpTls { .. }) {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            if let Some(certificates) = &self.certificates {
                builder = builder.set_client_to_redis_certificates(certificates.clone());
            }
        }
        let mut client = builder.build()?;
        self.in_time(client.async_get_client()).await
    }

    /// What the library has no time-out of its own for. Several servers may have to be tried.
    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        let servers = match &self.topology {
            Topology::One(_) => 1,
            Topology::Sentinel { sentinels, .. } => sentinels.len(),
            Topology::Cluster(nodes) => nodes.len(),
        };
        let servers = u32::try_from(servers).unwrap_or(u32::MAX).saturating_add(1);
        let time = self.connect_timeout.saturating_mul(servers);
        let done = tokio::time::timeout(time, work).await;
        done.unwrap_or_else(|_| Err(late()))
    }
}

fn late() -> RedisError {
    let io = std::io::Error::from(std::io::ErrorKind::TimedOut);
    RedisError::from(io)
}

/// A URL for each server of a list, with what they have in common.
fn urls(scheme: &str, servers: &str, database: &str, port: Option<u16>) -> Vec<String> {
    let (user, hosts) = match servers.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), servers),
    };
    let url = |host: &str| {
        let has_port = !host.ends_with(']') && host.contains(':');
        let port = match port.filter(|_| !has_port) {
            Some(port) => format!(":{port}"),
            None => String::new(),
        };
        format!("{scheme}://{user}{host}{port}/{database}")
    };
    hosts.split(',').map(|host| url(host.trim())).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn certificates_in(path: &Path) -> Result<Option<TlsCertificates>, String> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let pem = read(path)?;
    // One that trusts nobody is a mistake that would look like a server that is away.
    match CertificateDer::pem_slice_iter(&pem).next() {
        Some(Ok(_)) => Ok(Some(TlsCertificates {
            client_tls: None,
            root_cert: Some(pem),
        })),
        _ => Err(NO_CERTIFICATE.to_owned()),
    }
}

fn secret_in(path: &Path) -> Result<Option<Secret>, String> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8(read(path)?);
    let text = text.map_err(|_| format!("{} holds no text", path.display()))?;
    Ok(Some(Secret::new(text.trim().to_owned())))
}

/// An open connection; its copies share it, and what is sent over it at once shares round trips.
#[derive(Clone)]
pub(crate) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    /// A section of INFO from every master.
    pub(crate) async fn info(&mut self, section: &str) -> Result<Vec<String>, RedisError> {
        let mut cmd = redis::cmd("INFO");
        cmd.arg(section);
        let Self::Cluster(cluster) = self else {
            return Ok(vec![cmd.query_async(self).await?]);
        };
        let masters = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let answers = cluster.route_command(cmd, masters).await?;
        let Value::Map(answers) = answers else {
            let unexpected = "INFO of a cluster has no answer per server";
            return Err((ErrorKind::UnexpectedReturnType, unexpected).into());
        };
        let text = |(_, answer)| Ok(redis::from_redis_value(answer)?);
        answers.into_iter().map(text).collect()
    }

    /// Whether the connection finds servers anew by itself, so that a fault of one is no reason to
    /// give it up for the others.
    pub(crate) const fn heals(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        timed(match self {
            Self::One(one) => one.req_packed_command(cmd),
            Self::Cluster(cluster) => cluster.req_packed_command(cmd),
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        timed(match self {
            Self::One(one) => one.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        })
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

/// The same with its time counted.
fn timed<'a, T: 'a + Send>(work: RedisFuture<'a, T>) -> RedisFuture<'a, T> {
    Box::pin(async move {
        let begun = tokio::time::Instant::now();
        let answer = work.await;
        metrics::histogram!("waybill_redis_seconds").record(begun.elapsed().as_secs_f64());
        answer
    })
}

/// A field of INFO.
pub(crate) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = info.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(url: &str) -> Result<&'static str, String> {
        let config = RedisConfig::new(Secret::new(url.to_owned()));
        Server::new(&config).map(|server| server.kind())
    }

    #[test]
    fn the_scheme_says_how_servers_are_found() {
        assert_eq!(kind("redis://u:p@h:1/2"), Ok("one server"));
        assert_eq!(kind("valkeys://h"), Ok("one server"));
        let sentinel = kind("rediss-sentinel://u:p@a,b:26380/shop/3");
        assert_eq!(sentinel, Ok("the master that sentinels name"));
        assert_eq!(kind("redis-cluster://a:7000,[::1]"), Ok("a cluster"));
        for wrong in ["", "h:6379", "http://h", "redis-cluster://", "redis-x://h"] {
            assert_eq!(kind(wrong), Err(FORM.to_owned()), "{wrong}");
        }
        assert!(kind("redis-sentinel://h").unwrap_err().contains("NAME"));
    }

    #[test]
    fn servers_of_a_list_share_user_and_database() {
        let list = urls("redis", "u:p@a,b:7,[::1]", "3", Some(9));
        let expected = [
            "redis://u:p@a:9/3",
            "redis://u:p@b:7/3",
            "redis://u:p@[::1]:9/3",
        ];
        assert_eq!(list, expected);
    }

    #[test]
    fn a_ca_without_a_certificate_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut config = RedisConfig::new(Secret::new("rediss://h".to_owned()));
        config.ca_file = file.path().to_owned();
        assert_eq!(Server::new(&config).err().unwrap(), NO_CERTIFICATE);
    }
}
