#![no_main]

use libfuzzer_sys::fuzz_target;
use mconn::fuzzing::secret_frame;

fuzz_target!(|data: &[u8]| secret_frame(data));
