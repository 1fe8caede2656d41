//! The kinds of action: one row of one table for each. A new kind is a row here, its settings, and a row in each table that
//! lies beside this one: how rule files write it (`common/policy/src/rules/actions`), where it is asked for
//! (`common/defender/src/endpoint.rs`), how mails speak of it (`notify/src/wording/kinds.rs`). Each of them is indexed by
//! the kind, so that what is missing does not compile.

use crate::words::words;

words!(
    /// The kinds of action: part of action keys, of metrics and of reports.
    ActionKind {
        /// [`Action::Isolate`](crate::Action::Isolate).
        Isolate = "isolate",
        /// [`Action::Release`](crate::Action::Release).
        Release = "release",
        /// [`Action::RestrictCode`](crate::Action::RestrictCode).
        RestrictCode = "restrict_code",
        /// [`Action::UnrestrictCode`](crate::Action::UnrestrictCode).
        UnrestrictCode = "unrestrict_code",
        /// [`Action::Scan`](crate::Action::Scan).
        Scan = "scan",
        /// [`Action::CollectPackage`](crate::Action::CollectPackage).
        CollectPackage = "collect_package",
        /// [`Action::Investigate`](crate::Action::Investigate).
        Investigate = "investigate",
        /// [`Action::StopFile`](crate::Action::StopFile).
        StopFile = "stop_file",
        /// [`Action::LiveResponse`](crate::Action::LiveResponse).
        LiveResponse = "live_response",
        /// [`Action::Offboard`](crate::Action::Offboard).
        Offboard = "offboard",
        /// [`Action::Tag`](crate::Action::Tag).
        Tag = "tag",
        /// [`Action::SetDeviceValue`](crate::Action::SetDeviceValue).
        SetDeviceValue = "set_device_value",
        /// [`Action::UpdateAlert`](crate::Action::UpdateAlert).
        UpdateAlert = "update_alert",
        /// [`Action::Indicator`](crate::Action::Indicator).
        Indicator = "indicator",
        /// [`Action::Cancel`](crate::Action::Cancel).
        Cancel = "cancel",
    }
);

/// How much an action may hurt; caps and guards tell these apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Impact {
    /// Takes something away from people: the network, a program, a file, Defender itself.
    Disruptive,
    /// Looks, or writes into the portal: people can go on working.
    LowImpact,
    /// Gives back what was taken away.
    Restoring,
}

/// What an action is done to. It decides which guards are asked and what excludes what: of actions on the connection, one
/// goes at a time on a machine, whatever their kind; of changes of an alert, one for each alert; of all others, one of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Whether the machine is connected to the network.
    Connection,
    /// Something else on the machine, or on its page.
    Machine,
    /// The alert; no machine is touched.
    Alert,
    /// The whole tenant.
    Tenant,
}

/// How Defender lists an action among those of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Its `type`. Source: Microsoft's page "machineAction resource type".
    pub name: &'static str,
    /// Whether that says all of it. Which file or which commands an action was about, the list does not tell, so that one
    /// may be about something else than the other.
    pub says_all: bool,
}

/// A kind that Microsoft no longer takes. Records hold it, and nothing of it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    /// Since when, and what it was; one sentence without its end.
    pub why: &'static str,
    /// What takes its place, with the entry of a rule.
    pub instead: &'static str,
}

/// What all who deal with actions need to know of a kind.
#[derive(Debug, Clone, Copy)]
pub struct KindRow {
    /// The kind.
    pub kind: ActionKind,
    /// What people call it, without names: "isolation".
    pub noun: &'static str,
    /// How much it may hurt.
    pub impact: Impact,
    /// What it is done to.
    pub target: Target,
    /// The kind whose effect it takes back. A cancellation takes back whatever it names ([`Action::undoes`](crate::Action::undoes)).
    pub undoes: Option<ActionKind>,
    /// How Defender lists it, so that it is followed to its end and a lost answer can be looked up. The others are done, or
    /// not, with the answer to the call.
    pub listed: Option<Listed>,
    /// Whether it names a file, an address or a name to be acted on.
    pub names_observable: bool,
    /// Why Microsoft no longer takes it, if so.
    pub retired: Option<Retired>,
}

/// What most kinds have in common: something that is looked at, or written, on a machine.
const PLAIN: KindRow = KindRow {
    kind: ActionKind::Scan,
    noun: "",
    impact: Impact::LowImpact,
    target: Target::Machine,
    undoes: None,
    listed: None,
    names_observable: false,
    retired: None,
};

const fn listed(name: &'static str) -> Option<Listed> {
    Some(Listed { name, says_all: true })
}

