//! What the user sees: lines for people, or objects for machines.

use std::io::{self, Write};
use std::time::Duration;

use mconn::node::{NodeInfo, TxIndex};
use mconn::transport::Peer;
use mconn::{ChannelId, ChannelStats, Closed, Stats};
use serde_json::{Value, json};

use crate::cli::Target;
use crate::failure::Failure;
use crate::pex::Address;
use crate::text::printable_start;

/// Writes what happens. A reader that has gone away stops nothing.
pub(crate) struct Report {
    out: Box<dyn Write + Send>,
    json: bool,
}

impl Report {
    pub(crate) fn stdout(json: bool) -> Self {
        Self::to(io::stdout(), json)
    }

    pub(crate) fn to(out: impl Write + Send + 'static, json: bool) -> Self {
        let out = Box::new(out);
        Self { out, json }
    }

    pub(crate) fn dialing(&mut self, target: &Target) {
        let text = format!("dialing {target}");
        self.say(
            &text,
            json!({ "event": "dialing", "address": target.to_string() }),
        );
    }

    /// The node turned us away, and said what it wants.
    pub(crate) fn learned(&mut self, what: &str, value: &str) {
        let text = format!(
            "its {what} is {}; dialing again with that",
            printable_start(value)
        );
        self.say(
            &text,
            json!({ "event": "learned", "what": what, "value": value }),
        );
    }

    pub(crate) fn peer(&mut self, peer: &Peer) {
        let info = peer.node_info();
        let text = describe(info, &peer.address().to_string());
        self.say(&text, json!({
            "event": "peer",
            "id": info.id().to_string(),
            "version": info.version(),
            "network": info.network(),
            "moniker": info.moniker(),
            "protocol": { "p2p": info.protocol().p2p, "block": info.protocol().block, "app": info.protocol().app },
            "channels": info.channels().iter().map(|id| id.to_string()).collect::<Vec<_>>(),
            "listen_address": info.listen_addr(),
            "rpc_address": info.rpc_address(),
            "address": peer.address().to_string(),
        }));
    }

    pub(crate) fn traffic(&mut self, elapsed: Duration, stats: &Stats) {
        let busy: Vec<&ChannelStats> = stats
            .channels
            .iter()
            .filter(|channel| channel.sent.packets + channel.received.packets > 0)
            .collect();
        let round_trip = stats
            .round_trip
            .map_or_else(|| "-".to_owned(), |time| format!("{time:.1?}"));
        let channels: Vec<String> = busy.iter().map(|channel| count(channel)).collect();
        let text = format!(
            "{:4} s  round trip {round_trip:<8}  {}",
            elapsed.as_secs(),
            channels.join("  ")
        );
        self.say(
            &text,
            json!({
                "event": "traffic",
                "seconds": elapsed.as_secs_f64(),
                "round_trip_us": stats.round_trip.map(|time| time.as_secs_f64() * 1e6),
                "pings": stats.pings_sent,
                "channels": busy.iter().map(|channel| flow(channel)).collect::<Vec<_>>(),
            }),
        );
    }

    pub(crate) fn addresses(&mut self, addresses: &[Address]) {
        let mut text = format!("offers {} addresses", addresses.len());
        for address in addresses {
            let line = format!("{}@{}:{}", address.id, address.ip, address.port);
            text += &format!("\n  {}", printable_start(&line));
        }
        let list: Vec<Value> = addresses
            .iter()
            .map(|address| json!({ "id": address.id, "ip": address.ip, "port": address.port }))
            .collect();
        self.say(&text, json!({ "event": "addresses", "addresses": list }));
    }

    pub(crate) fn no_addresses(&mut self) {
        self.say(
            "offers no addresses: it does not speak on channel 0x00",
            json!({ "event": "addresses", "addresses": null }),
        );
    }

    pub(crate) fn ended(&mut self, closed: &Closed) {
        let text = format!("ended: {closed}");
        self.say(
            &text,
            json!({ "event": "ended", "reason": closed.to_string() }),
        );
    }

    pub(crate) fn failed(&mut self, failure: &Failure) {
        // People read it on the standard error stream.
        if self.json {
            let object =
                json!({ "event": "failed", "kind": failure.kind(), "reason": failure.to_string() });
            self.say("", object);
        }
    }

    fn say(&mut self, text: &str, object: Value) {
        let line = if self.json {
            object.to_string()
        } else {
            text.to_owned()
        };
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }
}

fn describe(info: &NodeInfo, address: &str) -> String {
    let protocol = info.protocol();
    let channels: Vec<String> = info.channels().iter().map(ChannelId::to_string).collect();
    let tx_index = match info.tx_index() {
        TxIndex::On => "on",
        TxIndex::Off => "off",
        _ => "",
    };
    let rows = [
        ("id", info.id().to_string()),
        ("moniker", info.moniker().to_owned()),
        ("network", printable_start(info.network())),
        ("version", info.version().to_owned()),
        (
            "protocols",
            format!(
                "p2p {}, block {}, app {}",
                protocol.p2p, protocol.block, protocol.app
            ),
        ),
        ("channels", channels.join(" ")),
        ("connected to", address.to_owned()),
        ("listens on", printable_start(info.listen_addr())),
        ("rpc", info.rpc_address().to_owned()),
        ("tx index", tx_index.to_owned()),
    ];
    let lines: Vec<String> = rows
        .iter()
        .map(|(name, value)| match value.as_str() {
            "" => format!("{name:<13}not said"),
            value => format!("{name:<13}{value}"),
        })
        .collect();
    lines.join("\n")
}

fn count(channel: &ChannelStats) -> String {
    let mut text = format!("{}:", channel.id);
    if channel.received.packets > 0 {
        text += &format!(
            " in {} ({} B)",
            channel.messages_received, channel.received.bytes
        );
    }
    if channel.sent.packets > 0 {
        text += &format!(" out {} ({} B)", channel.messages_sent, channel.sent.bytes);
    }
    text
}

fn flow(channel: &ChannelStats) -> Value {
    json!({
        "id": channel.id.to_string(),
        "messages_received": channel.messages_received,
        "bytes_received": channel.received.bytes,
        "messages_sent": channel.messages_sent,
        "bytes_sent": channel.sent.bytes,
    })
}
