//! `cordon acls`: the least rights on the broker, from the tables by which the stages themselves go.

pub mod args;
mod print;
mod who;

use args::{AclsArgs, Format};
use who::Who;

use crate::exit::Exit;
use crate::output::put;
use crate::stages;

/// Prints them.
pub fn run(args: &AclsArgs) -> anyhow::Result<Exit> {
    let kafka = stages::kafka(&args.config)?;
    let all = print::of(&args.stage.map_or(Who::ALL.to_vec(), |who| vec![who]), &kafka);
    put(&match args.output {
        Format::Table => print::table(&all),
        Format::KafkaAcls => print::commands(&all, &kafka, &args.principal),
        Format::Strimzi => print::strimzi(&all, args.authentication),
    })?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cordon_records::Topic;
    use cordon_runtime::kafka::{Access, KafkaSettings, Operation, Resource};

    use super::args::Authentication;
    use super::who::Who;
    use super::{print, who};

    fn kafka() -> KafkaSettings {
        KafkaSettings { bootstrap_servers: "kafka:9093".into(), ..KafkaSettings::in_memory("") }
    }

    #[test]
    fn every_stage_and_person_has_its_least_rights_in_a_table() {
        insta::assert_snapshot!(print::table(&print::of(&Who::ALL, &kafka())));
    }

    #[test]
    fn a_role_of_act_has_less_than_both_and_both_have_no_more_than_the_two() {
        let rights = |who: Who| -> BTreeSet<(Resource, Operation)> {
            let rights = Access::rights(who.access(), &kafka());
            rights
                .into_iter()
                .flat_map(|(resource, all)| all.into_iter().map(move |it| (resource.clone(), it)))
                .collect()
        };
        let (decide, respond, act) = (rights(Who::Decide), rights(Who::Respond), rights(Who::Act));
        assert!(decide.len() < act.len() && respond.len() < act.len());
        assert_eq!(&decide | &respond, act);
        let ledger = kafka().topic(Topic::Ledger);
        assert!(!decide.iter().any(|(resource, _)| *resource == Resource::Topic(ledger.clone())), "{decide:?}");
        insta::assert_snapshot!(print::table(&print::of(&[Who::Decide, Who::Respond], &kafka())));
    }

    #[test]
    fn only_who_decides_for_respond_may_write_commands() {
        let commands = Resource::Topic(kafka().topic(Topic::Commands));
        let may = |who: &who::Who| {
            let rights = Access::rights(who.access(), &kafka());
            rights.get(&commands).is_some_and(|operations| operations.contains(&Operation::Write))
        };
        let writers: Vec<Who> = Who::ALL.into_iter().filter(may).collect();
        assert_eq!(writers, [Who::Command]);
    }

    #[test]
    fn kafkas_own_tool_and_strimzi_are_told_the_same() {
        let enrich = print::of(&[Who::Enrich], &kafka());
        insta::assert_snapshot!(print::commands(&enrich, &kafka(), "User:CN=cordon-{},O=Example"));
        insta::assert_snapshot!(print::strimzi(&enrich, Authentication::Tls));
    }
}
