//! What the fuzz targets run, compiled here so that it may use what is private and is built with every test run.

#![expect(clippy::expect_used, reason = "a panic is how a fuzz target reports")]

mod differences;
#[cfg(feature = "tokio")]
mod driver;
#[cfg(feature = "tokio")]
mod fed_stream;
#[cfg(feature = "secret")]
mod handshake;
mod kit;
mod mux_bytes;
mod mux_ops;
#[cfg(feature = "peer")]
mod node_info;
#[cfg(feature = "secret")]
pub(crate) mod paced;
mod packet;
#[cfg(feature = "secret")]
pub(crate) mod remote;
#[cfg(feature = "secret")]
mod secret_frame;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use differences::Difference;
#[cfg(feature = "tokio")]
pub use driver::driver;
#[cfg(feature = "secret")]
pub use handshake::handshake;
#[cfg(test)]
pub(crate) use kit::{NoMessages, epoch};
pub use mux_bytes::mux_bytes;
pub use mux_ops::mux_ops;
#[cfg(feature = "peer")]
pub use node_info::node_info;
pub use packet::packet;
#[cfg(test)]
pub(crate) use packet::{compare, to_generated};
#[cfg(feature = "secret")]
pub use secret_frame::secret_frame;
