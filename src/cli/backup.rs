//! `waybill backup`, `restore`, `verify`, `erase`: copies of a data directory, and what is erased.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use waybill::admin::v1 as admin;
use waybill::admin::v1::privacy_service_client::PrivacyServiceClient;
use waybill::audit::Audit;
use waybill::backup::{self, Backups, Verified};
use waybill::clock::Clock;
use waybill::store::file::FileStore;

use super::Shown;
use super::client::{caller, failed};
use super::out::say;

#[derive(Args)]
pub(super) struct Backup {
    /// Folder to write to; it must not exist or be empty. With --admin it is on the server's machine.
    #[arg(long)]
    to: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Address of the operators' port of a running gateway, which writes the backup itself; instead
    /// of --data-dir, which no server may be using. A gateway that asks who calls is shown what
    /// WAYBILL_KEY has.
    #[arg(long, env = "WAYBILL_ADMIN_ADDRESS", conflicts_with = "data_dir")]
    admin: Option<String>,
}

#[derive(Args)]
pub(super) struct Restore {
    /// The backup.
    #[arg(long)]
    from: PathBuf,
    /// Data directory to make; it must not exist or be empty.
    #[arg(long)]
    data_dir: PathBuf,
    /// File of the master key, which is in no backup.
    #[arg(long)]
    key_file: PathBuf,
    /// Newest copy of the audit log, so that what was erased since the backup is erased in it. More
    /// than one: those of all nodes.
    #[arg(long)]
    audit: Vec<PathBuf>,
    /// There is no copy of the audit log: only what it said when the backup was made is erased.
    #[arg(long, conflicts_with = "audit")]
    without_audit: bool,
}

#[derive(Args)]
pub(super) struct Verify {
    /// A backup; instead of --data-dir.
    #[arg(
        long,
        conflicts_with = "data_dir",
        required_unless_present = "data_dir"
    )]
    from: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Newest copy of the audit log, over the one that is there.
    #[arg(long)]
    audit: Option<PathBuf>,
}

#[derive(Args)]
struct Place {
    /// Data directory that no server is using.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// File of the master key; without it `key` in the data directory.
    #[arg(long)]
    key_file: Option<PathBuf>,
}

impl Place {
    fn key_file(&self) -> Result<PathBuf, String> {
        let own = self.data_dir.as_ref().map(|folder| folder.join("key"));
        let file = self.key_file.clone().or(own);
        file.ok_or_else(|| "--key-file is required: the master key is in no backup".to_owned())
    }
}

pub(super) async fn backup(options: Backup) -> Result<ExitCode, String> {
    if let Some(address) = &options.admin {
        let shown = Shown {
            key_file: None,
            ca_file: None,
        };
        let mut client = PrivacyServiceClient::new(caller(address, &shown).await?);
        let folder = options.to.to_string_lossy().into_owned();
        let answer = client.create_backup(admin::CreateBackupRequest { folder });
        let answer = match answer.await {
            Ok(answer) => answer.into_inner(),
            Err(status) => return Ok(failed(&status)),
        };
        say!("{} bytes in {}", answer.bytes, options.to.display());
        return Ok(ExitCode::SUCCESS);
    }
    let folder = options.place.data_dir.as_ref();
    let folder = folder.ok_or("name --data-dir, or --admin of a running gateway")?;
    let key_file = options.place.key_file()?;
    let store = FileStore::open(folder, Some(&key_file)).map_err(|error| error.to_string())?;
    let store = std::sync::Arc::new(store);
    let audit = Audit::new(Some(folder.join(backup::AUDIT)), store.keys().clone());
    let evidence = backup::open_evidence(folder, &store)?;
    let backups = Backups::new(store, Some(evidence.clone()), audit);
    let made = backups.create(&options.to, Clock::system().now()).await?;
    evidence.stop().await;
    say!(
        "{} files, {} bytes in {}; the master key is not among them",
        made.files.len(),
        made.files.values().map(|file| file.bytes).sum::<u64>(),
        options.to.display()
    );
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn restore(options: Restore) -> Result<ExitCode, String> {
    if options.audit.is_empty() && !options.without_audit {
        return Err(
            "name the newest copy of the audit log with --audit: without it what was erased since \
             the backup would come back (--without-audit if there is none)"
                .to_owned(),
        );
    }
    let begun = std::time::Instant::now();
    let (manifest, erased) = backup::restore(
        &options.from,
        &options.data_dir,
        &options.key_file,
        &options.audit,
    )
    .await?;
    let verified = backup::verify(&options.data_dir, &options.key_file, None).await?;
    say!("restored the state of {}", manifest.create_time);
    say!("{erased} shipments that were erased are erased once more");
    say!("took {:.1} s", begun.elapsed().as_secs_f64());
    Ok(tell(&verified))
}

pub(super) async fn verify(options: Verify) -> Result<ExitCode, String> {
    let key_file = options.place.key_file()?;
    let log = options.audit.as_deref();
    let verified = match (&options.from, &options.place.data_dir) {
        (Some(from), _) => {
            let manifest = backup::read(from)?;
            say!(
                "every file is as it was backed up at {}",
                manifest.create_time
            );
            verify_copy(from, &key_file, log).await?
        }
        (None, Some(folder)) => backup::verify(folder, &key_file, log).await?,
        (None, None) => return Err("name --from or --data-dir".to_owned()),
    };
    Ok(tell(&verified))
}

/// A backup is never opened itself: to open a store is to write to it.
async fn verify_copy(from: &Path, key_file: &Path, log: Option<&Path>) -> Result<Verified, String> {
    let folder =
        std::env::temp_dir().join(format!("waybill-verify-{:016x}", rand::random::<u64>()));
    let restored = backup::restore(from, &folder, key_file, &[]).await;
    let verified = match restored {
        Ok(_) => backup::verify(&folder, key_file, log).await,
        Err(error) => Err(error),
    };
    let removed = std::fs::remove_dir_all(&folder);
    let verified = verified?;
    removed.map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(verified)
}

fn tell(verified: &Verified) -> ExitCode {
    say!(
        "{} shipments can be read, {} cannot; {} keys, {} of another master key; audit log of {} \
         entries, unbroken",
        verified.shipments,
        verified.unreadable,
        verified.keys,
        verified.strange_keys,
        verified.audit_entries
    );
    if verified.erased_but_readable > 0 {
        say!(
            "{} shipments were erased and can still be read",
            verified.erased_but_readable
        );
    }
    match verified.is_good() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
