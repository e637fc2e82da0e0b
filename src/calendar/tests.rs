//! The shipped calendars against what is known of the exchanges, and the arithmetic over them.

#![expect(clippy::unwrap_used, reason = "a test")]

use chrono::{DateTime, NaiveDate, Utc};

use super::{Beyond, Calendar, Error};

const XNYS: &str = include_str!("../../stdlib/calendars/XNYS.toml");
const ALWAYS: &str = include_str!("../../stdlib/calendars/24x7.toml");

fn xnys() -> Calendar {
    Calendar::parse(XNYS, "XNYS.toml").unwrap()
}

fn date(text: &str) -> NaiveDate {
    super::date(text).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Sessions and half days of each year, by the `exchange_calendars` library.
const YEARS: &[(i32, usize, &str)] = &[
    (2000, 252, "07-03 11-24"),
    (2001, 248, "07-03 11-23 12-24"),
    (2002, 252, "07-05 11-29 12-24"),
    (2003, 252, "07-03 11-28 12-24 12-26"),
    (2004, 252, "11-26"),
    (2005, 252, "11-25"),
    (2006, 251, "07-03 11-24"),
    (2007, 251, "07-03 11-23 12-24"),
    (2008, 253, "07-03 11-28 12-24"),
    (2009, 252, "11-27 12-24"),
    (2010, 252, "11-26"),
    (2011, 252, "11-25"),
    (2012, 250, "07-03 11-23 12-24"),
    (2013, 252, "07-03 11-29 12-24"),
    (2014, 252, "07-03 11-28 12-24"),
    (2015, 252, "11-27 12-24"),
    (2016, 252, "11-25"),
    (2017, 251, "07-03 11-24"),
    (2018, 251, "07-03 11-23 12-24"),
    (2019, 252, "07-03 11-29 12-24"),
    (2020, 253, "11-27 12-24"),
    (2021, 252, "11-26"),
    (2022, 251, "11-25"),
    (2023, 250, "07-03 11-24"),
    (2024, 252, "07-03 11-29 12-24"),
    (2025, 250, "07-03 11-28 12-24"),
    (2026, 251, "11-27 12-24"),
];

#[test]
fn the_sessions_of_each_year() {
    let xnys = xnys();
    for (year, count, half_days) in YEARS {
        let (first, last) = (format!("{year}-01-01"), format!("{year}-12-31"));
        let sessions = xnys
            .sessions(date(&first), date(&last), Beyond::Error)
            .unwrap();
        let half: Vec<_> = sessions
            .iter()
            .filter(|day| day.half_day)
            .map(|day| day.date.format("%m-%d").to_string())
            .collect();
        assert_eq!(
            (sessions.len(), half.join(" ").as_str()),
            (*count, *half_days),
            "{year}"
        );
        for day in &sessions {
            let hours = if day.half_day { 3.5 } else { 6.5 };
            let open = xnys
                .open_seconds(day.open.unwrap(), day.close.unwrap())
                .unwrap();
            assert!((open - hours * 3600.0).abs() < 1e-6, "{day:?}");
        }
    }
}

#[test]
fn why_a_day_is_closed_or_short() {
    let xnys = xnys();
    for (day, session, reason) in [
        ("2001-09-11", false, Some("attacks of 11 September")),
        ("2001-09-14", false, Some("attacks of 11 September")),
        ("2001-09-17", true, None),
        ("2004-06-11", false, Some("mourning for President Reagan")),
        ("2007-01-02", false, Some("mourning for President Ford")),
        ("2012-10-29", false, Some("Hurricane Sandy")),
        ("2012-10-30", false, Some("Hurricane Sandy")),
        (
            "2018-12-05",
            false,
            Some("mourning for President George H. W. Bush"),
        ),
        ("2025-01-09", false, Some("mourning for President Carter")),
        // A New Year's Day on a Saturday moves nowhere, one on a Sunday moves to Monday.
        ("2021-12-31", true, None),
        ("2010-12-31", true, None),
        ("2022-01-01", false, Some("weekend")),
        ("2023-01-02", false, Some("New Year's Day")),
        ("2021-06-18", true, None),
        ("2022-06-20", false, Some("Juneteenth")),
        ("2027-06-18", false, Some("Juneteenth")),
        ("2020-07-03", false, Some("Independence Day")),
        ("2021-07-05", false, Some("Independence Day")),
        ("2021-12-24", false, Some("Christmas")),
        ("2022-12-26", false, Some("Christmas")),
        ("2024-03-29", false, Some("Good Friday")),
        ("2026-04-03", false, Some("Good Friday")),
        ("2026-11-26", false, Some("Thanksgiving")),
        ("2026-11-27", true, Some("day after Thanksgiving")),
        // Not half days, whatever lists in the web say.
        ("2026-07-02", true, None),
        ("2026-12-23", true, None),
        ("2012-07-05", true, None),
        ("2023-07-05", true, None),
        ("2026-10-12", true, None),
        ("2026-11-11", true, None),
        ("2026-11-28", false, Some("weekend")),
    ] {
        let found = xnys.day(date(day), Beyond::Error).unwrap();
        assert_eq!(
            (found.session, found.reason.as_deref()),
            (session, reason),
            "{day}"
        );
    }
}

#[test]
fn hours_follow_the_clocks_of_new_york() {
    let xnys = xnys();
    for (day, open, close) in [
        ("2026-11-24", "2026-11-24T14:30:00Z", "2026-11-24T21:00:00Z"),
        ("2026-07-01", "2026-07-01T13:30:00Z", "2026-07-01T20:00:00Z"),
        ("2026-11-27", "2026-11-27T14:30:00Z", "2026-11-27T18:00:00Z"),
        ("2024-07-03", "2024-07-03T13:30:00Z", "2024-07-03T17:00:00Z"),
        // Before 2007 summer ended in October; the change of 2026 is on the first of November.
        ("2006-10-30", "2006-10-30T14:30:00Z", "2006-10-30T21:00:00Z"),
        ("2026-10-30", "2026-10-30T13:30:00Z", "2026-10-30T20:00:00Z"),
    ] {
        let found = xnys.day(date(day), Beyond::Error).unwrap();
        assert_eq!(
            (found.open, found.close),
            (Some(at(open)), Some(at(close))),
            "{day}"
        );
    }
    for (instant, open) in [
        ("2026-11-24T14:29:59Z", false),
        ("2026-11-24T14:30:00Z", true),
        ("2026-11-24T20:59:59Z", true),
        ("2026-11-24T21:00:00Z", false),
        ("2026-11-27T18:00:00Z", false),
        ("2026-11-26T16:00:00Z", false),
        ("2026-11-28T16:00:00Z", false),
    ] {
        assert_eq!(xnys.is_open(at(instant)), Ok(open), "{instant}");
    }
}

#[test]
fn market_time_between_instants() {
    let xnys = xnys();
    let hours = |from: &str, to: &str| xnys.open_seconds(at(from), at(to)).unwrap() / 3600.0;
    for (from, to, expected) in [
        // Over a weekend nothing elapses.
        ("2026-11-20T21:00:00Z", "2026-11-23T14:30:00Z", 0.0),
        ("2026-11-20T20:30:00Z", "2026-11-23T15:00:00Z", 1.0),
        // Over Thanksgiving: half of Wednesday, a half day, an hour of Monday.
        (
            "2026-11-25T17:45:00Z",
            "2026-11-30T15:30:00Z",
            3.25 + 3.5 + 1.0,
        ),
        ("2026-11-24T15:00:00Z", "2026-11-24T15:00:00Z", 0.0),
        ("2026-11-23T15:00:00Z", "2026-11-20T20:30:00Z", -1.0),
        // A year.
        (
            "2025-12-31T22:00:00Z",
            "2026-12-31T22:00:00Z",
            251.0 * 6.5 - 2.0 * 3.0,
        ),
    ] {
        assert!(
            (hours(from, to) - expected).abs() < 1e-9,
            "{from} {to}: {}",
            hours(from, to)
        );
    }
}

#[test]
fn the_sessions_before_and_after() {
    let xnys = xnys();
    let last = |text: &str| {
        xnys.last_session(at(text))
            .unwrap()
            .unwrap()
            .date
            .to_string()
    };
    let next = |text: &str| {
        xnys.next_session(at(text))
            .unwrap()
            .unwrap()
            .date
            .to_string()
    };
    assert_eq!(last("2026-11-24T20:59:59Z"), "2026-11-23");
    assert_eq!(last("2026-11-24T21:00:00Z"), "2026-11-24");
    assert_eq!(last("2026-11-29T12:00:00Z"), "2026-11-27");
    assert_eq!(last("2001-09-16T12:00:00Z"), "2001-09-10");
    assert_eq!(next("2026-11-24T14:29:59Z"), "2026-11-24");
    assert_eq!(next("2026-11-24T14:30:00Z"), "2026-11-25");
    assert_eq!(next("2026-11-25T22:00:00Z"), "2026-11-27");
    // An instant that is already tomorrow in UTC.
    assert_eq!(
        xnys.date(at("2026-11-25T03:00:00Z")),
        Ok(date("2026-11-24"))
    );
}

#[test]
fn outside_of_what_is_known_there_is_no_guess() {
    let xnys = xnys();
    let after = xnys.day(date("2028-01-03"), Beyond::Error).unwrap_err();
    assert_eq!(
        after.to_string(),
        "the calendar `XNYS` is known until 2027-12-31, and 2028-01-03 lies after that"
    );
    let before = xnys.day(date("1997-12-26"), Beyond::Error).unwrap_err();
    assert!(matches!(before, Error::Before { .. }), "{before}");
    let guess = xnys.day(date("2028-01-03"), Beyond::Rules).unwrap();
    assert!(guess.session && !guess.known);
    assert!(xnys.day(date("2027-12-31"), Beyond::Error).unwrap().known);
    let whole = |beyond| xnys.sessions(date("2027-12-30"), date("2028-01-04"), beyond);
    assert!(matches!(whole(Beyond::Error), Err(Error::After { .. })));
    let known: Vec<_> = whole(Beyond::Rules)
        .unwrap()
        .iter()
        .map(|day| day.known)
        .collect();
    assert_eq!(known, [true, true, false, false]);
    for error in [
        xnys.is_open(at("2028-01-03T15:00:00Z")).unwrap_err(),
        xnys.next_session(at("2027-12-31T22:00:00Z")).unwrap_err(),
        xnys.open_seconds(at("2027-12-31T15:00:00Z"), at("2028-01-03T15:00:00Z"))
            .unwrap_err(),
    ] {
        assert!(matches!(error, Error::After { .. }), "{error}");
    }
    let about = xnys.about(at("2027-12-01T12:00:00Z"));
    assert_eq!(about.days_left, Some(30));
}

#[test]
fn always_open() {
    let always = Calendar::parse(ALWAYS, "24x7.toml").unwrap();
    assert_eq!(always.is_open(at("2026-12-25T03:00:00Z")), Ok(true));
    let seconds = always.open_seconds(at("2026-11-20T20:30:00.5Z"), at("2026-11-23T15:00:00Z"));
    assert_eq!(seconds, Ok(66.5 * 3600.0 - 0.5));
    let last = always
        .last_session(at("2026-11-24T12:00:00Z"))
        .unwrap()
        .unwrap();
    assert_eq!(last.close, Some(at("2026-11-24T00:00:00Z")));
    assert!(!last.half_day && last.known);
    assert_eq!(always.about(at("2026-11-24T12:00:00Z")).days_left, None);
}

#[test]
fn other_exchanges_by_their_data_alone() {
    // A break at noon, hours that changed, a session on a Saturday, a late opening, holidays that pile up.
    let text = r#"
        name = "XTST"
        title = "A test"
        timezone = "Asia/Tokyo"
        weekdays = ["mon", "tue", "wed", "thu", "fri"]
        [[hours]]
        open = "09:00"
        close = "11:30"
        [[hours]]
        open = "12:30"
        close = "15:00"
        until = 2024-11-04
        [[hours]]
        open = "12:30"
        close = "15:30"
        since = 2024-11-05
        [[closed]]
        name = "Christmas"
        on = "12-25"
        observed = "next weekday"
        [[closed]]
        name = "Boxing Day"
        on = "12-26"
        observed = "next weekday"
        [[late_open]]
        name = "typhoon"
        dates = [2024-08-30]
        open = "10:00"
        [[extra_session]]
        name = "make-up day"
        dates = [2024-08-31]
        [[early_close]]
        name = "New Year's Eve"
        on = "12-30"
        close = "11:30"
    "#;
    let tokyo = Calendar::parse(text, "XTST.toml").unwrap();
    let seconds = |day: &str| tokyo.day(date(day), Beyond::Error).unwrap().open_seconds;
    assert_eq!(seconds("2024-11-04"), 5 * 3600);
    assert_eq!(seconds("2024-11-05"), 5 * 3600 + 1800);
    assert_eq!(seconds("2024-08-30"), 4 * 3600);
    assert_eq!(seconds("2024-08-31"), 5 * 3600);
    assert_eq!(seconds("2024-12-30"), 2 * 3600 + 1800);
    assert_eq!(tokyo.is_open(at("2024-11-05T03:00:00Z")), Ok(false));
    assert_eq!(tokyo.is_open(at("2024-11-05T03:30:00Z")), Ok(true));
    let closed: Vec<_> = (25..=29)
        .map(|d| {
            tokyo
                .day(date(&format!("2022-12-{d}")), Beyond::Error)
                .unwrap()
                .session
        })
        .collect();
    assert_eq!(closed, [false, false, false, true, true]);

    // A session that begins the evening before.
    let evening = "name = \"E\"\ntitle = \"e\"\ntimezone = \"America/Chicago\"\nweekdays = [\"mon\"]\n\
                   [[hours]]\nopen = \"17:00 the day before\"\nclose = \"16:00\"\n";
    let chicago = Calendar::parse(evening, "E.toml").unwrap();
    assert_eq!(chicago.is_open(at("2026-11-22T23:30:00Z")), Ok(true));
    assert_eq!(chicago.is_open(at("2026-11-22T22:30:00Z")), Ok(false));
    let hours = chicago.open_seconds(at("2026-11-22T00:00:00Z"), at("2026-11-22T23:30:00Z"));
    assert_eq!(hours, Ok(1800.0));
}

#[test]
fn what_is_no_calendar() {
    let base = "name = \"X\"\ntitle = \"x\"\ntimezone = \"UTC\"\nweekdays = [\"mon\"]\n";
    let hours = "[[hours]]\nopen = \"09:00\"\nclose = \"10:00\"\n";
    for (text, says) in [
        ("name = 1", "line 1"),
        (base, "missing field `hours`"),
        (&format!("{base}hours = []"), "no `[[hours]]`"),
        (
            &format!("{base}surprise = 1\n{hours}"),
            "unknown field `surprise`",
        ),
        (&base.replace("UTC", "Mars/Olympus"), "missing field"),
        (
            &format!("{}{hours}", base.replace("UTC", "Mars/Olympus")),
            "`Mars/Olympus` is no time zone",
        ),
        (
            &format!("{}{hours}", base.replace("\"mon\"", "\"funday\"")),
            "`funday` is no weekday",
        ),
        (
            &format!("{base}{}", hours.replace("10:00", "08:00")),
            "opens at 09:00 and closes at 08:00",
        ),
        (
            &format!("{base}{}", hours.replace("10:00", "25:00")),
            "`25:00` is no time",
        ),
        (
            &format!("{base}{hours}[[closed]]\nname = \"N\"\n"),
            "needs either `on` or `dates`",
        ),
        (
            &format!("{base}{hours}[[closed]]\nname = \"N\"\non = \"soon\"\n"),
            "`soon` is no rule",
        ),
        (
            &format!("{base}{hours}[[closed]]\nname = \"N\"\ndates = [\"x\"]\n"),
            "neither a date nor a year",
        ),
        (
            &format!(
                "{base}{hours}[[closed]]\nname = \"N\"\non = \"01-01\"\nobserved = \"later\"\n"
            ),
            "must be \"as is\"",
        ),
        (
            &format!("{base}{hours}[[early_close]]\nname = \"N\"\non = \"01-01\"\n"),
            "`N` has no `close`",
        ),
        (
            &format!("{base}known_from = 2020-01-01\nknown_until = 2019\n{hours}"),
            "before `known_from`",
        ),
    ] {
        let error = Calendar::parse(text, "X.toml").unwrap_err().to_string();
        assert!(
            error.starts_with("`X.toml` is no calendar: ") && error.contains(says),
            "{says}: {error}"
        );
    }
}

#[test]
fn questions_that_make_no_sense_are_refused_and_not_answered_for_ever() {
    let always = Calendar::parse(ALWAYS, "24x7.toml").unwrap();
    let long = always.sessions(date("0001-01-01"), date("9998-12-31"), Beyond::Error);
    assert!(matches!(long, Err(Error::Span { .. })));
    assert_eq!(
        always.sessions(date("2024-01-02"), date("2024-01-01"), Beyond::Error),
        Ok(vec![])
    );
    for far in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        assert!(always.is_open(far).is_err());
        assert!(always.open_seconds(far, far).is_err());
        assert!(always.last_session(far).is_err() && always.next_session(far).is_err());
    }
    for text in [
        "",
        "2024-02-30",
        "20240101",
        "yesterday",
        "+12345-01-01",
        "2024-01-01T00:00:00Z",
    ] {
        assert!(super::date(text).is_err(), "{text}");
    }
}

#[test]
fn the_whole_history_is_quick() {
    let xnys = xnys();
    let began = std::time::Instant::now();
    let sessions = xnys
        .sessions(date("1998-01-01"), date("2027-12-31"), Beyond::Error)
        .unwrap();
    assert!(sessions.len() > 7500, "{}", sessions.len());
    let seconds = xnys.open_seconds(at("1998-01-01T12:00:00Z"), at("2027-12-31T12:00:00Z"));
    assert!(seconds.unwrap() > 1e8);
    // A debug build on a busy machine takes some 50 ms for both.
    assert!(began.elapsed().as_secs() < 5);
}
