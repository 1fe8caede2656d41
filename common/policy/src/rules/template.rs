//! What a rule asks for, before the alert is known.

use cordon_records::{Action, ActionKind, Indicator, IndicatorAction, IndicatorType};
use serde::Serialize;

/// One entry of a rule's `actions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Template {
    /// An action that is written out.
    Action(Action),
    /// One action for each thing of a sort that the alert's evidence names.
    Evidence(FromEvidence),
}

/// An action for each thing of a sort that the alert's evidence names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "for_each", rename_all = "snake_case")]
pub enum FromEvidence {
    /// Stop and quarantine each file that has a SHA-1.
    StopFile {
        /// Why.
        comment: String,
    },
    /// Submit an indicator for each thing.
    Indicator {
        /// Which things.
        from: Source,
        /// What the indicators say of them.
        terms: IndicatorTerms,
    },
}

/// What indicators are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Files, by SHA-256, else by SHA-1.
    Files,
    /// External addresses.
    Ips,
    /// The names in URLs.
    Domains,
    /// Whole URLs.
    Urls,
}

impl Source {
    /// Every one, with its name in rule files.
    pub const ALL: [(&'static str, Self); 4] = [
        ("evidence_files", Self::Files),
        ("evidence_ips", Self::Ips),
        ("evidence_domains", Self::Domains),
        ("evidence_urls", Self::Urls),
    ];

    /// What it looks for, for people.
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::Files => "file with a SHA-256 or SHA-1",
            Self::Ips => "external address",
            Self::Domains => "domain",
            Self::Urls => "http or https URL",
        }
    }
}

/// An indicator without what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndicatorTerms {
    /// What Defender does.
    pub action: IndicatorAction,
    /// The title of its alerts.
    pub title: String,
    /// Why.
    pub description: String,
    /// The severity of its alerts.
    pub severity: Option<String>,
    /// It ends so many seconds after it was submitted; absent: never.
    pub expires_after_s: Option<u64>,
    /// Whether it raises alerts.
    pub generate_alert: bool,
    /// Only machines of these groups; empty: all.
    pub groups: Vec<String>,
}

impl IndicatorTerms {
    /// The indicator for one thing.
    pub fn about(&self, kind: IndicatorType, value: String) -> Indicator {
        Indicator {
            value,
            kind,
            action: self.action,
            title: self.title.clone(),
            description: self.description.clone(),
            severity: self.severity.clone(),
            expires_after_s: self.expires_after_s,
            generate_alert: self.generate_alert,
            groups: self.groups.clone(),
        }
    }
}

impl Template {
    /// The kind of its actions.
    #[must_use]
    pub const fn kind(&self) -> ActionKind {
        match self {
            Self::Action(action) => action.kind(),
            Self::Evidence(FromEvidence::StopFile { .. }) => ActionKind::StopFile,
            Self::Evidence(FromEvidence::Indicator { .. }) => ActionKind::Indicator,
        }
    }

    /// Whether one rule may ask for both: what is written out must differ in what tells actions of one kind apart.
    pub(super) fn stands_beside(&self, other: &Self) -> bool {
        match (self, other) {
            _ if self.kind() != other.kind() => true,
            (Self::Action(one), Self::Action(two)) => one.detail() != two.detail(),
            (
                Self::Evidence(FromEvidence::Indicator { from: one, .. }),
                Self::Evidence(FromEvidence::Indicator { from: two, .. }),
            ) => one != two,
            (Self::Evidence(_), Self::Evidence(_)) => false,
            (Self::Action(_), Self::Evidence(_)) | (Self::Evidence(_), Self::Action(_)) => true,
        }
    }
}
