//! Apache Kafka in a container, by testcontainers, from an image that is already on the machine.
//!
//! testcontainers pulls what is missing; here nothing may be pulled, so the image is looked for first. The image is
//! built by `.ci/docker-engine.sh` from `tests/broker/Dockerfile`.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cordon_settings::variable;
use testcontainers::core::{IntoContainerPort as _, WaitFor};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, GenericImage, ImageExt as _};

/// The image's name; its tag is the version of Kafka in it.
pub const IMAGE: &str = "cordon-test/kafka";
/// See [`IMAGE`].
pub const TAG: &str = "4.3.1";

const START_WITHIN: Duration = Duration::from_secs(120);

/// A broker in a container. It is removed when this is dropped, and, by a helper process that waits for the end of a
/// pipe from this one, when this process ends in another way.
#[derive(Debug)]
pub struct ContainedKafka {
    bootstrap: String,
    container: ContainerAsync<GenericImage>,
    remover: Child,
}

impl ContainedKafka {
    /// Starts one node.
    ///
    /// # Errors
    /// Why there is none: no client, no engine, no local image, or it did not start.
    pub async fn start() -> Result<Self, String> {
        local_image()?;
        let port = free_port()?;
        let bootstrap = format!("127.0.0.1:{port}");
        let container = GenericImage::new(IMAGE, TAG)
            .with_exposed_port(9092.tcp())
            .with_wait_for(WaitFor::message_on_stdout("Kafka Server started"))
            .with_mapped_port(port, 9092.tcp())
            .with_env_var("ADVERTISED", bootstrap.clone())
            .with_startup_timeout(START_WITHIN)
            .start()
            .await
            .map_err(|why| format!("the container did not start: {why}"))?;
        let remover = remove_when_we_end(container.id())?;
        Ok(Self { bootstrap, container, remover })
    }

    /// Address for clients, `host:port`.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Id of the container.
    #[must_use]
    pub fn id(&self) -> &str {
        self.container.id()
    }
}

impl Drop for ContainedKafka {
    fn drop(&mut self) {
        // Closing the pipe lets the helper remove the container; waiting for it leaves no child behind.
        self.remover.stdin.take();
        let _ = self.remover.wait();
    }
}

/// The client: `CORDON_DOCKER`, else `docker`.
fn client() -> String {
    variable("CORDON_DOCKER").unwrap_or_else(|| "docker".to_owned())
}

/// Whether an engine answers and has the image.
fn local_image() -> Result<(), String> {
    let client = client();
    let engine = Command::new(&client).args(["version", "--format", "{{.Server.Version}}"]).output();
    match engine {
        Err(why) => return Err(format!("no Docker client `{client}`: {why}")),
        Ok(answer) if !answer.status.success() => return Err("no Docker engine answers".to_owned()),
        Ok(_) => {}
    }
    let image = format!("{IMAGE}:{TAG}");
    let found = Command::new(&client).args(["image", "inspect", &image]).output();
    match found {
        Ok(answer) if answer.status.success() => Ok(()),
        _ => Err(format!("the Docker engine has no local image {image} (`.ci/docker-engine.sh start` builds it)")),
    }
}

fn remove_when_we_end(id: &str) -> Result<Child, String> {
    Command::new("sh")
        .args(["-c", "cat >/dev/null; exec \"$0\" rm -f -v \"$1\"", &client(), id])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|why| format!("sh did not start: {why}"))
}

/// Clients must be told the port before the container exists, so one that is free now is taken.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|why| why.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|why| why.to_string())
}
