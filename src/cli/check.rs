//! `waybill check`: is the configuration right, and with `--live` do the credentials work.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use waybill::app;
use waybill::clock::Clock;
use waybill::guard::{Ask, Priority, Share};
use waybill::pipeline::Source;
use waybill_core::adapter::{Hints, Query};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::number::{self, TrackingNumber};
use waybill_core::registry::Registry;

use super::Configured;

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    configured: Configured,
    /// Make one authenticated call per account. It asks for a made-up number.
    #[arg(long)]
    live: bool,
}

/// Time for the one call of a live check.
const CALL: Duration = Duration::from_secs(15);

pub(super) async fn run(options: Options, registry: Registry) -> Result<ExitCode, String> {
    let config = options.configured.load()?;
    let sources = app::sources(&config, registry, &Clock::system())?;
    if sources.is_empty() {
        println!("The configuration is right, and names no source: every Track will fail with");
        println!(
            "NO_SOURCE_CONFIGURED. Add a section such as [sources.ups]; `waybill init` prints all."
        );
        return Ok(ExitCode::SUCCESS);
    }
    let guard = &config.guard;
    let mut code = ExitCode::SUCCESS;
    for source in &sources {
        let limits = &source.limits;
        println!("{} (account {})", source.descriptor.id, source.account);
        println!(
            "  shed        more than {} in flight and {} waiting",
            guard.bulkhead.in_flight, guard.bulkhead.waiting
        );
        println!(
            "  retry       {} attempts, {} % of calls and {}/s on top",
            guard.retry.attempts,
            guard.retry.budget_percent,
            guard.retry.budget_per_second
        );
        println!(
            "  breaker     trips at {} failures in a row",
            guard.breaker.consecutive
        );
        println!(
            "  quota       {}/s, {} at once, {}",
            limits.per_second,
            limits.burst,
            per_day(limits.per_day)
        );
        println!("  time-out    {} ms", limits.timeout.as_millis());
        if options.live {
            let (line, works) = live(source).await;
            println!("  live        {line}");
            if !works {
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn per_day(limit: u32) -> String {
    if limit == 0 {
        "no daily limit".to_owned()
    } else {
        format!("{limit} per day")
    }
}

/// Asks for a number that is right in form and belongs to nobody: "not found" is the answer of a
/// source that takes the credentials.
async fn live(source: &Arc<Source>) -> (String, bool) {
    let example = source
        .descriptor
        .formats
        .iter()
        .find_map(|format| number::format(format));
    let number = example.and_then(|format| TrackingNumber::parse(&format.example).ok());
    let Some(number) = number else {
        return ("no example number to ask for".to_owned(), false);
    };
    let query = Query {
        number,
        hints: Hints::default(),
        format: String::new(),
    };
    let ask = Ask {
        queries: Arc::from([query]),
        deadline: tokio::time::Instant::now() + CALL,
        priority: Priority::Interactive,
        share: Share::Full,
    };
    match source.guard.ask(ask).await.answers.into_iter().next() {
        Some(Ok(_)) => ("works: the credentials are taken".to_owned(), true),
        Some(Err(error)) => explain(&error),
        None => ("the adapter gave no answer".to_owned(), false),
    }
}

fn explain(error: &Error) -> (String, bool) {
    let code = if error.native_code.is_empty() {
        String::new()
    } else {
        format!(" (code {})", error.native_code)
    };
    let (line, works) = match error.kind {
        ErrorKind::NotFound | ErrorKind::InvalidQuery => ("works: the credentials are taken", true),
        ErrorKind::Denied
            if error.message.contains("scope") || error.message.contains("product") =>
        {
            (
                "the credentials are known, and lack the right to track",
                false,
            )
        }
        ErrorKind::Denied => ("the credentials are refused: wrong key or secret", false),
        ErrorKind::Unavailable if !error.spent => (
            "no connection: the network or a firewall is in the way",
            false,
        ),
        ErrorKind::Unavailable => ("the source answers with a server error", false),
        ErrorKind::Timeout => ("no answer in time", false),
        ErrorKind::Throttled => ("the credentials are taken, and the quota is used up", true),
        _ => ("the answer is not what the source documents", false),
    };
    (format!("{line}{code}: {}", error.message), works)
}
