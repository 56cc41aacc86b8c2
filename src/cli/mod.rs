//! Commands and their options.

mod admin;
mod backup;
mod carriers;
mod check;
mod client;
mod conform;
mod demo;
mod evidence;
mod exception;
mod explain;
mod fleet;
mod ingest;
mod init;
mod json;
mod keys;
mod kpi;
mod local;
mod normalize;
mod out;
mod people;
mod print;
mod schedule;
mod serve;
mod shadow;
mod sim;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use waybill_core::registry::Registry;

use self::out::say;

/// Asks every carrier that may know about a parcel, and answers with one record.
#[derive(Parser)]
#[command(name = "waybill", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::Options),
    /// See everything at work: simulated carriers, a gateway, and real gRPC calls. Ends by itself.
    Demo(demo::Options),
    /// Ask a running gateway about one number.
    Track(client::Track),
    /// Ask a running gateway about every number in a file, one per line.
    Batch(client::Batch),
    /// Follow numbers at a running gateway until interrupted.
    Follow(client::Follow),
    /// Have a running gateway follow numbers, also while nobody watches.
    Register(fleet::Register),
    /// Have it follow shipments no longer.
    Unregister(fleet::Unregister),
    /// Have it follow every number of a file, CSV or one JSON object per line.
    Import(fleet::Import),
    /// List what it follows, in the order in which it changed.
    List(fleet::List),
    /// List the events of a shipment, newest first.
    Events(fleet::Events),
    /// Watch everything that it follows, or what has these labels, until interrupted.
    Watch(fleet::Watch),
    /// Show the exceptions of a number at a running gateway, or acknowledge, assign, comment, resolve
    /// or reopen one.
    Exception(exception::Options),
    /// Send events of your warehouse or shop to a running gateway.
    Ingest(ingest::Options),
    /// Write what a running gateway holds of a number into a folder, with digests, for an investigation
    /// or a claim.
    Evidence(evidence::Options),
    /// Show key figures of a running gateway: transit times, dwell, on-time rate, sources.
    Kpi(kpi::Options),
    /// Show why a running gateway says what it says about a number: every event, who claimed it,
    /// and the rules that decided.
    Explain(explain::Explain),
    /// Have a running gateway make the record of a number again from what it has stored.
    Rebuild(explain::Rebuild),
    /// Show when a running gateway asks about which followed shipment next, and which sources allow
    /// less than is wanted.
    Schedule(schedule::Options),
    /// See and change how a running gateway works: its sources and their breakers, its configuration,
    /// its log; or have it go.
    Admin(admin::Options),
    /// Compare what a running gateway says with the export of another provider, and list the
    /// differences by kind. Exit status 0: compared, whatever the differences.
    Shadow(shadow::Options),
    /// Say which carriers a number can belong to, without asking anybody.
    Detect(local::Detect),
    /// List carriers with their number formats, and sources with abilities, limits and state.
    Carriers(carriers::Options),
    /// Print a commented configuration with every setting and source.
    Init(init::Options),
    /// Check a configuration and show what protects each source.
    Check(check::Options),
    /// Make, list and revoke the API keys of callers.
    Keys(keys::Options),
    /// Copy a data directory into a folder: one that no server is using, or by a running gateway.
    Backup(backup::Backup),
    /// Make a data directory of a backup, with everything erased in it that was erased since.
    Restore(backup::Restore),
    /// Read everything in a backup or a data directory: digests, keys, shipments, the audit log. Exit
    /// status 1: something cannot be read, or can be read and was erased.
    Verify(backup::Verify),
    /// Run the simulated carriers alone.
    Sim(sim::Options),
    /// Write the .proto files of this version.
    Proto(local::Proto),
    /// Show what one raw answer of a source is taken to mean, without any network.
    Normalize(normalize::Options),
    /// Try an adapter against the conformance suite: a plug-in, or a built-in source. Exit status 0:
    /// nothing failed, 1: a check failed, 2: nothing could be tried.
    Conform(conform::Options),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Where a gateway is, and how to print what it says.
