//! `POST /api/indicators` ("Submit or Update Indicator API").

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;

use super::body::Body;
use super::{Request, bad_request, entity};
use crate::answer::Answer;
use crate::state::State;
use crate::tenant::machine::object;
use crate::wire_time::wire_time;

const KEYS: [&str; 13] = [
    "indicatorValue",
    "indicatorType",
    "action",
    "application",
    "title",
    "description",
    "expirationTime",
    "severity",
    "recommendedActions",
    "rbacGroupNames",
    "educateUrl",
    "generateAlert",
    "externalId",
];
const TYPES: [&str; 7] =
    ["FileSha1", "FileSha256", "FileMd5", "CertificateThumbprint", "IpAddress", "DomainName", "Url"];
const ACTIONS: [&str; 7] = ["Alert", "Warn", "Block", "Audit", "BlockAndRemediate", "AlertAndBlock", "Allowed"];
const SEVERITIES: [&str; 4] = ["Informational", "Low", "Medium", "High"];

/// Takes an indicator in, in the place of one with the same type and value. An indicator that has ended does not count
/// against the tenant's limit.
pub(crate) fn submit(request: &Request<'_>, state: &mut State) -> Answer {
    let mut wire = match read(request, state) {
        Ok(wire) => wire,
        Err(refusal) => return refusal,
    };
    let known = state.tenant.indicators().like(&wire).cloned();
    if known.is_none() && state.tenant.indicators().active(request.now) >= state.options.max_indicators {
        let message = format!("The tenant has {} active indicators, which is the most", state.options.max_indicators);
        return bad_request(state, "BadRequest", &message);
    }
    let now = json!(wire_time(request.now));
    let kept = |name: &str| known.as_ref().and_then(|known| known.get(name).cloned());
    let id = kept("id").unwrap_or_else(|| json!((995 + state.tenant.indicators().all().len()).to_string()));
    wire.insert("id".to_owned(), id);
    wire.insert("creationTimeDateTimeUtc".to_owned(), kept("creationTimeDateTimeUtc").unwrap_or(now.clone()));
    wire.insert("lastUpdateTime".to_owned(), now);
    wire.insert("createdBy".to_owned(), json!(request.caller.client_id));
    wire.insert("sourceType".to_owned(), json!("AadApp"));
    state.tenant.put_indicator(wire.clone());
    entity(request.call, "Indicators", 200, &wire)
}

fn read(request: &Request<'_>, state: &mut State) -> Result<Map<String, Value>, Answer> {
    let body = Body::read(request, state, &KEYS)?;
    let value = body.required(state, "indicatorValue")?;
    for name in ["indicatorType", "action", "title", "description"] {
        body.required(state, name)?;
    }
    let kind = body.one_of(state, "indicatorType", &TYPES)?.unwrap_or_default();
    let action = body.one_of(state, "action", &ACTIONS)?.unwrap_or_default();
    let severity = body.one_of(state, "severity", &SEVERITIES)?;
    check_value(state, &kind, &value)?;
    let alerts = body.value("generateAlert").is_some_and(|value| *value == json!(true));
    if action == "Audit" && !alerts {
        return Err(bad_request(state, "InvalidInput", "GenerateAlert must be true when the action is Audit"));
    }
    let end = body.value("expirationTime").map(|end| end.as_str().and_then(|text| text.parse::<Timestamp>().ok()));
    if end == Some(None) {
        return Err(bad_request(state, "InvalidInput", "expirationTime is not a date and time"));
    }
    let or_null = |name: &str| body.value(name).cloned().unwrap_or(Value::Null);
    Ok(object(json!({
        "indicatorValue": value, "indicatorType": kind, "action": action, "title": or_null("title"),
        "description": or_null("description"), "severity": severity, "generateAlert": alerts,
        "expirationTime": end.flatten().map(wire_time), "application": or_null("application"),
        "recommendedActions": or_null("recommendedActions"), "educateUrl": or_null("educateUrl"),
        "rbacGroupNames": body.value("rbacGroupNames").cloned().unwrap_or_else(|| json!([])),
    })))
}

/// Refuses a value that is not of its type. Networks (CIDR) are no addresses.
fn check_value(state: &mut State, kind: &str, value: &str) -> Result<(), Answer> {
    let hex = |digits: usize| value.len() == digits && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (fits, code) = match kind {
        "FileSha1" | "CertificateThumbprint" => (hex(40), "InvalidHashValue"),
        "FileSha256" => (hex(64), "InvalidHashValue"),
        "FileMd5" => (hex(32), "InvalidHashValue"),
        "IpAddress" => (value.parse::<IpAddr>().is_ok(), "InvalidIpAddress"),
        "DomainName" => (is_domain(value), "InvalidDomainName"),
        _ => (Url::parse(value).is_ok_and(|url| url.has_host()), "InvalidUrl"),
    };
    if fits { Ok(()) } else { Err(bad_request(state, code, &format!("{value} is not a valid {kind}"))) }
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    text.contains('.') && text.split('.').all(label)
}
