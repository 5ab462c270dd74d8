//! The generated protobuf types: the oracle that the packet codec is compared with.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated"
)]

include!(concat!(env!("OUT_DIR"), "/p2p.v1.rs"));
