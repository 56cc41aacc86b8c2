//! What can go wrong with a source, and whether trying again can help.
//!
//! **Invariant:** the list of kinds is short and closed, the advice is part of the error, and the
//! message never holds personal data: it is written for developers and may be logged.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Class of a failure. One row each in the error table of `errors.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The source answered and does not know the number (yet).
    NotFound,
    /// The source refused the query as wrong.
    InvalidQuery,
    /// The source needs a hint that is missing.
    HintRequired,
    /// The source refused our credentials; an operator has to act.
    Denied,
    /// A rate limit or quota, ours or the source's.
    Throttled,
    /// No answer in time.
    Timeout,
    /// No connection, or a server error of the source.
    Unavailable,
    /// The breaker does not let calls through.
    Tripped,
    /// Too many calls to the source are waiting here.
    Overloaded,
    /// The answer could not be understood.
    Malformed,
    /// The source cannot do what was asked.
    Unsupported,
    /// A defect of ours.
    Internal,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::NotFound,
        Self::InvalidQuery,
        Self::HintRequired,
        Self::Denied,
        Self::Throttled,
        Self::Timeout,
        Self::Unavailable,
        Self::Tripped,
        Self::Overloaded,
        Self::Malformed,
        Self::Unsupported,
        Self::Internal,
    ];

    /// Name in snake case, as `waybill normalize` and the metrics print it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::InvalidQuery => "invalid_query",
            Self::HintRequired => "hint_required",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Tripped => "tripped",
            Self::Overloaded => "overloaded",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }

    /// Advice that goes with the kind unless the source says better.
    pub const fn default_retry(self) -> Retry {
        match self {
            Self::InvalidQuery | Self::HintRequired | Self::Denied | Self::Malformed => {
                Retry::Never
            }
            Self::Unsupported | Self::Internal => Retry::Never,
            Self::Timeout | Self::Unavailable => Retry::Now,
            Self::NotFound => Retry::After(Duration::from_secs(60)),
            Self::Throttled | Self::Tripped => Retry::After(Duration::from_secs(5)),
            Self::Overloaded => Retry::After(Duration::from_secs(1)),
        }
    }
}

/// Whether asking the same source the same thing again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// No: change the request, the configuration or the program first.
    Never,
    /// Yes, at once, with back-off.
    Now,
    /// Yes, not before this much time has passed.
    After(Duration),
}

/// A failure at a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// Class.
    pub kind: ErrorKind,
    /// The source's own code, for example "TW0001"; empty if it gave none.
    pub native_code: String,
    /// English, lower case, without personal data.
    pub message: String,
    /// Whether trying again can help.
    pub retry: Retry,
    /// The request reached the source and counted against its quota.
    pub spent: bool,
    /// Whom it concerns.
    #[serde(default)]
    pub scope: Scope,
}

/// Whom a failure concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The account, as far as is known: the same may happen to every question.
    #[default]
    Account,
    /// Only what was asked for: other questions are none the worse.
    Query,
}

impl Error {
    /// Makes an error with the kind's own advice.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            native_code: String::new(),
            message: message.into(),
            retry: kind.default_retry(),
            spent: true,
            scope: Scope::Account,
        }
    }

    /// Adds the source's own code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.native_code = code.into();
        self
    }

    /// Replaces the advice.
    #[must_use]
    pub const fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Says that it concerns nothing but what was asked for.
    #[must_use]
    pub const fn of_query(mut self) -> Self {
        self.scope = Scope::Query;
        self
    }

    /// Says that the request never left the gateway.
    #[must_use]
    pub const fn unspent(mut self) -> Self {
        self.spent = false;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.message)?;
        if self.native_code.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.native_code)
        }
    }
}

impl std::error::Error for Error {}
