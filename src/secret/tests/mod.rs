//! The encrypted stream against what Go wrote and read, against bad remotes and bad transports, and against itself.

mod cancelling;
mod damage;
mod economy;
mod errors;
mod evil;
mod exchanging;
mod golden;
mod kit;
mod line;
mod meeting;
#[cfg(target_os = "linux")]
mod memory;
mod node_sessions;
mod nonces;
mod peers;
mod strangers;
mod streams;
