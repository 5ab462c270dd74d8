//! Tests of the driver, with paused time and in-memory pipes.

mod backpressure;
mod cancellation;
mod deliveries;
mod dropping;
mod ending;
mod kit;
mod stopping;
mod wire;
