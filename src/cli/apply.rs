//! `tradeops apply FILE`: runs the plan's script again, with the plan as an allow-list.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::exit::{Exit, told};
use super::place::Place;
use super::run::run_as;
use crate::api::units::show_duration;
use crate::gate::{Mode, Plan, PlanError};
use crate::script::load;

pub(super) fn apply(place: &Place, file: &Path, max_age: Duration) -> anyhow::Result<Exit> {
    if place.flags.plan || place.flags.plan_out.is_some() {
        return Err(told(
            Exit::Usage,
            "`apply` carries a plan out, and `--plan` changes nothing: which is meant?",
            Some("to see what would be changed now, run the script with `--plan`".into()),
        ));
    }
    if let Some(own) = Own::read(file) {
        young(own.created_at, max_age)?;
        let words = vec![
            own.workflow,
            "--from-plan".to_owned(),
            file.display().to_string(),
        ];
        return super::run::run(place, words);
    }
    let plan = Plan::read(file).map_err(refused)?;
    young(plan.created_at, max_age)?;
    let hint = || Some("make a new plan with `--plan-out FILE`".to_owned());
    let (source, checked) = match load::load(&place.library(), &plan.script_name()) {
        Ok(loaded) => loaded,
        Err(not_run) => return super::run::not_started(not_run),
    };
    if checked.program.digest() != plan.script_hash {
        let message = format!("`{}` is not the script that made this plan", plan.script);
        return Err(told(Exit::Denied, message, hint()));
    }
    let arguments = plan.arguments.clone();
    run_as(
        place,
        (source, checked),
        arguments,
        place.flags.clone(),
        Mode::Apply(plan.allowance()),
    )
}

/// A plan that a workflow made in its own form (`//! plan: own`): the workflow knows how to do it and no more.
#[derive(Deserialize)]
struct Own {
    schema: String,
    workflow: String,
    created_at: DateTime<Utc>,
}

impl Own {
    fn read(file: &Path) -> Option<Self> {
        let own: Self = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
        let form = format!("tradeops.{}-plan/", own.workflow);
        own.schema.starts_with(&form).then_some(own)
    }
}

fn young(created_at: DateTime<Utc>, max_age: Duration) -> anyhow::Result<()> {
    let age = Utc::now().signed_duration_since(created_at);
    let age = age.to_std().unwrap_or_default();
    if age <= max_age {
        return Ok(());
    }
    Err(refused(PlanError::TooOld {
        age: show_duration(age),
        max: show_duration(max_age),
    }))
}

fn refused(error: PlanError) -> anyhow::Error {
    let exit = match error {
        PlanError::Unreadable { .. } => Exit::Usage,
        PlanError::NotAPlan { .. } | PlanError::Schema { .. } => Exit::Invalid,
        _ => Exit::Denied,
    };
    told(
        exit,
        error.to_string(),
        Some("make a new plan with `--plan-out FILE`".into()),
    )
}
