//! Many prioritised message channels over one byte stream, in the wire format of CometBFT's `MConnection`.
//!
//! A [`Connection`] takes whole messages on up to 256 channels, cuts them into packets, shares the link among the channels
//! by priority, and puts the messages together again on the other side. It runs over any `AsyncRead + AsyncWrite`: TCP (call
//! [`tcp::tune`] first), Unix sockets, in-memory pipes, TLS. CometBFT nodes of v0.34 to v1 speak the same protocol.
//!
//! A `Connection` by itself does no encryption and no handshake: those of a CometBFT node come with [`secret`] and [`peer`]. It has no flow control
//! per channel: a receiver that does not keep up slows the whole connection, or sheds if its channel chose to.
//!
//! # Layers
//!
//! | layer | what it is | stands on | feature |
//! | --- | --- | --- | --- |
//! | [`switch`] | peers that are kept, protocols with each, bans, broadcast, events | [`transport`] | `switch` |
//! | [`transport`] | dial and accept, limits, filters | [`peer`] | `peer` |
//! | [`peer`] | the handshake of a node: from a byte stream to a peer | [`node`], `secret` and the driver | `peer` |
//! | [`node`] | who a node is and what it says: its key on disk, NodeInfo | [`address`] | `peer` |
//! | [`address`] | ids, hosts, addresses and their classes, the lookup of names | `secret` (keys) | `peer` |
//! | driver: [`Connection`], [`Sender`], [`Receiver`], [`Handle`] | one future that owns the machine and the stream | [`mux`] | `tokio` (default) |
//! | [`mux`] | the state machine: schedule, throttle, keepalive, reassemble; no runtime, socket, clock or randomness | [`packet`] | always |
//! | [`packet`] | the codec | the vocabulary | always |
//! | [`ChannelDescriptor`], [`Config`], [`Error`], [`Stats`] | vocabulary | nothing | always |
//! | [`lifecycle`] | components that start, stop and fail in order | nothing of the others | `lifecycle` |
//! | [`secret`] | CometBFT's encrypted and authenticated byte stream, which may lie under a driver, and knows of none | any byte stream | `secret` |
//!
//! Imports point down only, and the generated protobuf types stay inside.
//!
//! # Use
//!
//! See [`Connection`] for an example, [`ChannelDescriptor`] for what a channel can be, and [`Config`] for every setting with its default and the
//! reason for it. [`Config::cometbft`] with [`ChannelDescriptor::cometbft`] is what a stock node uses.
//!
//! Four pages start from what you want: a node, a transport layer, fuzzing the decoder, benching the scheduler: see [`guide`].
//!
//! # Who is at fault
//!
//! [`Closed`] says why a connection ended and what it did not send; [`Error::fault`] says who is at fault. Misuse by the
//! caller is refused when made, and hands the message back: [`SendError`], [`TrySendError`], [`ConfigError`].

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(feature = "switch"),
    allow(rustdoc::broken_intra_doc_links, reason = "a layer is not there")
)]

#[cfg(feature = "peer")]
pub mod address;
#[cfg(any(feature = "lifecycle", feature = "peer"))]
mod backoff;
mod channel;
mod config;
#[cfg(feature = "tokio")]
mod driver;
mod error;
#[cfg(any(test, feature = "__fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(feature = "lifecycle")]
pub mod lifecycle;
mod limiter;
#[cfg(any(feature = "lifecycle", feature = "tokio"))]
mod lock;
mod memory;
pub mod mux;
#[cfg(feature = "peer")]
pub mod node;
pub mod packet;
#[cfg(feature = "peer")]
pub mod peer;
#[cfg(feature = "secret")]
mod proto;
mod rate;
#[cfg(feature = "secret")]
pub mod secret;
#[cfg(any(test, feature = "__fuzzing", feature = "switch"))]
mod splitmix;
mod stats;
#[cfg(feature = "switch")]
pub mod switch;
#[cfg(feature = "tokio")]
pub mod tcp;
#[cfg(any(test, feature = "__fuzzing"))]
mod testing;
mod trace;
#[cfg(feature = "peer")]
pub mod transport;

pub use channel::{ChannelDescriptor, ChannelId};
pub use config::{Config, ConfigBuilder, ConfigError};
#[cfg(feature = "tokio")]
pub use driver::{
    CloseReason, Closed, Connection, Delivery, Handle, NotSent, OwnedPermit, Permit, Receiver,
    ReserveError, SendError, Sender, TryRecvError, TryReserveError, TrySendError, Unfinished,
    Unsent,
};
pub use error::{Error, Fault};
pub use memory::MemoryBudget;
pub use packet::{Malformed, ProtocolError};
pub use stats::{ChannelStats, FlowStats, Stats};

#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
