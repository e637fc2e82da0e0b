//! Prometheus metrics, without Prometheus: reading a metrics page and doing on it the arithmetic that PromQL would do.
//!
//! A page is what a service answers on `/metrics`, in the text exposition format 0.0.4 or in OpenMetrics 1.0. From one
//! page come values, sums by label and *lifetime* quantiles; from two pages of the same target come increases, rates and *window* quantiles.
//! Which of the two a quantile is stands in its [`Basis`].
//!
//! | file | about |
//! |---|---|
//! | `kind` | the two formats, and the types of metrics in each |
//! | `parse` | text to page, with line and column in every error; `parse/` has the sorts of lines, OpenMetrics' own rules, and the stream that reads a page in chunks |
//! | `scan`, `number` | the cursor over one line that `parse` reads with; values and timestamps |
//! | `store` | the compact store behind a page |
//! | `page`, `sample` | its views: families, samples, labels, exemplars |
//! | `render` | page to text |
//! | `selector` | which series are meant: name and label matchers |
//! | `aggregate` | value, sum, max and the like, over one page |
//! | `rate` | increase and rate between two pages |
//! | `buckets` | histograms from one page or two |
//! | `quantile` | `histogram_quantile`, with the doubts that a bare number hides |
//! | `api` | addresses and answers of a Prometheus server's query API |
//! | `server` | what such a server says of itself: targets, rules, state |
//!
//! Nothing here does input or output.
//!
//! ```
//! use tradeops::prometheus::{Selector, parse};
//!
//! let page = parse("# TYPE jobs_total counter\njobs_total{state=\"done\"} 7\njobs_total{state=\"failed\"} 2\n")?;
//! assert_eq!(page.sum(&Selector::new("jobs_total"))?, 9.0);
//! assert_eq!(page.value(&r#"jobs_total{state=~"fail.*"}"#.parse()?)?, 2.0);
//! # Ok::<(), tradeops::prometheus::Error>(())
//! ```

mod aggregate;
pub mod api;
mod buckets;
mod error;
mod kind;
mod number;
mod page;
mod parse;
mod quantile;
mod rate;
mod render;
mod sample;
mod scan;
mod selector;
pub mod server;
mod store;

pub use aggregate::{Group, Labels};
pub use buckets::{Histogram, lifetime, window};
pub use error::{Error, Fault, ParseError};
pub use kind::{Format, Kind};
pub use page::{Family, Page};
pub use parse::{Limits, Selection, Stream, parse, parse_as, parse_only};
pub use quantile::{Basis, Bucket, ForcedMonotone, Quality, Quantile, quantile};
pub use rate::{Change, Increase, Rate, SeriesIncrease, SeriesRate, increase, rate};
pub use sample::{Exemplar, LabelIter, Sample, Samples};
pub use selector::{Matcher, Selector};
