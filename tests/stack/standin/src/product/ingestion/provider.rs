//! The data provider behind the service: made up, and always the same. Each value is a function of symbol and day, so
//! that a test can compute the table that has to come out.
//!
//! `h` is FNV-1a (64 bits) of the symbol, halved, of that the last six digits; `d` is the day counted from 1970-01-01. Prices are quarters: sums are exact.
//!
//! | rows | values |
//! |---|---|
//! | bar of a session | open `20 + h % 400 + (d + h) % 37 * 0.25`, high open + 1, low open - 1, close open + `(d + h) % 5 * 0.25 - 0.5`, volume `1000 + (31 d + h) % 9000` |
//! | option of a session | of each expiry (third Friday) in the asked window three strikes, call and put; traded in the 120 days before it expires |
//! | news of a calendar day | `1 + (d + h) % 3` articles, two hours apart from 08:00 |
//! | social media of a calendar day | `2 + (d + h) % 2` posts, one an hour from 10:00 |

use serde_json::{Value, json};

use super::sessions::{is_session, weekday};
use crate::text;

/// What the provider has of a kind: a row of one symbol at one time.
pub(super) struct Row {
    pub(super) symbol: String,
    pub(super) day: i64,
    micros: i64,
    /// The tuple of an `INSERT`.
    pub(super) values: String,
    /// As the reply of the service has it.
    pub(super) shown: Value,
}

impl Row {
    fn new(symbol: &str, day: i64, hour: i64, values: String) -> Self {
        Self {
            symbol: symbol.to_owned(),
            day,
            micros: (day * 24 + hour) * 3_600_000_000,
            values,
            shown: Value::Null,
        }
    }
}

/// In order of time, as a provider sends them.
pub(super) fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| row.micros);
    rows
}

/// The `h` above.
pub(super) fn hash(symbol: &str) -> i64 {
    let all = symbol
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
    (all / 2 % 1_000_000) as i64
}

fn quarters(count: i64) -> f64 {
    count as f64 * 0.25
}

pub(super) fn bars(symbol: &str, start: i64, end: i64) -> Vec<Row> {
    let h = hash(symbol);
    let bar = |day: i64| {
        let turn = day + h;
        let open = quarters(80 + h % 400 * 4 + turn % 37);
        let close = open + quarters(turn % 5 - 2);
        let (high, low) = (open + 1.0, open - 1.0);
        let volume = 1000 + (31 * day + h) % 9000;
        let date = text::date(day);
        let values = format!(
            "('{symbol}','{date}T00:00:00Z',{open},{high},{low},{close},{volume},'standin')"
        );
        Row {
            shown: json!({"date": date, "open": open, "high": high, "low": low, "close": close, "volume": volume}),
            ..Row::new(symbol, day, 0, values)
        }
    };
    (start..=end)
        .filter(|day| is_session(*day))
        .map(bar)
        .collect()
}

/// One contract of an underlying.
pub(super) struct Contract {
    expiry: i64,
    strike: i64,
    call: bool,
    name: String,
}

/// The contracts that expire within a window, nearest first.
pub(super) fn contracts(symbol: &str, from: i64, to: i64) -> Vec<Contract> {
    let middle = 100 + hash(symbol) % 20 * 5;
    let third_friday = |day: &i64| weekday(*day) == 4 && (15..=21).contains(&text::civil(*day).2);
    let mut all = Vec::new();
    for expiry in (from..=to).filter(third_friday) {
        for strike in [middle - 5, middle, middle + 5] {
            for call in [true, false] {
                let date = text::date(expiry).replace('-', "");
                let letter = if call { 'C' } else { 'P' };
                let name = format!("O:{symbol}{}{letter}{:08}", &date[2..], strike * 1000);
                all.push(Contract {
                    expiry,
                    strike,
                    call,
                    name,
                });
            }
        }
    }
    all
}

