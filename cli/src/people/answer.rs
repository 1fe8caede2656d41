//! What respond says to a command, recognised among everything that it writes. Pure.

use cordon_records::{
    ActionKey, ActionRecord, ActionState, AttemptState, CANCELLED_BY, Command, CommandId, CommandPlace, CommandRecord,
    DENIED_BY, LedgerEntry, LedgerRecord, Notice, NoticeKind, Report, Topic,
};
use cordon_runtime::kafka::Inbound;
use cordon_settings::format_duration;

/// What was asked, and what an answer to it would speak of.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The command.
    pub command: Command,
    /// Its id.
    pub id: CommandId,
    /// The action that it is about.
    pub key: Option<ActionKey>,
    /// Where it stands on `commands`.
    pub offset: i64,
}

/// What one record says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It was done, and this is the report.
    Taken(String),
    /// It was refused, and this is why.
    Refused(String),
    /// It counts; the report is still to come.
    Counted,
    /// respond has read it; whether it counts is still to come.
    Read,
}

impl Asked {
    /// What is asked by this record, which stands at `offset`.
    pub fn of(record: &CommandRecord, id: CommandId, key: Option<ActionKey>, offset: i64) -> Self {
        Self { command: record.command.clone(), id, key, offset }
    }

    /// What this record says to it; `None` when it speaks of something else.
    pub fn hear(&self, record: &Inbound) -> Option<Heard> {
        match record.topic {
            Topic::Actions => match record.json().ok()? {
                Report::Action(report) => self.report(&report),
                Report::Notice(notice) => self.notice(&notice),
            },
            Topic::Ledger => self.remembered(&record.json().ok()?),
            Topic::Alerts
            | Topic::Enriched
            | Topic::Decisions
            | Topic::Commands
            | Topic::DeadLetters
            | Topic::Summary
            | Topic::Cursors
            | Topic::Notified
            | Topic::Policies => None,
        }
    }

    fn report(&self, report: &ActionRecord) -> Option<Heard> {
        if report.key.is_none() || report.key != self.key {
            return None;
        }
        let told = || told(report);
        match (&self.command, report.state) {
            (Command::Approve { .. } | Command::ApproveEach { .. }, ActionState::Approved) => {
                Some(Heard::Taken(told()))
            }
            (Command::Approve { .. } | Command::ApproveEach { .. }, _) => {
                self.is_among(report).then(|| Heard::Taken(told()))
            }
            (Command::Deny { .. }, ActionState::Denied) | (Command::Cancel { .. }, ActionState::Cancelled) => {
                Some(Heard::Taken(told()))
            }
            // It ends by this word, and a person has to look at an earlier call.
            (Command::Deny { .. }, ActionState::NeedsHuman) if report.reason.starts_with(DENIED_BY) => {
                Some(Heard::Taken(told()))
            }
            (Command::Cancel { .. }, ActionState::NeedsHuman) if report.reason.starts_with(CANCELLED_BY) => {
                Some(Heard::Taken(told()))
            }
            (
                Command::Release { .. } | Command::ReleaseEach { .. } | Command::Retry { .. },
                ActionState::Refused | ActionState::Failed | ActionState::NeedsHuman,
            ) => Some(Heard::Refused(told())),
            (Command::Release { .. } | Command::ReleaseEach { .. } | Command::Retry { .. }, _) => {
                Some(Heard::Taken(told()))
            }
            (Command::Pause | Command::Resume { .. } | Command::Deny { .. } | Command::Cancel { .. }, _) => None,
        }
    }

    fn is_among(&self, report: &ActionRecord) -> bool {
        report.approvals.iter().any(|yes| yes.command == self.id)
    }

    fn notice(&self, notice: &Notice) -> Option<Heard> {
        match (&self.command, notice.kind) {
            (_, NoticeKind::CommandRefused) => {
                // A refusal names the place that the command has on its topic, and the action where it is of that one alone.
                let is_ours = |(place, alone): (CommandPlace, Option<ActionKey>)| {
                    place.offset == self.offset && (alone.is_none() || alone == self.key)
                };
                let at_its_place = CommandPlace::of_refusal(&notice.id).is_some_and(is_ours);
                let named = at_its_place || notice.text.contains(self.id.as_str());
                named.then(|| Heard::Refused(notice.text.clone()))
            }
            (Command::Resume { notice: lifted }, NoticeKind::Resumed) => {
                notice.text.contains(lifted).then(|| Heard::Taken(notice.text.clone()))
            }
            (Command::Pause, NoticeKind::Paused) => Some(Heard::Taken(notice.text.clone())),
            _ => None,
        }
    }

