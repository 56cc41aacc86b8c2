//! `waybill.v1.AnalyticsService`: key figures, asked for and checked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use tonic::{Request, Response, Status};
use waybill_core::kpi::query::{Period, Query, ROW_LIMIT, Refusal, Row};
use waybill_core::kpi::{Dimension, Metric};

use super::convert;
use super::status::Failure;
use crate::auth::Principal;
use crate::clock::Clock;
use crate::kpi::Kpis;
use crate::v1;
use crate::v1::analytics_service_server::AnalyticsService;

/// Metrics of one request.
const METRIC_LIMIT: usize = 8;
/// Values of one filter.
const VALUE_LIMIT: usize = 100;

/// Figures that are served.
const METRICS: [(v1::KpiMetric, Metric); 18] = [
    (v1::KpiMetric::OnTimeToPromise, Metric::OnTimeToPromise),
    (v1::KpiMetric::HubDwell, Metric::HubDwell),
    (v1::KpiMetric::TransitTime, Metric::TransitTime),
    (v1::KpiMetric::FeedLatency, Metric::FeedLatency),
    (v1::KpiMetric::UpdateFrequency, Metric::UpdateFrequency),
    (v1::KpiMetric::Silence, Metric::Silence),
    (v1::KpiMetric::ExceptionRate, Metric::ExceptionRate),
    (
        v1::KpiMetric::SourceAvailability,
        Metric::SourceAvailability,
    ),
    (v1::KpiMetric::OnTimeToEstimate, Metric::OnTimeToEstimate),
    (v1::KpiMetric::LegTime, Metric::LegTime),
    (v1::KpiMetric::ExceptionTime, Metric::ExceptionTime),
    (v1::KpiMetric::MisrouteRate, Metric::MisrouteRate),
    (v1::KpiMetric::DetourRate, Metric::DetourRate),
    (v1::KpiMetric::SourceLatency, Metric::SourceLatency),
    (v1::KpiMetric::Completeness, Metric::Completeness),
    (v1::KpiMetric::TimeToAcknowledge, Metric::TimeToAcknowledge),
    (v1::KpiMetric::TimeToResolve, Metric::TimeToResolve),
    (
        v1::KpiMetric::OnTimeToCommitment,
        Metric::OnTimeToCommitment,
    ),
];

const DIMENSIONS: [(v1::KpiDimension, Dimension); 8] = [
    (v1::KpiDimension::Carrier, Dimension::Carrier),
    (v1::KpiDimension::Service, Dimension::Service),
    (v1::KpiDimension::Lane, Dimension::Lane),
    (v1::KpiDimension::Source, Dimension::Source),
    (v1::KpiDimension::Hub, Dimension::Hub),
    (v1::KpiDimension::Leg, Dimension::Leg),
    (v1::KpiDimension::Category, Dimension::Category),
    (v1::KpiDimension::Owner, Dimension::Owner),
];

/// The service.
#[derive(Clone)]
pub struct Analytics {
    kpis: Kpis,
    /// Share of the milestones that a source should report.
    completeness_target: f64,
    clock: Clock,
}

impl Analytics {
    /// Makes the service.
    pub fn new(kpis: Kpis, completeness_target: f64, clock: Clock) -> Self {
        Self {
            kpis,
            completeness_target,
            clock,
        }
    }

    async fn query(
        &self,
        tenant: &str,
        request: v1::QueryKpisRequest,
    ) -> Result<v1::QueryKpisResponse, Failure> {
        let query = read(tenant, request)?;
        let now = self.clock.now();
        let rows = self.kpis.query(query).await.map_err(refused)?;
        Ok(v1::QueryKpisResponse {
            rows: rows.into_iter().map(|row| self.row(row)).collect(),
            complete_until: Some(convert::timestamp(now)),
        })
    }

    fn row(&self, row: Row) -> v1::KpiRow {
        let metric = METRICS.iter().find(|known| known.1 == row.metric);
        let target = (row.metric == Metric::Completeness).then_some(self.completeness_target);
        v1::KpiRow {
            metric: metric.map_or(0, |known| known.0 as i32),
            period_start_time: midnight(row.start).map(convert::timestamp),
            group: row.group,
            count: row.count,
            value: row.value,
            quantiles: row.quantiles.map(|[p50, p80, p95, p99]| v1::KpiQuantiles {
                p50,
                p80,
                p95,
                p99,
            }),
            target,
        }
    }
}

fn midnight(date: Date) -> Option<Timestamp> {
    let midnight = date.to_datetime(Time::midnight());
    TimeZone::UTC.to_timestamp(midnight).ok()
}

