//! Compiles `proto/` with a pure-Rust compiler, so that a machine without `protoc` builds.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO_ROOT}");
    let descriptors = protox::compile(PROTO_FILES, [PROTO_ROOT])?;
    prost_build::Config::new()
        .bytes(["."])
        .compile_fds(descriptors)?;
    Ok(())
}

const PROTO_ROOT: &str = "proto";
const PROTO_FILES: [&str; 3] = [
    "proto/crypto/v1/keys.proto",
    "proto/p2p/v1/conn.proto",
    "proto/p2p/v1/types.proto",
];
