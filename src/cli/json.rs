//! Messages as proto3 JSON, by the compiled descriptors.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde::Serialize;

use super::out::say;

/// The messages of `waybill.v1` and `waybill.admin.v1`, read once: an answer can hold thousands of shipments.
static POOL: LazyLock<Result<DescriptorPool, String>> = LazyLock::new(|| {
    DescriptorPool::decode(waybill::admin::v1::DESCRIPTORS).map_err(|error| error.to_string())
});

/// Writes a message as a JSON value. `name` is its name below `waybill.v1`, or below `waybill` with
/// the package before it, for example "admin.v1.ExplainShipmentResponse".
///
/// # Errors
/// If the descriptors lack the message, which a test rules out.
pub(super) fn value(
    name: &str,
    message: &impl prost::Message,
) -> Result<serde_json::Value, String> {
    let dynamic = DynamicMessage::decode(descriptor(name)?, message.encode_to_vec().as_slice())
        .map_err(|error| error.to_string())?;
    let options = SerializeOptions::new();
    dynamic
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|error| error.to_string())
}

/// Reads a message of `waybill.v1` from proto3 JSON.
///
/// # Errors
/// Says what is wrong with the text and where.
pub(super) fn read<M: prost::Message + Default>(name: &str, text: &str) -> Result<M, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let message = DynamicMessage::deserialize(descriptor(name)?, &mut reader);
    let message = message.and_then(|message| reader.end().map(|()| message));
    let message = message.map_err(|error| error.to_string())?;
    message.transcode_to().map_err(|error| error.to_string())
}

fn descriptor(name: &str) -> Result<MessageDescriptor, String> {
    let pool = POOL.as_ref().map_err(Clone::clone)?;
    let package = if name.contains('.') {
        "waybill"
    } else {
        "waybill.v1"
    };
    let name = format!("{package}.{name}");
    pool.get_message_by_name(&name)
        .ok_or_else(|| format!("no message {name}"))
}

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
