//! Compiles `proto/`, our own sealed records and what we send of OTLP, without needing `protoc`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let (records, otlp) = ("proto/session/v1/session.proto", "proto/otlp/v1/trace.proto");
    println!("cargo::rerun-if-changed={records}");
    println!("cargo::rerun-if-changed={otlp}");
    let files = protox::compile([records], ["proto"])?;
    prost_build::Config::new().skip_debug(["."]).compile_fds(files)?;
    prost_build::Config::new().compile_fds(protox::compile([otlp], ["proto"])?)?;
    Ok(())
}
