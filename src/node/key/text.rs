//! The text of a node key. Of what is secret in it nothing is copied but into memory that is wiped.

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::InvalidNodeKey;
use crate::secret::Identity;

pub(super) fn write(identity: &Identity) -> Zeroizing<Vec<u8>> {
    let mut pair = Zeroizing::new([0; PAIR_LEN]);
    let (seed, public) = pair.split_at_mut(PAIR_LEN / 2);
    seed.copy_from_slice(identity.seed());
    public.copy_from_slice(identity.public_key().as_bytes());
    // In its place at once: a text that grows, or an encoder with a buffer of its own, leaves behind what nobody wipes.
    let mut text = Zeroizing::new([FRONT.as_bytes(), &[b'='; VALUE_LEN], BACK.as_bytes()].concat());
    let value = text.get_mut(FRONT.len()..FRONT.len() + VALUE_LEN);
    let written = BASE64.encode_slice(pair.as_ref(), value.unwrap_or_default());
    debug_assert_eq!(written, Ok(VALUE_LEN));
    text
}

pub(super) fn parse(text: &[u8]) -> Result<Identity, InvalidNodeKey> {
    // Only checked as a whole: where the JSON library makes values, it copies them, even into the texts of its errors.
    let json: &RawValue =
        serde_json::from_slice(text).map_err(|error| InvalidNodeKey::NotJson {
            line: error.line(),
            column: error.column(),
        })?;
    let key = field(json.get(), "priv_key").unwrap_or_default();
    check_type(field(key, "type").and_then(unquoted))?;
    let value = field(key, "value").and_then(unquoted);
    let field = "/priv_key/value";
    let value = value.ok_or(InvalidNodeKey::Missing { field })?;
    let pair = decode(value)?;
    let Some((seed, public)) = pair.split_first_chunk() else {
        return Err(InvalidNodeKey::Length { len: pair.len() });
    };
    let identity = Identity::from_seed(seed).map_err(|_| InvalidNodeKey::Mismatch)?;
    if identity.public_key().as_bytes() != public {
        return Err(InvalidNodeKey::Mismatch);
    }
    Ok(identity)
}

/// A field of an object as it lies in the text, which is valid JSON; of several with this name the last.
fn field<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let members = object.strip_prefix('{')?.strip_suffix('}')?;
    let named = members.split(outside_of_values(',')).filter_map(|member| {
        let mut parts = member.splitn(2, outside_of_values(':'));
        let found = unquoted(parts.next()?.trim())?;
        let value = parts.next()?.trim();
        (found == name).then_some(value)
    });
    // Only forwards is known what is outside of values.
    named.reduce(|_, last| last)
}

/// Finds a separator that is part of no text and of no inner list or object.
fn outside_of_values(separator: char) -> impl FnMut(char) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    move |character| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match character {
            '"' => quoted = !quoted,
            '\\' => escaped = true,
            _ if quoted => {}
            '{' | '[' => depth = depth.saturating_add(1),
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => return depth == 0 && character == separator,
        }
        false
    }
}

fn check_type(found: Option<&str>) -> Result<(), InvalidNodeKey> {
    let field = "/priv_key/type";
    match found.ok_or(InvalidNodeKey::Missing { field })? {
        ED25519 => Ok(()),
        SECP256K1 => Err(InvalidNodeKey::Secp256k1),
        // Where the parts are mixed up, the key itself may stand here.
        found if found.len() > LONGEST_TYPE => Err(InvalidNodeKey::KeyType {
            found: "\u{2026}".to_owned(),
        }),
        found => Err(InvalidNodeKey::KeyType {
            found: found.to_owned(),
        }),
    }
}

/// The inside of a JSON text, its escapes as they are.
fn unquoted(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"')
}

/// Takes what Go's decoder takes: line breaks anywhere, and any bits behind the last byte.
fn decode(value: &str) -> Result<Zeroizing<Vec<u8>>, InvalidNodeKey> {
    let value = unescaped(value).ok_or(InvalidNodeKey::NotBase64)?;
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(value.len())]);
    match BASE64.decode_slice(value.as_slice(), &mut bytes) {
        Ok(PAIR_LEN) => bytes.truncate(PAIR_LEN),
        Ok(len) => return Err(InvalidNodeKey::Length { len }),
        Err(_) => return Err(InvalidNodeKey::NotBase64),
    }
    Ok(bytes)
}

/// The characters of a JSON text without its line breaks, unless some are not of Base64 anyway.
fn unescaped(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut characters = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let (character, more) = match (first, more) {
            (b'\\', [b'u', b'0', b'0', high, low, more @ ..]) => (from_hex(*high, *low)?, more),
            (b'\\', [b'n', more @ ..]) => (b'\n', more),
            (b'\\', [b'r', more @ ..]) => (b'\r', more),
            (b'\\', [b'/', more @ ..]) => (b'/', more),
            (b'\\', _) => return None,
            (character, more) => (*character, more),
        };
        if !matches!(character, b'\n' | b'\r') {
            characters.push(character);
        }
        rest = more;
    }
    Some(characters)
}

fn from_hex(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);
/// The seed and the public key.
const PAIR_LEN: usize = 64;
/// The pair in Base64.
const VALUE_LEN: usize = PAIR_LEN.div_ceil(3) * 4;
/// Every known type is shorter, and the Base64 of every key longer.
const LONGEST_TYPE: usize = 40;
const ED25519: &str = "tendermint/PrivKeyEd25519";
const SECP256K1: &str = "tendermint/PrivKeySecp256k1";
const FRONT: &str = r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":""#;
const BACK: &str = r#""}}"#;
