#![no_main]

use libfuzzer_sys::fuzz_target;
use mconn::fuzzing::packet;

fuzz_target!(|data: &[u8]| packet(data));
