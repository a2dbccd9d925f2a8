//! The figures of a host as OTLP metrics: the families of `/metrics`, with their names and labels.
//!
//! They are read from the host's counters at each export, so no call pays for them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::telemetry::HostMetrics;
use crate::telemetry::families::{Family, FamilyKind, Figure, Sample, families};

/// The request that exports these figures, as they are now.
pub(super) fn export_request(metrics: &HostMetrics, service_name: &str) -> ExportMetricsServiceRequest {
    let now = SystemTime::now();
    let start = now.checked_sub(Duration::from_secs_f64(metrics.uptime_seconds)).unwrap_or(now);
    let times = (nanos(start), nanos(now));
    let resource = Resource {
        attributes: vec![
            attribute("service.name", service_name),
            attribute("service.version", env!("CARGO_PKG_VERSION")),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope { name: "plugbay".to_owned(), ..InstrumentationScope::default() };
    let metrics = families(metrics).iter().map(|family| metric(family, times)).collect();
    let scoped = ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() };
    let resource_metrics =
        ResourceMetrics { resource: Some(resource), scope_metrics: vec![scoped], ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }
}

fn metric(family: &Family, times: (u64, u64)) -> Metric {
    let cumulative = AggregationTemporality::Cumulative.into();
    let numbers = || family.samples.iter().filter_map(|sample| number(sample, times)).collect();
    let data = match family.kind {
        FamilyKind::Counter => {
            Data::Sum(Sum { data_points: numbers(), aggregation_temporality: cumulative, is_monotonic: true })
        }
        FamilyKind::Gauge => Data::Gauge(Gauge { data_points: numbers() }),
        FamilyKind::Histogram => {
            let data_points = family.samples.iter().filter_map(|sample| histogram(sample, times)).collect();
            Data::Histogram(Histogram { data_points, aggregation_temporality: cumulative })
        }
    };
    let unit = if family.kind == FamilyKind::Histogram { "s" } else { "" };
    Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn number(sample: &Sample, (start, now): (u64, u64)) -> Option<NumberDataPoint> {
    let value = match sample.figure {
        Figure::Count(count) => Value::AsInt(i64::try_from(count).unwrap_or(i64::MAX)),
        Figure::Number(number) => Value::AsDouble(number),
        Figure::Histogram { .. } => return None,
    };
    Some(NumberDataPoint {
        attributes: attributes(sample),
        start_time_unix_nano: start,
        time_unix_nano: now,
        value: Some(value),
        ..NumberDataPoint::default()
    })
}

fn histogram(sample: &Sample, (start, now): (u64, u64)) -> Option<HistogramDataPoint> {
    let Figure::Histogram { buckets, sum } = &sample.figure else { return None };
    let ends = buckets.iter().map(|(end, _)| *end).filter(|end| *end != u64::MAX);
    Some(HistogramDataPoint {
        attributes: attributes(sample),
        start_time_unix_nano: start,
        time_unix_nano: now,
        count: buckets.iter().map(|(_, count)| count).sum(),
        sum: Some(*sum),
        bucket_counts: buckets.iter().map(|(_, count)| *count).collect(),
        explicit_bounds: ends.map(|micros| micros as f64 / 1e6).collect(),
        ..HistogramDataPoint::default()
    })
}

fn attributes(sample: &Sample) -> Vec<KeyValue> {
    sample.labels.iter().map(|(name, value)| attribute(name, value)).collect()
}

fn attribute(name: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: name.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn nanos(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}
