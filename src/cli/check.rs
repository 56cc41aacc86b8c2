//! `waybill check`: is the configuration right, can the Redis of the store hold it, and with `--live`
//! do the credentials work.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use waybill::app;
use waybill::clock::Clock;
use waybill::guard::{Ask, Asking, Guard, Priority, Share, Tuning};
use waybill::money::{Amount, Budget};
use waybill::pipeline::Source;
use waybill::push;
use waybill::remote;
use waybill::store::redis::RedisStore;
use waybill::texts::Texts;
use waybill_core::adapter::{Limits, Proof, Query};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::number::{self, TrackingNumber};
use waybill_core::registry::Registry;

use super::Configured;
use super::out::say;

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
    config.push.check()?;
    let registry = remote::registry(registry, &config.plugins)?;
    Texts::load(&config.texts.folder, registry)?;
    if let Some(redis) = config.store.redis() {
        say!("store (redis)");
        let keys = app::shared_keys(&config.store)?;
        let found = RedisStore::inspect(redis, keys).await;
        for line in found.map_err(|error| format!("store.redis: {error}"))? {
            say!("  {line}");
        }
    }
    let sources = app::sources(&config, registry, &Clock::system())?;
    if sources.is_empty() {
        say!("The configuration is right, and names no source: every Track will fail with");
        say!(
            "NO_SOURCE_CONFIGURED. Add a section such as [sources.ups]; `waybill init` prints all."
        );
        return Ok(ExitCode::SUCCESS);
    }
    let mut code = ExitCode::SUCCESS;
    for source in &sources {
        say!("{} (account {})", source.descriptor.id, source.account);
        if let Some(line) = price(&source.guard, config.routing.daily_budget) {
            say!("  price       {line}");
        }
        if let Some(line) = pushes(&config.push, source, &sources) {
            say!("  push        {line}");
        }
        for line in stack(&config.guard, &source.limits) {
            say!("  {line}");
        }
        if options.live {
            let (line, works) = live(source).await;
            say!("  live        {line}");
            if !works {
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// Where an account pushes to, and what a push is worth; `None` if it has no push.
fn pushes(settings: &push::Settings, source: &Source, sources: &[Arc<Source>]) -> Option<String> {
    let proof = source.descriptor.capabilities.push?;
    let id = source.descriptor.id;
    let accounts = sources.iter().filter(|other| other.descriptor.id == id);
    let path = push::path(source, accounts.count() == 1)?;
    let worth = match proof {
        Proof::Signature => "signed, is believed",
        Proof::Header => "a secret in a header, starts a poll",
        Proof::Address => "a token in the address, starts a poll",
    };
    Some(match settings.listen.as_str() {
        "" => format!("none: push.listen is not set ({path}: {worth})"),
        listen => format!("POST http://{listen}{path}: {worth}"),
    })
}

/// What stands between a call and a source, outermost first.
fn stack(guard: &Tuning, limits: &Limits) -> [String; 6] {
    let (bulkhead, retry, breaker) = (&guard.bulkhead, &guard.retry, &guard.breaker);
    [
        format!("shed        more than {} waiting", bulkhead.waiting),
        format!("bulkhead    {} in flight", bulkhead.in_flight),
        format!(
            "retry       {} attempts, {} % of calls and {}/s on top",
            retry.attempts, retry.budget_percent, retry.budget_per_second
        ),
        format!(
            "breaker     trips at {} failures in a row",
            breaker.consecutive
        ),
        format!(
            "quota       {}/s, {} at once, {}",
            limits.per_second,
            limits.burst,
            per_day(limits.per_day)
        ),
        format!("time-out    {} ms", limits.timeout.as_millis()),
    ]
}

/// What a call costs and what may be spent; `None` if calls cost nothing.
fn price(guard: &Guard, all: Budget) -> Option<String> {
    let purse = guard.purse();
    let unit = match guard.bills_registrations() {
        true => "a number that is registered",
        false => "a call",
    };
    let limit = |budget: Budget| match budget.0 {
        Some(amount) => format!("{amount} a day"),
        None => "no daily budget".to_owned(),
    };
    (purse.cost() > Amount::ZERO).then(|| {
        let (cost, own, all) = (purse.cost(), limit(purse.budget()), limit(all));
        format!("{cost} {unit}, {own}; all sources together: {all}")
    })
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
    let query = Query::of(number);
    let ask = Ask {
        asking: Asking::Numbers(Arc::from([query])),
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

/// What an error says about credentials and network, and whether the source can be used. What a
/// refusal means is the adapter's knowledge and stands in its message.
fn explain(error: &Error) -> (String, bool) {
    let (line, works) = match error.kind {
        ErrorKind::NotFound | ErrorKind::InvalidQuery | ErrorKind::HintRequired => {
            ("works: the credentials are taken", true)
        }
        ErrorKind::Denied => ("refused", false),
        ErrorKind::Unavailable | ErrorKind::Timeout if !error.spent => (
            "not reached: the network, a firewall or base_url is in the way",
            false,
        ),
        ErrorKind::Unavailable => ("reached, and in trouble itself: try again later", false),
        ErrorKind::Timeout => ("reached, and silent: try again later", false),
        ErrorKind::Throttled => (
            "asked too often: the quota is used up, also by other programs",
            false,
        ),
        ErrorKind::Unsupported => ("reached, and offers no tracking there: base_url", false),
        ErrorKind::Malformed => (
            "answered with something else: a proxy, or base_url is not its API",
            false,
        ),
        ErrorKind::Tripped | ErrorKind::Overloaded | ErrorKind::Internal => {
            ("not asked: a defect of waybill", false)
        }
    };
    let code = match error.native_code.as_str() {
        "" => String::new(),
        code => format!(" (code {code})"),
    };
    (format!("{line}: {}{code}", error.message), works)
}
