//! Compiles `proto/`, our own sealed records, without needing `protoc`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let schema = "proto/session/v1/session.proto";
    println!("cargo::rerun-if-changed={schema}");
    let files = protox::compile([schema], ["proto"])?;
    prost_build::Config::new().skip_debug(["."]).compile_fds(files)?;
    Ok(())
}
