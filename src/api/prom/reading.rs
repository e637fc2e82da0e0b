//! How a page comes in: as text, or from where it is served.

use std::sync::{Arc, Mutex, PoisonError};

use rhai::Dynamic;

use super::super::{Answer, Call, Failure, Handle, Kind, Param, Ty, http as reads, option};
use crate::http::{self, Piece};
use crate::prometheus::{self, Format, Limits, Page, ParseError, Selection};

pub(super) const PARSE: &[Param] = &[
    option(
        "format",
        Ty::OneOf(&["auto", "text", "openmetrics"]),
        "\"auto\"",
        "`auto`: OpenMetrics if the last line is `# EOF`, else text",
    ),
    option(
        "only",
        Ty::List(&Ty::Str),
        "[]",
        "keep the metrics of these names (a histogram's own or that of one of its samples); all when empty",
    ),
];

/// What a server is asked for. Classic first: names of metrics are the ones that everybody knows then.
const TEXT_FIRST: &str =
    "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5, */*;q=0.1";
const OPENMETRICS_FIRST: &str =
    "application/openmetrics-text;version=1.0.0, text/plain;version=0.0.4;q=0.5, */*;q=0.1";

fn handle(page: Page) -> Dynamic {
    Handle::of("Page", format!("{} samples", page.len()), page)
}

pub(super) fn parse(call: &Call<'_>) -> Answer {
    let a = call.args();
    let format = match a.str("format") {
        "text" => Some(Format::Text),
        "openmetrics" => Some(Format::OpenMetrics),
        _ => None,
    };
    let (text, only, limits) = (a.str("text"), a.strs("only"), Limits::default());
    let page = if only.is_empty() {
        prometheus::parse_as(text, format, limits)?
    } else {
        prometheus::parse_only(text, only.to_vec(), format, limits)?
    };
    Ok(handle(page))
}

/// A page on its way in.
enum Coming {
    /// All of it is wanted.
    Whole(Format, Vec<u8>),
    Selection(Box<Selection>),
    Broken(ParseError),
}

impl Coming {
    fn begin(content_type: &str, only: &[String]) -> Self {
        let format = Format::of_content_type(content_type);
        if only.is_empty() {
            Self::Whole(format, Vec::new())
        } else {
            Self::Selection(Box::new(Selection::new(
                only.to_vec(),
                format,
                Limits::default(),
            )))
        }
    }

    /// False when the rest is not worth fetching.
    fn feed(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Whole(_, all) => all.extend_from_slice(bytes),
            Self::Selection(selection) => {
                if let Err(error) = selection.feed(bytes) {
                    *self = Self::Broken(error);
                }
            }
            Self::Broken(_) => {}
        }
        !matches!(self, Self::Broken(_))
    }

    fn finish(self) -> Result<Page, ParseError> {
        match self {
            Self::Whole(format, all) => prometheus::parse_as(all, Some(format), Limits::default()),
            Self::Selection(selection) => selection.finish(),
            Self::Broken(error) => Err(error),
        }
    }
}

pub(super) fn scrape(call: &Call<'_>) -> Answer {
    let a = call.args();
    let mut request = reads::reading(call, "scrape", "GET")?;
    let accepts = |(name, _): &(String, String)| name.trim().eq_ignore_ascii_case("accept");
    if !request.headers.iter().any(accepts) {
        let accept = if a.bool("openmetrics") {
            OPENMETRICS_FIRST
        } else {
            TEXT_FIRST
        };
        request.headers.push(("accept".into(), accept.into()));
    }
    let only = a.strs("only").to_vec();
    let wanted = only.clone();
    let coming: Arc<Mutex<Option<Coming>>> = Arc::default();
    let sink = coming.clone();
    request.sink = Some(Arc::new(move |piece: Piece<'_>| {
        let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
        if piece.at == 0 {
            *sink = None;
        }
        sink.get_or_insert_with(|| Coming::begin(piece.content_type, &wanted))
            .feed(piece.bytes)
    }));
    let response = http::request(call.cx(), &request)?;
    if !response.ok {
        let url = http::parse(&response.url).map(|url| http::shown(&url))?;
        let message = format!("{url} answered {}", response.status);
        return Err(Failure::new(Kind::Failed, message).status(response.status));
    }
    let coming = coming.lock().unwrap_or_else(PoisonError::into_inner).take();
    let content_type = response.headers.get("content-type").map(String::as_str);
    // A body without a byte came in no piece.
    let coming = coming.unwrap_or_else(|| Coming::begin(content_type.unwrap_or_default(), &only));
    // As text: what a run has read must be there for its replay, and a page is not a value.
    Ok(coming.finish()?.to_string().into())
}
