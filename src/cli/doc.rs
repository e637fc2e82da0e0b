//! `tradeops doc [NAME]`: the reference, in the terminal.

use super::exit::{Exit, told};
use super::place::Place;
use super::run::print;
use crate::script::reference;

pub(super) fn doc(_: &Place, name: Option<&str>) -> anyhow::Result<Exit> {
    let Some(name) = name else {
        print(&reference::overview())?;
        return Ok(Exit::Ok);
    };
    match reference::lookup(name) {
        Ok(page) => {
            print(page.trim_end())?;
            Ok(Exit::Ok)
        }
        Err(near) => {
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            Err(told(
                Exit::Usage,
                format!("nothing is called `{name}`"),
                hint.or(Some("`tradeops doc` gives an overview".into())),
            ))
        }
    }
}
