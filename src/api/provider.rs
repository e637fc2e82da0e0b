//! `provider::` - market data providers and other services of the outside world.

use super::http::request::{KNOCK, URL, base};
use super::http::shapes::{PROBE, RATE_LIMIT};
use super::{
    Args, Call, Failure, Kind, Namespace, Primitive, ScriptSettings, Shape, Ty, field, option,
    param,
};
use crate::gate::http_target;
use crate::http;
use crate::provider::{self, Error};

static LIMIT: Ty = Ty::Record(&RATE_LIMIT);

static QUOTE: Shape = Shape {
    name: "Quote",
    doc: "A quote as the ingestion API answered it, or why there is none.",
    fields: &[
        field(
            "answer",
            Ty::OneOf(&[
                "quote", "nothing", "limited", "refused", "upstream", "failed", "other",
            ]),
            "`quote`; `nothing` known of the symbol (404, or none in the body); `limited` (429); `refused` (401, 403); \
             `upstream`, the API says that what stands behind it does not answer (502 to 504); `failed`, the API itself \
             (500), which tells nothing of the provider",
        ),
        field("status", Ty::Int, "the HTTP status"),
        field("detail", Ty::Str, "what the API says about it, or nothing"),
        field("symbol", Ty::Opt(&Ty::Str), "what the quote is of"),
        field("at", Ty::Opt(&Ty::Time), "when it was made"),
        field(
            "age_seconds",
            Ty::Opt(&Ty::Float),
            "how long ago that is; below zero when it comes from the future",
        ),
        field("open", Ty::Opt(&Ty::Float), "the first price of its period"),
        field("high", Ty::Opt(&Ty::Float), "the highest price"),
        field("low", Ty::Opt(&Ty::Float), "the lowest price"),
        field("close", Ty::Opt(&Ty::Float), "the last price"),
        field("volume", Ty::Opt(&Ty::Float), "how much was traded"),
        field("source", Ty::Opt(&Ty::Str), "which provider it is from"),
        field(
            "valid",
            Ty::Opt(&Ty::Bool),
            "whether the API's own validation found it valid",
        ),
        field("issues", Ty::List(&Ty::Str), "what that validation found"),
        field("rate_limit", LIMIT, "what the answer says of limits"),
        field("ms", Ty::Float, "how long it took, in milliseconds"),
    ],
};

/// The functions of `provider::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "provider",
    doc: "Market data providers and other services of the outside world. `provider::probe` goes to loopback and to the \
          hosts that the operator names: in `PROVIDERS` of `std/stack`, or as a `url` within `[settings.providers]` or \
          `[settings.models]` of `tradeops.toml`; so a header need not name them. `provider::quote` goes through the \
          ingestion API.",
    shapes: &[&QUOTE, &PROBE],
    primitives: &[
        Primitive {
            name: "probe",
            params: &[URL],
            options: KNOCK,
            returns: Ty::Record(&PROBE),
            errors: &[Kind::Refused, Kind::Invalid],
            doc: "Asks a provider once, on a connection of its own, and times each phase: DNS, TCP, TLS, HTTP.\n\nLike \
                  `http::probe`: nothing answering is an answer. A host that the operator does not name is `refused`, and \
                  not asked. It follows no redirect and uses no proxy.",
            example: r#"let there = provider::probe("http://127.0.0.1:1/", #{ timeout: "2s" });
there.phase"#,
            target,
            call: |call| {
                let a = call.args();
                let request = base(a, a.str("method"))?;
                for (name, _) in a.str_map("headers") {
                    call.frame().http.allows_header(&name).map_err(refused)?;
                }
                let url = http::parse(a.str("url"))?;
                let named = named_hosts(call);
                let hosts = named.iter().map(String::as_str);
                call.frame()
                    .http
                    .allows_provider(&url, hosts)
                    .map_err(refused)?;
                Ok(PROBE.record(&http::probe(call.cx(), &request)?))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "quote",
            params: &[
                param(
                    "api",
                    Ty::Str,
                    "where the ingestion API is: `http://host:port`",
                ),
                param("symbol", Ty::Str, "`AAPL`"),
            ],
            options: &[option("timeout", Ty::Duration, "\"10s\"", "for all of it")],
            capability: Some("provider.quote"),
            returns: Ty::Record(&QUOTE),
            errors: &[
                Kind::Unreachable,
                Kind::Timeout,
                Kind::Refused,
                Kind::Invalid,
                Kind::Failed,
            ],
            doc: "A real quote through the ingestion API, asked for once (`POST /market-data/quote/SYMBOL`).\n\nIt costs a \
                  request of the provider's allowance, so it has a capability of its own. A status of failure is an answer, \
                  see `Quote`. The API is on loopback, or on a host that the header names (`provider.quote@host`).",
            example: r#"let said = "";
try { said = provider::quote("http://127.0.0.1:1", "AAPL", #{ timeout: "2s" }).answer; } catch (e) { said = e.kind; }
said"#,
            target: |a| {
                provider::route(a.str("api"), a.str("symbol"))
                    .map_or_else(|_| "provider".into(), |url| under_provider(&url))
            },
            vet: Some(|call| {
                let a = call.args();
                let policy = call.frame().http.clone();
                provider::route(a.str("api"), a.str("symbol"))
                    .map_or(Ok(()), |url| policy.allows_read(&url))
            }),
            call: |call| {
                let a = call.args();
                let quote = provider::quote(
                    call.cx(),
                    a.str("api"),
                    a.str("symbol"),
                    a.duration("timeout"),
                )?;
                Ok(QUOTE.record(&quote))
            },
            ..Primitive::READ
        },
    ],
};

fn target(a: &Args) -> String {
    http::parse(a.str("url")).map_or_else(|_| "provider".into(), |url| under_provider(&url))
}

/// `provider/host:port/path`.
fn under_provider(url: &url::Url) -> String {
    let target = http_target(url);
    format!("provider/{}", target.trim_start_matches("http/"))
}

fn refused(why: String) -> Failure {
    Failure::new(Kind::Refused, why).hint(
        "name it in `tradeops.toml`, `[settings.providers.NAME]` with a `url`, or in `PROVIDERS` of `std/stack`",
    )
}

/// The hosts of every `url` within the settings of providers and models.
fn named_hosts(call: &Call<'_>) -> Vec<String> {
    fn urls(value: &toml::Value, found: &mut Vec<String>) {
        let Some(table) = value.as_table() else {
            return;
        };
        for (name, value) in table {
            match value.as_str() {
                Some(text) if name == "url" => {
                    found.extend(http::parse(text).ok().as_ref().map(http::origin))
                }
                _ => urls(value, found),
            }
        }
    }
    let mut found = Vec::new();
    if let Some(settings) = call.run().resources().get::<ScriptSettings>() {
        for section in ["providers", "models"] {
            if let Some(table) = settings.0.get(section) {
                urls(table, &mut found);
            }
        }
    }
    found
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::BadAddress(_) | Error::BadSymbol(_) => Self::invalid(text),
            Error::Http(error) => error.into(),
            Error::Unreadable { .. } => Self::new(Kind::Failed, text),
        }
    }
}
