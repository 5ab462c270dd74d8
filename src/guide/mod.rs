//! Where to start, by what you want.
//!
//! | you want | page | features |
//! | --- | --- | --- |
//! | a node in fifty lines: peers that are kept, a protocol with each | [`node`] | `switch` |
//! | the transport layer of a node that speaks with CometBFT's | [`transport_layer`] | `peer` |
//! | to fuzz the decoder of packets, or another one beside it | [`fuzzing_the_decoder`] | none |
//! | to bench the scheduler, or another rule beside it | [`benching_the_scheduler`] | none |
//!
//! Messages between two programs of your own need none of these: see [`Connection`](crate::Connection).

#[doc = include_str!("benching_the_scheduler.md")]
pub mod benching_the_scheduler {}
#[doc = include_str!("fuzzing_the_decoder.md")]
pub mod fuzzing_the_decoder {}
#[cfg(feature = "switch")]
#[doc = include_str!("node.md")]
pub mod node {}
#[cfg(feature = "peer")]
#[doc = include_str!("transport_layer.md")]
pub mod transport_layer {}
