//! A broker in the process with records on it, and the binary beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use cordon_records::{Headers, Topic};
use cordon_runtime::kafka::{KafkaSettings, MemoryBroker, Outbound, Producer};
use serde_json::{Value, json};

/// The rule under test, `new/high.yaml`.
pub const RULE: &str =
    "id: high\nwhen: alert.severity == \"High\"\nmode: auto\nactions: [{isolate: {type: Full, comment: c}}]\n";

/// A broker, a folder with rules and a configuration.
pub struct World {
    pub kafka: KafkaSettings,
    pub producer: Producer,
    folder: tempfile::TempDir,
    _broker: MemoryBroker,
}

impl World {
    pub fn open() -> Self {
        let broker = MemoryBroker::start().unwrap();
        let (kafka, folder) = (broker.settings(), tempfile::tempdir().unwrap());
        let producer = Producer::open(&kafka, "test").unwrap();
        let world = Self { kafka, producer, folder, _broker: broker };
        world.write("new/high.yaml", RULE);
        world.write("cordon.yaml", &format!("kafka: {{bootstrap_servers: '{}'}}\n", world.kafka.bootstrap_servers));
        world
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn send(&self, topic: Topic, key: &str, value: Option<Vec<u8>>) {
        let headers = Headers::default();
        self.producer.send(Outbound { topic, key: Some(key.to_owned()), headers, value }).await.unwrap();
    }

    /// One alert on each of so many machines, one minute after the other.
    pub async fn enriched(&self, severity: &str, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let record = record(severity, number);
            self.send(Topic::Enriched, &format!("m{number}"), Some(serde_json::to_vec(&record).unwrap())).await;
        }
    }

    /// What a backtest with these flags says: its exit code, standard output and standard error. It has no environment.
    pub fn says(&self, args: &[&str]) -> (i32, String, String) {
        let binary = Path::new(env!("CARGO_BIN_EXE_cordon-backtest"));
        let output = Command::new(binary).args(args).current_dir(self.folder.path()).env_clear().output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    pub fn document(&self, args: &[&str]) -> (i32, Value) {
        let (code, out, err) = self.says(args);
        (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code} {out} {err}")))
    }
}

/// A record of an alert of this severity on a machine of this number.
pub fn record(severity: &str, number: u32) -> Value {
    let at = format!("2026-09-01T08:{:02}:00Z", number % 60);
    let machine = json!({"id": format!("m{number}"), "computerDnsName": format!("laptop-{number}"), "osPlatform": "Windows11",
        "healthStatus": "Active", "onboardingStatus": "Onboarded", "machineTags": [], "deviceValue": "Normal"});
    json!({"schema_version": 1, "id": format!("a{number}@1"), "alert_id": format!("a{number}"), "tenant": "t", "source": "mde",
        "change": "new", "seen_at": at, "enriched_at": at, "machine": machine,
        "alert": {"id": format!("a{number}"), "severity": severity, "status": "New", "title": "Ransomware",
            "machineId": format!("m{number}"), "alertCreationTime": at, "lastEventTime": at, "lastUpdateTime": at}})
}
