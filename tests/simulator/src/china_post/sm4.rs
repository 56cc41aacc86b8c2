//! Owns the envelope `|$4|`: SM4, block by block, over the text with the key behind it. Knows no JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sm4::Sm4;
use sm4::cipher::generic_array::GenericArray;
use sm4::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};

const MARK: &str = "|$4|";
const BLOCK: usize = 16;

/// What was wrong with an envelope.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It is none, or it was not made with the key.
    Sealed,
    /// The key does not stand at the end of it.
    Unsigned,
}

fn cipher(key: &str) -> Option<Sm4> {
    let bytes = STANDARD.decode(key).ok()?;
    Sm4::new_from_slice(&bytes).ok()
}

/// Encrypts a text as it is, with the padding of PKCS#7.
pub(super) fn encrypt(text: &str, key: &str) -> Option<String> {
    let cipher = cipher(key)?;
    let mut bytes = text.as_bytes().to_vec();
    let padding = BLOCK - bytes.len() % BLOCK;
    bytes.resize(bytes.len() + padding, u8::try_from(padding).ok()?);
    for block in bytes.chunks_exact_mut(BLOCK) {
        cipher.encrypt_block(GenericArray::from_mut_slice(block));
    }
    Some(format!("{MARK}{}", STANDARD.encode(bytes)))
}

/// Opens an envelope that a client has made.
pub(super) fn open(envelope: &str, key: &str) -> Result<String, Broken> {
    let text = decrypt(envelope, key).ok_or(Broken::Sealed)?;
    let json = text.strip_suffix(key).ok_or(Broken::Unsigned)?;
    Ok(json.to_owned())
}

fn decrypt(envelope: &str, key: &str) -> Option<String> {
    let cipher = cipher(key)?;
    let mut bytes = STANDARD.decode(envelope.strip_prefix(MARK)?).ok()?;
    if bytes.is_empty() || bytes.len() % BLOCK != 0 {
        return None;
    }
    for block in bytes.chunks_exact_mut(BLOCK) {
        cipher.decrypt_block(GenericArray::from_mut_slice(block));
    }
    let padding = *bytes.last()?;
    let count = usize::from(padding);
    let length = bytes.len().checked_sub(count)?;
    let right = (1..=BLOCK).contains(&count) && bytes.iter().skip(length).all(|b| *b == padding);
    bytes.truncate(length);
    String::from_utf8(bytes).ok().filter(|_| right)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "TvaBgrhE46sft3nZlfe7xw==";
    const JSON: &str = r#"{"language":"zh-CN","orderId":"QIAO-20200618-004"}"#;
    const SEALED: &str = "|$4|efB6PnjDpgHG4xfrvYlXonyBuMJoGTynkfasopHvbl2u3nmNeP+rznA3DyRwb/2GeZL7I3rL6HKD5+Tv3Uy6x8jIDISbYG8Bg14caH2flYE=";

    #[test]
    fn the_sample_of_the_documents_is_reproduced() {
        let sealed = encrypt(&format!("{JSON}{KEY}"), KEY);
        assert_eq!(sealed.as_deref(), Some(SEALED));
        assert_eq!(open(SEALED, KEY).as_deref(), Ok(JSON));
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let unsigned = encrypt(JSON, KEY).unwrap();
        assert_eq!(open(&unsigned, KEY), Err(Broken::Unsigned));
        let other = "d2F5YmlsbC1zbTQta2V5IQ==";
        assert_eq!(open(SEALED, other), Err(Broken::Sealed));
        for envelope in ["", "|$4|", "|$4|AAAA", SEALED.trim_start_matches("|$4|")] {
            assert_eq!(open(envelope, KEY), Err(Broken::Sealed));
        }
    }
}
