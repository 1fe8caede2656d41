//! Where each field of the schema lies in the typed records. `None` from a getter means: not given.

use cordon_records::{Alert, AlertStatus, Classification, Evidence, Machine, Severity};
use jiff::Timestamp;

/// Reads one field of a record.
pub enum Getter<R: 'static> {
    Text(fn(&R) -> Option<&str>),
    Integer(fn(&R) -> Option<i64>),
    Flag(fn(&R) -> Option<bool>),
    Instant(fn(&R) -> Option<Timestamp>),
    Texts(fn(&R) -> Option<&[String]>),
    Items(fn(&R) -> Option<&[Evidence]>),
}

/// An empty list counts as not given: the records cannot tell the two apart for an alert.
fn filled<T>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}

pub fn of_alert(name: &str) -> Option<Getter<Alert>> {
    use Getter::{Instant, Integer, Items, Text, Texts};
    Some(match name {
        "id" => Text(|alert| Some(alert.id.as_str())),
        "incidentId" => Integer(|alert| alert.incident_id),
        "severity" => Text(|alert| alert.severity.as_ref().map(Severity::as_str)),
        "status" => Text(|alert| alert.status.as_ref().map(AlertStatus::as_str)),
        "classification" => Text(|alert| alert.classification.as_ref().map(Classification::as_str)),
        "determination" => Text(|alert| alert.determination.as_deref()),
        "investigationState" => Text(|alert| alert.investigation_state.as_deref()),
        "assignedTo" => Text(|alert| alert.assigned_to.as_deref()),
        "detectionSource" => Text(|alert| alert.detection_source.as_deref()),
        "detectorId" => Text(|alert| alert.detector_id.as_deref()),
        "category" => Text(|alert| alert.category.as_deref()),
        "threatFamilyName" => Text(|alert| alert.threat_family_name.as_deref()),
        "threatName" => Text(|alert| alert.threat_name.as_deref()),
        "title" => Text(|alert| alert.title.as_deref()),
        "description" => Text(|alert| alert.description.as_deref()),
        "alertCreationTime" => Instant(|alert| alert.alert_creation_time),
        "firstEventTime" => Instant(|alert| alert.first_event_time),
        "lastEventTime" => Instant(|alert| alert.last_event_time),
        "lastUpdateTime" => Instant(|alert| alert.last_update_time),
        "resolvedTime" => Instant(|alert| alert.resolved_time),
        "machineId" => Text(|alert| alert.machine_id.as_ref().map(|id| id.as_str())),
        "computerDnsName" => Text(|alert| alert.computer_dns_name.as_deref()),
        "rbacGroupName" => Text(|alert| alert.rbac_group_name.as_deref()),
        "aadTenantId" => Text(|alert| alert.aad_tenant_id.as_deref()),
        "mitreTechniques" => Texts(|alert| filled(&alert.mitre_techniques)),
        "evidence" => Items(|alert| filled(&alert.evidence)),
        _ => return None,
    })
}

pub fn of_machine(name: &str) -> Option<Getter<Machine>> {
    use Getter::{Flag, Instant, Integer, Text, Texts};
    Some(match name {
        "id" => Text(|machine| Some(machine.id.as_str())),
        "computerDnsName" => Text(|machine| machine.computer_dns_name.as_deref()),
        "osPlatform" => Text(|machine| machine.os_platform.as_deref()),
        "version" => Text(|machine| machine.version.as_deref()),
        "osBuild" => Integer(|machine| machine.os_build),
        "lastSeen" => Instant(|machine| machine.last_seen),
        "lastIpAddress" => Text(|machine| machine.last_ip_address.as_deref()),
        "lastExternalIpAddress" => Text(|machine| machine.last_external_ip_address.as_deref()),
        "healthStatus" => Text(|machine| machine.health_status.as_deref()),
        "onboardingStatus" => Text(|machine| machine.onboarding_status.as_deref()),
        "rbacGroupName" => Text(|machine| machine.rbac_group_name.as_deref()),
        "riskScore" => Text(|machine| machine.risk_score.as_deref()),
        "exposureLevel" => Text(|machine| machine.exposure_level.as_deref()),
        "deviceValue" => Text(|machine| machine.device_value.as_deref()),
        "isAadJoined" => Flag(|machine| machine.is_aad_joined),
        "machineTags" => Texts(|machine| machine.machine_tags.as_deref().and_then(filled)),
        "mergedIntoMachineId" => Text(|machine| machine.merged_into_machine_id.as_deref()),
        "isExcluded" => Flag(|machine| machine.is_excluded),
        _ => return None,
    })
}

