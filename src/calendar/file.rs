//! The data file of a calendar: rules and exceptions, as TOML.

use chrono::{Datelike as _, NaiveDate, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};

use super::rule::{Observed, Rule};

/// A calendar's data, checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Data {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) zone: Tz,
    pub(super) known_from: Option<NaiveDate>,
    pub(super) known_until: Option<NaiveDate>,
    pub(super) weekdays: Vec<Weekday>,
    pub(super) hours: Vec<Hours>,
    pub(super) closed: Vec<Entry<Observed>>,
    pub(super) early_close: Vec<Entry<i64>>,
    pub(super) late_open: Vec<Entry<i64>>,
    pub(super) extra_session: Vec<Entry<()>>,
}

/// Opening hours, in minutes from midnight of the session's day; below 0 on the day before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hours {
    pub(super) open: i64,
    pub(super) close: i64,
    pub(super) since: Option<NaiveDate>,
    pub(super) until: Option<NaiveDate>,
}

/// Something that happens on some days.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry<T> {
    pub(super) name: String,
    pub(super) when: When,
    /// Only when the rule's day is one of these; empty: any.
    pub(super) weekdays: Vec<Weekday>,
    pub(super) since: Option<NaiveDate>,
    pub(super) until: Option<NaiveDate>,
    pub(super) what: T,
}

/// Which days.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum When {
    /// By a rule, once a year.
    Rule(Rule),
    /// On these days.
    Dates(Vec<NaiveDate>),
}

impl<T> Entry<T> {
    /// The days of a year.
    pub(super) fn in_year(&self, year: i32) -> Vec<NaiveDate> {
        let days = match &self.when {
            When::Rule(rule) => rule.in_year(year).into_iter().collect(),
            When::Dates(dates) => dates.clone(),
        };
        let wanted = |day: &NaiveDate| {
            (self.weekdays.is_empty() || self.weekdays.contains(&day.weekday()))
                && self.since.is_none_or(|since| since <= *day)
                && self.until.is_none_or(|until| *day <= until)
        };
        let of_year = |day: &NaiveDate| match self.when {
            When::Rule(_) => true,
            When::Dates(_) => day.year() == year,
        };
        let mut days: Vec<_> = days;
        days.retain(|day| of_year(day) && wanted(day));
        days
    }
}

