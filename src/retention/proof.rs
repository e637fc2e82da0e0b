//! Whether two sets of rows are the same, row by row and as often: decided by the server, bit for bit.
//!
//! `EXCEPT` forgets how often a row is there, even as `EXCEPT ALL`, and a `count()` over a grouped query counts wrongly
//! [measured on 9.x]. So the rows of both sides are counted with opposite signs, and what does not cancel out is fetched.

use super::Error;
use super::site::{Site, limits};
use crate::questdb;
use crate::run::Cx;

impl Site<'_> {
    /// Whether the rows of two selects of all columns differ.
    pub(super) fn differ(&self, cx: &Cx, one: &str, other: &str) -> Result<bool, Error> {
        let sql = format!(
            "SELECT {list}, tradeops_z FROM ({signed}) WHERE tradeops_z <> 0 LIMIT 1",
            list = self.list,
            signed = self.signed(one, other)
        );
        Ok(!questdb::query(cx, self.server, &sql, limits())?
            .cells
            .is_empty())
    }

    /// How many rows of `these` are missing in `all`.
    pub(super) fn missing(&self, cx: &Cx, these: &str, all: &str) -> Result<i64, Error> {
        let signed = self.signed(all, these);
        self.number(cx, &format!("SELECT sum(CASE WHEN tradeops_z < 0 THEN -tradeops_z ELSE 0 END) AS n FROM ({signed})"))
    }

    fn signed(&self, plus: &str, minus: &str) -> String {
        let list = &self.list;
        format!(
            "SELECT {list}, sum(tradeops_s) AS tradeops_z FROM (SELECT {list}, 1 AS tradeops_s FROM ({plus}) UNION ALL SELECT {list}, -1 AS tradeops_s FROM ({minus})) GROUP BY {list}"
        )
    }
}
