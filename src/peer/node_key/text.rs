//! The text of a node key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use zeroize::Zeroizing;

use super::InvalidNodeKey;
use crate::peer::excerpt;
use crate::secret::Identity;

pub(super) fn write(identity: &Identity) -> Zeroizing<String> {
    let mut pair = Zeroizing::new([0; PAIR_LEN]);
    let (seed, public) = pair.split_at_mut(PAIR_LEN / 2);
    seed.copy_from_slice(identity.seed().as_ref());
    public.copy_from_slice(identity.public_key().as_bytes());
    // With all its room from the start: what a growing text leaves behind is not wiped.
    let mut text = Zeroizing::new(String::with_capacity(TEXT_CAPACITY));
    text.push_str(FRONT);
    STANDARD.encode_string(pair.as_ref(), &mut text);
    text.push_str(BACK);
    text
}

pub(super) fn parse(text: &[u8]) -> Result<Identity, InvalidNodeKey> {
    let mut json: Value =
        serde_json::from_slice(text).map_err(|error| InvalidNodeKey::NotJson {
            line: error.line(),
            column: error.column(),
        })?;
    // First, so that the key is wiped whatever is wrong.
    let value = take_text(&mut json, "/priv_key/value").map(Zeroizing::new);
    check_type(&take_text(&mut json, "/priv_key/type")?)?;
    let pair = decode(&value?)?;
    let Some((seed, public)) = pair.split_first_chunk() else {
        return Err(InvalidNodeKey::Length { len: pair.len() });
    };
    let identity = Identity::from_seed(seed).map_err(|_| InvalidNodeKey::Mismatch)?;
    if identity.public_key().as_bytes() != public {
        return Err(InvalidNodeKey::Mismatch);
    }
    Ok(identity)
}

fn take_text(json: &mut Value, field: &'static str) -> Result<String, InvalidNodeKey> {
    match json.pointer_mut(field).map(Value::take) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(InvalidNodeKey::Missing { field }),
    }
}

fn check_type(found: &str) -> Result<(), InvalidNodeKey> {
    match found {
        ED25519 => Ok(()),
        SECP256K1 => Err(InvalidNodeKey::Secp256k1),
        _ => Err(InvalidNodeKey::KeyType {
            found: excerpt(found),
        }),
    }
}

fn decode(value: &str) -> Result<Zeroizing<Vec<u8>>, InvalidNodeKey> {
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(value.len())]);
    match STANDARD.decode_slice(value, &mut bytes) {
        Ok(PAIR_LEN) => bytes.truncate(PAIR_LEN),
        Ok(len) => return Err(InvalidNodeKey::Length { len }),
        Err(_) => return Err(InvalidNodeKey::NotBase64),
    }
    Ok(bytes)
}

/// The seed and the public key.
const PAIR_LEN: usize = 64;
const ED25519: &str = "tendermint/PrivKeyEd25519";
const SECP256K1: &str = "tendermint/PrivKeySecp256k1";
const FRONT: &str = r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":""#;
const BACK: &str = r#""}}"#;
/// Base64 takes 88 bytes.
const TEXT_CAPACITY: usize = FRONT.len() + 88 + BACK.len();
