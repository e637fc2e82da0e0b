//! Prometheus metrics, without Prometheus: reading a metrics page and doing on it the arithmetic that PromQL would do.
//!
//! A page is what a service answers on `/metrics` (text exposition format 0.0.4). From one page come values, sums by
//! label and *lifetime* quantiles; from two pages of the same target come increases, rates and *window* quantiles.
//! Which of the two a quantile is stands in its [`Basis`].
//!
//! | file | about |
//! |---|---|
//! | `parse` | text to page, with line and column in every error; `parse/` has the two sorts of lines |
//! | `scan` | the cursor over one line that `parse` reads with |
//! | `page` | the compact store and its views: families, samples |
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
mod page;
mod parse;
mod quantile;
mod rate;
mod render;
mod scan;
mod selector;
pub mod server;

pub use aggregate::{Group, Labels};
pub use buckets::{Histogram, lifetime, window};
pub use error::{Error, Fault, ParseError};
pub use page::{Family, Kind, LabelIter, Page, Sample, Samples};
pub use parse::{Limits, parse, parse_with};
pub use quantile::{Basis, Bucket, ForcedMonotone, Quality, Quantile, quantile};
pub use rate::{Change, Increase, Rate, SeriesIncrease, SeriesRate, increase, rate};
pub use selector::{Matcher, Selector};
