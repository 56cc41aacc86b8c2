//! `waybill kpi`: key figures of a running gateway, as a table or as JSON.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::ToSpan;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use waybill::clock::Clock;
use waybill::v1;
use waybill::v1::analytics_service_client::AnalyticsServiceClient;

use super::client::{caller, failed};
use super::local::table;
use super::out::say;
use super::{Remote, json};

/// Days that are shown unless other ones are asked for.
const USUAL_DAYS: i64 = 30;

#[derive(Args)]
pub(super) struct Options {
    /// Figures, separated by commas.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "transit-time"
    )]
    metric: Vec<Metric>,
    /// What to group by, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    by: Vec<Dimension>,
    /// First day, YYYY-MM-DD in UTC; 30 days ago unless given.
    #[arg(long)]
    from: Option<Date>,
    /// Last day; today unless given.
    #[arg(long)]
    to: Option<Date>,
    /// Length of the periods; all days as one unless given.
    #[arg(long, value_enum)]
    period: Option<Period>,
    /// Only samples with one of the values: "carrier=ups,dhl". Can be given for each dimension.
    #[arg(long, value_parser = filter)]
    only: Vec<Filter>,
    /// Only this many groups of each figure and period, worst first; 0 shows all.
    #[arg(long, default_value_t = 0)]
    worst: u32,
    /// Leave out groups with fewer samples.
    #[arg(long, default_value_t = 0)]
    min_count: u32,
    #[command(flatten)]
    remote: Remote,
}

/// Declares the words for the values of an enum of the API, each once.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident is $api:ident { $($(#[$value_doc:meta])* $value:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
        enum $name { $($(#[$value_doc])* $value,)* }
        impl $name {
            const fn number(self) -> i32 {
                match self { $(Self::$value => v1::$api::$value as i32,)* }
            }
        }
    };
}

words! {
    /// Key figures.
    Metric is KpiMetric {
        /// Delivered by the time that you promised to your buyers.
        OnTimeToPromise,
        /// Delivered by the carrier's first estimate.
        OnTimeToEstimate,
        /// Delivered by the time to which the carrier committed itself.
        OnTimeToCommitment,
        /// Stay at a hub.
        HubDwell,
        /// From one hub to the next.
        LegTime,
        /// From possession to delivery.
        TransitTime,
        /// From an event to our knowledge of it.
        FeedLatency,
        /// Events per day of a journey.
        UpdateFrequency,
        /// Between two events.
        Silence,
        /// Shipments with a problem.
        ExceptionRate,
        /// How long problems lasted, and how many there were.
        ExceptionTime,
        /// Shipments sent to a wrong place.
        MisrouteRate,
        /// Shipments that came back to a hub they had left.
        DetourRate,
        /// Questions that a source answered.
        SourceAvailability,
        /// Time of a source's answer.
        SourceLatency,
        /// Milestones that a source reported.
        Completeness,
        /// From a problem to somebody who has seen it.
        TimeToAcknowledge,
        /// From a problem to its closing by hand.
        TimeToResolve,
    }
}

words! {
    /// What to group by.
    Dimension is KpiDimension {
        /// Carrier id.
        Carrier,
        /// Service in the carrier's words.
        Service,
        /// Countries of origin and destination.
        Lane,
        /// Source id.
        Source,
        /// Place of a stay.
        Hub,
        /// Two hubs.
        Leg,
        /// Category of an exception.
        Category,
        /// Who has to act about an exception.
        Owner,
    }
}

words! {
    /// Length of the periods.
    Period is KpiPeriod {
        /// UTC day.
        Day,
        /// Week from Monday.
        Week,
        /// Calendar month.
        Month,
    }
}

#[derive(Clone, Debug)]
struct Filter(Dimension, Vec<String>);

fn filter(text: &str) -> Result<Filter, String> {
    let (name, values) = text
        .split_once('=')
        .ok_or("is not of the form dimension=value,value")?;
    let dimension = Dimension::from_str(name, true)?;
    let values = values.split(',').map(str::to_owned).collect();
    Ok(Filter(dimension, values))
}

pub(super) async fn run(options: Options) -> Result<ExitCode, String> {
    let today = TimeZone::UTC.to_datetime(Clock::system().now()).date();
    let from = options
        .from
        .unwrap_or(today.saturating_sub(USUAL_DAYS.days()));
    let until = options.to.unwrap_or(today).saturating_add(1.day());
    let request = v1::QueryKpisRequest {
        metrics: options.metric.iter().map(|one| one.number()).collect(),
        window: Some(v1::TimeWindow {
            start_time: Some(midnight(from)?),
            end_time: Some(midnight(until)?),
        }),
        group_by: options.by.iter().map(|one| one.number()).collect(),
        period: options.period.map_or(0, Period::number),
        filters: options
            .only
            .into_iter()
            .map(|Filter(dimension, values)| v1::KpiFilter {
                dimension: dimension.number(),
                values,
            })
            .collect(),
        worst: options.worst,
        min_count: options.min_count,
    };
    let mut client =
        AnalyticsServiceClient::new(caller(&options.remote.address, &options.remote.shown).await?)
            .max_decoding_message_size(16 * 1_024 * 1_024);
    let response = match client.query_kpis(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return Ok(failed(&status)),
    };
    if options.remote.json {
        json::line("QueryKpisResponse", &response)?;
    } else {
        print(&response, &options.by, options.period.is_some());
    }
    Ok(ExitCode::SUCCESS)
}

fn midnight(date: Date) -> Result<prost_types::Timestamp, String> {
    let midnight = TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight()));
    let midnight = midnight.map_err(|error| error.to_string())?;
    Ok(prost_types::Timestamp {
        seconds: midnight.as_second(),
        nanos: 0,
    })
}

