//! The generated protobuf types: what handshake and NodeInfo are made of, and the oracle of the packet codec.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated; each build uses a part of it"
)]

pub(crate) mod crypto {
    pub(crate) mod v1 {
        include!(concat!(env!("OUT_DIR"), "/crypto.v1.rs"));
    }
}

pub(crate) mod p2p {
    pub(crate) mod v1 {
        include!(concat!(env!("OUT_DIR"), "/p2p.v1.rs"));
    }
}
