//! Reads the values of a table by their keys.

use std::str::FromStr;
use std::time::Duration;

use toml::Value;

use super::error::{CometbftConfigError, Unusable};
use crate::address::{AddressError, HostPort, PeerAddr, PeerId, PeerIdError};

/// A table, and which of its keys were asked for.
pub(super) struct Table<'a> {
    table: &'a toml::Table,
    known: Vec<&'static str>,
}

/// An entry of a list.
pub(super) trait Entry: Sized {
    fn read(text: &str) -> Result<Self, Unusable>;
}

impl<'a> Table<'a> {
    pub(super) const fn new(table: &'a toml::Table) -> Self {
        Self {
            table,
            known: Vec::new(),
        }
    }

    pub(super) fn text(
        &mut self,
        key: &'static str,
        default: &str,
    ) -> Result<String, CometbftConfigError> {
        match self.get(key) {
            None => Ok(default.to_owned()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(CometbftConfigError::value(key, Unusable::Type)),
        }
    }

    pub(super) fn flag(
        &mut self,
        key: &'static str,
        default: bool,
    ) -> Result<bool, CometbftConfigError> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Boolean(flag)) => Ok(*flag),
            Some(_) => Err(CometbftConfigError::value(key, Unusable::Type)),
        }
    }

    pub(super) fn number<N: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        default: N,
    ) -> Result<N, CometbftConfigError> {
        let problem = match self.get(key) {
            None => return Ok(default),
            Some(Value::Integer(value)) => match N::try_from(*value) {
                Ok(number) => return Ok(number),
                Err(_) => Unusable::Range { value: *value },
            },
            Some(_) => Unusable::Type,
        };
        Err(CometbftConfigError::value(key, problem))
    }

    pub(super) fn time(
        &mut self,
        key: &'static str,
        default: Duration,
    ) -> Result<Duration, CometbftConfigError> {
        let problem = match self.get(key) {
            None => return Ok(default),
            Some(Value::String(text)) => match duration(text) {
                Some(time) => return Ok(time),
                None => Unusable::Duration { text: text.clone() },
            },
            Some(_) => Unusable::Type,
        };
        Err(CometbftConfigError::value(key, problem))
    }

    /// An address of ours; empty is none.
    pub(super) fn address(
        &mut self,
        key: &'static str,
        default: &str,
    ) -> Result<Option<HostPort>, CometbftConfigError> {
        let text = self.text(key, default)?;
        let entry = Some(text.trim()).filter(|text| !text.is_empty());
        entry
            .map(HostPort::read)
            .transpose()
            .map_err(|problem| CometbftConfigError::value(key, problem))
    }

    /// Entries between commas; empty ones are skipped, as CometBFT does.
    pub(super) fn list<E: Entry>(
        &mut self,
        key: &'static str,
    ) -> Result<Vec<E>, CometbftConfigError> {
        let text = self.text(key, "")?;
        let entries = text.split(',').map(str::trim);
        entries
            .filter(|entry| !entry.is_empty())
            .map(|entry| E::read(entry).map_err(|problem| CometbftConfigError::value(key, problem)))
            .collect()
    }

    /// The keys that nobody asked for.
    pub(super) fn unknown(&self) -> Vec<String> {
        let keys = self.table.keys();
        keys.filter(|key| !self.known.contains(&key.as_str()))
            .cloned()
            .collect()
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.table.get(key)
    }
}

impl Entry for HostPort {
    fn read(text: &str) -> Result<Self, Unusable> {
        text.parse().map_err(|problem| address(text, problem))
    }
}

impl Entry for PeerAddr {
    fn read(text: &str) -> Result<Self, Unusable> {
        text.parse().map_err(|problem| address(text, problem))
    }
}

impl Entry for PeerId {
    fn read(text: &str) -> Result<Self, Unusable> {
        // CometBFT takes hex digits in either case.
        Self::from_str(&text.to_ascii_lowercase()).map_err(|problem: PeerIdError| Unusable::Id {
            entry: text.to_owned(),
            problem,
        })
    }
}

fn address(entry: &str, problem: AddressError) -> Unusable {
    Unusable::Address {
        entry: entry.to_owned(),
        problem,
    }
}

/// A duration as Go writes it: numbers, with a fraction or without, each with its unit, or 0. None below zero.
fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut whole) = (text.strip_prefix('+').unwrap_or(text), Duration::ZERO);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at(digits);
        let unit = behind
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        whole = whole.checked_add(times(number, nanoseconds(unit)?)?)?;
        rest = behind;
    }
    // Go counts nanoseconds in 63 bits.
    i64::try_from(whole.as_nanos()).ok().map(|_| whole)
}

/// The number, which may have a fraction, times so many nanoseconds.
fn times(number: &str, unit: u64) -> Option<Duration> {
    let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
    if integer.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| match text {
        "" => Some(0),
        text => text.parse::<u64>().ok(),
    };
    let whole = digits(integer)?.checked_mul(unit)?;
    // Beyond nine digits there is no nanosecond left.
    let fraction = fraction.get(..fraction.len().min(FRACTION_DIGITS))?;
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = u128::from(digits(fraction)?)
        .checked_mul(u128::from(unit))?
        .checked_div(scale)?;
    Some(Duration::from_nanos(
        whole.checked_add(u64::try_from(part).ok()?)?,
    ))
}

fn nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// What an `u64` holds in any case; an hour has 13 digits of nanoseconds.
const FRACTION_DIGITS: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let seconds = Duration::from_secs;
        for (text, time) in [
            ("0", seconds(0)),
            ("0s", seconds(0)),
            ("10s", seconds(10)),
            ("+5s", seconds(5)),
            ("1m30s", seconds(90)),
            ("1h0m0.5s", Duration::from_millis(3_600_500)),
            ("1.5h", seconds(5400)),
            (".5s", Duration::from_millis(500)),
            ("1.s", seconds(1)),
            ("100ms", Duration::from_millis(100)),
            ("3us", Duration::from_micros(3)),
            ("3\u{b5}s", Duration::from_micros(3)),
            ("3\u{3bc}s", Duration::from_micros(3)),
            ("7ns", Duration::from_nanos(7)),
            ("0.100000000000000000000000001s", Duration::from_millis(100)),
            (
                "2562047h47m16.854775807s",
                Duration::from_nanos(9_223_372_036_854_775_807),
            ),
        ] {
            assert_eq!(duration(text), Some(time), "{text}");
        }
        for text in [
            "",
            "+",
            "10",
            "s",
            "-1s",
            "1x",
            "1 s",
            ".s",
            "1..5s",
            "1s2",
            "10s ",
            "2562047h47m16.854775808s",
            "999999999h",
            "99999999999999999999s",
            "\u{e9}",
            "1s\u{e9}",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
