//! Many prioritised message channels over one byte stream.

mod channel;
mod config;
#[cfg(feature = "tokio")]
mod driver;
mod error;
#[cfg(any(test, feature = "__fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod mux;
pub mod packet;
#[cfg(any(test, feature = "__fuzzing"))]
mod proto;
mod rate;
mod stats;
#[cfg(feature = "tokio")]
pub mod tcp;

pub use channel::{ChannelDescriptor, ChannelId};
pub use config::{Config, ConfigBuilder};
#[cfg(feature = "tokio")]
pub use driver::{
    CloseReason, Closed, Connection, Delivery, Handle, Permit, Receiver, Sender, Unsent,
};
#[cfg(feature = "tokio")]
pub use error::TryRecvError;
pub use error::{
    ConfigError, Error, Fault, Malformed, NotSent, ProtocolError, ReserveError, SendError,
    TrySendError,
};
pub use stats::{ChannelStats, FlowStats, Stats};
