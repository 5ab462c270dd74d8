#![no_main]

use libfuzzer_sys::fuzz_target;
use mconn::fuzzing::node_info;

fuzz_target!(|data: &[u8]| node_info(data));
