//! A real Redis on a free port, to be killed, frozen and started again.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use waybill::clock::Clock;
use waybill::redis::RedisConfig;
use waybill::store::redis::RedisStore;
use waybill::store::seal::Keys;
use waybill_core::privacy::Secret;

pub struct Redis {
    port: u16,
    options: Vec<String>,
    file: Option<std::path::PathBuf>,
    folder: tempfile::TempDir,
    child: Option<Child>,
}

/// A server that keeps nothing.
const FORGETFUL: [&str; 4] = ["--save", "", "--appendonly", "no"];

/// A port on which nothing listens.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Redis {
    /// A port on which nothing listens, for a server that is started later.
    pub fn absent() -> Self {
        Self::absent_with(&FORGETFUL)
    }

    fn absent_with(options: &[&str]) -> Self {
        Self {
            port: free_port(),
            file: None,
            options: options.iter().map(|&option| option.to_owned()).collect(),
            folder: tempfile::tempdir().unwrap(),
            child: None,
        }
    }

    /// A server that answers.
    pub fn start() -> Self {
        Self::start_with(&FORGETFUL)
    }

    /// A server that answers and has these options.
    pub fn start_with(options: &[&str]) -> Self {
        let mut redis = Self::absent_with(options);
        redis.restart();
        redis
    }

    /// A sentinel with a configuration that it may change.
    pub fn sentinel(file: &std::path::Path) -> Self {
        let mut redis = Self::absent_with(&[]);
        redis.file = Some(file.to_owned());
        redis.restart();
        redis
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// How a store reaches it. Patient: a busy machine is no fault.
    pub fn config(&self) -> RedisConfig {
        config(&self.url())
    }

    /// A node's store in it.
    pub async fn store(&self) -> RedisStore {
        open(self.config()).await.unwrap()
    }

    /// Asks the server itself.
    pub fn ask<T: redis::FromRedisValue>(&self, cmd: &redis::Cmd) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        cmd.query(&mut client.get_connection().unwrap()).unwrap()
    }

    /// Whether it has this version of a shipment.
    pub fn has(&self, shipment: &str, version: u64) -> bool {
        let pattern = format!("*:s:{shipment}");
        let names: Vec<String> = self.ask(redis::cmd("KEYS").arg(pattern));
        names.first().is_some_and(|name| {
            let mut get = redis::cmd("HGET");
            let known: Option<u64> = self.ask(get.arg(name).arg("version"));
            known == Some(version)
        })
    }

    /// Ends the server and starts one on the same port, with what it has kept.
    pub fn restart(&mut self) {
        self.kill();
        let child = Command::new("redis-server")
            .args(&self.file)
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(&self.options)
            .args(self.file.iter().map(|_| "--sentinel"))
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        self.child = Some(child.expect("redis-server has to be installed"));
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.answers() {
            assert!(Instant::now() < deadline, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Connections stay open and nothing answers any more.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status();
        assert!(status.unwrap().success());
    }

    /// Whether it answers at all; one that wants a password or another protocol does too.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let mut answer = [0; 5];
        stream
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        stream.write_all(b"PING\r\n").is_ok()
            && stream.read_exact(&mut answer).is_ok()
            && (&answer == b"+PONG" || &answer == b"-NOAU")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Three masters with a third of the slots each.
pub struct Cluster {
    nodes: Vec<Redis>,
}

impl Cluster {
    /// A cluster that takes commands.
    pub fn start() -> Self {
        let node = |_| {
            let bus = free_port().to_string();
            let options = ["--cluster-enabled", "yes", "--cluster-port", &bus];
            let mut options = options.to_vec();
            options.extend(FORGETFUL);
            (Redis::start_with(&options), bus)
        };
        let nodes: Vec<_> = (0..3).map(node).collect();
        let slots = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)];
        for ((node, _), (first, last)) in nodes.iter().zip(slots) {
            let mut slots = redis::cmd("CLUSTER");
            slots.arg("ADDSLOTSRANGE").arg(first).arg(last);
            node.ask::<()>(&slots);
        }
        for (node, bus) in nodes.iter().skip(1) {
            let mut meet = redis::cmd("CLUSTER");
            meet.arg("MEET").arg("127.0.0.1").arg(node.port).arg(bus);
            nodes[0].0.ask::<()>(&meet);
        }
        let nodes: Vec<_> = nodes.into_iter().map(|(node, _)| node).collect();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !nodes.iter().all(|node| {
            let info: String = node.ask(redis::cmd("CLUSTER").arg("INFO"));
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        }) {
            assert!(Instant::now() < deadline, "the cluster does not form");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { nodes }
    }

    pub fn nodes(&mut self) -> &mut [Redis] {
        &mut self.nodes
    }

    pub fn url(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().collect();
        let hosts = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        let hosts: Vec<_> = hosts.collect();
        format!("redis-cluster://{}", hosts.join(","))
    }

    pub async fn store(&self) -> RedisStore {
        open(config(&self.url())).await.unwrap()
    }
}

/// How a store reaches what is at a URL.
pub fn config(url: &str) -> RedisConfig {
    let mut config = RedisConfig::new(Secret::new(url.to_owned()));
    config.response_timeout = Duration::from_secs(10);
    config.connect_timeout = Duration::from_secs(10);
    config
}

/// Opens a store with the key that all nodes of these tests have.
pub async fn open(config: RedisConfig) -> Result<RedisStore, String> {
    RedisStore::open(config, Arc::new(Keys::new(&[7; 32])), Clock::system()).await
}

/// The rights that the page about Redis names, by the word after `user`.
pub fn documented_acl(user: &str) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/redis.md");
    let page = std::fs::read_to_string(path).unwrap();
    let mut rules = String::new();
    let mut lines = page
        .lines()
        .skip_while(|line| !line.starts_with(&format!("user {user} ")));
    for line in lines.by_ref() {
        rules.push_str(line.trim_end_matches('\\'));
        if !line.ends_with('\\') {
            break;
        }
    }
    assert!(!rules.is_empty(), "docs/redis.md names no rights of {user}");
    rules
        .split_whitespace()
        .skip(1)
        .map(str::to_owned)
        .collect()
}
