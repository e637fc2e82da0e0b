//! The metrics page: counters, gauges and histograms in Prometheus text format, moved by real requests and by
//! simulated traffic.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bounds of `app_http_request_latency_seconds`, spelled as the services' client library spells them.
const LATENCY_BOUNDS: [(f64, &str); 10] = [
    (0.005, "0.005"),
    (0.01, "0.01"),
    (0.02, "0.02"),
    (0.05, "0.05"),
    (0.1, "0.1"),
    (0.25, "0.25"),
    (0.5, "0.5"),
    (1.0, "1.0"),
    (2.0, "2.0"),
    (5.0, "5.0"),
];

#[derive(Debug, Default)]
struct Histogram {
    /// One more than the bounds: the last is everything above.
    counts: Vec<u64>,
    sum: f64,
}

#[derive(Debug)]
enum Samples {
    Plain(BTreeMap<String, f64>),
    Histogram {
        bounds: Vec<(f64, &'static str)>,
        series: BTreeMap<String, Histogram>,
    },
}

#[derive(Debug)]
struct Family {
    kind: &'static str,
    help: &'static str,
    samples: Samples,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    service: &'static str,
    families: Mutex<BTreeMap<&'static str, Family>>,
    /// What the control port wants shown instead.
    forced: Mutex<BTreeMap<String, f64>>,
}

/// One request in flight, until dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Metrics>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let labels = self.0.own_labels();
        self.0.add("app_http_inflight_requests", &labels, -1.0);
    }
}

impl Metrics {
    pub(crate) fn new(service: &'static str) -> Arc<Self> {
        Arc::new(Self {
            service,
            families: Mutex::default(),
            forced: Mutex::default(),
        })
    }

    /// The canonical `app_*` families, present from the first scrape.
    pub(crate) fn canonical(service: &'static str) -> Arc<Self> {
        let metrics = Self::new(service);
        let own = metrics.own_labels();
        metrics.declare(
            "app_http_requests_total",
            "counter",
            "Requests by method, path and status",
        );
        metrics.declare_histogram("app_http_request_latency_seconds", "Request latency", &[]);
        metrics.gauge(
            "app_http_inflight_requests",
            "Requests in flight",
            &own,
            0.0,
        );
        metrics.declare(
            "app_requests_shed_total",
            "counter",
            "Requests refused under load",
        );
        metrics.add(
            "app_requests_shed_total",
            &format!("{own},reason=\"concurrency_limit\""),
            0.0,
        );
        metrics.gauge(
            "app_concurrency_limit",
            "Most requests at once",
            &own,
            256.0,
        );
        metrics.gauge("app_request_queue_depth", "Requests that wait", &own, 0.0);
        metrics
    }

    pub(crate) fn own_labels(&self) -> String {
        format!("service=\"{}\"", self.service)
    }

    fn families(&self) -> MutexGuard<'_, BTreeMap<&'static str, Family>> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn declare(&self, name: &'static str, kind: &'static str, help: &'static str) {
        let samples = Samples::Plain(BTreeMap::new());
        self.families().entry(name).or_insert(Family {
            kind,
            help,
            samples,
        });
    }

