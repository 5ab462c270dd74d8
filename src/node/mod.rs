//! Who a node is, and what it says of itself: the key on its disk, and its NodeInfo.

mod config;
mod info;
pub mod key;

pub use config::{PeerConfig, PeerConfigError};
pub(crate) use config::{TIME_MAX, TIME_MIN};
pub use info::{
    BrokenRule, Incompatible, MAX_NODE_INFO_BYTES, NodeInfo, NodeInfoBuilder, NodeInfoError,
    NodeInfoField, ProtocolVersion, TxIndex,
};
