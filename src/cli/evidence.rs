//! `waybill evidence`: what a running gateway holds of a number, as files for an investigation or a
//! claim.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sha2::{Digest as _, Sha256};
use tonic::Status;
use waybill::clock::Clock;
use waybill::v1;

use super::client::{connect, failed};
use super::out::say;
use super::{Remote, View};

/// Name of the file with the digests, which is the last of a complete bundle.
const SUMS: &str = "SHA256SUMS";

#[derive(Args)]
pub(super) struct Options {
    /// The number, as printed or typed.
    number: String,
    /// Folder to put the bundle into, in a folder of its own named by shipment and time.
    #[arg(long, default_value = ".")]
    out: PathBuf,
    /// Language of the texts, a BCP 47 tag such as "de" or "zh".
    #[arg(long, default_value = "en")]
    language: String,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(options: Options) -> Result<ExitCode, String> {
    let mut client = connect(&options.remote).await?;
    let request = v1::TrackRequest {
        tracking_number: options.number,
        view: View::Basic.number(),
        language: options.language.clone(),
        ..Default::default()
    };
    let tracked = match client.track(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return Ok(failed(&status)),
    };
    if tracked.shipments.is_empty() {
        return Err("no source knows this number (yet)".to_owned());
    }
    for record in &tracked.shipments {
        let request = v1::GetEvidenceRequest {
            shipment_id: record.id.clone(),
            language: options.language.clone(),
        };
        let stream = client.get_evidence(request).await.map(|it| it.into_inner());
        let files = match stream {
            Ok(stream) => read(stream).await,
            Err(status) => Err(status),
        };
        let files = match files {
            Ok(files) => files,
            Err(status) => return Ok(failed(&status)),
        };
        check(&files)?;
        let now = Clock::system().now().strftime("%Y%m%dT%H%M%SZ");
        let folder = options.out.join(format!("{}-{now}", record.id));
        write(&folder, &files)?;
        if options.remote.json {
            let made = serde_json::json!({
                "shipmentId": record.id,
                "folder": folder.display().to_string(),
                "files": files.keys().collect::<Vec<_>>(),
            });
            say!("{made}");
        } else {
            say!("{}: {} files", folder.display(), files.len());
        }
    }
    Ok(ExitCode::SUCCESS)
}

type Files = BTreeMap<String, Vec<u8>>;

async fn read(mut stream: tonic::Streaming<v1::GetEvidenceResponse>) -> Result<Files, Status> {
    let mut files = Files::new();
    while let Some(part) = stream.message().await? {
        files.entry(part.path).or_default().extend(part.content);
    }
    Ok(files)
}

/// Checks that the bundle is complete, is what its digests say, and stays in its folder.
fn check(files: &Files) -> Result<(), String> {
    let sums = files.get(SUMS).ok_or("the bundle was cut: ask again")?;
    let sums = String::from_utf8_lossy(sums);
    let mut named = 0;
    for line in sums.lines() {
        let (sum, path) = line.split_once("  ").ok_or("the digests are damaged")?;
        let content = files
            .get(path)
            .ok_or_else(|| format!("{path} is missing"))?;
        if hex(&Sha256::digest(content)) != sum {
            return Err(format!("{path} is not what its digest says"));
        }
        named += 1;
    }
    if named + 1 != files.len() {
        return Err("the bundle has files without a digest".to_owned());
    }
    match files.keys().find(|path| !is_plain(path)) {
        Some(path) => Err(format!("{path:?} is no path of a bundle")),
        None => Ok(()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// At most one folder and a name, neither of which leads elsewhere.
fn is_plain(path: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_'))
    };
    path.split('/').count() <= 2 && path.split('/').all(part)
}

/// Writes the files into a new folder, which only its owner can read: they are personal.
fn write(folder: &Path, files: &Files) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("cannot write {}: {error}", folder.display());
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(fail)?;
    }
    make_private(folder).map_err(fail)?;
    for (path, content) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent().filter(|parent| !parent.exists()) {
            make_private(parent).map_err(fail)?;
        }
        let mut file = fs::File::create_new(&path).map_err(fail)?;
        file.write_all(content).map_err(fail)?;
    }
    Ok(())
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(sums: &str) -> Files {
        let mut files = Files::new();
        files.insert("a.txt".to_owned(), b"abc".to_vec());
        files.insert(SUMS.to_owned(), sums.as_bytes().to_vec());
        files
    }

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_bundle_is_taken_only_whole_and_as_its_digests_say() {
        let right = format!("{ABC}  a.txt\n");
        assert_eq!(check(&bundle(&right)), Ok(()));
        assert!(check(&bundle(&right.replace('b', "c"))).is_err());
        assert!(check(&bundle(&format!("{right}{ABC}  b.txt\n"))).is_err());
        assert!(check(&bundle("")).is_err(), "a file without a digest");
        let mut cut = bundle(&right);
        cut.remove(SUMS);
        assert!(check(&cut).unwrap_err().contains("cut"));
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for path in ["a.txt", "raw/0001-x.json", "SHA256SUMS"] {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "", "/a", "../a", "a/../b", "a/b/c", "raw/", ".a", "a\\b", "a b",
        ] {
            assert!(!is_plain(path), "{path:?}");
        }
    }
}