    fn remembered(&self, record: &LedgerRecord) -> Option<Heard> {
        match record {
            LedgerRecord::Applied { id, set_aside, .. } => (*id == self.id && !set_aside).then_some(Heard::Counted),
            LedgerRecord::CommandsPosition { next, .. } => (*next > self.offset).then_some(Heard::Read),
            LedgerRecord::Action(entry) => self.counts_in(entry).then_some(Heard::Counted),
            LedgerRecord::Genesis(_)
            | LedgerRecord::Claim(_)
            | LedgerRecord::Closed(_)
            | LedgerRecord::Breaker(_)
            | LedgerRecord::Pause(_)
            | LedgerRecord::FleetSize { .. }
            | LedgerRecord::Policy(_) => None,
        }
    }

    fn counts_in(&self, entry: &LedgerEntry) -> bool {
        let says_no = match entry.state {
            AttemptState::Reported(ActionState::Denied) => true,
            AttemptState::Reported(ActionState::NeedsHuman) => entry.reason.starts_with(DENIED_BY),
            AttemptState::Intent | AttemptState::InDoubt | AttemptState::Reported(_) => false,
        };
        let denied = matches!(self.command, Command::Deny { .. }) && Some(&entry.key) == self.key.as_ref() && says_no;
        let again = entry.asked_again.as_ref() == Some(&self.id);
        denied || again || entry.approvals.iter().any(|yes| yes.command == self.id)
    }
}

