//! What can be wrong with a page, with a question about it, or with a server's answer.

use serde::Serialize;

use super::kind::Kind;

/// Everything that this domain can refuse. [`Error::hint`] says what to try instead.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "error", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Error {
    #[error(transparent)]
    Parse(#[from] ParseError),

    #[error("bad matcher for label `{label}`: {message}")]
    BadMatcher { label: String, message: String },

    #[error("bad selector `{text}`, column {column}: {message}")]
    BadSelector {
        text: String,
        /// Counted in characters, from 1.
        column: usize,
        message: String,
    },

    #[error("no metric `{name}` on the page")]
    NoMetric {
        name: String,
        /// The most similar name that the page does have.
        nearest: Option<String>,
    },

    /// The page knows the metric, but no series of it is meant by the selector.
    #[error("no series matches `{selector}`")]
    NoSeries {
        selector: String,
        kind: Kind,
        /// How many series the metric has under any labels.
        series: usize,
    },

    #[error("{count} series match `{selector}` where one was asked for: {first}, {second}{}", if *.count > 2 { ", ..." } else { "" })]
    Several {
        selector: String,
        count: usize,
        first: String,
        second: String,
    },

    #[error("series {series} stands twice on one page")]
    Duplicate { series: String },

    #[error("`{name}` ({kind}) is not a counter: it has no rate")]
    NotCounter { name: String, kind: Kind },

    #[error("`{name}` ({kind}) is not a histogram: it has no buckets")]
    NotHistogram { name: String, kind: Kind },

    #[error("a window of {seconds} seconds: it must be finite and greater than 0")]
    BadWindow { seconds: f64 },

    #[error("bad server address `{url}`: {message}")]
    BadUrl { url: String, message: String },

    #[error("bad query time: {message}")]
    BadTime { message: String },

    /// The server understood the request and said no.
    #[error("prometheus refused the query ({error_type}): {message}")]
    Refused {
        /// Prometheus' own word: `bad_data`, `execution`, `timeout`, `canceled`, `unavailable`, ...
        error_type: String,
        message: String,
    },

    #[error("not an answer of the Prometheus API, line {line}, column {column}: {message}")]
    BadAnswer {
        line: usize,
        column: usize,
        message: String,
    },

    #[error("the answer holds a native histogram, which has no single value")]
    NativeHistogram,
}

impl Error {
    /// What to try, in one line, if there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoMetric { nearest, .. } => nearest
                .as_ref()
                .map(|name| format!("did you mean `{name}`?")),
            Self::NoSeries {
                series: 0,
                kind: Kind::Histogram,
                ..
            } => Some("a histogram's series end in `_bucket`, `_sum` and `_count`".into()),
            Self::NoSeries {
                series: 0, kind, ..
            } => Some(format!(
                "the page declares it as a {kind}, and it has no series yet"
            )),
            Self::NoSeries { series, .. } => {
                Some(format!("it has {series} series under other labels"))
            }
            Self::Several { .. } => Some("add labels until one is left, or use a sum".into()),
            Self::NotHistogram {
                kind: Kind::Summary,
                ..
            } => Some(
                "a summary carries its own quantiles: read the series with the label `quantile`"
                    .into(),
            ),
            Self::NotCounter {
                kind: Kind::Gauge, ..
            } => Some("take the difference of its two values".into()),
            Self::NotCounter {
                kind: Kind::Histogram | Kind::Summary,
                ..
            } => Some("its `_count` and `_sum` series are counters".into()),
            Self::NativeHistogram => {
                Some("wrap the query in `histogram_quantile` or `histogram_count`".into())
            }
            _ => None,
        }
    }
}

/// Where a page stops being one, and why. Line and column count from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct ParseError {
    pub line: usize,
    pub column: usize,
    pub fault: Fault,
}

