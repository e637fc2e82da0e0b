//! The types of metrics, and what each of the two formats makes of them.

use std::fmt;

use serde::Serialize;

/// The two spellings of a metrics page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The classic text exposition format, 0.0.4: blanks are free, comments are welcome.
    Text,
    /// OpenMetrics 1.0: strict, ends with `# EOF`, has exemplars, units and timestamps in seconds.
    OpenMetrics,
}

impl Format {
    /// What a `Content-Type` header says. Without the word `openmetrics` it is the classic format, as for Prometheus.
    #[must_use]
    pub fn of_content_type(content_type: &str) -> Self {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        if media.eq_ignore_ascii_case("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// What the page itself says: one whose last line is `# EOF` is OpenMetrics.
    pub(super) fn of_content(text: &[u8]) -> Self {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        match text.strip_suffix(b"# EOF") {
            Some(before) if before.is_empty() || before.ends_with(b"\n") => Self::OpenMetrics,
            _ => Self::Text,
        }
    }
}

/// The type that a page's `# TYPE` line gives to a metric. The last three exist in OpenMetrics only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
    /// Declared `untyped` (OpenMetrics: `unknown`), or not declared at all.
    Untyped,
    Info,
    StateSet,
    GaugeHistogram,
}

impl Kind {
    /// Each format has words that the other refuses.
    pub(super) fn from_word(word: &[u8], format: Format) -> Option<Self> {
        Some(match (word, format) {
            (b"counter", _) => Self::Counter,
            (b"gauge", _) => Self::Gauge,
            (b"histogram", _) => Self::Histogram,
            (b"summary", _) => Self::Summary,
            (b"untyped", Format::Text) | (b"unknown", Format::OpenMetrics) => Self::Untyped,
            (b"info", Format::OpenMetrics) => Self::Info,
            (b"stateset", Format::OpenMetrics) => Self::StateSet,
            (b"gaugehistogram", Format::OpenMetrics) => Self::GaugeHistogram,
            _ => return None,
        })
    }

    /// The word as a classic page has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::GaugeHistogram => "gaugehistogram",
        }
    }

    /// The word as a `# TYPE` line of this format has it.
    #[must_use]
    pub fn word_in(self, format: Format) -> &'static str {
        match (self, format) {
            (Self::Untyped, Format::OpenMetrics) => "unknown",
            _ => self.word(),
        }
    }

    /// The endings that a sample's name may have beyond its family's. Those of OpenMetrics count only on such a page:
    /// on a 0.0.4 page `jobs_total` after `# TYPE jobs counter` is another, untyped metric.
    pub(super) fn suffixes(self, format: Format) -> &'static [&'static str] {
        match (self, format) {
            (Self::Histogram, Format::Text) => &["_bucket", "_sum", "_count"],
            (Self::Summary, Format::Text) => &["_sum", "_count"],
            (Self::Histogram, Format::OpenMetrics) => &["_bucket", "_sum", "_count", "_created"],
            (Self::Summary, Format::OpenMetrics) => &["_sum", "_count", "_created"],
            (Self::Counter, Format::OpenMetrics) => &["_total", "_created"],
            (Self::Info, Format::OpenMetrics) => &["_info"],
            (Self::GaugeHistogram, Format::OpenMetrics) => &["_bucket", "_gsum", "_gcount"],
            _ => &[],
        }
    }

    /// Whether a sample of OpenMetrics may have its family's own name.
    pub(super) fn has_bare_samples(self) -> bool {
        matches!(
            self,
            Self::Gauge | Self::Untyped | Self::StateSet | Self::Summary
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
