//! `indicator`: tell Defender how to treat a file, an address or a name in the whole tenant.
//!
//! Sources: Microsoft's pages "Submit or Update Indicator API" and "Overview of indicators" (which actions each type
//! takes).

use cordon_records::{Action, IndicatorAction, IndicatorType};
use cordon_settings::Section;
use serde_json::{Value, json};

use super::texts::{duration_schema, exactly_one, not_blank, text_schema};
use crate::observable;
use crate::rules::template::{FromEvidence, IndicatorTerms, Source, Template};
use crate::window;

const SEVERITIES: &[&str] = &["Informational", "Low", "Medium", "High"];

pub fn read(section: &mut Section) -> Option<Template> {
    let about = about(section);
    let terms = terms(section);
    let (about, terms) = (about?, terms?);
    let kinds: &[IndicatorType] = match &about {
        About::One(kind, _) => &[*kind],
        About::Evidence(from) => types_of(*from),
    };
    for kind in kinds {
        action_fits(section, terms.action, *kind)?;
    }
    Some(match about {
        About::One(kind, value) => Template::Action(Action::Indicator(terms.about(kind, value))),
        About::Evidence(from) => Template::Evidence(FromEvidence::Indicator { from, terms }),
    })
}

/// What the indicators are about.
enum About {
    One(IndicatorType, String),
    Evidence(Source),
}

fn about(section: &mut Section) -> Option<About> {
    let types: Vec<_> = IndicatorType::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let from = section.choice("from", &Source::ALL).optional();
    let kind = section.choice("type", &types).optional();
    let value = section.text("value").convert(|value| match kind {
        Some(kind) => observable::normal(kind, &value).map_err(|why| format!("\"{value}\" {why}")),
        None => Ok(value),
    });
    let value = value.optional();
    let help = "write `from: evidence_ips` for what the alert names, or `value:` and `type:` for one thing";
    exactly_one(section, &["from", "value"], "says in exactly one way what it is about", help);
    match (section.is_present("value"), section.is_present("type")) {
        (true, false) => {
            section.problem_with_help("type", "required, but missing", "say what `value` is: IpAddress, Url …")
        }
        (false, true) => section.problem_with_help("type", "belongs to `value`", "leave it out with `from`"),
        (true, true) | (false, false) => {}
    }
    match (from, kind, value) {
        (Some(from), None, None) => Some(About::Evidence(from)),
        (None, Some(kind), Some(value)) => Some(About::One(kind, value)),
        (Some(_), Some(_), _) | (Some(_), None, Some(_)) | (None, None, _) | (None, Some(_), None) => None,
    }
}

fn terms(section: &mut Section) -> Option<IndicatorTerms> {
    let actions: Vec<_> = IndicatorAction::ALL.iter().map(|action| (action.as_str(), *action)).collect();
    let severities: Vec<_> = SEVERITIES.iter().map(|name| (*name, (*name).to_owned())).collect();
    let no_blank = |groups: &Vec<String>| groups.iter().try_for_each(|group| not_blank(group));
    let action = section.choice("action", &actions).required();
    let title = section.text("title").check(|text| not_blank(text)).required();
    let description = section.text("description").check(|text| not_blank(text)).required();
    let severity = section.choice("severity", &severities).optional();
    let expires_after_s = section.duration("expires_after").convert(window::whole_seconds).optional();
    let generate_alert = section.flag("generate_alert").or(false);
    let groups = section.texts("groups").check(no_blank).or(Vec::new());
    if action == Some(IndicatorAction::Audit) && !generate_alert {
        let help = "add `generate_alert: true`: Microsoft takes Audit only with it";
        section.problem_with_help("generate_alert", "must be true with Audit", help);
    }
    Some(IndicatorTerms {
        action: action?,
        title: title?,
        description: description?,
        severity,
        expires_after_s,
        generate_alert,
        groups,
    })
}

/// The types that indicators from evidence may have.
const fn types_of(from: Source) -> &'static [IndicatorType] {
    match from {
        Source::Files => &[IndicatorType::FileSha256, IndicatorType::FileSha1],
        Source::Ips => &[IndicatorType::IpAddress],
        Source::Domains => &[IndicatorType::DomainName],
        Source::Urls => &[IndicatorType::Url],
    }
}

/// The actions that Microsoft takes for a type.
const fn actions_of(kind: IndicatorType) -> &'static [IndicatorAction] {
    match kind {
        IndicatorType::FileSha1 | IndicatorType::FileSha256 | IndicatorType::FileMd5 => IndicatorAction::ALL,
        IndicatorType::CertificateThumbprint => &[IndicatorAction::Allowed, IndicatorAction::BlockAndRemediate],
        IndicatorType::IpAddress | IndicatorType::DomainName | IndicatorType::Url => {
            &[IndicatorAction::Audit, IndicatorAction::Warn, IndicatorAction::Block, IndicatorAction::Allowed]
        }
    }
}

fn action_fits(section: &Section, action: IndicatorAction, kind: IndicatorType) -> Option<()> {
    let taken = actions_of(kind);
    if taken.contains(&action) {
        return Some(());
    }
    let taken: Vec<&str> = taken.iter().map(|action| action.as_str()).collect();
    let message = format!("\"{action}\" is no action for {kind}");
    section.problem_with_help("action", message, format!("Microsoft takes {}", taken.join(", ")));
    None
}

pub fn schema() -> Value {
    let types: Vec<&str> = IndicatorType::ALL.iter().map(|kind| kind.as_str()).collect();
    let actions: Vec<&str> = IndicatorAction::ALL.iter().map(|action| action.as_str()).collect();
    json!({
        "description": "Tell Defender how to treat a file, an address or a name in the whole tenant; by default a person approves it",
        "type": "object",
        "properties": {
            "from": {
                "description": "One indicator for each such thing in the alert's evidence; of more than ten, ten for a person to approve",
                "enum": Source::ALL.map(|(name, _)| name)
            },
            "value": {"description": "One thing: a hash, a single external address, a domain (it covers its subdomains), a URL", "type": ["string", "number"]},
            "type": {"description": "What the value is", "enum": types},
            "action": {"description": "Audit needs generate_alert; BlockAndRemediate is for files and certificates; a certificate takes Allowed and BlockAndRemediate", "enum": actions},
            "title": text_schema("The title of its alerts"),
            "description": text_schema("Why"),
            "severity": {"description": "The severity of its alerts", "enum": SEVERITIES},
            "expires_after": duration_schema("It ends so long after it was submitted, such as 30d; without it never, and a tenant holds 15,000"),
            "generate_alert": {"description": "Raise an alert when it is met", "type": "boolean", "default": false},
            "groups": {"description": "Only machines of these device groups; without it all", "type": "array", "items": {"type": ["string", "number", "boolean"], "pattern": "\\S"}}
        },
        "required": ["action", "title", "description"],
        "oneOf": [{"required": ["from"]}, {"required": ["value", "type"]}],
        "dependentRequired": {"type": ["value"], "value": ["type"]},
        "additionalProperties": false
    })
}
