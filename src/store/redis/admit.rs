//! Whether a Redis can hold the truth, found before it is asked for anything.

use std::sync::Arc;

use super::super::seal::{Keys, hex};
use super::RedisStore;
use crate::clock::Clock;
use crate::redis::link::Unusable;
use crate::redis::{Connection, RedisConfig, Server, field};

/// Meaning of the keys; another one is refused.
const LAYOUT: &str = "1";

/// What was found, in lines for people.
pub type Findings = Vec<String>;

/// Looks at every master, and at who founded the store; founds it if nobody has.
pub(super) async fn admit(
    mut connection: Connection,
    prefix: String,
    keys: Arc<Keys>,
) -> Result<(), Unusable> {
    for replication in connection.info("replication").await? {
        if field(&replication, "role") != Some("master") {
            return Err(Unusable::Unfit(
                "it is a replica, not the master".to_owned(),
            ));
        }
        if field(&replication, "master_replid").is_none() {
            let missing = "INFO replication does not say master_replid";
            return Err(Unusable::Unfit(missing.to_owned()));
        }
    }
    for memory in connection.info("memory").await? {
        let policy = field(&memory, "maxmemory_policy").unwrap_or_default();
        if policy.starts_with("allkeys-") {
            return Err(Unusable::Unfit(format!(
                "its maxmemory-policy is {policy}, which throws shipments away when memory is \
                 short; set noeviction, or a volatile one if it is the cache as well"
            )));
        }
    }
    let found = found(&mut connection, &prefix, &keys.id()).await?;
    match found {
        (Some(layout), _) if layout != LAYOUT => Err(Unusable::Unfit(
            "another version of waybill wrote it".to_owned(),
        )),
        (_, Some(id)) if id != hex(&keys.id()) => Err(Unusable::Unfit(
            "it was sealed with another master key; all nodes need the same key file".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Layout and key id of the store, which a new one gets.
async fn found(
    connection: &mut Connection,
    prefix: &str,
    key_id: &[u8],
) -> Result<(Option<String>, Option<String>), redis::RedisError> {
    let name = format!("{prefix}store");
    for (field, value) in [("layout", LAYOUT.to_owned()), ("key_id", hex(key_id))] {
        let mut set = redis::cmd("HSETNX");
        set.arg(&name).arg(field).arg(value);
        set.exec_async(connection).await?;
    }
    let mut get = redis::cmd("HMGET");
    get.arg(&name).arg("layout").arg("key_id");
    get.query_async(connection).await
}

impl RedisStore {
    /// Says what a Redis is like, for somebody who sets it up.
    ///
    /// # Errors
    /// It cannot be reached, or cannot hold the truth.
    pub async fn inspect(config: RedisConfig, keys: Arc<Keys>) -> Result<Findings, String> {
        let prefix = config.prefix.clone();
        let store = Self::connect(config, Arc::clone(&keys), Clock::system())?;
        let connecting = store.inner.link.connect().await;
        connecting.map_err(|error| match error {
            Unusable::Away(error) => format!("does not answer ({})", error.category()),
            Unusable::Unfit(reason) => reason,
        })?;
        let live = store.inner.link.live();
        let mut connection = live.ok_or("the connection was lost")?.connection;
        let kind = store.inner.link.server().kind();
        let mut findings = vec![format!("reached as {kind}, keys begin with {prefix}")];
        let failed = |error: redis::RedisError| format!("INFO failed ({})", error.category());
        for info in connection.info("default").await.map_err(failed)? {
            findings.push(describe(&info));
        }
        Ok(findings)
    }
}

/// One server.
fn describe(info: &str) -> String {
    let get = |name| field(info, name).unwrap_or("?");
    let (program, version) = match field(info, "valkey_version") {
        Some(version) => ("Valkey", version),
        None => ("Redis", get("redis_version")),
    };
    let kept = match (get("aof_enabled"), get("connected_slaves")) {
        ("1", "0") => "an append-only file and no replica".to_owned(),
        ("1", replicas) => format!("an append-only file and {replicas} replicas"),
        (_, "0") => "no append-only file and no replica: a restart loses what is new".to_owned(),
        (_, replicas) => format!("{replicas} replicas and no append-only file"),
    };
    let (used, most) = (get("used_memory_human"), get("maxmemory_human"));
    let policy = get("maxmemory_policy");
    format!("{program} {version}, {used} of {most} used, policy {policy}, {kept}")
}

/// What is wrong with a prefix, if anything: braces would change which keys share a slot.
pub(super) fn check_prefix(prefix: &str) -> Result<(), String> {
    match prefix.contains(['{', '}']) {
        true => Err("the prefix must have no braces".to_owned()),
        false => Ok(()),
    }
}

/// Where a store is, without a connection yet.
pub(super) fn server(config: &RedisConfig) -> Result<Server, String> {
    check_prefix(&config.prefix)?;
    Server::new(config)
}
