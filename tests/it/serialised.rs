//! What is told can be serialised: statistics with their units, ids and addresses as their text.

use mconn::address::{PeerAddr, PeerId};
use mconn::transport::Direction;
use mconn::{ChannelId, Fault, Stats};
use serde_json::{json, to_value};

#[test]
fn statistics_are_plain_data() {
    let stats = to_value(Stats::default()).unwrap();
    assert_eq!(stats["pings_sent"], 0);
    assert_eq!(stats["sent"]["bytes"], 0);
    assert_eq!(stats["uptime"], json!({ "secs": 0, "nanos": 0 }));
    assert_eq!(stats["round_trip"], json!(null));
    assert_eq!(stats["channels"], json!([]));
}

#[test]
fn ids_and_addresses_are_their_text() {
    let id = PeerId::new([0xab; 20]);
    let address: PeerAddr = format!("{id}@[2001:db8::1]:26656").parse().unwrap();
    assert_eq!(to_value(id).unwrap(), "ab".repeat(20));
    assert_eq!(to_value(&address).unwrap(), address.to_string());
    let place = address.host_port();
    assert_eq!(to_value(place).unwrap(), "[2001:db8::1]:26656");
    assert_eq!(to_value(place.host()).unwrap(), place.host().to_string());
    assert_eq!(to_value(ChannelId::new(0x22)).unwrap(), 0x22);
}

#[test]
fn who_is_at_fault_and_who_dialed_are_words() {
    assert_eq!(to_value(Fault::Silence).unwrap(), "Silence");
    assert_eq!(to_value(Direction::Inbound).unwrap(), "Inbound");
}
