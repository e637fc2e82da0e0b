//! Loki: stores what is pushed, in memory, and gives it back.
//!
//! Its control port knows besides:
//!
//! | path | effect |
//! |---|---|
//! | `/reject?as=too_far_behind` | every push is refused, as Loki does: `too_far_behind` or `too_old` (400), `rate_limited` (429), `no_ingester` (500) |
//! | `/lose` | pushes are accepted with 204 and forgotten |
//! | `/late?ms=3000` | what is pushed can be queried only so long after |

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Product;
use crate::control::{Control, Own};
use crate::http::{Handler, Request, Response};
use crate::metrics::Metrics;
use crate::text;

const KEPT: usize = 50_000;
/// Older samples are refused, as the stack's configuration has it: 168 h.
const MAX_AGE_NANOS: i128 = 168 * 3600 * 1_000_000_000;

#[derive(Debug)]
struct Entry {
    nanos: i128,
    labels: BTreeMap<String, String>,
    line: String,
    /// From when on queries see it.
    seen_from: Instant,
}

#[derive(Debug, Default)]
struct Store(Mutex<VecDeque<Entry>>);

/// How pushes fare.
#[derive(Clone, Debug, Default)]
enum Fate {
    #[default]
    Kept,
    Refused(String),
    Lost,
    Late(Duration),
}

#[derive(Debug, Default)]
struct Pushes(Mutex<Fate>);

impl Pushes {
    fn fate(&self) -> MutexGuard<'_, Fate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self, request: &Request) -> bool {
        *self.fate() = match request.path.as_str() {
            "/reject" => Fate::Refused(request.query("as").unwrap_or("too_far_behind").to_owned()),
            "/lose" => Fate::Lost,
            "/late" => {
                let ms = u64::try_from(request.number("ms", 3000)).unwrap_or(0);
                Fate::Late(Duration::from_millis(ms))
            }
            "/reset" => Fate::Kept,
            _ => return false,
        };
        true
    }
}

