//! What the store has of a chunk, once all that it accepted is there.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use chrono::NaiveDate;

use super::Error;
use crate::coverage::{self, Due, Holding, Source, Wanted};
use crate::questdb::{self, Abilities, Limits, Server};
use crate::run::{Cx, held};

/// An asset's tables, and the days on which rows are due.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Where its rows may be.
    pub tables: Vec<Wanted>,
    /// Over all chunks.
    pub due: Due,
    /// Whether there is a row on each due day that is complete: daily bars.
    pub dense: bool,
    /// How it is asked for.
    pub endpoint: super::Endpoint,
}

/// The store.
pub(super) struct Store<'a> {
    server: &'a Server,
    can: Abilities,
    assets: &'a BTreeMap<String, Asset>,
    /// Tables that were found, by asset. A service may make one with its first row.
    sources: Mutex<BTreeMap<String, Vec<Source>>>,
    /// Held while something is read of a server that opens every file of it: several at once bring it to its limit, and then it can
    /// apply nothing any more.
    reading: Mutex<()>,
}

/// What it has of some days.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) holding: Holding,
    /// Whether each of the tables keeps one row for each key: then the same may be asked for twice.
    pub(super) dedup: bool,
}

pub(super) fn limits() -> Limits {
    Limits {
        rows: 10_000_000,
        bytes: 64 << 20,
        time: Duration::from_secs(120),
    }
}

impl<'a> Store<'a> {
    pub(super) fn open(
        cx: &Cx,
        server: &'a Server,
        assets: &'a BTreeMap<String, Asset>,
    ) -> Result<Self, Error> {
        let can = questdb::abilities(cx, server, limits()).map_err(coverage::Error::from)?;
        Ok(Self {
            server,
            can,
            assets,
            sources: Mutex::default(),
            reading: Mutex::default(),
        })
    }

    /// All symbols of an asset from one day to another, as it is now.
    pub(super) fn all(
        &self,
        cx: &Cx,
        asset: &str,
        span: (NaiveDate, NaiveDate),
        symbols: &[String],
    ) -> Result<BTreeMap<String, Holding>, Error> {
        let sources = self.sources(cx, asset)?;
        let found = coverage::read_all(cx, self.server, &sources, span, Some(symbols), limits())?;
        Ok(found)
    }

    /// What it has of a symbol, after all that it accepted until now is there.
    pub(super) fn settled(
        &self,
        cx: &Cx,
        asset: &str,
        symbol: &str,
        span: (NaiveDate, NaiveDate),
    ) -> Result<Seen, Error> {
        let sources = self.sources(cx, asset)?;
        let mut seen = Seen {
            dedup: one_per_key(&sources),
            ..Seen::default()
        };
        let names = [symbol.to_owned()];
        for source in &sources {
            let settling = questdb::settle(cx, self.server, self.can, &source.table, limits());
            settling.map_err(coverage::Error::from)?;
            let _alone = source.opens_all().then(|| held(&self.reading));
            let mut rows = coverage::read(cx, self.server, source, span, Some(&names), limits())?;
            seen.holding.add(&rows.remove(symbol).unwrap_or_default());
        }
        Ok(seen)
    }

    /// Whether each of an asset's tables keeps one row for each key.
    pub(super) fn dedup(&self, cx: &Cx, asset: &str) -> Result<bool, Error> {
        Ok(one_per_key(&self.sources(cx, asset)?))
    }

    fn sources(&self, cx: &Cx, asset: &str) -> Result<Vec<Source>, Error> {
        if let Some(known) = held(&self.sources).get(asset) {
            return Ok(known.clone());
        }
        let tables = self.assets.get(asset).map_or(&[][..], |a| &a.tables);
        let (found, _) = coverage::sources(cx, self.server, tables, limits())?;
        if !found.is_empty() {
            held(&self.sources).insert(asset.to_owned(), found.clone());
        }
        Ok(found)
    }
}

fn one_per_key(sources: &[Source]) -> bool {
    !sources.is_empty() && sources.iter().all(|source| source.dedup == Some(true))
}
