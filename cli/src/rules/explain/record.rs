//! The record to explain, from a file: an enriched record, a line of an exported topic, an alert as the API gives it, or
//! the API's answer to a list call that holds one.

use std::io::Read as _;
use std::path::Path;

use cordon_records::{
    Alert, Change, EnrichedRecord, Machine, Missing, SCHEMA_VERSION, Source, TenantId, Verbatim, cut, lenient,
};
use cordon_settings::{Problem, Problems, decode_text, read_text};
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::escape;
use crate::rules::args::ExplainArgs;

/// Whether a text that names no file is meant for one: ids hold neither folders nor endings such as `.json`.
pub fn is_path(text: &str) -> bool {
    text.contains(['/', '\\']) || [".json", ".ndjson", ".jsonl"].iter().any(|ending| text.ends_with(ending))
}

/// Most ids that are named where one is wanted.
const NAMED: usize = 10;

/// What tells the shapes apart. A topic's record that was exported holds the enriched record as its `value`, the API's
/// answer a list of alerts.
struct Shape<'t> {
    value: Option<&'t RawValue>,
    alert: Option<&'t RawValue>,
    id: Option<&'t RawValue>,
}

/// Reads the file that `--alert` names.
pub fn read(args: &ExplainArgs) -> Result<EnrichedRecord, Problems> {
    let text = if args.alert == "-" { standard_input() } else { read_text(Path::new(&args.alert)) };
    let text = text.map_err(|error| whole(&args.alert, format!("cannot be read: {error}")))?;
    let records = text.lines().filter(|line| !line.trim().is_empty()).count();
    let wrong = |error: serde_json::Error| {
        let is_lines = records > 1 && error.to_string().starts_with("trailing characters");
        let help = "take one of them: `grep ID FILE | cordon rules explain … --alert -`";
        if is_lines {
            Problem {
                help: Some(help.to_owned()),
                ..problem(&args.alert, format!("holds {records} records, one a line"))
            }
        } else {
            problem(&args.alert, format!("is not valid JSON: {error}"))
        }
    };
    let raw: &RawValue = serde_json::from_str(&text).map_err(|error| Problems::from(wrong(error)))?;
    let shape: Shape<'_> = shape(&args.alert, raw)?;
    match shape.value {
        Some(list) if shape.alert.is_none() && list.get().starts_with('[') => {
            let only = only(&args.alert, list)?;
            of_shape(args, only, &self::shape(&args.alert, only)?)
        }
        Some(value) if shape.alert.is_none() => of_shape(args, value, &self::shape(&args.alert, value)?),
        Some(_) | None => of_shape(args, raw, &shape),
    }
}

/// The one alert of the API's answer.
fn only<'t>(name: &str, list: &'t RawValue) -> Result<&'t RawValue, Problems> {
    let items: Vec<&RawValue> =
        serde_json::from_str(list.get()).map_err(|error| whole(name, format!("is not valid JSON: {error}")))?;
    match items[..] {
        [] => Err(whole(name, "holds a list without an alert".to_owned())),
        [only] => Ok(only),
        _ => {
            let ids = items.iter().take(NAMED).map(|item| id(item));
            let more = items.len().checked_sub(NAMED).filter(|more| *more > 0);
            let ids: Vec<String> = ids.chain(more.map(|more| format!("… and {more} more"))).collect();
            let help = "take one of them: `jq '.value[0]' FILE | cordon rules explain … --alert -`";
            let message = format!("holds {} alerts, and one is wanted: {}", items.len(), ids.join(", "));
            Err(Problem { help: Some(help.to_owned()), ..problem(name, message) }.into())
        }
    }
}

/// What the file gives as an alert's id, made harmless.
fn id(item: &RawValue) -> String {
    let item: Value = lenient::from_str(item.get()).unwrap_or_default();
    item.get("id").and_then(Value::as_str).map_or_else(|| "one without an id".to_owned(), escape::text)
}

fn shape<'t>(name: &str, raw: &'t RawValue) -> Result<Shape<'t>, Problems> {
    let unlike = |_| whole(name, "is neither an enriched record nor an alert".to_owned());
    let entries = lenient::entries(raw.get()).map_err(unlike)?;
    let last = |key: &str| entries.iter().rfind(|(name, raw)| name == key && raw.get() != "null").map(|(_, raw)| *raw);
    Ok(Shape { value: last("value"), alert: last("alert"), id: last("id") })
}

fn of_shape(args: &ExplainArgs, raw: &RawValue, shape: &Shape<'_>) -> Result<EnrichedRecord, Problems> {
    match (shape.alert, shape.id) {
        (Some(_), _) => {
            if let Some(machine) = &args.machine {
                let message = "the enriched record holds its machine already; leave --machine out";
                return Err(whole(&machine.display().to_string(), message.to_owned()));
            }
            let unlike = |error| whole(&args.alert, format!("is not an enriched record: {error}"));
            serde_json::from_str(raw.get()).map_err(unlike)
        }
        (None, Some(_)) => of_alert(args, raw),
        (None, None) => {
            Err(whole(&args.alert, "is neither an enriched record nor an alert: it has no `id`".to_owned()))
        }
    }
}

/// Makes the record that enrich would have made of an alert and its machine.
fn of_alert(args: &ExplainArgs, raw: &RawValue) -> Result<EnrichedRecord, Problems> {
    let verbatim = |name: &str, text: &str| {
        Verbatim::parse(text).map_err(|error| whole(name, format!("is not valid JSON: {error}")))
    };
    let alert = verbatim(&args.alert, raw.get())?;
    let view: Alert = alert.view().map_err(|error| whole(&args.alert, format!("is no alert: {error}")))?;
    let machine = match &args.machine {
        None => None,
        Some(path) => {
            let (name, text) = (path.display().to_string(), text_of(path)?);
            let machine = verbatim(&name, &text)?;
            let _: Machine = machine.view().map_err(|error| whole(&name, format!("is no machine: {error}")))?;
            Some(machine)
        }
    };
    let at = args.now.or(view.last_update_time).or(view.alert_creation_time).ok_or_else(|| {
        whole(&args.alert, "the alert gives no lastUpdateTime; say with --now when it is to be judged".to_owned())
    })?;
    let tenant = view.aad_tenant_id.clone().unwrap_or_else(|| "tenant".to_owned());
    let tenant = TenantId::new(tenant).map_err(|error| whole(&args.alert, error.to_string()))?;
    Ok(made(view, tenant, (alert, machine), at))
}

fn made(
    view: Alert,
    tenant: TenantId,
    (alert, machine): (Verbatim, Option<Verbatim>),
    at: Timestamp,
) -> EnrichedRecord {
    let missing = Missing { what: "machine".to_owned(), why: "not given; name its JSON with --machine".to_owned() };
    let (alert, cut) = cut::for_a_record(alert);
    EnrichedRecord {
        schema_version: SCHEMA_VERSION,
        id: format!("{}@{at}", view.id),
        alert_id: view.id,
        tenant,
        source: Source::Mde,
        change: Change::New,
        seen_at: at,
        enriched_at: at,
        alert,
        cut,
        missing: if machine.is_some() { Vec::new() } else { vec![missing] },
        machine,
    }
}

fn standard_input() -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    decode_text(bytes)
}

fn text_of(path: &Path) -> Result<String, Problems> {
    read_text(path).map_err(|error| whole(&path.display().to_string(), format!("cannot be read: {error}")))
}

fn problem(name: &str, message: String) -> Problem {
    Problem::whole(if name == "-" { "standard input" } else { name }, message)
}

fn whole(name: &str, message: String) -> Problems {
    problem(name, message).into()
}
