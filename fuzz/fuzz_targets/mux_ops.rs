#![no_main]

use libfuzzer_sys::fuzz_target;
use mconn::fuzzing::mux_ops;

fuzz_target!(|data: &[u8]| mux_ops(data));
