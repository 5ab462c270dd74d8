//! Tests of the driver, with paused time and in-memory pipes.
