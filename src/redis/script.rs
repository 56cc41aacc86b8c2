//! Scripts that a server runs for us, in one piece.

use redis::{ErrorKind, FromRedisValue, RedisError, ServerErrorKind};

use super::Connection;

/// A script and its name at the server.
pub(crate) struct Script {
    code: String,
    hash: String,
}

impl Script {
    /// A script of these parts.
    pub(crate) fn new(parts: &[&str]) -> Self {
        let code = parts.concat();
        let hash = redis::Script::new(&code).get_hash().to_owned();
        Self { code, hash }
    }

    /// Runs it. A server that has not seen it yet is told the whole of it, and keeps it.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        connection: &mut Connection,
        keys: &[String],
        arguments: &[&[u8]],
    ) -> Result<T, RedisError> {
        let cmd = |name: &str, script: &str| {
            let mut cmd = redis::cmd(name);
            cmd.arg(script).arg(keys.len()).arg(keys).arg(arguments);
            cmd
        };
        let known = cmd("EVALSHA", &self.hash);
        match known.query_async(connection).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                cmd("EVAL", &self.code).query_async(connection).await
            }
            answer => answer,
        }
    }
}
