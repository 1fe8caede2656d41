//! Rights, printed: for people, for Kafka's own tool, for Strimzi. Pure.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cordon_runtime::kafka::access::{Access, Rights};
use cordon_runtime::kafka::{KafkaSettings, Operation, Resource};

use super::args::Authentication;
use super::who::Who;
use crate::output;

/// The rights of each.
pub fn of(all: &[Who], kafka: &KafkaSettings) -> Vec<(Who, Rights)> {
    all.iter().map(|who| (*who, Access::rights(who.access(), kafka))).collect()
}

/// One line a resource.
pub fn table(all: &[(Who, Rights)]) -> String {
    let rows: Vec<[String; 4]> =
        all.iter().flat_map(|(who, rights)| rights.iter().map(|right| row(*who, right))).collect();
    output::table(["WHO", "RESOURCE", "NAME", "OPERATIONS"], &rows)
}

fn row(who: Who, (resource, operations): (&Resource, &BTreeSet<Operation>)) -> [String; 4] {
    let (kind, name) = parts(resource);
    [who.name().to_owned(), kind.to_owned(), name.to_owned(), joined(operations)]
}

fn parts(resource: &Resource) -> (&'static str, &str) {
    match resource {
        Resource::Topic(name) => ("topic", name),
        Resource::Group(name) => ("group", name),
        Resource::Cluster => ("cluster", ""),
    }
}

fn joined(operations: &BTreeSet<Operation>) -> String {
    operations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// One command a resource. `principal` is a template with `{}` for the name.
pub fn commands(all: &[(Who, Rights)], kafka: &KafkaSettings, principal: &str) -> String {
    let mut text = String::new();
    for (who, rights) in all {
        let principal = principal.replace("{}", who.name());
        for (resource, operations) in rights {
            let (kind, name) = parts(resource);
            let operations: String = operations.iter().map(|it| format!(" --operation {it}")).collect();
            let broker = &kafka.bootstrap_servers;
            let _ = writeln!(
                text,
                "kafka-acls --bootstrap-server {broker} --add --allow-principal '{principal}'{operations} --{kind} {name}"
            );
        }
    }
    text
}

/// One `KafkaUser` each.
pub fn strimzi(all: &[(Who, Rights)], authentication: Authentication) -> String {
    let authentication = match authentication {
        Authentication::ScramSha512 => "scram-sha-512",
        Authentication::Tls => "tls",
    };
    let user = |(who, rights): &(Who, Rights)| {
        let acls: String = rights.iter().map(acl).collect();
        format!(
            "---\napiVersion: kafka.strimzi.io/v1\nkind: KafkaUser\nmetadata:\n  name: cordon-{}\n  labels:\n    \
             strimzi.io/cluster: kafka\nspec:\n  authentication:\n    type: {authentication}\n  authorization:\n    \
             type: simple\n    acls:\n{acls}",
            who.name()
        )
    };
    all.iter().map(user).collect()
}

fn acl((resource, operations): (&Resource, &BTreeSet<Operation>)) -> String {
    let (kind, name) = parts(resource);
    format!(
        "      - resource: {{type: {kind}, name: {name}, patternType: literal}}\n        operations: [{}]\n",
        joined(operations)
    )
}
