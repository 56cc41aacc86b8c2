//! Answers of about 25 events, made of our fixtures: the rows of one repeated, in other years.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ecb::cipher::block_padding::Pkcs7;
use ecb::cipher::{BlockDecryptMut, BlockEncryptMut, KeyInit};
use serde_json::{Value, json};
use sm4::Sm4;

use crate::plain::{china_post, read};

/// Events of an answer.
const EVENTS: usize = 25;
/// A key of 16 bytes; also what stands for every other credential.
pub(crate) const KEY: &str = "YmVuY2gtYmVuY2gtYmVuYw==";
/// What an envelope of SM4 begins with.
const MARK: &str = "|$4|";

/// A fixture and where its rows are.
type Fixture = (&'static str, &'static str);

macro_rules! fixture {
    ($file:literal, $rows:literal) => {
        (include_str!(concat!("../../adapters/", $file)), $rows)
    };
}

pub(crate) const DHL_EXPRESS: Fixture =
    fixture!("dhl_express/fixtures/delivered.json", "/shipments/0/events");
pub(crate) const FEDEX: Fixture = fixture!(
    "fedex/fixtures/delivered.json",
    "/output/completeTrackResults/0/trackResults/0/scanEvents"
);
pub(crate) const USPS: Fixture = fixture!("usps/fixtures/delivered.json", "/trackingEvents");
pub(crate) const CAINIAO: Fixture = fixture!(
    "cainiao/fixtures/page_delivered.json",
    "/module/0/detailList"
);
pub(crate) const KUAIDI100: Fixture = fixture!("kuaidi100/fixtures/delivered.json", "/data");
pub(crate) const TRACK17: Fixture = fixture!(
    "track17/fixtures/in_transit.json",
    "/data/accepted/0/track_info/tracking/providers/0/events"
);
pub(crate) const AFTERSHIP: Fixture = fixture!(
    "aftership/fixtures/two_legs.json",
    "/data/trackings/0/checkpoints"
);
const CHINA_POST: Fixture = fixture!(
    "china_post/fixtures/abroad_delivered.json",
    "/responseItems"
);
const SF: Fixture = fixture!("sf/fixtures/delivered.json", "/msgData/routeResps/0/routes");
const DHL_PARCEL_DE: &str = include_str!("../../adapters/dhl_parcel_de/fixtures/delivered.xml");

/// The answer with its rows repeated.
pub(crate) fn rows((text, place): Fixture) -> Vec<u8> {
    let mut answer = serde_json::from_str(text).unwrap();
    repeat(&mut answer, place);
    answer.to_string().into_bytes()
}

pub(crate) fn china_post() -> Vec<u8> {
    within(CHINA_POST, "retBody")
}

pub(crate) fn sf() -> Vec<u8> {
    within(SF, "apiResultData")
}

/// As [`rows`], of a document that is a text of the answer.
fn within((text, place): Fixture, key: &str) -> Vec<u8> {
    let mut answer: Value = serde_json::from_str(text).unwrap();
    let mut inner = serde_json::from_str(answer[key].as_str().unwrap()).unwrap();
    repeat(&mut inner, place);
    answer[key] = inner.to_string().into();
    answer.to_string().into_bytes()
}

fn repeat(document: &mut Value, place: &str) {
    let rows = document.pointer_mut(place).unwrap().as_array_mut().unwrap();
    let count = rows.len();
    for at in count..EVENTS {
        let mut row = rows[at % count].clone();
        earlier(&mut row, at / count);
        rows.push(row);
    }
}

/// Puts a row some years back.
fn earlier(value: &mut Value, years: usize) {
    match value {
        Value::String(text) => *text = text.replace("2026", &format!("{}", 2026 - years)),
        // Milliseconds since 1970.
        Value::Number(number) => {
            let moment = number.as_u64().filter(|moment| *moment > 1_000_000_000_000);
            let back = years as u64 * 365 * 86_400_000;
            *value = moment.map_or_else(|| value.clone(), |moment| (moment - back).into());
        }
        Value::Array(items) => items.iter_mut().for_each(|item| earlier(item, years)),
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| earlier(field, years));
            // What names a row names no other.
            if let Some(Value::String(hash)) = fields.get_mut("hash") {
                hash.push_str(&format!("-{years}"));
            }
        }
        _ => {}
    }
}

/// The answer of DHL Parcel DE with its events repeated.
pub(crate) fn dhl_parcel_de() -> Vec<u8> {
    const EVENT: &str = "<data name=\"piece-event\"";
    let (before, rest) = DHL_PARCEL_DE.split_at(DHL_PARCEL_DE.find(EVENT).unwrap());
    let (events, after) = rest.split_at(rest.rfind("/>").unwrap() + 2);
    let events: Vec<&str> = events.split_inclusive("/>").collect();
    let event = |at: usize| {
        let year = 2026 - at / events.len();
        events[at % events.len()].replace(".2026", &format!(".{year}"))
    };
    let events: String = (0..EVENTS).map(event).collect();
    [before, &events, after].concat().into_bytes()
}

/// The content of such an answer of China Post in the envelope of a push.
pub(crate) fn sealed(answer: &[u8]) -> Vec<u8> {
    let answer: Value = serde_json::from_slice(answer).unwrap();
    let plain = [answer["retBody"].as_str().unwrap(), KEY].concat();
    let sealed = ecb::Encryptor::<Sm4>::new_from_slice(&STANDARD.decode(KEY).unwrap())
        .unwrap()
        .encrypt_padded_vec_mut::<Pkcs7>(plain.as_bytes());
    let sealed = format!("{MARK}{}", STANDARD.encode(sealed));
    let push = json!({ "serialNo": "1", "logitcsInterface": sealed });
    push.to_string().into_bytes()
}

/// Opens the envelope in the plainest way, and reads its content plainly.
pub(crate) fn read_sealed(push: &[u8]) {
    let push: china_post::Envelope = serde_json::from_slice(push).unwrap();
    let sealed = push.content().strip_prefix(MARK).unwrap();
    let plain = ecb::Decryptor::<Sm4>::new_from_slice(&STANDARD.decode(KEY).unwrap())
        .unwrap()
        .decrypt_padded_vec_mut::<Pkcs7>(&STANDARD.decode(sealed).unwrap())
        .unwrap();
    let (content, _) = plain.split_at(plain.len() - KEY.len());
    read::<china_post::Inner>(content);
}