/// A report in one line.
fn told(report: &ActionRecord) -> String {
    let state = report.state.as_str().replace('_', " ");
    let approvals = match report.approvals.len() {
        0 => String::new(),
        1 => " (1 approval)".to_owned(),
        several => format!(" ({several} approvals)"),
    };
    let stays = report.keeps_connected_s.map(|seconds| {
        let within = format_duration(std::time::Duration::from_secs(seconds));
        format!("; for {within} after it rules isolate this machine only with an approval")
    });
    format!("{state}{approvals}: {}{}", report.reason, stays.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use cordon_records::{Approval, IntentHash, MachineId, SCHEMA_VERSION};

    use super::super::ledger::tests::entry;
    use super::*;

    fn asked(command: Command) -> Asked {
        let key = Some(ActionKey::new("aa").unwrap());
        Asked { command, id: CommandId::new("c-1").unwrap(), key, offset: 5 }
    }

    fn approve() -> Asked {
        asked(Command::Approve { key: ActionKey::new("aa").unwrap(), intent: IntentHash::new("ff").unwrap() })
    }

    fn written(topic: Topic, value: serde_json::Result<serde_json::Value>) -> Inbound {
        let value = value.unwrap().to_string().into_bytes();
        Inbound {
            topic,
            topic_name: "t".into(),
            partition: 0,
            offset: 0,
            key: None,
            headers: cordon_records::Headers::default(),
            value: Some(value),
            timestamp: None,
        }
    }

    fn report(key: &str, state: ActionState, approved_by: &[&str]) -> Inbound {
        let text = include_str!("../../../common/records/examples/v1/action-accepted.json");
        let Report::Action(mut report) = serde_json::from_str(text).unwrap() else { panic!("no report") };
        report.key = Some(ActionKey::new(key).unwrap());
        report.state = state;
        report.approvals = approved_by.iter().map(|command| yes(command)).collect();
        written(Topic::Actions, serde_json::to_value(Report::Action(report)))
    }

    fn yes(command: &str) -> Approval {
        let command = CommandId::new(command).unwrap();
        let at = "2026-11-22T22:41:08Z".parse().unwrap();
        let intent = IntentHash::new("ff").unwrap();
        Approval { by: "a".to_owned(), key: "k".to_owned(), why: "w".to_owned(), at, command, intent, notice: None }
    }

    fn refusal(id: &str, text: &str) -> Inbound {
        let at = "2026-11-22T22:41:08Z".parse().unwrap();
        let (id, kind) = (id.to_owned(), NoticeKind::CommandRefused);
        let notice = Notice { schema_version: SCHEMA_VERSION, id, kind, text: text.to_owned(), cause: None, at };
        written(Topic::Actions, serde_json::to_value(Report::Notice(notice)))
    }

    #[test]
    fn an_approval_is_answered_by_the_report_of_its_action_and_of_no_other() {
        let taken = |record| matches!(approve().hear(&record), Some(Heard::Taken(_)));
        assert!(taken(report("aa", ActionState::Approved, &["c-1"])));
        assert!(taken(report("aa", ActionState::Held, &["c-0", "c-1"])), "the first of two that are needed");
        assert!(!taken(report("aa", ActionState::Held, &["c-0"])), "somebody else's");
        assert!(!taken(report("bb", ActionState::Approved, &[])));
    }

    #[test]
    fn a_refusal_is_ours_when_it_names_the_commands_place_or_id() {
        let refused = |id, text| matches!(approve().hear(&refusal(id, text)), Some(Heard::Refused(_)));
        assert!(refused("command_refused@commands/0/5", "approve aa was refused: altered"));
        assert!(refused("command_refused@2026-11-22T22:41:08Z", "c-1 does nothing"));
        assert!(refused("command_refused@commands/0/5@2026-11-22T22:41:08Z", "approve aa was refused: altered"));
        assert!(refused("command_refused@commands/0/5@2026-11-22T22:41:08Z/aa", "approve was refused for aa"));
        assert!(!refused("command_refused@commands/0/5@2026-11-22T22:41:08Z/bb", "approve was refused for bb"));
        assert!(!refused("command_refused@commands/0/55", "approve aa was refused: altered"));
    }

    #[test]
    fn the_ledger_tells_what_counts_and_how_far_respond_has_read() {
        let ledger = |record: LedgerRecord| approve().hear(&written(Topic::Ledger, serde_json::to_value(record)));
        let until = "2026-11-22T22:41:08Z";
        let obeyed = |id: &str| {
            serde_json::from_value(serde_json::json!({"entry": "obeyed", "id": id, "until": until, "offset": 5}))
                .unwrap()
        };
        assert_eq!((ledger(obeyed("c-1")), ledger(obeyed("c-2"))), (Some(Heard::Counted), None));
        assert_eq!(ledger(LedgerRecord::CommandsPosition { next: 5, newest: None }), None);
        assert_eq!(ledger(LedgerRecord::CommandsPosition { next: 6, newest: None }), Some(Heard::Read));
        let mut entry = entry("aa", "m1", "ONE");
        assert_eq!(ledger(LedgerRecord::Action(Box::new(entry.clone()))), None);
        entry.approvals.push(yes("c-1"));
        assert_eq!(ledger(LedgerRecord::Action(Box::new(entry))), Some(Heard::Counted));
    }

    #[test]
    fn a_release_says_for_how_long_the_machine_stays_connected_as_the_guards_say() {
        let Some(Report::Action(mut release)) = report("aa", ActionState::Accepted, &[]).json().ok() else { panic!() };
        release.keeps_connected_s = Some(7_200);
        let command = Command::Release { machine: MachineId::new("m").unwrap() };
        let heard = asked(command).hear(&written(Topic::Actions, serde_json::to_value(Report::Action(release))));
        let Some(Heard::Taken(why)) = heard else { panic!("{heard:?}") };
        assert!(why.ends_with("; for 2h after it rules isolate this machine only with an approval"), "{why}");
    }

    #[test]
    fn a_denial_a_cancellation_and_a_release_are_answered_by_their_ends() {
        let key = || ActionKey::new("aa").unwrap();
        let hear = |command, state| asked(command).hear(&report("aa", state, &[]));
        assert!(matches!(hear(Command::Deny { key: key() }, ActionState::Denied), Some(Heard::Taken(_))));
        assert_eq!(hear(Command::Deny { key: key() }, ActionState::Accepted), None);
        assert!(matches!(hear(Command::Cancel { key: key() }, ActionState::Cancelled), Some(Heard::Taken(_))));
        for (command, reason) in [
            (Command::Deny { key: key() }, "denied by bert: no; nobody knows what came of an earlier one"),
            (Command::Cancel { key: key() }, "cancelled by ann: no; nobody knows what came of an earlier one"),
        ] {
            let Some(Report::Action(mut ended)) = report("aa", ActionState::NeedsHuman, &[]).json().ok() else {
                panic!()
            };
            let hear = |report: &ActionRecord| {
                let report = serde_json::to_value(Report::Action(Box::new(report.clone())));
                asked(command.clone()).hear(&written(Topic::Actions, report))
            };
            assert_eq!(hear(&ended), None, "it ended by itself");
            ended.reason = reason.to_owned();
            assert!(matches!(hear(&ended), Some(Heard::Taken(why)) if why.contains("an earlier one")));
        }
        let release = || Command::Release { machine: MachineId::new("m").unwrap() };
        assert!(matches!(hear(release(), ActionState::Accepted), Some(Heard::Taken(_))));
        assert!(matches!(hear(release(), ActionState::Failed), Some(Heard::Refused(_))));
    }
}