/// The table, in the order of [`ActionKind::ALL`].
static ROWS: [KindRow; ActionKind::ALL.len()] = [
    KindRow {
        kind: ActionKind::Isolate,
        noun: "isolation",
        impact: Impact::Disruptive,
        target: Target::Connection,
        listed: listed("Isolate"),
        ..PLAIN
    },
    KindRow {
        kind: ActionKind::Release,
        noun: "release",
        impact: Impact::Restoring,
        target: Target::Connection,
        undoes: Some(ActionKind::Isolate),
        listed: listed("Unisolate"),
        ..PLAIN
    },
    KindRow {
        kind: ActionKind::RestrictCode,
        noun: "restriction of programs",
        impact: Impact::Disruptive,
        listed: listed("RestrictCodeExecution"),
        ..PLAIN
    },
    KindRow {
        kind: ActionKind::UnrestrictCode,
        noun: "end of the restriction of programs",
        impact: Impact::Restoring,
        undoes: Some(ActionKind::RestrictCode),
        listed: listed("UnrestrictCodeExecution"),
        ..PLAIN
    },
    KindRow { kind: ActionKind::Scan, noun: "antivirus scan", listed: listed("RunAntiVirusScan"), ..PLAIN },
    KindRow {
        kind: ActionKind::CollectPackage,
        noun: "investigation package",
        listed: listed("CollectInvestigationPackage"),
        ..PLAIN
    },
    KindRow {
        kind: ActionKind::Investigate,
        noun: "automated investigation",
        // Source: Microsoft 365 message center, MC1411577.
        retired: Some(Retired {
            why: "Microsoft starts no automated investigation on request since 2026-09-01",
            instead: "a full scan takes its place: write `scan: {type: Full, comment: why}`",
        }),
        ..PLAIN
    },
    KindRow {
        kind: ActionKind::StopFile,
        noun: "quarantine of a file",
        impact: Impact::Disruptive,
        listed: Some(Listed { name: "StopAndQuarantineFile", says_all: false }),
        names_observable: true,
        ..PLAIN
    },
    KindRow {
        kind: ActionKind::LiveResponse,
        noun: "live response",
        impact: Impact::Disruptive,
        listed: Some(Listed { name: "LiveResponse", says_all: false }),
        ..PLAIN
    },
    KindRow {
        kind: ActionKind::Offboard,
        noun: "offboarding",
        impact: Impact::Disruptive,
        listed: listed("Offboard"),
        ..PLAIN
    },
    KindRow { kind: ActionKind::Tag, noun: "tag", ..PLAIN },
    KindRow { kind: ActionKind::SetDeviceValue, noun: "device value", ..PLAIN },
    KindRow { kind: ActionKind::UpdateAlert, noun: "change of the alert", target: Target::Alert, ..PLAIN },
    KindRow {
        kind: ActionKind::Indicator,
        noun: "indicator",
        impact: Impact::Disruptive,
        target: Target::Tenant,
        names_observable: true,
        ..PLAIN
    },
    KindRow { kind: ActionKind::Cancel, noun: "cancelling", impact: Impact::Restoring, ..PLAIN },
];

const _: () = {
    let mut index = 0;
    while index < ROWS.len() {
        assert!(ROWS[index].kind as usize == index && !ROWS[index].noun.is_empty(), "a row stands at its kind");
        index += 1;
    }
};

impl ActionKind {
    /// The kinds that Microsoft takes: what a rule may ask for.
    pub const TAKEN: &'static [Self] = &{
        let mut taken = [Self::Isolate; count_taken()];
        let (mut from, mut to) = (0, 0);
        while from < ROWS.len() {
            if ROWS[from].retired.is_none() {
                taken[to] = ROWS[from].kind;
                to += 1;
            }
            from += 1;
        }
        taken
    };

    /// Its row of the table.
    #[must_use]
    pub const fn row(self) -> &'static KindRow {
        &ROWS[self as usize]
    }

    /// Why Microsoft no longer takes this kind, if so.
    #[must_use]
    pub const fn retired(self) -> Option<Retired> {
        self.row().retired
    }

    /// How much an action of this kind may hurt.
    #[must_use]
    pub const fn impact(self) -> Impact {
        self.row().impact
    }

    /// What people call it, without names: "isolation".
    #[must_use]
    pub const fn noun(self) -> &'static str {
        self.row().noun
    }

    /// Whether Defender lists it among the machine's actions ([`KindRow::listed`]).
    #[must_use]
    pub const fn is_machine_action(self) -> bool {
        self.row().listed.is_some()
    }

    /// Whether it connects or disconnects the machine.
    #[must_use]
    pub const fn is_about_connection(self) -> bool {
        matches!(self.row().target, Target::Connection)
    }

    /// The kind that takes back the effect of this one.
    #[must_use]
    pub fn undone_by(self) -> Option<Self> {
        ROWS.iter().find(|row| row.undoes == Some(self)).map(|row| row.kind)
    }
}

const fn count_taken() -> usize {
    let (mut index, mut count) = (0, 0);
    while index < ROWS.len() {
        count += ROWS[index].retired.is_none() as usize;
        index += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine_action::ActionType;

    #[test]
    fn what_defender_lists_is_a_type_that_is_known_and_each_is_listed_after_one_kind() {
        let mut listed: Vec<&str> = ROWS.iter().filter_map(|row| Some(row.listed?.name)).collect();
        for name in &listed {
            assert_eq!(ActionType::KNOWN.iter().filter(|known| known == &name).count(), 1, "{name}");
        }
        let all = listed.len();
        listed.sort_unstable();
        listed.dedup();
        assert_eq!(listed.len(), all);
    }

    #[test]
    fn what_takes_something_back_restores_and_takes_back_the_same_part_of_the_machine() {
        for row in &ROWS {
            let Some(undone) = row.undoes else { continue };
            assert_eq!((row.impact, undone.impact()), (Impact::Restoring, Impact::Disruptive), "{}", row.kind);
            assert_eq!((row.target, undone.undone_by()), (undone.row().target, Some(row.kind)), "{}", row.kind);
        }
        assert_eq!(ActionKind::Scan.undone_by(), None);
    }

    #[test]
    fn the_kinds_that_are_taken_are_all_but_the_retired_ones_in_their_order() {
        let taken: Vec<ActionKind> = ActionKind::ALL.iter().copied().filter(|kind| kind.retired().is_none()).collect();
        assert_eq!(ActionKind::TAKEN, taken);
        assert_eq!(taken.len() + 1, ActionKind::ALL.len(), "one is retired: investigate");
    }
}
