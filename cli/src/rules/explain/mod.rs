//! `cordon rules explain`: what every rule makes of one alert, and what the guards would say to the plan.
//!
//! [`record`] reads the alert from a file, [`lookup`] finds it on the topic, [`settings`] takes from the configuration
//! what was not given, [`guards`] judges the plan, [`page`] and [`document`] print.

mod document;
mod guards;
mod lookup;
mod page;
mod record;
mod settings;

use std::path::Path;

use anyhow::anyhow;
use cordon_policy::{DecideError, RuleExplanation, explain};
use cordon_records::{Alert, DecisionRecord, EnrichedRecord, Mode};
use cordon_settings::{Problem, Problems};

use super::args::{ExplainArgs, Output};
use crate::exit::Exit;
use crate::output;
use guards::Judged;
use settings::Settings;

/// All that is known of one alert.
struct Explained<'a> {
    record: &'a EnrichedRecord,
    alert: Alert,
    rules: Vec<RuleExplanation<'a>>,
    decision: DecisionRecord,
    planned: Vec<Judged>,
    /// The stage's mode, where a configuration was given.
    ceiling: Option<Mode>,
}

/// Explains one alert.
pub async fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    let settings = Settings::read(args)?;
    let Some(mut record) = found(args).await? else { return Ok(Exit::Negative) };
    if let Some(now) = args.now {
        record.enriched_at = now;
    }
    let unreadable = |error: DecideError| Problems::from(Problem::whole(args.alert.clone(), error.to_string()));
    let mut rules = explain(&settings.rules, &record).map_err(unreadable)?;
    let id = format!("explained/{}", record.id);
    let decision = cordon_policy::decide(&settings.rules, &record, id, record.enriched_at)?;
    if let Some(wanted) = &args.rule {
        rules.retain(|explained| explained.rule.id.as_str() == wanted);
        if rules.is_empty() {
            eprintln!("error: there is no rule {wanted:?}; `cordon rules list` names them all");
            return Ok(Exit::Negative);
        }
    }
    let alert: Alert = record.alert.view()?;
    let planned = guards::judged(&settings, &decision, &record);
    let explained = Explained { record: &record, alert, rules, decision, planned, ceiling: settings.ceiling };
    match args.output {
        Output::Text => output::put(&page::page(&explained))?,
        Output::Json => output::put(&output::json(&document::document(&explained))?)?,
    }
    Ok(Exit::Ok)
}

/// The record to explain; `None` after saying that there is none.
async fn found(args: &ExplainArgs) -> anyhow::Result<Option<EnrichedRecord>> {
    let path = Path::new(&args.alert);
    if args.alert == "-" || path.is_file() {
        return Ok(Some(record::read(args)?));
    }
    match &args.config {
        Some(config) if !record::is_path(&args.alert) => lookup::newest(config, &args.alert).await,
        Some(_) => Err(no_file(&args.alert, "cannot be read: no such file")),
        None => Err(no_file(&args.alert, "is no file; to look an alert up by its id, give --config too")),
    }
}

fn no_file(name: &str, why: &str) -> anyhow::Error {
    anyhow!(Problems::from(Problem::whole(name, why)))
}