/// Prints a table of each figure.
fn print(response: &v1::QueryKpisResponse, by: &[Dimension], periods: bool) {
    if response.rows.is_empty() {
        say!("No samples. Figures are counted from what this server is asked about.");
    }
    let mut rows = response.rows.as_slice();
    while let Some(first) = rows.first() {
        let metric = first.metric();
        let count = rows.iter().take_while(|row| row.metric() == metric).count();
        let (these, rest) = rows.split_at(count);
        rows = rest;
        let unit = match metric {
            v1::KpiMetric::UpdateFrequency => Unit::PerDay,
            _ if first.quantiles.is_none() => Unit::Share,
            _ => Unit::Time,
        };
        let name = metric.as_str_name().trim_start_matches("KPI_METRIC_");
        say!("{}", name.to_lowercase().replace('_', " "));
        let mut header: Vec<String> = Vec::new();
        header.extend(periods.then(|| "from".to_owned()));
        header.extend(by.iter().map(|one| format!("{one:?}").to_lowercase()));
        header.push("samples".to_owned());
        match unit {
            Unit::Share => header.push("share".to_owned()),
            _ => header.extend(["median", "p80", "p95", "p99"].map(str::to_owned)),
        }
        header.extend(
            first
                .target
                .map(|target| format!("target {}", Unit::Share.text(target))),
        );
        let mut table = table([""; 0]);
        table.set_header(header);
        for row in these {
            table.add_row(cells(row, unit, periods));
        }
        say!("{table}");
    }
}

fn cells(row: &v1::KpiRow, unit: Unit, periods: bool) -> Vec<String> {
    let mut cells = Vec::new();
    if periods {
        let start = row.period_start_time.as_ref();
        let start = start.map(ToString::to_string).unwrap_or_default();
        cells.push(start.chars().take("YYYY-MM-DD".len()).collect());
    }
    cells.extend(row.group.iter().map(|name| match name.as_str() {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }));
    cells.push(row.count.to_string());
    match &row.quantiles {
        None => cells.push(unit.text(row.value)),
        Some(all) => {
            let all = [all.p50, all.p80, all.p95, all.p99];
            cells.extend(all.map(|value| unit.text(value)));
        }
    }
    cells.extend(row.target.map(|target| {
        let is_met = row.value >= target;
        if is_met { "met" } else { "missed" }.to_owned()
    }));
    cells
}

#[derive(Clone, Copy)]
enum Unit {
    Share,
    Time,
    PerDay,
}

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Self::Share => format!("{:.1} %", value * 100.0),
            Self::PerDay => format!("{value:.2} a day"),
            Self::Time if value < 1.0 => format!("{:.0} ms", value * 1_000.0),
            Self::Time if value < 120.0 => format!("{value:.1} s"),
            Self::Time if value < 7_200.0 => format!("{:.0} min", value / 60.0),
            Self::Time if value < 172_800.0 => format!("{:.1} h", value / 3_600.0),
            Self::Time => format!("{:.1} d", value / 86_400.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_in_a_unit_that_reads_well() {
        let times = [0.042, 1.5, 600.0, 90_000.0, 864_000.0].map(|value| Unit::Time.text(value));
        assert_eq!(times, ["42 ms", "1.5 s", "10 min", "25.0 h", "10.0 d"]);
        assert_eq!(Unit::Share.text(0.954), "95.4 %");
    }

    #[test]
    fn a_filter_names_a_dimension_and_values() {
        let Filter(dimension, values) = filter("carrier=a,b").unwrap();
        assert_eq!(dimension, Dimension::Carrier);
        assert_eq!(values, ["a", "b"]);
        assert!(filter("carrier").is_err() && filter("colour=red").is_err());
    }
}
