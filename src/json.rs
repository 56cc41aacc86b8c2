//! Messages as proto3 JSON, by the compiled descriptors.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};

/// The messages of `waybill.v1` and `waybill.admin.v1`, read once: an answer can hold thousands of
/// shipments.
static POOL: LazyLock<Result<DescriptorPool, String>> = LazyLock::new(|| {
    DescriptorPool::decode(crate::admin::v1::DESCRIPTORS).map_err(|error| error.to_string())
});

/// Writes a message as a JSON value. `name` is its name below `waybill.v1`, or below `waybill` with
/// the package before it, for example "admin.v1.ExplainShipmentResponse".
///
/// # Errors
/// If the descriptors lack the message, which a test rules out.
pub fn value(name: &str, message: &impl prost::Message) -> Result<serde_json::Value, String> {
    let dynamic = DynamicMessage::decode(descriptor(name)?, message.encode_to_vec().as_slice())
        .map_err(|error| error.to_string())?;
    let options = SerializeOptions::new();
    dynamic
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|error| error.to_string())
}

/// Reads a message from proto3 JSON; its name is as for [`value`].
///
/// # Errors
/// Says what is wrong with the text and where.
pub fn read<M: prost::Message + Default>(name: &str, text: &str) -> Result<M, String> {
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
