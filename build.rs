//! Compiles `proto/` with a pure-Rust compiler, so that a machine without `protoc` builds. Only the layers that have handshakes need it.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    #[cfg(feature = "secret")]
    generate()?;
    Ok(())
}

#[cfg(feature = "secret")]
fn generate() -> Result<(), Box<dyn Error>> {
    let files = ["crypto/v1/keys", "p2p/v1/conn", "p2p/v1/types"];
    let files = files.map(|file| format!("proto/{file}.proto"));
    let descriptors = protox::compile(files, ["proto"])?;
    prost_build::Config::new()
        .bytes(["."])
        .compile_fds(descriptors)?;
    Ok(())
}
