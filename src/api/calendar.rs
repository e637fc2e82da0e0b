//! `calendar::` - trading calendars: sessions, half days, market time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use rhai::{Array, Dynamic};

use super::{
    Call, Failure, Kind, Namespace, Param, Primitive, Shape, Time, Ty, field, option, param,
};
use crate::calendar::{self, Beyond, Calendar, Error};
use crate::gate::Access;

/// Where the calendars of a run come from: the floor above knows the layers.
pub struct Calendars {
    find: Find,
    names: Box<dyn Fn() -> Vec<String> + Send + Sync>,
    read: Mutex<HashMap<String, Arc<Calendar>>>,
}

/// Finds a calendar's data file by its name: its text, and what to call it.
type Find = Box<dyn Fn(&str) -> Result<(String, String), Failure> + Send + Sync>;

impl Calendars {
    /// Calendars from where the two say.
    pub fn new(
        find: impl Fn(&str) -> Result<(String, String), Failure> + Send + Sync + 'static,
        names: impl Fn() -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            find: Box::new(find),
            names: Box::new(names),
            read: Mutex::default(),
        }
    }

    fn get(&self, name: &str) -> Result<Arc<Calendar>, Failure> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(calendar) = read.get(name) {
            return Ok(Arc::clone(calendar));
        }
        let (text, file) = (self.find)(name)?;
        let calendar = Arc::new(Calendar::parse(&text, &file)?);
        read.insert(name.to_owned(), Arc::clone(&calendar));
        Ok(calendar)
    }
}

static CALENDAR: Shape = Shape {
    name: "Calendar",
    doc: "What a calendar says of itself.",
    fields: &[
        field("name", Ty::Str, "its code: `XNYS`"),
        field("title", Ty::Str, "the exchange"),
        field(
            "timezone",
            Ty::Str,
            "the time zone of its hours: `America/New_York`",
        ),
        field(
            "known_from",
            Ty::Opt(&Ty::Str),
            "the first day that is known; `()`: all",
        ),
        field(
            "known_until",
            Ty::Opt(&Ty::Str),
            "the last day that is known; `()`: all",
        ),
        field(
            "days_left",
            Ty::Opt(&Ty::Int),
            "days from today, there, until the last that is known; below 0 past it",
        ),
        field("file", Ty::Str, "where its data is"),
    ],
};

static DAY: Shape = Shape {
    name: "CalendarDay",
    doc: "A day of a trading calendar.",
    fields: &[
        field(
            "date",
            Ty::Str,
            "the day where the exchange is: `2024-07-03`",
        ),
        field("session", Ty::Bool, "whether there is a session"),
        field("half_day", Ty::Bool, "whether it is shorter than others"),
        field(
            "reason",
            Ty::Opt(&Ty::Str),
            "why there is none, or why it is short: `Thanksgiving`, `weekend`",
        ),
        field("open", Ty::Opt(&Ty::Time), "when it opens"),
        field("close", Ty::Opt(&Ty::Time), "when it closes"),
        field(
            "open_seconds",
            Ty::Int,
            "for how long it is open, without breaks; 0 without a session",
        ),
        field(
            "known",
            Ty::Bool,
            "whether the calendar's data covers this day; `false`: the rules' guess",
        ),
    ],
};

const NAME: Param = param("calendar", Ty::Str, "its code: `XNYS`, `24x7`");

const AT: Param = param("time", Ty::Time, "a `Time`, or RFC 3339 text");

const BEYOND: Param = option(
    "beyond",
    Ty::OneOf(&["error", "rules"]),
    "\"error\"",
    "for days that the data does not cover: an error, or what the rules give, with `known: false`",
);

const ERRORS: &[Kind] = &[Kind::NotFound, Kind::Invalid, Kind::Refused, Kind::Failed];

