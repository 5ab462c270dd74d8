#![no_main]

use libfuzzer_sys::fuzz_target;
use mconn::fuzzing::mux_bytes;

fuzz_target!(|data: &[u8]| mux_bytes(data));
