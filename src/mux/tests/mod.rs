//! The machine under virtual time, one idea a file.

mod channels;
mod fair_period;
mod patterns;
mod shares;
mod waits;