/// Reads a data file; `Err` says what is wrong with it.
pub(super) fn read(text: &str) -> Result<Data, String> {
    let raw: Raw = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            text.get(..span.start)
                .unwrap_or_default()
                .lines()
                .count()
                .max(1)
        });
        format!("line {line}: {}", error.message())
    })?;
    let zone: Tz = raw
        .timezone
        .parse()
        .map_err(|_| format!("`{}` is no time zone", raw.timezone))?;
    if raw.hours.is_empty() {
        return Err("it has no `[[hours]]`".into());
    }
    let hours = raw
        .hours
        .iter()
        .map(RawHours::read)
        .collect::<Result<_, _>>()?;
    if let (Some(from), Some(until)) = (raw.known_from, raw.known_until)
        && from.first > until.last
    {
        return Err("`known_until` is before `known_from`".into());
    }
    let closed = raw.closed.iter().map(|entry| {
        let observed = match entry.observed.as_deref() {
            None => Observed::default(),
            Some(text) => Observed::parse(text).ok_or_else(|| {
                format!("`{}`: `observed = \"{text}\"` must be \"as is\", \"nearest weekday\", \"sunday to monday\" or \"next weekday\"", entry.name)
            })?,
        };
        entry.read(observed)
    });
    let timed = |entry: &RawEntry, key: &str, time: &Option<String>| {
        let text = time
            .as_deref()
            .ok_or_else(|| format!("`{}` has no `{key}`", entry.name))?;
        entry.read(minutes(text)?)
    };
    Ok(Data {
        zone,
        hours,
        closed: closed.collect::<Result<_, _>>()?,
        early_close: raw
            .early_close
            .iter()
            .map(|entry| timed(entry, "close", &entry.close))
            .collect::<Result<_, _>>()?,
        late_open: raw
            .late_open
            .iter()
            .map(|entry| timed(entry, "open", &entry.open))
            .collect::<Result<_, _>>()?,
        extra_session: raw
            .extra_session
            .iter()
            .map(|entry| entry.read(()))
            .collect::<Result<_, _>>()?,
        name: raw.name,
        title: raw.title,
        known_from: raw.known_from.map(|day| day.first),
        known_until: raw.known_until.map(|day| day.last),
        weekdays: raw.weekdays.into_iter().map(|day| day.0).collect(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    title: String,
    timezone: String,
    known_from: Option<Day>,
    known_until: Option<Day>,
    weekdays: Vec<DayName>,
    hours: Vec<RawHours>,
    #[serde(default)]
    closed: Vec<RawEntry>,
    #[serde(default)]
    early_close: Vec<RawEntry>,
    #[serde(default)]
    late_open: Vec<RawEntry>,
    #[serde(default)]
    extra_session: Vec<RawEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHours {
    open: String,
    close: String,
    since: Option<Day>,
    until: Option<Day>,
}

impl RawHours {
    fn read(&self) -> Result<Hours, String> {
        let (open, close) = (minutes(&self.open)?, minutes(&self.close)?);
        if open >= close {
            return Err(format!(
                "it opens at {} and closes at {}",
                self.open, self.close
            ));
        }
        Ok(Hours {
            open,
            close,
            since: self.since.map(|day| day.first),
            until: self.until.map(|day| day.last),
        })
    }
}

/// One form for all kinds of entries; what does not belong to a kind is refused where it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    name: String,
    on: Option<String>,
    #[serde(default)]
    dates: Vec<Day>,
    #[serde(default)]
    weekdays: Vec<DayName>,
    since: Option<Day>,
    until: Option<Day>,
    observed: Option<String>,
    open: Option<String>,
    close: Option<String>,
}

impl RawEntry {
    fn read<T>(&self, what: T) -> Result<Entry<T>, String> {
        let when = match (&self.on, self.dates.as_slice()) {
            (Some(rule), []) => When::Rule(
                Rule::parse(rule).ok_or_else(|| format!("`{}`: `{rule}` is no rule: write `12-25`, `3rd monday of january`, `last monday of may` or `easter - 2`", self.name))?,
            ),
            (None, [_, ..]) => When::Dates(self.dates.iter().map(|day| day.first).collect()),
            _ => return Err(format!("`{}` needs either `on` or `dates`", self.name)),
        };
        Ok(Entry {
            name: self.name.clone(),
            when,
            weekdays: self.weekdays.iter().map(|day| day.0).collect(),
            since: self.since.map(|day| day.first),
            until: self.until.map(|day| day.last),
            what,
        })
    }
}

/// A TOML date, or a year, which stands for its first or its last day.
#[derive(Clone, Copy)]
struct Day {
    first: NaiveDate,
    last: NaiveDate,
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom(format!("`{value}` is neither a date nor a year"));
        let date = |year: i32, month, day| NaiveDate::from_ymd_opt(year, month, day);
        let ends = match &value {
            toml::Value::Integer(year) => i32::try_from(*year)
                .ok()
                .filter(|year| (1..=9999).contains(year))
                .and_then(|year| date(year, 1, 1).zip(date(year, 12, 31))),
            toml::Value::Datetime(time) if time.time.is_none() => time.date.and_then(|d| {
                let day = date(d.year.into(), d.month.into(), d.day.into())?;
                Some((day, day))
            }),
            _ => None,
        };
        let (first, last) = ends.ok_or_else(wrong)?;
        Ok(Self { first, last })
    }
}

/// `mon`, `Monday`.
struct DayName(Weekday);

impl<'de> Deserialize<'de> for DayName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let day = text
            .parse()
            .map_err(|_| serde::de::Error::custom(format!("`{text}` is no weekday")))?;
        Ok(Self(day))
    }
}

/// `09:30`, `24:00`, `18:00 the day before`: minutes from the midnight that begins the day.
fn minutes(text: &str) -> Result<i64, String> {
    let (time, before) = match text.strip_suffix(" the day before") {
        Some(time) => (time, 24 * 60),
        None => (text, 0),
    };
    let read = || {
        let (hours, minutes) = time.split_once(':')?;
        let number = |text: &str| text.parse::<i64>().ok().filter(|_| text.len() == 2);
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let whole = hours * 60 + minutes;
        ((0..60).contains(&minutes) && (0..=24 * 60).contains(&whole)).then_some(whole - before)
    };
    read().ok_or_else(|| {
        format!("`{text}` is no time: write `09:30`, `24:00` or `18:00 the day before`")
    })
}