    pub(crate) fn declare_histogram(
        &self,
        name: &'static str,
        help: &'static str,
        more: &[(f64, &'static str)],
    ) {
        let bounds = LATENCY_BOUNDS.iter().chain(more).copied().collect();
        let samples = Samples::Histogram {
            bounds,
            series: BTreeMap::new(),
        };
        self.families().entry(name).or_insert(Family {
            kind: "histogram",
            help,
            samples,
        });
    }

    pub(crate) fn gauge(&self, name: &'static str, help: &'static str, labels: &str, value: f64) {
        self.declare(name, "gauge", help);
        self.set(name, labels, value);
    }

    pub(crate) fn counter(&self, name: &'static str, help: &'static str, labels: &str, value: f64) {
        self.declare(name, "counter", help);
        self.set(name, labels, value);
    }

    pub(crate) fn set(&self, name: &str, labels: &str, value: f64) {
        if let Some(Family {
            samples: Samples::Plain(samples),
            ..
        }) = self.families().get_mut(name)
        {
            samples.insert(labels.to_owned(), value);
        }
    }

    pub(crate) fn add(&self, name: &str, labels: &str, value: f64) {
        if let Some(Family {
            samples: Samples::Plain(samples),
            ..
        }) = self.families().get_mut(name)
        {
            *samples.entry(labels.to_owned()).or_default() += value;
        }
    }

    pub(crate) fn record(&self, name: &str, labels: &str, value: f64) {
        let mut families = self.families();
        let Some(Family {
            samples: Samples::Histogram { bounds, series },
            ..
        }) = families.get_mut(name)
        else {
            return;
        };
        let place = bounds
            .iter()
            .position(|(bound, _)| value <= *bound)
            .unwrap_or(bounds.len());
        let histogram = series.entry(labels.to_owned()).or_default();
        histogram.counts.resize(bounds.len() + 1, 0);
        histogram.counts[place] += 1;
        histogram.sum += value;
    }

    /// Shows this value for every series of a metric, until it is let go.
    pub(crate) fn force(&self, name: &str, value: f64) {
        self.forced().insert(name.to_owned(), value);
    }

    pub(crate) fn let_go(&self) {
        self.forced().clear();
    }

    fn forced(&self) -> MutexGuard<'_, BTreeMap<String, f64>> {
        self.forced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        self.add("app_http_inflight_requests", &self.own_labels(), 1.0);
        InFlight(Arc::clone(self))
    }

    pub(crate) fn observe(&self, method: &str, path: &str, status: u16, seconds: f64) {
        let labels = format!(
            r#"{},method="{method}",path="{}""#,
            self.own_labels(),
            escape(path)
        );
        self.record("app_http_request_latency_seconds", &labels, seconds);
        self.add(
            "app_http_requests_total",
            &format!(r#"{labels},status="{status}""#),
            1.0,
        );
    }

    pub(crate) fn page(&self) -> String {
        let mut page = String::with_capacity(16 * 1024);
        let forced = self.forced().clone();
        for (name, family) in self.families().iter() {
            let _ = writeln!(
                page,
                "# HELP {name} {}\n# TYPE {name} {}",
                family.help, family.kind
            );
            match &family.samples {
                Samples::Plain(samples) => {
                    for (labels, value) in samples {
                        let value = forced.get(*name).unwrap_or(value);
                        let braces = if labels.is_empty() {
                            String::new()
                        } else {
                            format!("{{{labels}}}")
                        };
                        let _ = writeln!(page, "{name}{braces} {value}");
                    }
                }
                Samples::Histogram { bounds, series } => {
                    for (labels, histogram) in series {
                        let mut total = 0;
                        let spellings =
                            bounds.iter().map(|(_, spelling)| *spelling).chain(["+Inf"]);
                        for (count, bound) in histogram.counts.iter().zip(spellings) {
                            total += count;
                            let _ =
                                writeln!(page, "{name}_bucket{{{labels},le=\"{bound}\"}} {total}");
                        }
                        let _ = writeln!(
                            page,
                            "{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {total}",
                            histogram.sum
                        );
                    }
                }
            }
        }
        page
    }
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_include_their_bound() {
        let metrics = Metrics::canonical("api");
        for seconds in [0.005, 0.006, 7.0] {
            metrics.observe("GET", "/x", 200, seconds);
        }
        let page = metrics.page();
        let bucket = |bound| {
            format!(
                "app_http_request_latency_seconds_bucket{{service=\"api\",method=\"GET\",path=\"/x\",le=\"{bound}\"}}"
            )
        };
        assert!(page.contains(&format!("{} 1\n", bucket("0.005"))), "{page}");
        assert!(page.contains(&format!("{} 2\n", bucket("5.0"))), "{page}");
        assert!(page.contains(&format!("{} 3\n", bucket("+Inf"))), "{page}");
        assert!(
            page.contains(
                "app_requests_shed_total{service=\"api\",reason=\"concurrency_limit\"} 0\n"
            ),
            "{page}"
        );
    }
}
