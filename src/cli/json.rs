//! Messages and values on the standard output, as JSON.

use serde::Serialize;
pub(super) use waybill::json::{read, value};

use super::out::say;

/// Prints a message as one line of JSON.
///
/// # Errors
/// As [`value`].
pub(super) fn line(name: &str, message: &impl prost::Message) -> Result<(), String> {
    say!("{}", value(name, message)?);
    Ok(())
}

/// Prints a value that is not a message, indented.
///
/// # Errors
/// If it cannot be serialised.
pub(super) fn pretty(value: &impl Serialize) -> Result<(), String> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    say!("{text}");
    Ok(())
}
