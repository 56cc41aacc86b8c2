//! Compiles `proto/` without protoc and keeps the descriptor set, which reflection and the JSON
//! output read at run time.

use std::path::PathBuf;

use prost::Message;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to build scripts by the environment"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let public = protos("proto/waybill/v1")?;
    let adapter = protos("proto/waybill/adapter/v1")?;
    let admin = protos("proto/waybill/admin/v1")?;
    let files = [public.clone(), adapter, admin.clone()].concat();
    // The gateway serves the public services only; reflection must not offer others.
    let served = protox::compile(&public, ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("waybill.binpb"), served.encode_to_vec())?;
    let operated = protox::compile([public, admin].concat(), ["proto"])?;
    std::fs::write(out.join("admin.binpb"), operated.encode_to_vec())?;
    // For `waybill proto`: a list of (path below the import root, text).
    let root = std::env::current_dir()?;
    let rows = files.iter().map(|path| {
        let below = path.strip_prefix("proto").unwrap_or(path);
        format!(
            "({:?}, include_str!({:?}))",
            below.display().to_string(),
            root.join(path).display().to_string()
        )
    });
    std::fs::write(
        out.join("protos.rs"),
        format!("[{}]", rows.collect::<Vec<_>>().join(",")),
    )?;
    let all = protox::compile(&files, ["proto"])?;
    std::fs::write(out.join("adapter.binpb"), all.encode_to_vec())?;
    // Labels are written in one order, so that equal messages have equal bytes.
    tonic_prost_build::configure()
        .btree_map(".")
        .compile_fds(all)?;
    Ok(())
}

/// The `.proto` files of a folder, by name.
fn protos(folder: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "proto")
    });
    files.sort();
    Ok(files)
}
