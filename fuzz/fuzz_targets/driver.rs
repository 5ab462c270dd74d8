#![no_main]

use libfuzzer_sys::fuzz_target;
use mconn::fuzzing::driver;

fuzz_target!(|data: &[u8]| driver(data));
