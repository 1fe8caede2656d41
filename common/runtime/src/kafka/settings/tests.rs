use cordon_settings::{Document, Problems, Reader};

use super::*;

fn read(yaml: &str) -> Result<KafkaSettings, Problems> {
    let document = Document::parse("cordon.yaml", yaml)?;
    let reader = Reader::new(&document);
    let mut root = reader.root();
    let settings = KafkaSettings::read(&mut root.section("kafka"));
    root.finish();
    reader.finish()?;
    Ok(settings.expect("no problem, so settings"))
}

fn consumer(settings: &KafkaSettings) -> ClientConfig {
    settings.consumer("enrich", "enrich", Role::Handler, "earliest").unwrap()
}

#[test]
fn the_defaults_are_classic_cooperative_and_commit_only_what_is_stored() {
    let config = consumer(&read("kafka: {bootstrap_servers: 'a:9092,b:9092'}").unwrap());
    for (key, value) in [
        ("group.id", "cordon.enrich"),
        ("enable.auto.commit", "true"),
        ("enable.auto.offset.store", "false"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("auto.offset.reset", "earliest"),
        ("session.timeout.ms", "15000"),
        ("heartbeat.interval.ms", "1000"),
        ("statistics.interval.ms", "2000"),
    ] {
        assert_eq!(config.get(key), Some(value), "{key}");
    }
    assert_eq!(config.get("group.protocol"), None);
}

#[test]
fn a_holder_that_is_to_leave_waits_shorter_for_a_report_than_who_works_on_meanwhile() {
    let settings = read("kafka: {bootstrap_servers: 'a:9092'}").unwrap();
    let interval = |role| {
        let config = settings.consumer("act", "act", role, "earliest").unwrap();
        config.get("statistics.interval.ms").unwrap().parse::<u32>().unwrap()
    };
    assert!(interval(Role::Elected) < interval(Role::Handler));
}

#[test]
fn a_fetch_waits_the_longer_the_less_depends_on_its_end() {
    let settings = read("kafka: {bootstrap_servers: 'a:9092'}").unwrap();
    let configs = [settings.reader("cli").unwrap(), consumer(&settings), settings.follower("act").unwrap()];
    let waits = configs.map(|config| config.get("fetch.wait.max.ms").unwrap().parse::<u32>().unwrap());
    assert!(waits.is_sorted() && waits[0] < waits[1], "{waits:?}");
    let memory = KafkaSettings::in_memory("a:9092");
    assert_eq!(memory.follower("act").unwrap().get("fetch.wait.max.ms"), Some("10"), "it does not answer before");
}

#[test]
fn the_new_group_protocol_goes_without_the_classic_settings() {
    let yaml = "kafka: {bootstrap_servers: 'a:9092', properties: {group.protocol: consumer}}";
    for settings in [read(yaml).unwrap(), KafkaSettings::in_memory("a:9092")] {
        let config = consumer(&settings);
        assert_eq!(config.get("group.protocol"), Some("consumer"));
        for key in CLASSIC_ONLY {
            assert_eq!(config.get(key), None, "{key}");
        }
        config.create::<rdkafka::consumer::BaseConsumer>().expect("librdkafka takes it");
    }
}

#[test]
fn properties_come_last_and_numbers_and_flags_are_taken_as_written() {
    let yaml = "kafka: {bootstrap_servers: 'a:9092', properties: {linger.ms: 20, socket.keepalive.enable: false}}";
    for departure in [Departure::AtOnce, Departure::Together] {
        let config = read(yaml).unwrap().producer("ingest", departure).unwrap();
        assert_eq!((config.get("linger.ms"), config.get("socket.keepalive.enable")), (Some("20"), Some("false")));
        assert_eq!(config.get("enable.idempotence"), Some("true"));
    }
}

#[test]
fn only_records_that_leave_together_wait_for_each_other() {
    let linger = |departure| {
        let config = read("kafka: {bootstrap_servers: 'a:9092'}").unwrap().producer("act", departure).unwrap();
        config.get("linger.ms").unwrap().to_owned()
    };
    assert_eq!([Departure::AtOnce, Departure::Together].map(linger), ["0", "10"]);
}

#[test]
fn a_record_that_leaves_at_once_is_compressed_with_small_tables_unless_somebody_wants_it_otherwise() {
    let level = |properties, departure| {
        let yaml = format!("kafka: {{bootstrap_servers: 'a:9092', properties: {{{properties}}}}}");
        let config = read(&yaml).unwrap().producer("act", departure).unwrap();
        config.get("compression.level").map(str::to_owned)
    };
    assert_eq!(level("", Departure::AtOnce).as_deref(), Some("1"));
    assert_eq!(level("", Departure::Together), None, "as the codec has it");
    assert_eq!(level("compression.level: 9", Departure::AtOnce).as_deref(), Some("9"));
}

#[test]
fn properties_on_which_correctness_rests_are_refused_with_the_reason() {
    for (key, _) in REFUSED {
        let problems = read(&format!("kafka: {{bootstrap_servers: 'a:9092', properties: {{{key}: x}}}}"));
        let text = problems.unwrap_err().to_string();
        assert!(text.contains(&format!("{key} cannot be set here: ")), "{text}");
    }
}

#[test]
fn a_secret_in_the_open_is_refused_and_not_printed() {
    for key in ["sasl.password", "ssl.key.pem", "ssl.key.password", "sasl.oauthbearer.client.secret"] {
        let yaml = format!("kafka:\n  bootstrap_servers: a:9092\n  properties:\n    {key}: hunter2\n");
        let text = read(&yaml).unwrap_err().to_string();
        assert!(text.contains("expected a reference to a secret") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_file_that_cannot_be_read_or_parsed_is_a_mistake_with_its_path_counted_from_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("garbage.pem"), "no certificate").unwrap();
    for (key, file, words) in [
        ("ssl.ca.location", "none.pem", "cannot read"),
        ("ssl.ca.location", "garbage.pem", "no certificate"),
        ("ssl.certificate.location", "garbage.pem", "cannot be used"),
        ("ssl.key.location", "garbage.pem", "cannot be used"),
        ("ssl.keystore.location", "garbage.pem", "cannot be used"),
    ] {
        let yaml = format!(
            "kafka:\n  bootstrap_servers: a:9092\n  properties:\n    security.protocol: ssl\n    {key}: {file}\n"
        );
        let document = Document::parse("cordon.yaml", &yaml).unwrap().of_file(&folder.path().join("cordon.yaml"));
        let text = mistakes(&document);
        let path = folder.path().join(file).display().to_string();
        assert!(text.contains(words) && text.contains(&path), "{text}");
        assert!(text.contains("cordon.yaml:5:"), "{text}");
    }
}

fn mistakes(document: &Document) -> String {
    let reader = Reader::new(document);
    let mut root = reader.root();
    KafkaSettings::read(&mut root.section("kafka"));
    root.finish();
    reader.finish().unwrap_err().to_string()
}

#[test]
fn references_work_in_every_property_and_are_never_taken_literally() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("user");
    std::fs::write(&path, "ann\n").unwrap();
    let yaml =
        format!("kafka: {{bootstrap_servers: 'a:9092', properties: {{sasl.username: 'file:{}'}}}}", path.display());
    let config = read(&yaml).unwrap().producer("ingest", Departure::AtOnce).unwrap();
    assert_eq!(config.get("sasl.username"), Some("ann"));
    for wrong in ["env:", "env:not a name", "file:"] {
        let yaml = format!("kafka: {{bootstrap_servers: 'a:9092', properties: {{client.rack: '{wrong}'}}}}");
        assert!(read(&yaml).unwrap_err().to_string().contains("expected a reference"), "{wrong}");
    }
}

#[test]
fn a_login_that_is_not_complete_is_a_mistake_of_the_configuration() {
    for properties in ["security.protocol: sasl_ssl", "security.protocol: sasl_plaintext, sasl.mechanism: PLAIN"] {
        let yaml = format!("kafka: {{bootstrap_servers: 'a:9092', properties: {{{properties}}}}}");
        let text = read(&yaml).unwrap_err().to_string();
        assert!(text.contains("cannot be used"), "{text}");
    }
}

#[test]
fn session_settings_beside_the_new_protocol_are_a_mistake() {
    let yaml = "kafka: {bootstrap_servers: 'a:9092', properties: {group.protocol: consumer, session.timeout.ms: 6000}}";
    assert!(read(yaml).unwrap_err().to_string().contains("no meaning with group.protocol=consumer"));
}

#[test]
fn a_bootstrap_server_without_a_port_is_a_mistake() {
    assert!(read("kafka: {bootstrap_servers: broker}").unwrap_err().to_string().contains("host:port"));
    assert!(read("kafka: {bootstrap_servers: 'a:9092', topic_prefix: 'a b'}").is_err());
}

#[test]
fn a_reader_takes_no_part_in_a_group() {
    let yaml = "kafka: {bootstrap_servers: 'a:9092', properties: {group.protocol: consumer, group.instance.id: a}}";
    let config = read(yaml).unwrap().reader("act").unwrap();
    assert_eq!((config.get("group.protocol"), config.get("group.instance.id")), (None, None));
    assert_eq!(config.get("enable.auto.commit"), Some("false"));
}