/// What is wrong at that place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "fault", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    #[error("not UTF-8")]
    NotUtf8,
    #[error("page of {bytes} bytes, more than the limit of {limit}")]
    PageTooLarge { bytes: usize, limit: usize },
    #[error("line of more than {limit} bytes")]
    LineTooLong { limit: usize },
    #[error("more than {limit} labels")]
    TooManyLabels { limit: usize },
    #[error("expected a metric name, found {found}")]
    ExpectedName { found: String },
    #[error("expected {expected} after the metric name, found {found}")]
    AfterName {
        expected: &'static str,
        found: String,
    },
    #[error("empty metric name")]
    EmptyName,
    #[error("sample without a metric name")]
    NoName,
    #[error("a second metric name")]
    SecondName,
    #[error("expected a label name, found {found}")]
    ExpectedLabel { found: String },
    #[error("expected `=` after label `{label}`, found {found}")]
    ExpectedEquals { label: String, found: String },
    #[error("expected `\"` before the value of label `{label}`, found {found}")]
    ExpectedQuote { label: String, found: String },
    #[error("expected `,` or `}}` between labels, found {found}")]
    ExpectedComma { found: String },
    #[error("unterminated `\"`")]
    UnterminatedQuote,
    #[error("unterminated `{{`")]
    UnterminatedBrace,
    #[error("unknown escape {escape}: only `\\\\`, `\\\"` and `\\n` exist")]
    BadEscape { escape: String },
    #[error("label `{label}` stands twice")]
    DuplicateLabel { label: String },
    #[error("label `__name__` is reserved")]
    ReservedLabel,
    #[error("sample without a value")]
    NoValue,
    #[error("bad value {value}")]
    BadValue { value: String },
    #[error("value {value} does not fit a 64-bit float")]
    ValueOutOfRange { value: String },
    #[error("bad timestamp {timestamp}")]
    BadTimestamp { timestamp: String },
    #[error("expected the end of the line, found {found}")]
    Trailing { found: String },
    #[error("unknown metric type {kind}")]
    UnknownKind { kind: String },
    #[error("second and different {keyword} for `{name}`")]
    Contradiction { keyword: &'static str, name: String },
    #[error("{keyword} of `{name}` after its first sample")]
    Late { keyword: &'static str, name: String },
    #[error("more than {limit} metrics")]
    TooManyFamilies { limit: usize },
    #[error("exemplars exist in OpenMetrics only, and such a page ends with `# EOF`")]
    ExemplarInText,
    #[error("an OpenMetrics page that does not end with `# EOF`: it was cut, or is another format")]
    NoEof,
    #[error("something after `# EOF`")]
    AfterEof,
    #[error("empty line, which OpenMetrics does not have")]
    EmptyLine,
    #[error("comment that is no HELP, TYPE, UNIT or EOF, which OpenMetrics does not have")]
    Comment,
    #[error("expected one blank {place}, found {found}")]
    ExpectedBlank { place: &'static str, found: String },
    #[error("second {keyword} for `{name}`")]
    Repeated { keyword: &'static str, name: String },
    #[error("`{name}` goes on after another metric has begun: OpenMetrics keeps a metric together")]
    Interleaved { name: String },
    #[error("a {kind} `{family}` has no sample of that name: expected {expected}")]
    WrongSuffix {
        family: String,
        kind: Kind,
        expected: String,
    },
    #[error("unit `{unit}`, but the name `{name}` does not end with `_{unit}`")]
    WrongUnit { unit: String, name: String },
    #[error("a {kind} has no unit")]
    UnitOfKind { kind: Kind },
    #[error("{what} of a {kind} must {must}, found {found}")]
    WrongValue {
        what: &'static str,
        kind: Kind,
        must: &'static str,
        found: String,
    },
    #[error("a {kind}'s sample without the label `{label}`")]
    MissingLabel { kind: Kind, label: String },
    #[error("bucket `le=\"{le}\"` after one that is not below it")]
    BucketOrder { le: String },
    #[error("bucket `le=\"{le}\"` counts less than the one before it")]
    BucketFell { le: String },
    #[error("the buckets before this line do not end with `le=\"+Inf\"`")]
    NoInfBucket,
    #[error("the count differs from that of the bucket `le=\"+Inf\"`")]
    CountDiffers,
    #[error("an exemplar on `{name}`: only counters (`_total`) and buckets have them")]
    ExemplarHere { name: String },
    #[error("exemplar with labels of {characters} characters, more than 128")]
    ExemplarTooLong { characters: usize },
    #[error("expected `# {{` of an exemplar, found {found}")]
    ExpectedExemplar { found: String },
}
