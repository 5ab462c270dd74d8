//! Who a node is, and what it says of itself: the key on its disk, and its NodeInfo.

mod info;
pub mod key;
mod local_node;

pub use info::{
    BrokenRule, Incompatible, MAX_NODE_INFO_BYTES, NodeInfo, NodeInfoBuilder, NodeInfoError,
    NodeInfoField, ProtocolVersion, TxIndex,
};
pub use local_node::{LocalNode, LocalNodeBuilder, LocalNodeError};
pub(crate) use local_node::{TIME_MAX, TIME_MIN};
