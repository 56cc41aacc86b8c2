//! What our parsers are compared with: plain typed structs, a file per source.

use serde::de::DeserializeOwned;
use std::hint::black_box;

pub(crate) mod aftership;
pub(crate) mod cainiao;
pub(crate) mod china_post;
pub(crate) mod dhl;
pub(crate) mod dhl_express;
pub(crate) mod fedex;
pub(crate) mod kuaidi100;
pub(crate) mod sf;
pub(crate) mod track17;
pub(crate) mod ups;
pub(crate) mod usps;

/// Reads a document and drops it.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) {
    black_box(serde_json::from_slice::<T>(black_box(bytes)).unwrap());
}

/// Reads a document and the one that a text of it holds, and drops both.
pub(crate) fn read_both<T: DeserializeOwned, U: DeserializeOwned>(
    bytes: &[u8],
    inner: fn(&T) -> &str,
) {
    let outer: T = serde_json::from_slice(black_box(bytes)).unwrap();
    black_box(serde_json::from_str::<U>(inner(&outer)).unwrap());
    black_box(outer);
}

/// Reads an XML document into its elements, each with its attributes, and drops them.
pub(crate) fn read_xml(bytes: &[u8]) {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_reader(black_box(bytes));
    let mut elements: Vec<Vec<(String, String)>> = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(element) | Event::Empty(element) => {
                let owned = |it: quick_xml::events::attributes::Attribute<'_>| {
                    let key = String::from_utf8(it.key.as_ref().to_vec()).unwrap();
                    (key, it.unescape_value().unwrap().into_owned())
                };
                let attributes = element.attributes().map(|it| owned(it.unwrap()));
                elements.push(attributes.collect());
            }
            _ => {}
        }
    }
    black_box(elements);
}
