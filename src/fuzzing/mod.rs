//! What the fuzz targets run, compiled here so that it may use what is private and is built with every test run.

#![expect(clippy::expect_used, reason = "a panic is how a fuzz target reports")]

#[cfg(feature = "secret")]
mod differences;
#[cfg(feature = "tokio")]
mod driver;
#[cfg(feature = "secret")]
mod handshake;
mod mux_bytes;
mod mux_ops;
#[cfg(feature = "peer")]
mod node_info;
#[cfg(feature = "secret")]
mod packet;
#[cfg(feature = "secret")]
mod secret_frame;
#[cfg(test)]
mod tests;

#[cfg(all(test, feature = "secret"))]
pub(crate) use differences::Difference;
#[cfg(feature = "tokio")]
pub use driver::driver;
#[cfg(feature = "secret")]
pub use handshake::handshake;
pub use mux_bytes::mux_bytes;
pub use mux_ops::mux_ops;
#[cfg(feature = "peer")]
pub use node_info::node_info;
#[cfg(feature = "secret")]
pub use packet::packet;
#[cfg(all(test, feature = "secret"))]
pub(crate) use packet::{compare, to_generated};
#[cfg(feature = "secret")]
pub use secret_frame::secret_frame;
