//! The recorded inputs that Go refused, given to both sides live.

use mconn::{CloseReason, Config, Error};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::go::{BOTH_ROLES, Go, Remote};
use crate::ours::Ours;
use crate::program::Release;
use crate::session::{Channel, for_go};
use crate::violations::unhex;

/// Every input of `packets.json` that Go refused when it was recorded: bytes of ours against Go's connection.
pub(crate) async fn go_refuses_what_was_recorded(remote: Remote) {
    let mut go = Go::start(remote);
    let vectors = recorded();
    let mut refused = 0;
    for (role, row) in BOTH_ROLES.into_iter().cycle().zip(refusals(&vectors)) {
        let mut stream = go
            .open(role, for_go(&recorded_channels(&vectors), json!({})))
            .await;
        // Go may refuse the first bytes and reset the stream before it has the last.
        let _ = stream
            .write_all(&unhex(row["bytes"].as_str().unwrap()))
            .await;
        if row["then"] == "close" {
            let _ = stream.shutdown().await;
        }
        let newer = row
            .get("conn_error_v1")
            .filter(|_| matches!(remote.release, Release::V1_0_1));
        let expected = newer
            .unwrap_or_else(|| &row["conn_error"])
            .as_str()
            .unwrap();
        assert_eq!(go.failure().await, expected, "{}", row["name"]);
        refused += 1;
    }
    assert_eq!(refused, RECORDED_REFUSALS);
}

/// The same bytes from Go's side against our connection at Go's packet limit.
pub(crate) async fn we_refuse_what_was_recorded(remote: Remote) {
    let mut go = Go::start(remote);
    let vectors = recorded();
    let mut refused = 0;
    for (role, row) in BOTH_ROLES.into_iter().cycle().zip(refusals(&vectors)) {
        let stream = go.open(role, json!({ "do": "raw" })).await;
        let config = Config::builder().max_packet(1_034).build().unwrap();
        let channels = recorded_channels(&vectors)
            .iter()
            .map(Channel::for_us)
            .collect();
        let ours = Ours::start(stream, config, channels);
        go.tell(json!({ "do": "write", "hex": row["bytes"] })).await;
        if row["then"] == "close" {
            go.tell(json!({ "do": "close_write" })).await;
        }
        let (closed, received) = ours.end().await;
        let reason = closed.reason.error();
        // Go reports an end inside a message as a clean end of the stream; inside no packet we do, too.
        let clean =
            row["name"] == "cut-mid-message" && matches!(closed.reason, CloseReason::PeerClosed);
        let named = matches!(reason, Some(Error::Protocol(_) | Error::Truncated { .. }));
        assert!(clean || named, "{}: {closed}", row["name"]);
        let messages = row["delivered"].as_array().unwrap().len() as u64;
        assert_eq!(
            received.values().map(|digest| digest.messages).sum::<u64>(),
            messages,
            "{}",
            row["name"]
        );
        go.event("ended").await;
        refused += 1;
    }
    assert_eq!(refused, RECORDED_REFUSALS);
}

fn recorded() -> Value {
    serde_json::from_str(include_str!("../data/packets.json")).unwrap()
}

fn refusals(vectors: &Value) -> impl Iterator<Item = &Value> {
    vectors["odd"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["alive"] == false)
}

fn recorded_channels(vectors: &Value) -> Vec<Channel> {
    let number = |row: &Value, name| usize::try_from(row[name].as_u64().unwrap()).unwrap();
    let channel = |row| {
        Channel::new(
            u8::try_from(number(row, "id")).unwrap(),
            number(row, "recv_max"),
        )
    };
    vectors["head"]["channels"]
        .as_array()
        .unwrap()
        .iter()
        .map(channel)
        .collect()
}

/// All of the recording, 250 inputs, less the 139 that Go accepted.
const RECORDED_REFUSALS: usize = 111;
