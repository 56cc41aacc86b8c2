//! The scripts, and what they answer.
//!
//! Each works on one hash slot and nothing but the keys that it is given, so that it runs in a
//! cluster, and its first write is one that a full server refuses, so that it does all or nothing.

use redis::{FromRedisValue, Value};

use crate::redis::script::Script;

/// All of them.
pub(super) struct Scripts {
    pub(super) read: Script,
    pub(super) load: Script,
    pub(super) commit: Script,
    pub(super) overlay: Script,
    pub(super) note: Script,
    pub(super) erase: Script,
    pub(super) rewrap: Script,
}

const PARTITION: &str = include_str!("partition.lua");
const LOG: &str = include_str!("log.lua");
const OWN: &str = include_str!("own.lua");

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            read: Script::new(&[PARTITION, include_str!("read.lua")]),
            load: Script::new(&[PARTITION, include_str!("load.lua")]),
            commit: Script::new(&[PARTITION, LOG, OWN, include_str!("commit.lua")]),
            overlay: Script::new(&[PARTITION, LOG, OWN, include_str!("overlay.lua")]),
            note: Script::new(&[include_str!("note.lua")]),
            erase: Script::new(&[PARTITION, LOG, include_str!("erase.lua")]),
            rewrap: Script::new(&[include_str!("rewrap.lua")]),
        }
    }
}

/// What a script that writes says.
pub(super) enum Outcome {
    /// Written; place in the log of its last entry, if it makes any.
    Done(u64),
    /// Somebody else was faster. What stands there, for a caller who expected nothing.
    Conflict(Option<Vec<u8>>),
    /// The epoch is not the one that the caller believes in.
    Epoch,
}

/// What a script about a partition says of it, and its own answer.
pub(super) struct Answer<T> {
    pub(super) epoch: u64,
    /// End of the log.
    pub(super) sequence: u64,
    pub(super) of: T,
}

impl<T: FromRedisValue> FromRedisValue for Answer<T> {
    fn from_redis_value(value: Value) -> Result<Self, redis::ParsingError> {
        let (epoch, sequence, of) = redis::from_redis_value(value)?;
        Ok(Self {
            epoch,
            sequence,
            of,
        })
    }
}

/// An answer with its outcome.
pub(super) struct Written {
    pub(super) epoch: u64,
    pub(super) sequence: u64,
    pub(super) outcome: Outcome,
}

impl FromRedisValue for Written {
    fn from_redis_value(value: Value) -> Result<Self, redis::ParsingError> {
        let mut values: Vec<Value> = redis::from_redis_value(value)?;
        let more = (values.len() > 3).then(|| values.split_off(3));
        let (epoch, sequence, outcome) = redis::from_redis_value(Value::Array(values))?;
        let outcome = outcome_of(outcome, more.into_iter().flatten().next())?;
        Ok(Self {
            epoch,
            sequence,
            outcome,
        })
    }
}

/// What the script for notes says.
pub(super) struct Noted(pub(super) Outcome);

impl FromRedisValue for Noted {
    fn from_redis_value(value: Value) -> Result<Self, redis::ParsingError> {
        let values: Vec<Value> = redis::from_redis_value(value)?;
        let mut values = values.into_iter();
        let outcome = redis::from_redis_value(values.next().unwrap_or(Value::Nil))?;
        outcome_of(outcome, values.next()).map(Self)
    }
}

fn outcome_of(name: String, more: Option<Value>) -> Result<Outcome, redis::ParsingError> {
    let more = more.unwrap_or(Value::Nil);
    match name.as_str() {
        "done" => {
            let logged: Option<u64> = redis::from_redis_value(more)?;
            Ok(Outcome::Done(logged.unwrap_or(0)))
        }
        "conflict" => redis::from_redis_value(more).map(Outcome::Conflict),
        "epoch" => Ok(Outcome::Epoch),
        _ => Err("an outcome that no script has".to_owned().into()),
    }
}
