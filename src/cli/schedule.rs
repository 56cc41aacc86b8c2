//! `waybill schedule`: how the polls of followed shipments stand, read from the operators' port of a
//! running gateway.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use waybill::admin::v1 as admin;
use waybill::admin::v1::admin_service_client::AdminServiceClient;

use super::client::{caller, failed};
use super::local::table;
use super::out::say;
use super::{Shown, json};

#[derive(Args)]
pub(super) struct Options {
    /// How much of what comes next is listed, at most 1,000.
    #[arg(long, default_value_t = 20)]
    limit: i32,
    /// Address of the operators' port of the gateway.
    #[arg(
        long,
        env = "WAYBILL_ADMIN_ADDRESS",
        default_value = "http://127.0.0.1:9465"
    )]
    admin: String,
    #[command(flatten)]
    shown: Shown,
    /// Print proto3 JSON, for programs.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: Options) -> Result<ExitCode, String> {
    let mut client = AdminServiceClient::new(caller(&options.admin, &options.shown).await?);
    let request = admin::GetScheduleRequest {
        upcoming_limit: options.limit,
    };
    let schedule = match client.get_schedule(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Ok(failed(&status)),
    };
    if options.json {
        json::line("admin.v1.GetScheduleResponse", &schedule)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut sources = table(["source", "shipments", "due", "wanted", "allowed", "debt"]);
    for source in &schedule.sources {
        sources.add_row([
            source.source.clone(),
            source.shipments.to_string(),
            source.due.to_string(),
            format!("{:.3}/s", source.demand_per_second),
            format!("{:.3}/s", source.budget_per_second),
            source.debt.as_ref().map_or_else(String::new, span),
        ]);
    }
    say!("{sources}");
    if schedule.upcoming.is_empty() {
        say!("nothing is due, now or later");
        return Ok(ExitCode::SUCCESS);
    }
    let mut upcoming = table(["due", "shipment", "source", "lane", "every", "failed"]);
    for work in &schedule.upcoming {
        let is_poll = !work.source.is_empty();
        let lane = work.lane().as_str_name();
        let lane = lane.trim_start_matches("POLL_LANE_").to_lowercase();
        upcoming.add_row([
            work.due_time.as_ref().map_or_else(String::new, time),
            work.shipment_id.clone(),
            if is_poll {
                work.source.clone()
            } else {
                "(time alone)".to_owned()
            },
            if is_poll { lane } else { String::new() },
            work.interval.as_ref().map_or_else(String::new, span),
            match work.failures {
                0 => String::new(),
                failures => failures.to_string(),
            },
        ]);
    }
    say!("{upcoming}");
    Ok(ExitCode::SUCCESS)
}

fn time(time: &prost_types::Timestamp) -> String {
    let at = jiff::Timestamp::from_second(time.seconds).unwrap_or_default();
    at.to_string()
}

fn span(span: &prost_types::Duration) -> String {
    let seconds = u64::try_from(span.seconds).unwrap_or_default();
    let whole = Duration::from_secs(if seconds >= 600 {
        seconds / 60 * 60
    } else {
        seconds
    });
    let length = jiff::SignedDuration::try_from(whole).unwrap_or_default();
    format!("{length:#}")
}
