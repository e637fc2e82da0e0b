//! Reads over much history in slices: an old server opens every column of every partition that it reads, named or not, and
//! breaks off when the system lets it open no more files.

use std::ops::Range;

use super::unit::Unit;
use super::{Error, Limits, Server, value};
use crate::run::Cx;

/// Files that one statement may open at once, of the 20,000 that the stack's server may open [measured on 7.3.3].
const FILES: usize = 4000;

/// Days of a partition, at least; `None`: the table has none by time.
pub(crate) fn days(partition_by: Option<&str>) -> Option<f64> {
    Some(match partition_by.and_then(Unit::of)? {
        Unit::Hour => 1.0 / 24.0,
        Unit::Day => 1.0,
        Unit::Week => 7.0,
        Unit::Month => 28.0,
        Unit::Year => 365.0,
    })
}

/// Partitions of a table of so many columns that one statement may read.
pub(crate) fn at_once(columns: usize) -> usize {
    (FILES / columns.max(1)).max(1)
}

/// Whether a server opens only the columns that a statement names. Those that have `wait_wal_table` do [measured: 9.3.4 and 9.0.3
/// read 5,001 partitions at once, 7.3.3 does not].
pub(crate) fn opens_few(cx: &Cx, server: &Server, limits: Limits) -> Result<bool, Error> {
    let sql = "SELECT count() AS n FROM functions() WHERE name = 'wait_wal_table'";
    Ok(value(cx, server, sql, limits)?.int().is_some_and(|n| n > 0))
}

/// Reads pieces `0..all`, at most `at_once` of them together, and fewer where the server breaks off: with one piece it must go.
pub(crate) fn in_slices(
    all: usize,
    at_once: usize,
    mut read: impl FnMut(Range<usize>) -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut done, mut many) = (0, at_once.max(1));
    while done < all {
        let end = done.saturating_add(many).min(all);
        match read(done..end) {
            Ok(()) => done = end,
            Err(Error::Cut { .. }) if end - done > 1 => many = (end - done) / 2,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn cut() -> Error {
        Error::Cut {
            server: "here".into(),
            bytes: 0,
            status: Some(200),
        }
    }

    #[test]
    fn what_breaks_off_is_asked_in_smaller_pieces() {
        let mut seen = Vec::new();
        in_slices(10, 8, |range| {
            seen.push(range.clone());
            if range.len() > 3 { Err(cut()) } else { Ok(()) }
        })
        .unwrap();
        assert_eq!(seen, [0..8, 0..4, 0..2, 2..4, 4..6, 6..8, 8..10]);
        assert!(in_slices(4, 4, |_| Err(cut())).is_err());
        assert!(in_slices(0, 4, |_| Err(cut())).is_ok());
    }
}