/// The refusals of Loki's distributor, in its words.
fn refusal(reason: &str, body: &[u8]) -> Response {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let stream = &body["streams"][0];
    let labels: Vec<String> = stream["stream"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let labels = format!("{{{}}}", labels.join(", "));
    let now = text::rfc3339(text::unix_micros());
    let lines = stream["values"].as_array().map_or(0, Vec::len);
    let (status, text) = match reason {
        "rate_limited" => (
            429,
            format!(
                "Ingestion rate limit exceeded for user fake (limit: 4194304 bytes/sec) while attempting to ingest '{lines}' lines totaling '{}' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased",
                stream["values"][0][1].as_str().map_or(0, str::len)
            ),
        ),
        "too_old" => (
            400,
            format!(
                "entry for stream '{labels}' has timestamp too old: {now}, oldest acceptable timestamp is: {now}"
            ),
        ),
        "no_ingester" => (
            500,
            "at least 1 live replicas required, could only find 0 - unhealthy instances: 127.0.0.1:9095"
                .to_owned(),
        ),
        _ => (
            400,
            format!(
                "entry with timestamp {now} ignored, reason: 'entry too far behind, entry timestamp is: {now}, oldest acceptable timestamp is: {now}',\nuser 'fake', total ignored: {lines} out of {lines} for stream: {labels}"
            ),
        ),
    };
    Response::text(status, &format!("{text}\n"))
}

pub(super) fn start(control: &Arc<Control>) -> Product {
    let metrics = Metrics::new("loki");
    metrics.counter(
        "loki_distributor_lines_received_total",
        "Lines received",
        "tenant=\"fake\"",
        0.0,
    );
    metrics.gauge("loki_build_info", "Version", "version=\"2.9.8\"", 1.0);
    let store = Store::default();
    let (control, counted) = (Arc::clone(control), Arc::clone(&metrics));
    let pushes = Arc::new(Pushes::default());
    let told = Arc::clone(&pushes);
    let own: Own = Arc::new(move |request| told.told(request).into());
    let handler: Handler =
        Arc::new(move |request| answer(&store, &pushes, &control, &counted, request));
    Product::new(&[3100], metrics, handler).told(own)
}

fn answer(
    store: &Store,
    pushes: &Pushes,
    control: &Control,
    metrics: &Metrics,
    request: &Request,
) -> Response {
    match (request.verb(), request.path.as_str()) {
        ("GET", "/ready") => match control.not_ready() {
            Some(reasons) => Response::text(
                503,
                &format!("Ingester not ready: {}\n", reasons.join(", ")),
            ),
            None => Response::text(200, "ready\n"),
        },
        ("GET", "/metrics") => Response::page(metrics.page()),
        ("GET", "/loki/api/v1/status/buildinfo") => {
            Response::json(200, &json!({"version": "2.9.8", "revision": "standin"}))
        }
        ("POST", "/loki/api/v1/push") => match store.push(&request.body, &pushes.fate().clone()) {
            Ok(count) => {
                metrics.add(
                    "loki_distributor_lines_received_total",
                    "tenant=\"fake\"",
                    count as f64,
                );
                Response::text(204, "")
            }
            Err(refusal) => refusal,
        },
        ("GET" | "POST", "/loki/api/v1/query_range" | "/loki/api/v1/query") => store.query(request),
        ("GET", "/loki/api/v1/labels" | "/loki/api/v1/label") => success(&store.names()),
        ("GET", path) => match path
            .strip_prefix("/loki/api/v1/label/")
            .and_then(|rest| rest.strip_suffix("/values"))
        {
            Some(name) => success(&store.values(name)),
            None => Response::text(404, "404 page not found\n"),
        },
        _ => Response::text(405, "Method Not Allowed\n"),
    }
}

fn success(data: &BTreeSet<String>) -> Response {
    Response::json(200, &json!({"status": "success", "data": data}))
}

impl Store {
    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a push in, or answers it with a refusal.
    fn push(&self, body: &[u8], fate: &Fate) -> Result<usize, Response> {
        if let Fate::Refused(reason) = fate {
            return Err(refusal(reason, body));
        }
        let after = match fate {
            Fate::Late(after) => *after,
            _ => Duration::ZERO,
        };
        let entries = Self::read(body, Instant::now() + after)
            .map_err(|refusal| Response::text(400, &format!("{refusal}\n")))?;
        let count = entries.len();
        if matches!(fate, Fate::Lost) {
            return Ok(count);
        }
        let mut kept = self.entries();
        kept.extend(entries);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
        Ok(count)
    }

    fn read(body: &[u8], seen_from: Instant) -> Result<Vec<Entry>, String> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| format!("loghttp.PushRequest: {error}"))?;
        let streams = body["streams"]
            .as_array()
            .ok_or("loghttp.PushRequest: no streams")?;
        let now = i128::from(text::unix_micros()) * 1000;
        let mut entries = Vec::new();
        for stream in streams {
            let labels: BTreeMap<String, String> = stream["stream"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
                .collect();
            if labels.is_empty() {
                return Err("error at least one label pair is required per stream".to_owned());
            }
            for value in stream["values"].as_array().into_iter().flatten() {
                let nanos = value[0]
                    .as_str()
                    .and_then(|nanos| nanos.parse().ok())
                    .ok_or("invalid timestamp")?;
                let line = value[1].as_str().ok_or("invalid line")?.to_owned();
                if now - nanos > MAX_AGE_NANOS {
                    return Err("entry has timestamp too old".to_owned());
                }
                entries.push(Entry {
                    nanos,
                    labels: labels.clone(),
                    line,
                    seen_from,
                });
            }
        }
        Ok(entries)
    }

    fn query(&self, request: &Request) -> Response {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let from_form = |name: &str| {
            form.split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| text::percent_decode(value))
        };
        let parameter = |name: &str| {
            request
                .query(name)
                .map(str::to_owned)
                .or_else(|| from_form(name))
        };
        let query = match Query::parse(&parameter("query").unwrap_or_default()) {
            Ok(query) => query,
            Err(error) => return Response::text(400, &format!("parse error : {error}\n")),
        };
        let now = i128::from(text::unix_micros()) * 1000;
        let start = parameter("start")
            .and_then(|text| instant(&text))
            .unwrap_or(now - 3_600_000_000_000);
        let end = parameter("end")
            .and_then(|text| instant(&text))
            .unwrap_or(now + 1);
        let limit = parameter("limit")
            .and_then(|text| text.parse().ok())
            .unwrap_or(100);
        let forward = parameter("direction")
            .is_some_and(|direction| direction.eq_ignore_ascii_case("forward"));

        let entries = self.entries();
        let mut hits: Vec<&Entry> = entries
            .iter()
            .filter(|entry| (start..end).contains(&entry.nanos) && query.matches(entry))
            .filter(|entry| entry.seen_from <= Instant::now())
            .collect();
        hits.sort_by_key(|entry| if forward { entry.nanos } else { -entry.nanos });
        hits.truncate(limit);
        let mut streams: BTreeMap<&BTreeMap<String, String>, Vec<Value>> = BTreeMap::new();
        for entry in &hits {
            streams
                .entry(&entry.labels)
                .or_default()
                .push(json!([entry.nanos.to_string(), entry.line]));
        }
        let result: Value = streams
            .iter()
            .map(|(stream, values)| json!({"stream": stream, "values": values}))
            .collect();
        Response::json(
            200,
            &json!({"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}}),
        )
    }

    fn names(&self) -> BTreeSet<String> {
        self.entries()
            .iter()
            .flat_map(|entry| entry.labels.keys().cloned())
            .collect()
    }

    fn values(&self, name: &str) -> BTreeSet<String> {
        self.entries()
            .iter()
            .filter_map(|entry| entry.labels.get(name).cloned())
            .collect()
    }
}

/// Nanoseconds, seconds with or without a fraction, or an RFC 3339 time (to the second, UTC).
fn instant(text: &str) -> Option<i128> {
    if let Ok(number) = text.parse::<i128>() {
        return Some(if text.len() > 11 {
            number
        } else {
            number * 1_000_000_000
        });
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Some((seconds * 1e9) as i128);
    }
    let days = text::parse_date(text)?;
    let mut clock = text
        .get(11..19)?
        .split(':')
        .map(|part| part.parse::<i64>().ok());
    let seconds = clock.next()?? * 3600 + clock.next()?? * 60 + clock.next()??;
    Some(i128::from(days * 86_400 + seconds) * 1_000_000_000)
}

/// `{job="x", host!="y", app=~"a.*|b"} |= "text" != "other"`.
#[derive(Debug, Default, PartialEq)]
struct Query {
    labels: Vec<(String, String, String)>,
    lines: Vec<(bool, String)>,
}

impl Query {
    fn parse(text: &str) -> Result<Self, String> {
        let rest = text
            .trim()
            .strip_prefix('{')
            .ok_or("syntax error: expecting {")?;
        let (selector, mut filters) = rest.split_once('}').ok_or("syntax error: expecting }")?;
        let mut query = Self::default();
        for matcher in selector
            .split(',')
            .map(str::trim)
            .filter(|matcher| !matcher.is_empty())
        {
            let at = matcher
                .find(['=', '!'])
                .ok_or("syntax error: expecting a matcher")?;
            let (name, rest) = matcher.split_at(at);
            let operator = ["=~", "!~", "!=", "="]
                .into_iter()
                .find(|operator| rest.starts_with(operator))
                .ok_or("unknown matcher")?;
            query.labels.push((
                name.trim().to_owned(),
                operator.to_owned(),
                unquote(&rest[operator.len()..])?.0,
            ));
        }
        if query.labels.is_empty() {
            return Err("queries require at least one matcher".to_owned());
        }
        while let Some(at) = filters.find(['|', '!']) {
            let wanted = filters[at..].starts_with("|=");
            if !wanted && !filters[at..].starts_with("!=") {
                return Err(format!("the stand-in does not know {:?}", &filters[at..]));
            }
            let (text, rest) = unquote(&filters[at + 2..])?;
            query.lines.push((wanted, text));
            filters = rest;
        }
        Ok(query)
    }

    fn matches(&self, entry: &Entry) -> bool {
        self.labels.iter().all(|(name, operator, pattern)| {
            let value = entry.labels.get(name).map_or("", String::as_str);
            match operator.as_str() {
                "=" => value == pattern,
                "!=" => value != pattern,
                "=~" => alternatives(pattern, value),
                _ => !alternatives(pattern, value),
            }
        }) && self
            .lines
            .iter()
            .all(|(wanted, text)| entry.line.contains(text.as_str()) == *wanted)
    }
}

/// The regular expressions that people write here: `a|b`, `a.*`, `.+`.
fn alternatives(pattern: &str, value: &str) -> bool {
    pattern
        .split('|')
        .any(|pattern| match pattern.strip_suffix(".*") {
            Some(start) => value.starts_with(start),
            None => pattern == value || pattern == ".+" && !value.is_empty(),
        })
}

fn unquote(text: &str) -> Result<(String, &str), String> {
    let text = text.trim_start();
    let quote = text
        .chars()
        .next()
        .filter(|quote| matches!(quote, '"' | '`'))
        .ok_or("expecting a string")?;
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, letter)) = chars.next() {
        match letter {
            letter if letter == quote => return Ok((value, &text[at + 1..])),
            '\\' if quote == '"' => value.extend(chars.next().map(|(_, letter)| letter)),
            letter => value.push(letter),
        }
    }
    Err("unterminated string".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_parse() {
        let query =
            Query::parse(r#"{job="x", app=~"a.*|b"} |= "needle" != "hay""#).expect("a query");
        assert_eq!(query.labels.len(), 2);
        assert_eq!(
            query.lines,
            [(true, "needle".to_owned()), (false, "hay".to_owned())]
        );
        for bad in ["", "{}", "{job=x}", r#"{job="x"} | json"#] {
            assert!(Query::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_pushed_comes_back() {
        let store = Store::default();
        let now = i128::from(text::unix_micros()) * 1000;
        let body = json!({"streams": [{"stream": {"job": "t"}, "values": [[now.to_string(), "one"], [(now + 1).to_string(), "two"]]}]});
        let push = |body: Value, fate| store.push(body.to_string().as_bytes(), &fate).ok();
        assert_eq!(push(body.clone(), Fate::Kept), Some(2));
        assert_eq!(push(body.clone(), Fate::Lost), Some(2));
        assert_eq!(
            push(body.clone(), Fate::Refused("rate_limited".to_owned())),
            None
        );
        assert_eq!(store.entries().len(), 2);
        push(body, Fate::Late(Duration::from_secs(60)));
        let unseen = |entry: &&Entry| entry.seen_from > Instant::now();
        assert_eq!(store.entries().iter().filter(unseen).count(), 2);
        assert_eq!(store.names(), BTreeSet::from(["job".to_owned()]));
        assert_eq!(store.values("job"), BTreeSet::from(["t".to_owned()]));
        let old = json!({"streams": [{"stream": {"job": "t"}, "values": [["1", "old"]]}]});
        assert_eq!(push(old, Fate::Kept), None);
    }

    #[test]
    fn instants() {
        for (text, nanos) in [
            ("1714564800", 1_714_564_800_000_000_000),
            ("1714564800000000000", 1_714_564_800_000_000_000),
            ("2024-05-01T12:00:00Z", 1_714_564_800_000_000_000),
        ] {
            assert_eq!(instant(text), Some(nanos), "{text}");
        }
    }
}
