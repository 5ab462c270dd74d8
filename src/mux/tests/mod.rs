//! The machine under virtual time, one idea a file.

mod asked_pings;
mod batches;
mod blocked;
mod channels;
mod defects;
mod drain;
mod fair_period;
mod keepalive;
mod keepalive_table;
mod limits;
mod monitors;
mod pair;
mod patterns;
mod random_pairs;
mod reassembly;
mod shares;
mod throttle;
mod unfinished;
mod upstream;
mod waits;
mod window;
