//! Chosen mails as a person reads them: what is seen most, and what must not be misread.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;

use std::collections::BTreeSet;

use cordon_notify::render::Renderer;
use cordon_records::{
    Action, ActionKind, ActionRecord, ActionState, Isolation, MachineActionId, OtherAction, TagChange,
};
use support::actions::{approval, indicator, left_alone, record};
use support::{of, of_the_machine, step, step_of};

/// The name of the snapshot, the subject, and what the mail is about.
type Chosen = (&'static str, &'static str, ActionRecord);

/// As long as a link with a real token.
const PACKAGE: &str = "https://userrequests-us.securitycenter.windows.com/safedownload/WDATP_Investigation_Package.zip\
    ?token=5MadeUpForThisTest0000aaaa%2b1111bbbb%2f2222cccc3333dddd4444eeee5555ffff6666gggg7777hhhh8888iiii9999jjjj\
    0000kkkk1111llll2222mmmm3333nnnn4444oooo5555pppp6666qqqq7777rrrr8888ssss9999tttt0000uuuu1111vvvv2222wwww3333xxxx\
    %3d%3b4444yyyy5555zzzz6666AAAA7777BBBB8888CCCC9999DDDD0000EEEE1111FFFF2222GGGG3333HHHH4444IIII5555JJJJ6666KKKK%3d";

/// The chosen mails: what people see most, or must not misread.
fn chosen() -> Vec<Chosen> {
    [releases(), decided_by_people(), packages(), others(), theirs()].concat()
}

fn with(kind: ActionKind, state: ActionState, change: fn(&mut ActionRecord)) -> ActionRecord {
    let mut record = record(kind, state);
    change(&mut record);
    record
}

fn asked(record: &mut ActionRecord) {
    record.action = Some(Action::Release { comment: "cleaned and checked".into() });
    (record.requested_by, record.keeps_connected_s) = (Some("anna@contoso.com".into()), Some(7_200));
    (record.rules, record.conditions, record.guards) = Default::default();
}

fn releases() -> Vec<Chosen> {
    vec![
        (
            "release_asked_for",
            "LAPTOP-ANNA: RELEASED, connected again, asked for by anna@contoso.com: cleaned and checked",
            with(ActionKind::Release, ActionState::Succeeded, asked),
        ),
        ("release_by_itself", "LAPTOP-ANNA: RELEASED, connected again", {
            let mut record = record(ActionKind::Release, ActionState::Succeeded);
            record.action = Some(Action::Release { comment: "4 h after the isolation, as the rule says".into() });
            record
        }),
        (
            "release_failed",
            "LAPTOP-ANNA: NOT released from isolation, it failed",
            with(ActionKind::Release, ActionState::Failed, asked),
        ),
        (
            "release_left_alone",
            "LAPTOP-ANNA: NOT released from isolation, isolated anew by analyst@example.com (Full)",
            {
                let id = MachineActionId::new("5382f7ea-7557-4ab7-9782-d50480024a4e").unwrap();
                left_alone(Isolation::Isolated { id }, Some("analyst@example.com (Full)"))
            },
        ),
        ("release_held", "LAPTOP-ANNA: you decide (release)", record(ActionKind::Release, ActionState::Held)),
    ]
}

fn decided_by_people() -> Vec<Chosen> {
    vec![
        (
            "expired_while_refused",
            "LAPTOP-ANNA: NOT isolated, expired: Entra or Defender refused",
            with(ActionKind::Isolate, ActionState::Expired, |record| {
                record.tenant_refuses = true;
                record.reason = "its time is over. Cordon was refused until then, so that nobody could decide: Entra \
                                 gave no token (HTTP 401 invalid_client: AADSTS7000215: Invalid client secret)"
                    .into();
            }),
        ),
        (
            "offboard_held_with_one_yes",
            "LAPTOP-ANNA: you decide (offboarding)",
            with(ActionKind::Offboard, ActionState::Held, |record| {
                record.approvals = vec![approval("anna@contoso.com", "the disk is in evidence")];
                record.reason = "approved by anna@contoso.com; it takes 2 people, so another must approve too".into();
            }),
        ),
        (
            "live_response_approved",
            "LAPTOP-ANNA: live response approved by anna@contoso.com, bert@contoso.com, not yet requested",
            with(ActionKind::LiveResponse, ActionState::Approved, |record| {
                record.approvals =
                    vec![approval("anna@contoso.com", "go on"), approval("bert@contoso.com", "seen it, go on")];
            }),
        ),
    ]
}

fn packages() -> Vec<Chosen> {
    vec![
        (
            "package_ready",
            "LAPTOP-ANNA: investigation package ready",
            with(ActionKind::CollectPackage, ActionState::Succeeded, |record| {
                record.link = Some(PACKAGE.into());
            }),
        ),
        (
            "package_without_its_link",
            "LAPTOP-ANNA: investigation package ready",
            with(ActionKind::CollectPackage, ActionState::Succeeded, |record| {
                record.link = Some("http://evil.example/package.zip".into());
            }),
        ),
    ]
}