fn refused(refusal: Refusal) -> Failure {
    let described = refusal.to_string();
    match refusal {
        Refusal::Days => Failure::field("window", described),
        Refusal::Rows => Failure::field(
            "group_by",
            format!("{described}: group by less, filter, shorten the window, or ask for the worst"),
        ),
        Refusal::NoSuchDimension(metric, dimension) => {
            let metric = METRICS.iter().find(|known| known.1 == metric);
            let dimension = DIMENSIONS.iter().find(|known| known.1 == dimension);
            let metric = metric.map_or("", |known| known.0.as_str_name());
            let dimension = dimension.map_or("", |known| known.0.as_str_name());
            Failure::field(
                "metrics",
                format!("{metric} has no {dimension}, by which group_by or filters ask"),
            )
        }
    }
}

fn read(tenant: &str, request: v1::QueryKpisRequest) -> Result<Query, Failure> {
    let period = match request.period() {
        _ if v1::KpiPeriod::try_from(request.period).is_err() => {
            return Err(Failure::field("period", "is not a period"));
        }
        v1::KpiPeriod::Unspecified => None,
        v1::KpiPeriod::Day => Some(Period::Day),
        v1::KpiPeriod::Week => Some(Period::Week),
        v1::KpiPeriod::Month => Some(Period::Month),
    };
    if request.metrics.is_empty() || request.metrics.len() > METRIC_LIMIT {
        let description = format!("must have 1 to {METRIC_LIMIT} metrics");
        return Err(Failure::field("metrics", description));
    }
    let metrics = request.metrics.iter().zip(0..).map(|(number, at)| {
        let known = METRICS.iter().find(|known| known.0 as i32 == *number);
        known
            .map(|known| known.1)
            .ok_or_else(|| Failure::field(format!("metrics[{at}]"), "is not a metric"))
    });
    let metrics = metrics.collect::<Result<_, _>>()?;
    let window = request.window.unwrap_or_default();
    let from = day("window.start_time", window.start_time)?;
    let until = day("window.end_time", window.end_time)?;
    let mut group_by = Vec::new();
    for (number, at) in request.group_by.iter().zip(0..) {
        group_by.push(dimension(&format!("group_by[{at}]"), *number)?);
    }
    if group_by.iter().collect::<BTreeSet<_>>().len() < group_by.len() {
        return Err(Failure::field("group_by", "names a dimension twice"));
    }
    let mut filters: Vec<(Dimension, Vec<String>)> = Vec::new();
    for (filter, at) in request.filters.into_iter().zip(0..) {
        let field = format!("filters[{at}].dimension");
        let dimension = dimension(&field, filter.dimension)?;
        if filters.iter().any(|known| known.0 == dimension) {
            return Err(Failure::field(field, "is named twice"));
        }
        if filter.values.is_empty() || filter.values.len() > VALUE_LIMIT {
            let field = format!("filters[{at}].values");
            let description = format!("must have 1 to {VALUE_LIMIT} values");
            return Err(Failure::field(field, description));
        }
        filters.push((dimension, filter.values));
    }
    let worst = usize::try_from(request.worst).unwrap_or(usize::MAX);
    if worst > ROW_LIMIT {
        let description = format!("must be at most {ROW_LIMIT}");
        return Err(Failure::field("worst", description));
    }
    Ok(Query {
        tenant: tenant.to_owned(),
        metrics,
        from,
        until,
        group_by,
        period,
        filters,
        least_count: u64::from(request.min_count),
        worst,
    })
}

fn dimension(field: &str, number: i32) -> Result<Dimension, Failure> {
    let known = DIMENSIONS.iter().find(|known| known.0 as i32 == number);
    known
        .map(|known| known.1)
        .ok_or_else(|| Failure::field(field, "is not a dimension"))
}

fn day(field: &str, time: Option<prost_types::Timestamp>) -> Result<Date, Failure> {
    let time = time.ok_or_else(|| Failure::field(field, "is required"))?;
    let instant = Timestamp::new(time.seconds, time.nanos).ok();
    let date = instant.map(|instant| (TimeZone::UTC.to_datetime(instant).date(), instant));
    match date {
        Some((date, instant)) if midnight(date) == Some(instant) => Ok(date),
        _ => Err(Failure::field(field, "must be midnight in UTC")),
    }
}

#[tonic::async_trait]
impl AnalyticsService for Analytics {
    async fn query_kpis(
        &self,
        request: Request<v1::QueryKpisRequest>,
    ) -> Result<Response<v1::QueryKpisResponse>, Status> {
        let tenant = Principal::of(request.extensions())?.caller.tenant.clone();
        let answer = self.query(&tenant, request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}
