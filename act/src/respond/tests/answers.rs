//! What the real client makes of the simulated tenant's answers: whose action is in them.

use std::sync::Arc;
use std::time::Duration;

use cordon_defender::{Cloud, Defender, DefenderSettings, QuotaSettings};
use cordon_records::{Action, ActionKey, ActionKind, AlertId, IsolationType, MachineId, SystemClock, TenantId};
use cordon_response::{Answer, Order, ours};
use cordon_settings::Secret;
use cordon_simulator::{
    CLIENT_ID, CLIENT_SECRET, Fault, FaultKind, Options, Quirks, SimAlert, SimMachine, Simulator, TENANT_ID,
};
use serde_json::{Value, json};

use super::samples::an;
use crate::respond::{DefenderTenant, Tenant};

struct Bench {
    simulator: Simulator,
    tenant: DefenderTenant,
    alert: AlertId,
    machine: MachineId,
}

/// A tenant with a machine whose actions take their time, and which answers a second one with the first.
fn bench() -> Bench {
    cordon_runtime::process::install_tls();
    let quirks = Quirks { actions_answer_existing: true, ..Quirks::default() };
    let options = Options { settle: Duration::from_secs(3_600), quirks, ..Options::default() };
    let simulator = Simulator::start(options).unwrap();
    let machine = MachineId::new("m1").unwrap();
    let known = SimMachine::new(machine.clone(), "lab-01");
    simulator.add_machine(known.clone());
    let alert = simulator.add_alert(SimAlert::on(&known));
    let id = TenantId::new(TENANT_ID).unwrap();
    let secret = Secret::from_literal(CLIENT_SECRET);
    let mut settings = DefenderSettings::new(Cloud::default(), id, CLIENT_ID.to_owned(), secret).unwrap();
    settings.api_url = simulator.api_url().parse().unwrap();
    settings.authority_url = simulator.authority_url().parse().unwrap();
    settings.quota = QuotaSettings { share: 1.0, per_minute: Some(1_000_000), per_hour: Some(10_000_000) };
    Bench { simulator, tenant: DefenderTenant(Defender::new(settings, Arc::new(SystemClock)).unwrap()), alert, machine }
}

impl Bench {
    async fn act(&self, action: Action) -> Answer {
        let key = ActionKey::derive(&TenantId::new(TENANT_ID).unwrap(), &self.alert, &self.machine, &action);
        let order = Order {
            comment: ours::comment("High severity alert", key.as_str(), 1),
            key,
            alert: self.alert.clone(),
            machine: self.machine.clone(),
            action,
            cancels: None,
            by_person: false,
        };
        self.tenant.act(&order, || true).await
    }

    async fn isolate(&self) -> Answer {
        self.act(Action::Isolate { isolation: IsolationType::Full, comment: String::new(), release: None }).await
    }

    /// The next answer to an isolation has these fields; everything else stays as it is.
    fn answers(&self, fields: Value) {
        self.simulator.script(Fault::on("POST", "/isolate", FaultKind::fields(fields)));
    }

    /// The action is read by its id with these fields.
    fn reads(&self, fields: Value) {
        self.simulator.script(Fault::on("GET", "/api/machineactions/", FaultKind::fields(fields)));
    }
}

fn theirs() -> Value {
    json!({"type": "Isolate", "requestor": "analyst@example.com", "requestorComment": "by hand, keep until Monday",
        "scope": "Selective", "status": "Pending"})
}

#[tokio::test]
async fn the_answer_with_an_analysts_isolation_is_the_analysts() {
    let bench = bench();
    bench.answers(theirs());
    let Answer::Others(found) = bench.isolate().await else { panic!("it was taken for ours") };
    assert_eq!(ours::other(&found).to_string(), "analyst@example.com (Selective)");
    // The same without a script: the list lagged, and Defender answers with what is pending.
    let bench = self::bench();
    bench.simulator.isolate_by_person(&bench.machine, "analyst@example.com", "by hand, keep until Monday");
    let Answer::Others(found) = bench.isolate().await else { panic!("it was taken for ours") };
    assert_eq!(ours::other(&found).to_string(), "analyst@example.com (Full)");
}

#[tokio::test]
async fn an_answer_that_leaves_out_or_spells_otherwise_what_it_may_is_ours() {
    for fields in [
        json!({}),
        json!({"scope": null}),
        json!({"scope": "full", "machineId": "M1"}),
        json!({"machineId": null, "type": null, "requestor": null}),
    ] {
        let bench = bench();
        bench.answers(fields.clone());
        assert!(matches!(bench.isolate().await, Answer::Accepted(_)), "{fields}");
    }
}

