//! What is read of the configuration: where the broker is, and how respond is set. No secret is read but the broker's.

use std::path::{Path, PathBuf};

use cordon_policy::MODES;
use cordon_records::Mode;
use cordon_response::Waits;
use cordon_runtime::kafka::KafkaSettings;
use cordon_runtime::process;
use cordon_settings::Problems;

/// See the module.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The broker.
    pub kafka: KafkaSettings,
    /// `act.mode`; `shadow` unless the file says otherwise.
    pub mode: Mode,
    /// The guards' file, where `act.guards` names one.
    pub guards: Option<PathBuf>,
    /// How an action goes on.
    pub waits: Waits,
}

impl Settings {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// Every mistake in the section `kafka` and in what is read of the section `act`.
    pub fn read(config: &Path) -> Result<Self, Problems> {
        process::read_root(&process::load(config)?, |root| {
            let kafka = KafkaSettings::read(&mut root.section("kafka"));
            // What else this section holds is for the stage, which checks all of it at its start.
            let mut act = root.section("act");
            let mode = act.choice("mode", MODES).or(Mode::Shadow);
            let guards = act.path("guards").optional();
            Some(Self { kafka: kafka?, mode, guards, waits: Waits::read(&mut act) })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Result<Settings, Problems> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cordon.yaml");
        std::fs::write(&path, text).unwrap();
        Settings::read(&path)
    }

    const BROKER: &str = "kafka: {bootstrap_servers: 'h:9092'}\n";

    #[test]
    fn a_configuration_is_read_without_any_secret_of_defenders() {
        let rest = "defender: {tenant_id: t, client_id: c, client_secret: 'env:NOT_THERE'}\n\
                    act: {mode: approve, rules: [nowhere], guards: g.yaml, hold_for: 2h, retry: {attempts: 2}}\n";
        let settings = read(&format!("{BROKER}{rest}")).unwrap();
        assert!(settings.guards.as_ref().is_some_and(|path| path.is_absolute() && path.ends_with("g.yaml")));
        assert_eq!(settings.mode, Mode::Approve);
        let Waits { hold_for, retry, follow_up, .. } = settings.waits;
        assert_eq!((hold_for, retry.attempts), (Duration::from_secs(7_200), 2));
        assert_eq!(follow_up, Waits::default().follow_up);
    }

    #[test]
    fn what_is_not_named_is_as_shipped_and_what_is_wrong_is_told() {
        let settings = read(BROKER).unwrap();
        assert_eq!((settings.mode, settings.waits, settings.guards), (Mode::Shadow, Waits::default(), None));
        let told = read(&format!("{BROKER}act: {{follow_up: 0s, hold_for: 5}}\n")).unwrap_err().to_string();
        assert!(told.contains("act.follow_up") && told.contains("act.hold_for"), "{told}");
        assert!(read("act: {}\n").unwrap_err().to_string().contains("bootstrap_servers"));
    }
}