/// The functions of `calendar::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "calendar",
    doc: "Trading calendars: sessions with half days and closures, in real time zones, and market time between two instants. \
          `XNYS` (New York) and `24x7` (news, social media) are shipped; a data file `.tradeops/calendars/NAME.toml` adds one or \
          replaces a shipped one (`tradeops eject calendars/XNYS`). A calendar knows its days from one date until another; \
          outside there is an error and never a silent guess.",
    primitives: &[
        Primitive {
            name: "list",
            access: Access::Local,
            returns: Ty::List(&Ty::Str),
            doc: "The calendars that there are.",
            example: r#"calendar::list().contains("XNYS")"#,
            call: |call| {
                let names = call
                    .run()
                    .resources()
                    .get::<Calendars>()
                    .map_or_else(Vec::new, |calendars| (calendars.names)());
                Ok(names
                    .into_iter()
                    .map(Dynamic::from)
                    .collect::<Array>()
                    .into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "about",
            params: &[NAME],
            access: Access::Local,
            returns: Ty::Record(&CALENDAR),
            errors: ERRORS,
            doc: "What a calendar says of itself: time zone, and until when its days are known.",
            example: r#"calendar::about("XNYS").timezone == "America/New_York""#,
            call: |call| {
                let about = calendar(call)?.about(call.cx().now());
                Ok(CALENDAR.record(&about))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "day",
            params: &[NAME, param("date", Ty::Str, "`2024-07-03`, the date there")],
            options: &[BEYOND],
            access: Access::Local,
            returns: Ty::Record(&DAY),
            errors: ERRORS,
            doc: "What a day is: a session, a half day, or closed, and why.",
            example: r#"calendar::day("XNYS", "2024-11-28").reason == "Thanksgiving""#,
            call: |call| {
                let day = calendar(call)?.day(date(call, "date")?, beyond(call))?;
                Ok(DAY.record(&day))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "session",
            params: &[NAME, param("date", Ty::Str, "`2024-07-03`, the date there")],
            options: &[BEYOND],
            access: Access::Local,
            returns: Ty::Opt(&Ty::Record(&DAY)),
            errors: ERRORS,
            doc: "The session of a day; `()` when there is none.",
            example: r#"calendar::session("XNYS", "2024-07-03").half_day && calendar::session("XNYS", "2024-07-04") == ()"#,
            call: |call| {
                let day = calendar(call)?.day(date(call, "date")?, beyond(call))?;
                Ok(session(Some(day)))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "sessions",
            params: &[
                NAME,
                param("from", Ty::Str, "the first day: `2024-01-01`"),
                param("to", Ty::Str, "the last day, included"),
            ],
            options: &[BEYOND],
            access: Access::Local,
            returns: Ty::List(&Ty::Record(&DAY)),
            errors: ERRORS,
            doc: "The sessions from one day to another, both included, oldest first.",
            example: r#"calendar::sessions("XNYS", "2024-01-01", "2024-12-31").len() == 252"#,
            call: |call| {
                let (from, to) = (date(call, "from")?, date(call, "to")?);
                let sessions = calendar(call)?.sessions(from, to, beyond(call))?;
                Ok(DAY.records(&sessions))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "is_open",
            params: &[NAME, AT],
            access: Access::Local,
            returns: Ty::Bool,
            errors: ERRORS,
            doc: "Whether the exchange is open at an instant.\n\nThe opening instant counts as open, the closing one does not.",
            example: r#"!calendar::is_open("XNYS", "2024-07-03T17:30:00Z")"#,
            call: |call| Ok(calendar(call)?.is_open(instant(call, "time")?)?.into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "last_session",
            params: &[NAME, AT],
            access: Access::Local,
            returns: Ty::Opt(&Ty::Record(&DAY)),
            errors: ERRORS,
            doc: "The newest session that has closed by an instant: the one whose bar is due.",
            example: r#"calendar::last_session("XNYS", "2024-07-07T12:00:00Z").date == "2024-07-05""#,
            call: |call| {
                let found = calendar(call)?.last_session(instant(call, "time")?)?;
                Ok(session(found))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "next_session",
            params: &[NAME, AT],
            access: Access::Local,
            returns: Ty::Opt(&Ty::Record(&DAY)),
            errors: ERRORS,
            doc: "The first session that opens after an instant.",
            example: r#"calendar::next_session("XNYS", "2024-07-03T20:00:00Z").date == "2024-07-05""#,
            call: |call| {
                let found = calendar(call)?.next_session(instant(call, "time")?)?;
                Ok(session(found))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "previous_close",
            params: &[NAME, AT],
            access: Access::Local,
            returns: Ty::Opt(&Ty::Time),
            errors: ERRORS,
            doc: "When the newest session that has closed by an instant did so.",
            example: r#"calendar::previous_close("XNYS", "2024-07-04T12:00:00Z") == time::parse("2024-07-03T17:00:00Z")"#,
            call: |call| {
                let found = calendar(call)?.last_session(instant(call, "time")?)?;
                let close = found.and_then(|day| day.close);
                Ok(close.map_or(Dynamic::UNIT, |close| Dynamic::from(Time(close))))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "open_seconds",
            params: &[
                NAME,
                param("from", Ty::Time, "the earlier instant"),
                param("to", Ty::Time, "the later one"),
            ],
            access: Access::Local,
            returns: Ty::Float,
            errors: ERRORS,
            doc: "For how many seconds the exchange was open from one instant to another; negative when the second is earlier. Over a night or a weekend nothing elapses.",
            example: r#"calendar::open_seconds("XNYS", "2024-07-05T19:30:00Z", "2024-07-08T14:00:00Z") == 3600.0"#,
            call: |call| {
                let (from, to) = (instant(call, "from")?, instant(call, "to")?);
                Ok(calendar(call)?.open_seconds(from, to)?.into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "date",
            params: &[NAME, AT],
            access: Access::Local,
            returns: Ty::Str,
            errors: ERRORS,
            doc: "The date that it is at an instant where the exchange is.",
            example: r#"calendar::date("XNYS", "2024-07-04T02:00:00Z") == "2024-07-03""#,
            call: |call| {
                let date = calendar(call)?.date(instant(call, "time")?)?;
                Ok(date.to_string().into())
            },
            ..Primitive::PURE
        },
    ],
    shapes: &[&CALENDAR, &DAY],
};

fn calendar(call: &Call<'_>) -> Result<Arc<Calendar>, Failure> {
    named(call, call.args().str("calendar"))
}

/// A calendar of the run, by its name.
pub(super) fn named(call: &Call<'_>, name: &str) -> Result<Arc<Calendar>, Failure> {
    let Some(calendars) = call.run().resources().get::<Calendars>() else {
        return Err(Failure::new(
            Kind::NotFound,
            "there are no calendars in this run",
        ));
    };
    calendars.get(name)
}

fn date(call: &Call<'_>, name: &str) -> Result<NaiveDate, Failure> {
    Ok(calendar::date(call.args().str(name))?)
}

fn instant(call: &Call<'_>, name: &str) -> Result<DateTime<Utc>, Failure> {
    call.args()
        .opt_time(name)
        .map(|time| time.0)
        .ok_or_else(|| Failure::invalid("an instant is wanted"))
}

fn beyond(call: &Call<'_>) -> Beyond {
    match call.args().str("beyond") {
        "rules" => Beyond::Rules,
        _ => Beyond::Error,
    }
}

fn session(day: Option<calendar::Day>) -> Dynamic {
    day.filter(|day| day.session)
        .map_or(Dynamic::UNIT, |day| DAY.record(&day))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::invalid(error.to_string());
        match error {
            Error::Date { .. } => failure.hint("write it as \"2024-07-03\""),
            Error::After {
                calendar, file, ..
            } => failure.hint(format!(
                "add what the exchange has published since to `{file}` and move `known_until` (`tradeops eject calendars/{calendar}`); `beyond: \"rules\"` takes the rules' guess"
            )),
            Error::Before { .. } => {
                failure.hint("`beyond: \"rules\"` takes the rules' guess")
            }
            Error::File { .. } | Error::Span { .. } => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Record;
    use super::*;

    #[test]
    fn a_day_has_the_fields_of_its_shape() {
        let text = include_str!("../../stdlib/calendars/XNYS.toml");
        let day = Calendar::parse(text, "XNYS")
            .and_then(|calendar| calendar.day(calendar::date("2024-07-03")?, Beyond::Error));
        let record = day
            .ok()
            .and_then(|day| DAY.record(&day).try_cast::<Record>());
        assert_eq!(
            record.map(|record| record.to_string()).unwrap_or_default(),
            "CalendarDay { date: \"2024-07-03\", session: true, half_day: true, reason: \"day before Independence Day\", \
             open: 2024-07-03T13:30:00Z, close: 2024-07-03T17:00:00Z, open_seconds: 12600, known: true }"
        );
    }
}