#[tokio::test]
async fn an_answer_without_a_comment_is_read_by_its_id_and_in_doubt_when_that_has_none_either() {
    for comment in [Value::Null, json!(""), json!(" ")] {
        let ours = bench();
        ours.answers(json!({"requestorComment": comment}));
        assert!(matches!(ours.isolate().await, Answer::Accepted(_)), "{comment}: its own record has our mark");
        let theirs = bench();
        theirs.answers(json!({"requestorComment": comment}));
        theirs.reads(self::theirs());
        assert!(matches!(theirs.isolate().await, Answer::Others(_)), "{comment}");
        let unsaid = bench();
        unsaid.answers(json!({"requestorComment": comment}));
        unsaid.reads(json!({"requestorComment": comment}));
        let Answer::Lost(why) = unsaid.isolate().await else { panic!("{comment}: nobody knows whose it is") };
        assert!(why.contains("no comment that says whose it is"), "{why}");
        let unread = bench();
        unread.answers(json!({"requestorComment": comment}));
        unread.simulator.script(Fault::on("GET", "/api/machineactions/", FaultKind::status(403, "Forbidden", "no")));
        let Answer::Lost(why) = unread.isolate().await else { panic!("{comment}: nobody knows whose it is") };
        assert!(why.contains("has no comment, and reading it failed"), "{why}");
    }
}

#[tokio::test]
async fn an_answer_about_another_machine_or_of_another_type_or_scope_is_no_success() {
    let scoped = bench();
    scoped.answers(json!({"scope": "Selective"}));
    let answer = scoped.isolate().await;
    assert!(matches!(&answer, Answer::Misapplied(why) if why.contains("scope Selective, not Full")), "{answer}");
    for fields in [json!({"machineId": "m2"}), json!({"type": "Unisolate"})] {
        let marked = bench();
        marked.answers(fields.clone());
        assert!(matches!(marked.isolate().await, Answer::Misapplied(_)), "{fields}");
        let unmarked = bench();
        let mut fields = fields.clone();
        fields["requestorComment"] = json!("by hand");
        unmarked.answers(fields.clone());
        assert!(matches!(unmarked.isolate().await, Answer::Lost(_)), "{fields}");
    }
}

#[tokio::test]
async fn of_every_kind_the_answer_is_ours_the_first_time_and_somebody_elses_where_theirs_runs() {
    for kind in ActionKind::ALL.iter().copied().filter(|kind| kind.is_machine_action()) {
        let bench = bench();
        let answer = bench.act(an(kind)).await;
        assert!(matches!(answer, Answer::Accepted(_)), "{kind}: {answer}");
        let again = bench.act(an(kind)).await;
        assert!(matches!(again, Answer::Accepted(_)), "{kind}: Defender answers with our own, {again}");
        let other = self::bench();
        other.simulator.script(Fault::on(
            "POST",
            "/api/machines/m1/",
            FaultKind::fields(json!({
                "requestor": "analyst@example.com", "requestorComment": "by hand"
            })),
        ));
        let answer = other.act(an(kind)).await;
        assert!(matches!(answer, Answer::Others(_)), "{kind}: {answer}");
    }
}

#[tokio::test]
async fn a_cancellation_that_is_answered_with_another_action_is_not_known_to_be_done() {
    for (fields, done) in [(json!({}), true), (json!({"id": "another"}), false)] {
        let bench = bench();
        let Answer::Accepted(standing) = bench.isolate().await else { panic!("it was not accepted") };
        bench.simulator.script(Fault::on("POST", "/cancel", FaultKind::fields(fields.clone())));
        let action = an(ActionKind::Cancel);
        let order = Order {
            key: ActionKey::new("0123456789abcdef").unwrap(),
            alert: bench.alert.clone(),
            machine: bench.machine.clone(),
            action,
            comment: "wrong machine [cordon:0123456789abcdef#1]".into(),
            cancels: Some(standing.id),
            by_person: true,
        };
        let answer = bench.tenant.act(&order, || true).await;
        assert_eq!(matches!(answer, Answer::Done(_)), done, "{fields}: {answer}");
        assert_eq!(matches!(answer, Answer::Lost(_)), !done, "{fields}: {answer}");
    }
}
