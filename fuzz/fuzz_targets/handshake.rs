#![no_main]

use libfuzzer_sys::fuzz_target;
use mconn::fuzzing::handshake;

fuzz_target!(|data: &[u8]| handshake(data));
