//! Pushes that pass for genuine ones: with every token and signature that some source asks for.

#![allow(dead_code, reason = "each user takes a part of it")]
#![allow(unreachable_pub, reason = "it is included, not linked")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ecb::cipher::block_padding::Pkcs7;
use ecb::cipher::{BlockEncryptMut, KeyInit};
use hmac::{Hmac, Mac};
use http::Request;
use md5::{Digest, Md5};
use sha2::Sha256;
use sm4::Sm4;

use super::target::{CREDENTIAL, KEY};

/// The bytes as a push: as they are, as the content of a form, and in an envelope.
pub fn all(media: &str, body: &[u8]) -> Vec<Request<Bytes>> {
    let md5 = Md5::new()
        .chain_update(body)
        .chain_update(CREDENTIAL)
        .finalize();
    let form = |content: &str, sign: &str, signature: String| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair(sign, &signature);
        // Bytes that are no text reach the source by way of the bare push.
        form.append_pair(content, &String::from_utf8_lossy(body));
        Bytes::from(form.finish())
    };
    let bare = Bytes::copy_from_slice(body);
    let mut bodies = vec![bare, sealed(body)];
    if std::str::from_utf8(body).is_ok() {
        bodies.push(form("param", "sign", format!("{md5:X}")));
        bodies.push(form(
            "logistics_interface",
            "data_digest",
            STANDARD.encode(md5),
        ));
    }
    bodies
        .into_iter()
        .map(|body| request(media, body))
        .collect()
}

/// An envelope around what is encrypted together with its key.
fn sealed(body: &[u8]) -> Bytes {
    let key = STANDARD.decode(KEY).unwrap();
    let cipher = ecb::Encryptor::<Sm4>::new_from_slice(&key).unwrap();
    let sealed = cipher.encrypt_padded_vec_mut::<Pkcs7>(&[body, KEY.as_bytes()].concat());
    let sealed = format!("|$4|{}", STANDARD.encode(sealed));
    let envelope = serde_json::json!({ "serialNo": "1", "logitcsInterface": sealed });
    Bytes::from(envelope.to_string())
}

fn request(media: &str, body: Bytes) -> Request<Bytes> {
    let digest = Sha256::new()
        .chain_update(&body)
        .chain_update("/")
        .chain_update(CREDENTIAL)
        .finalize();
    let signed = enveloped(&body).map_or_else(|| body.to_vec(), String::into_bytes);
    Request::post(format!("https://localhost/push?token={CREDENTIAL}"))
        .header("content-type", media)
        .header("credential", CREDENTIAL)
        .header("x-waybill-push-token", CREDENTIAL)
        .header("sign", format!("{digest:x}"))
        .header("fdx-signature", hmac(&body))
        .header("aftership-hmac-sha256", hmac(&body))
        .header("x-hmac", hmac(&signed))
        .body(body)
        .unwrap()
}

/// What is signed of an envelope that holds its message as a text.
fn enveloped(body: &[u8]) -> Option<String> {
    let envelope: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = |key| envelope.get(key)?.as_str();
    Some([text("timestamp")?, text("payload")?].concat())
}

fn hmac(bytes: &[u8]) -> String {
    let mac = <Hmac<Sha256> as Mac>::new_from_slice(CREDENTIAL.as_bytes()).unwrap();
    STANDARD.encode(mac.chain_update(bytes).finalize().into_bytes())
}
