//! The example in Python: its carrier, and the plug-in that asks it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A file below the repository.
pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Python with grpcio, as scripts/test installs it.
fn python() -> Command {
    let folder =
        std::env::var_os("WAYBILL_TEST_TOOLS").map_or_else(|| file("target/tools"), PathBuf::from);
    let found = folder.join("python/bin/python");
    assert!(
        found.exists(),
        "{} is missing; scripts/test installs it",
        found.display()
    );
    let mut command = Command::new(found);
    command.arg("-B").kill_on_drop(true);
    command
}

/// The modules that protoc makes of the protos.
async fn generated() -> TempDir {
    let generated = tempfile::tempdir().unwrap();
    let mut protoc = python();
    protoc
        .args(["-m", "grpc_tools.protoc", "-I"])
        .arg(file("proto"));
    for option in ["python_out", "grpc_python_out"] {
        protoc.arg(format!("--{option}={}", generated.path().display()));
    }
    for package in ["proto/waybill/v1", "proto/waybill/adapter/v1"] {
        let entries = std::fs::read_dir(file(package)).unwrap();
        protoc.args(entries.map(|entry| entry.unwrap().path()));
    }
    assert!(protoc.status().await.unwrap().success());
    generated
}

/// Starts a program and waits until it says where it listens.
async fn listening(mut command: Command) -> (Child, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let address = line.strip_prefix("listening on ").unwrap().to_owned();
    (child, address)
}

/// The running plug-in.
pub struct Hare {
    pub child: Child,
    pub address: String,
    _generated: TempDir,
}

impl Hare {
    /// Starts the plug-in; `api` is the host and port of the carrier.
    pub async fn start(api: &str) -> Self {
        let generated = generated().await;
        let mut plugin = python();
        plugin
            .arg(file("examples/plugin-python/plugin.py"))
            .args(["127.0.0.1:0", api])
            .env("PYTHONPATH", generated.path());
        let (child, address) = listening(plugin).await;
        Self {
            child,
            address,
            _generated: generated,
        }
    }
}

/// Starts the carrier, which ends when the child is dropped.
pub async fn carrier() -> (Child, String) {
    let mut carrier = python();
    carrier
        .arg(file("examples/plugin-python/carrier.py"))
        .arg("0")
        .arg(file("examples/plugin-python/parcels.json"));
    listening(carrier).await
}
