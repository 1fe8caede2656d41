//! A broker with TLS, logins and access lists, as the tests of rights and of Kafka's mistakes use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use cordon_records::{Headers, Topic};
use cordon_runtime::kafka::{KafkaFailure, Outbound, Producer, apply_topics};
use cordon_tests::broker::{settings, unique_prefix};
use cordon_tests::secured::{Access, Login, SecuredKafka, principal};

const LOGINS: [(Login, &str); 2] = [(Login::Scram, "ann"), (Login::Certificate, "bob")];

fn record() -> Outbound {
    Outbound {
        topic: Topic::Alerts,
        key: Some("k".to_owned()),
        headers: Headers::default(),
        value: Some(b"{}".to_vec()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_of_either_login_may_do_what_the_access_list_says_and_nothing_else() {
    let Some(kafka) = SecuredKafka::start(&["ann", "bob"], Access::Listed) else { return };
    let prefix = unique_prefix("secured");
    apply_topics(&settings(kafka.cluster().bootstrap(), &prefix)).await.expect("the test itself may do everything");
    let producers = LOGINS.map(|(login, user)| Producer::open(&kafka.settings(login, user, &prefix), user).unwrap());
    for producer in &producers {
        let refused = producer.send(record()).await.expect_err("nothing is allowed yet");
        assert!(matches!(refused, KafkaFailure::Forbidden { .. }), "{refused}");
    }
    let topic = format!("{prefix}alerts");
    let grant = |(login, user)| {
        let principal = principal(login, user);
        ["--add", "--allow-principal", &principal, "--operation", "Write", "--topic", &topic]
            .map(str::to_owned)
            .to_vec()
    };
    kafka.acls(&LOGINS.map(grant));
    for (login, user) in LOGINS {
        // A new client: the other one was told once and for all.
        let producer = Producer::open(&kafka.settings(login, user, &prefix), user).unwrap();
        producer.send(record()).await.unwrap_or_else(|failure| panic!("{user}: {failure}"));
    }
}
