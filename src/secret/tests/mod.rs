//! The encrypted stream against what Go wrote and read, against bad remotes and bad transports, and against itself.

mod cancelling;
mod damage;
mod golden;
mod kit;
mod line;
mod node_sessions;
mod nonces;
mod peers;
mod streams;