/// All fields of an evidence item are texts.
pub fn of_evidence(name: &str) -> Option<fn(&Evidence) -> Option<&str>> {
    Some(match name {
        "entityType" => |item| item.entity_type.as_deref(),
        "sha1" => |item| item.sha1.as_deref(),
        "sha256" => |item| item.sha256.as_deref(),
        "fileName" => |item| item.file_name.as_deref(),
        "filePath" => |item| item.file_path.as_deref(),
        "processCommandLine" => |item| item.process_command_line.as_deref(),
        "ipAddress" => |item| item.ip_address.as_deref(),
        "url" => |item| item.url.as_deref(),
        "accountName" => |item| item.account_name.as_deref(),
        "domainName" => |item| item.domain_name.as_deref(),
        "userPrincipalName" => |item| item.user_principal_name.as_deref(),
        "detectionStatus" => |item| item.detection_status.as_deref(),
        _ => return None,
    })
}

/// Puts a value of this field, as JSON, into an alert.
///
/// # Errors
/// When it is none of the field's type, or there is no such field.
pub fn put_alert(alert: &mut Alert, name: &str, value: &[u8]) -> Result<(), serde_json::Error> {
    match name {
        "id" => alert.id = serde_json::from_slice(value)?,
        "incidentId" => alert.incident_id = serde_json::from_slice(value)?,
        "severity" => alert.severity = serde_json::from_slice(value)?,
        "status" => alert.status = serde_json::from_slice(value)?,
        "classification" => alert.classification = serde_json::from_slice(value)?,
        "determination" => alert.determination = serde_json::from_slice(value)?,
        "investigationState" => alert.investigation_state = serde_json::from_slice(value)?,
        "assignedTo" => alert.assigned_to = serde_json::from_slice(value)?,
        "detectionSource" => alert.detection_source = serde_json::from_slice(value)?,
        "detectorId" => alert.detector_id = serde_json::from_slice(value)?,
        "category" => alert.category = serde_json::from_slice(value)?,
        "threatFamilyName" => alert.threat_family_name = serde_json::from_slice(value)?,
        "threatName" => alert.threat_name = serde_json::from_slice(value)?,
        "title" => alert.title = serde_json::from_slice(value)?,
        "description" => alert.description = serde_json::from_slice(value)?,
        "alertCreationTime" => alert.alert_creation_time = serde_json::from_slice(value)?,
        "firstEventTime" => alert.first_event_time = serde_json::from_slice(value)?,
        "lastEventTime" => alert.last_event_time = serde_json::from_slice(value)?,
        "lastUpdateTime" => alert.last_update_time = serde_json::from_slice(value)?,
        "resolvedTime" => alert.resolved_time = serde_json::from_slice(value)?,
        "machineId" => alert.machine_id = serde_json::from_slice(value)?,
        "computerDnsName" => alert.computer_dns_name = serde_json::from_slice(value)?,
        "rbacGroupName" => alert.rbac_group_name = serde_json::from_slice(value)?,
        "aadTenantId" => alert.aad_tenant_id = serde_json::from_slice(value)?,
        "mitreTechniques" => alert.mitre_techniques = serde_json::from_slice(value)?,
        _ => return Err(unknown(name)),
    }
    Ok(())
}