fn others() -> Vec<Chosen> {
    vec![
        (
            "stop_file_done",
            "LAPTOP-ANNA: file 6fe2d1e0c6d… quarantined",
            record(ActionKind::StopFile, ActionState::Succeeded),
        ),
        (
            "restrict_would",
            "LAPTOP-ANNA: WOULD restrict it to programs signed by Microsoft (shadow mode)",
            record(ActionKind::RestrictCode, ActionState::Would),
        ),
        (
            "indicator_held",
            "LAPTOP-ANNA: you decide (indicator)",
            step_of(Action::Indicator(indicator("evil.example")), ActionState::Held, "LAPTOP-ANNA"),
        ),
        ("indicator_unknown", "LAPTOP-ANNA: unknown whether the indicator \"Block evil[.]example\" was submitted", {
            let mut record =
                step_of(Action::Indicator(indicator("evil.example")), ActionState::NeedsHuman, "LAPTOP-ANNA");
            record.attempt = 1;
            record.reason = "the call got no answer within 20 s".into();
            record
        }),
        ("tag_failed", "LAPTOP-ANNA: tag pilot NOT taken off it, it failed", {
            let action = Action::Tag { tag: "pilot".into(), change: TagChange::Remove };
            let mut record = step_of(action, ActionState::Failed, "LAPTOP-ANNA");
            record.reason = "Defender answered 404 ResourceNotFound: the machine is not known".into();
            record
        }),
        (
            "cancel_failed",
            "LAPTOP-ANNA: isolation NOT cancelled, it failed",
            record(ActionKind::Cancel, ActionState::Failed),
        ),
        ("isolate_second_attempt", "LAPTOP-ANNA: NOT isolated, Defender gave up (attempt 2)", {
            let mut record = step(ActionState::TimedOut, "LAPTOP-ANNA");
            record.attempt = 2;
            record
        }),
        ("isolated_for_a_time", "LAPTOP-ANNA: isolated", record(ActionKind::Isolate, ActionState::Succeeded)),
        (
            "alert_not_changed",
            "LAPTOP-ANNA: alert NOT changed, it failed",
            record(ActionKind::UpdateAlert, ActionState::Failed),
        ),
    ]
}

/// An isolation that an analyst had asked for, found in place of ours.
fn analysts(state: ActionState, reason: &str) -> ActionRecord {
    let mut record = record(ActionKind::Isolate, state);
    record.attempt = 1;
    record.machine_action_id = None;
    record.other_action = Some(OtherAction {
        id: MachineActionId::new("5382f7ea-7557-4ab7-9782-d50480024a4e").unwrap(),
        by: "analyst@example.com".into(),
        scope: Some("Selective".into()),
    });
    record.reason = reason.into();
    record
}

fn theirs() -> Vec<Chosen> {
    let already = "already isolated by analyst@example.com (Selective): \"by hand, keep until Monday\" (action 5382f7ea-7557-4ab7-9782-d50480024a4e, Pending)";
    vec![
        (
            "theirs_found",
            "LAPTOP-ANNA: isolation already asked for by analyst@example.com (Selective), not by Cordon",
            analysts(ActionState::Covered, already),
        ),
        (
            "theirs_confirmed",
            "LAPTOP-ANNA: isolated, by analyst@example.com (Selective)",
            analysts(ActionState::Succeeded, "the action of analyst@example.com (Selective): Defender says Succeeded"),
        ),
        (
            "theirs_cancelled",
            "LAPTOP-ANNA: NOT isolated, the action of analyst@example.com (Selective) was cancelled",
            analysts(ActionState::Cancelled, "the action of analyst@example.com (Selective): the action was cancelled"),
        ),
        ("theirs_without_scope", "LAPTOP-ANNA: isolated, by analyst@example.com", {
            let mut record =
                analysts(ActionState::Succeeded, "the action of analyst@example.com: Defender says Succeeded");
            record.other_action.as_mut().unwrap().scope = None;
            record
        }),
    ]
}

/// What an isolation of somebody else's must never be called.
#[test]
fn a_mail_about_an_analysts_isolation_never_calls_it_full_nor_says_that_cordon_ends_it() {
    let renderer = Renderer::new().unwrap();
    for state in [ActionState::Covered, ActionState::Succeeded, ActionState::Overdue, ActionState::NeedsHuman] {
        let message = of(analysts(state, "the action of analyst@example.com (Selective)"));
        for text in [renderer.text(&message).unwrap(), renderer.html(&message).unwrap()] {
            assert!(text.contains("analyst@example.com"), "{state:?}: {text}");
            assert!(text.contains("Selective"), "{state:?}: {text}");
            assert!(!text.contains("Full") && !text.contains("Cordon releases it by itself"), "{state:?}: {text}");
        }
    }
}

#[test]
fn the_chosen_mails_are_as_reviewed() {
    let renderer = Renderer::new().unwrap();
    let names: BTreeSet<&str> = chosen().iter().map(|(name, _, _)| *name).collect();
    assert_eq!(names.len(), chosen().len(), "a snapshot's name is taken twice");
    for (name, subject, record) in chosen() {
        let message = of(record);
        assert_eq!(of_the_machine(&message.subject), subject, "{name}");
        insta::assert_snapshot!(format!("text_{name}"), renderer.text(&message).unwrap());
        if ["release_asked_for", "offboard_held_with_one_yes", "package_ready", "tag_failed"].contains(&name) {
            insta::assert_snapshot!(format!("html_{name}"), renderer.html(&message).unwrap());
        }
    }
}
