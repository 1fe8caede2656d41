//! A broker with TLS, logins and access lists, as the tests of rights and of Kafka's mistakes use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use cordon_records::{Headers, Topic};
use cordon_runtime::kafka::{
    KafkaFailure, KafkaSettings, Outbound, Producer, Tail, apply_topics, has_committed, positions, read_all,
    read_newest,
};
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

/// What each way of looking at a topic answers: how many records or partitions, or why it cannot be told.
async fn looks(kafka: &KafkaSettings) -> [Result<usize, KafkaFailure>; 4] {
    let topic = Topic::DeadLetters;
    [
        read_all(kafka, topic).await.map(|all| all.len()),
        read_newest(kafka, topic).await.map(|all| all.len()),
        positions(kafka, None, topic).await.map(|all| all.len()),
        Tail::open(kafka, &[topic]).await.map(|_| 0),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_denied_or_missing_is_never_an_empty_one() {
    let Some(kafka) = SecuredKafka::start(&["ann"], Access::Listed) else { return };
    let prefix = unique_prefix("denied");
    let plain = settings(kafka.cluster().bootstrap(), &prefix);
    for looked in looks(&plain).await {
        let failure = looked.expect_err("the topics are not made yet");
        assert!(failure.to_string().contains(&format!("{prefix}dead-letters")), "{failure}");
    }
    apply_topics(&plain).await.expect("the test itself may do everything");
    assert!(looks(&plain).await.iter().all(Result::is_ok), "they are there and empty");
    let ann = kafka.settings(Login::Scram, "ann", &prefix);
    for looked in looks(&ann).await {
        let failure = looked.expect_err("nothing is allowed yet");
        assert!(matches!(failure, KafkaFailure::Forbidden { .. }), "{failure}");
    }
    let topic = format!("{prefix}dead-letters");
    let principal = principal(Login::Scram, "ann");
    let group = format!("{prefix}act-respond");
    let grants = [["--topic", &topic], ["--group", &group]].map(|resource| {
        let grant = ["--add", "--allow-principal", &principal, "--operation", "Describe", resource[0], resource[1]];
        grant.map(str::to_owned).to_vec()
    });
    kafka.acls(&grants);
    let failure = read_all(&ann, Topic::DeadLetters).await.expect_err("to see that it is there is not to read it");
    assert!(matches!(failure, KafkaFailure::Forbidden { .. }), "{failure}");
    let failure = has_committed(&ann, "act-respond", Topic::Decisions).await.expect_err("the topic is denied yet");
    assert!(matches!(failure, KafkaFailure::Forbidden { .. }), "{failure}");
}