/// The same for a machine.
///
/// # Errors
/// As of an alert.
pub fn put_machine(machine: &mut Machine, name: &str, value: &[u8]) -> Result<(), serde_json::Error> {
    match name {
        "id" => machine.id = serde_json::from_slice(value)?,
        "computerDnsName" => machine.computer_dns_name = serde_json::from_slice(value)?,
        "osPlatform" => machine.os_platform = serde_json::from_slice(value)?,
        "version" => machine.version = serde_json::from_slice(value)?,
        "osBuild" => machine.os_build = serde_json::from_slice(value)?,
        "lastSeen" => machine.last_seen = serde_json::from_slice(value)?,
        "lastIpAddress" => machine.last_ip_address = serde_json::from_slice(value)?,
        "lastExternalIpAddress" => machine.last_external_ip_address = serde_json::from_slice(value)?,
        "healthStatus" => machine.health_status = serde_json::from_slice(value)?,
        "onboardingStatus" => machine.onboarding_status = serde_json::from_slice(value)?,
        "rbacGroupName" => machine.rbac_group_name = serde_json::from_slice(value)?,
        "riskScore" => machine.risk_score = serde_json::from_slice(value)?,
        "exposureLevel" => machine.exposure_level = serde_json::from_slice(value)?,
        "deviceValue" => machine.device_value = serde_json::from_slice(value)?,
        "isAadJoined" => machine.is_aad_joined = serde_json::from_slice(value)?,
        "machineTags" => machine.machine_tags = serde_json::from_slice(value)?,
        "mergedIntoMachineId" => machine.merged_into_machine_id = serde_json::from_slice(value)?,
        "isExcluded" => machine.is_excluded = serde_json::from_slice(value)?,
        _ => return Err(unknown(name)),
    }
    Ok(())
}

/// Puts a text into a field of an evidence item.
///
/// # Errors
/// When there is no such field.
pub fn put_evidence(item: &mut Evidence, name: &str, text: Option<String>) -> Result<(), serde_json::Error> {
    let field = match name {
        "entityType" => &mut item.entity_type,
        "sha1" => &mut item.sha1,
        "sha256" => &mut item.sha256,
        "fileName" => &mut item.file_name,
        "filePath" => &mut item.file_path,
        "processCommandLine" => &mut item.process_command_line,
        "ipAddress" => &mut item.ip_address,
        "url" => &mut item.url,
        "accountName" => &mut item.account_name,
        "domainName" => &mut item.domain_name,
        "userPrincipalName" => &mut item.user_principal_name,
        "detectionStatus" => &mut item.detection_status,
        _ => return Err(unknown(name)),
    };
    *field = text;
    Ok(())
}

fn unknown(name: &str) -> serde_json::Error {
    serde::de::Error::custom(format!("there is no field {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ALERT, EVIDENCE, FieldType, MACHINE};

    fn fits<R>(getter: &Getter<R>, kind: FieldType) -> bool {
        matches!(
            (getter, kind),
            (Getter::Text(_), FieldType::Text(_) | FieldType::Choice(_))
                | (Getter::Integer(_), FieldType::Integer)
                | (Getter::Flag(_), FieldType::Flag)
                | (Getter::Instant(_), FieldType::Instant)
                | (Getter::Texts(_), FieldType::Texts)
                | (Getter::Items(_), FieldType::Evidence)
        )
    }

    #[test]
    fn every_field_of_the_schema_has_a_getter_of_its_type() {
        for field in ALERT {
            assert!(of_alert(field.name).is_some_and(|getter| fits(&getter, field.kind)), "alert.{}", field.name);
        }
        for field in MACHINE {
            assert!(of_machine(field.name).is_some_and(|getter| fits(&getter, field.kind)), "machine.{}", field.name);
        }
        for field in EVIDENCE {
            assert!(of_evidence(field.name).is_some() && field.kind == FieldType::Text(""), "{}", field.name);
        }
    }
}
