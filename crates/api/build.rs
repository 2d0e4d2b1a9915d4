//! Generates the gRPC code from `proto/` with a pure-Rust compiler: no `protoc` on the machine.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by environment"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let services = [
        "cluster_service",
        "task_service",
        "executor_service",
        "iam_service",
        "info_service",
    ];
    let files = services.map(|name| root.join(format!("slacktide/v1/{name}.proto")));

    let descriptors = protox::compile(files, [&root])?;
    fs::write(out.join("slacktide.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .codec_path("crate::codec::Codec")
        .extern_path(
            ".slacktide.v1.TaskChanges",
            "crate::task_changes::TaskChanges",
        )
        .compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed={}", root.display());
    Ok(())
}
