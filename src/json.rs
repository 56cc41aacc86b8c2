//! Messages as proto3 JSON, by the compiled descriptors.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

/// The messages of `waybill.v1`, read once: an answer can hold thousands of shipments.
static POOL: LazyLock<Result<DescriptorPool, String>> = LazyLock::new(|| {
    DescriptorPool::decode(crate::v1::DESCRIPTORS).map_err(|error| error.to_string())
});

/// Writes a message of `waybill.v1` as a JSON value.
///
/// # Errors
/// If the descriptors lack the message, which a test rules out.
pub fn value(name: &str, message: &impl prost::Message) -> Result<serde_json::Value, String> {
    let pool = POOL.as_ref().map_err(Clone::clone)?;
    let name = format!("waybill.v1.{name}");
    let descriptor = pool
        .get_message_by_name(&name)
        .ok_or_else(|| format!("no message {name}"))?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .map_err(|error| error.to_string())?;
    let options = SerializeOptions::new();
    dynamic
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|error| error.to_string())
}