#[derive(Args, Clone)]
struct Remote {
    /// Address of the gateway.
    #[arg(
        long,
        env = "WAYBILL_ADDRESS",
        default_value = "http://127.0.0.1:50051"
    )]
    address: String,
    #[command(flatten)]
    shown: Shown,
    /// Print proto3 JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// What a command shows to a gateway that asks who calls.
#[derive(Args, Clone)]
struct Shown {
    /// File of the API key or token to show; without it, what WAYBILL_KEY has.
    #[arg(long, env = "WAYBILL_KEY_FILE")]
    key_file: Option<PathBuf>,
    /// Certificates, PEM, that the gateway's is checked by; without it, those of this system.
    #[arg(long, env = "WAYBILL_CA_FILE")]
    ca_file: Option<PathBuf>,
}

/// Which configuration to read.
#[derive(Args, Clone)]
struct Configured {
    /// Configuration file.
    #[arg(long, short, env = "WAYBILL_CONFIG")]
    config: Option<PathBuf>,
}

impl Configured {
    /// Reads the file that was named, or `waybill.toml` here if there is one, and the environment.
    fn load(&self) -> Result<waybill::config::Config, String> {
        waybill::config::load(self.file().as_deref(), waybill::config::environment())
    }

    /// The file that was named, or the one here.
    fn file(&self) -> Option<PathBuf> {
        let here = PathBuf::from("waybill.toml");
        self.config
            .clone()
            .or_else(|| here.exists().then_some(here))
    }
}

/// Amount of detail.
#[derive(Clone, Copy, ValueEnum)]
enum View {
    /// No events.
    Basic,
    /// The newest 50 events.
    Standard,
    /// Everything, with the evidence.
    Full,
}

impl View {
    const fn number(self) -> i32 {
        (match self {
            Self::Basic => waybill::v1::ShipmentView::Basic,
            Self::Standard => waybill::v1::ShipmentView::Standard,
            Self::Full => waybill::v1::ShipmentView::Full,
        }) as i32
    }
}

/// Runs a command.
///
/// # Errors
/// One line for the person at the terminal.
pub(crate) async fn run(cli: Cli, registry: Registry) -> Result<ExitCode, String> {
    match cli.command {
        Command::Serve(options) => serve::run(options, registry).await,
        Command::Demo(options) => demo::run(options, registry).await,
        Command::Track(options) => client::track(options).await,
        Command::Batch(options) => client::batch(options).await,
        Command::Follow(options) => client::follow(options).await,
        Command::Register(options) => fleet::register(options).await,
        Command::Unregister(options) => fleet::unregister(options).await,
        Command::Import(options) => fleet::import(options).await,
        Command::List(options) => fleet::list(options).await,
        Command::Events(options) => fleet::events(options).await,
        Command::Watch(options) => fleet::watch(options).await,
        Command::Exception(options) => exception::run(options).await,
        Command::Ingest(options) => ingest::run(options).await,
        Command::Evidence(options) => evidence::run(options).await,
        Command::Kpi(options) => kpi::run(options).await,
        Command::Explain(options) => explain::explain(options).await,
        Command::Rebuild(options) => explain::rebuild(options).await,
        Command::Schedule(options) => schedule::run(options).await,
        Command::Admin(options) => admin::run(options).await,
        Command::Shadow(options) => shadow::run(options).await,
        Command::Detect(options) => local::detect(&options),
        Command::Carriers(options) => carriers::run(&options, registry),
        Command::Init(options) => init::run(&options, registry),
        Command::Check(options) => check::run(options, registry).await,
        Command::Keys(options) => keys::run(options),
        Command::Backup(options) => backup::backup(options).await,
        Command::Restore(options) => backup::restore(options).await,
        Command::Verify(options) => backup::verify(options).await,
        Command::Sim(options) => sim::run(options).await,
        Command::Proto(options) => local::proto(&options),
        Command::Normalize(options) => normalize::run(&options, registry),
        Command::Conform(options) => conform::run(options, registry).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "waybill", &mut script);
            say!("{}", String::from_utf8_lossy(&script).trim_end());
            Ok(ExitCode::SUCCESS)
        }
    }
}