pub(super) fn options(symbol: &str, contracts: &[Contract], start: i64, end: i64) -> Vec<Row> {
    let h = hash(symbol);
    let mut rows = Vec::new();
    for contract in contracts {
        let days = start.max(contract.expiry - 120)..=end.min(contract.expiry);
        for day in days.filter(|day| is_session(*day)) {
            let bid = quarters(4 + (day + contract.strike + h) % 40);
            let (ask, volume) = (bid + 0.25, (day + h) % 50);
            let kind = if contract.call { "call" } else { "put" };
            let values = format!(
                "('{symbol}','{}','{}T00:00:00Z',{bid},{ask},{bid},{volume},100,to_date('{}','yyyy-MM-dd'),{},'{kind}','standin',{bid},{ask},{bid},{bid})",
                contract.name,
                text::date(day),
                text::date(contract.expiry),
                contract.strike,
            );
            rows.push(Row::new(symbol, day, 0, values));
        }
    }
    sorted(rows)
}

pub(super) fn news(symbol: &str, start: i64, end: i64) -> Vec<Row> {
    let h = hash(symbol);
    let article = |day: i64, number: i64| {
        let (date, hour) = (text::date(day), 8 + 2 * number);
        let sentiment = quarters((day + number + h) % 9 - 4);
        let values = format!(
            "('{symbol}','{date}T{hour:02}:00:00Z','{symbol} on {date}, {number}','standin','http://localhost/{symbol}/{date}/{number}',{sentiment},0.5,'standin')"
        );
        Row::new(symbol, day, hour, values)
    };
    (start..=end)
        .flat_map(|day| (0..1 + (day + h) % 3).map(move |number| article(day, number)))
        .collect()
}

pub(super) fn social(symbol: &str, start: i64, end: i64) -> Vec<Row> {
    let h = hash(symbol);
    let post = |day: i64, number: i64| {
        let (date, hour) = (text::date(day), 10 + number);
        let sentiment = quarters((day + number + h) % 9 - 4);
        let values = format!(
            "('{symbol}','standin','{date}T{hour:02}:00:00Z',{sentiment},0.5,0.25,'ann','http://localhost/{symbol}/{date}/{number}','{symbol} on {date}, {number}')"
        );
        Row::new(symbol, day, hour, values)
    };
    (start..=end)
        .flat_map(|day| (0..2 + (day + h) % 2).map(move |number| post(day, number)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> i64 {
        text::parse_date(text).unwrap_or(i64::MIN)
    }

    #[test]
    fn a_bar_for_each_session_and_for_no_other_day() {
        let week = bars("AAPL", day("2024-06-30"), day("2024-07-07"));
        let days: Vec<String> = week.iter().map(|row| text::date(row.day)).collect();
        assert_eq!(
            days,
            ["2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05"]
        );
        assert!(bars("AAPL", 2, 1).is_empty());
    }

    #[test]
    fn the_same_is_always_the_same_and_another_symbol_is_another() {
        let of = |name: &str| {
            let rows = bars(name, day("2024-07-01"), day("2024-07-03"));
            rows.into_iter().map(|row| row.values).collect::<Vec<_>>()
        };
        assert_eq!(of("AAPL"), of("AAPL"));
        assert_ne!(of("AAPL"), of("MSFT"));
        // FNV-1a of `a` is af63dc4c8601ec8c.
        assert_eq!(
            hash("a"),
            (0xaf63_dc4c_8601_ec8c_u64 / 2 % 1_000_000) as i64
        );
    }

    #[test]
    fn contracts_expire_within_the_window_and_trade_before() {
        let all = contracts("AAPL", day("2024-08-03"), day("2024-11-09"));
        assert_eq!(all.len(), 18);
        assert!(
            all[0].name.starts_with("O:AAPL240816C00"),
            "{}",
            all[0].name
        );
        let rows = options("AAPL", &all, day("2024-08-10"), day("2024-09-10"));
        // Five sessions until 16 August, and 21 of the others.
        assert_eq!(rows.len(), 6 * 5 + 12 * 21);
        assert!(rows.is_sorted_by_key(|row| row.day));
    }

    #[test]
    fn news_and_posts_on_each_calendar_day() {
        let (start, end) = (day("2024-01-01"), day("2024-01-31"));
        for (rows, least, most) in [
            (news("AAPL", start, end), 1, 3),
            (social("AAPL", start, end), 2, 3),
        ] {
            for day in start..=end {
                let count = rows.iter().filter(|row| row.day == day).count();
                assert!((least..=most).contains(&count), "{day}: {count}");
            }
        }
    }
}
