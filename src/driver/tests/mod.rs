//! Tests of the driver, with paused time and in-memory pipes.

mod audience;
mod backpressure;
mod bounds;
mod cancellation;
mod chaos;
mod deliveries;
mod dropping;
mod ending;
mod floods;
mod handles;
mod idleness;
mod inbox;
mod keepalive;
mod kit;
mod pings;
mod progress;
mod receiving;
mod send_queue;
mod standstill;
mod stopping;
mod turns;
mod wire;
