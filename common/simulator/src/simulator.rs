//! The running simulator: start it, change it, ask it what happened, stop it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use cordon_records::{AlertId, MachineActionId, MachineId};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, CutListener};
use crate::error::SimulatorError;
use crate::fault::Fault;
use crate::front;
use crate::mail::Mail;
use crate::options::{App, Options, Quirks};
use crate::people;
use crate::request_log::LoggedRequest;
use crate::smtp::{self, SmtpFault};
use crate::state::Inner;
use crate::tenant::action::SimAction;
use crate::tenant::alert::SimAlert;
use crate::tenant::machine::SimMachine;

/// How long [`Simulator::stop`] waits for the last connection.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A simulated Microsoft tenant that is running. Clones are handles to the same one.
#[derive(Clone)]
pub struct Simulator {
    pub(crate) inner: Arc<Inner>,
    server: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").field("base", &self.base()).finish_non_exhaustive()
    }
}

impl Simulator {
    /// Starts listening. Must be called inside a tokio runtime, which then serves.
    ///
    /// # Errors
    /// [`SimulatorError`] when an address cannot be listened on, or when there is no runtime.
    pub fn start(options: Options) -> Result<Self, SimulatorError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|source| SimulatorError::NoRuntime { source })?;
        let _entered = runtime.enter();
        let (listener, address) = listen(options.listen)?;
        let sink = options.smtp_listen.map(listen).transpose()?;
        let smtp_url = sink.as_ref().map(|(_, address)| format!("smtp://{address}")).unwrap_or_default();
        let stop = CancellationToken::new();
        let inner = Arc::new(Inner::new(options, format!("http://{address}"), smtp_url, stop.clone()));
        let service = Router::new()
            .fallback(front::serve)
            .with_state(Arc::clone(&inner))
            .into_make_service_with_connect_info::<Connection>();
        let listener = CutListener::new(listener, stop.clone());
        let server = runtime.spawn(async move {
            let served = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "the simulated tenant stopped serving");
            }
        });
        if let Some((sink, _)) = sink {
            runtime.spawn(smtp::serve(sink, Arc::clone(&inner)));
        }
        Ok(Self { inner, server: Arc::new(Mutex::new(Some(server))) })
    }

    /// Stops serving, cuts every connection, and frees the port. What was logged can still be asked for.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = server
            && tokio::time::timeout(STOP_TIMEOUT, server).await.is_err()
        {
            tracing::warn!("the simulated tenant's last connections did not end in time");
        }
    }

    /// `http://127.0.0.1:PORT` and the path prefix, without a slash at the end.
    #[must_use]
    pub fn base(&self) -> String {
        self.inner.base()
    }

    /// What stands for `https://api.security.microsoft.com`: the same as [`Simulator::base`].
    #[must_use]
    pub fn api_url(&self) -> String {
        self.base()
    }

    /// What stands for `https://login.microsoftonline.com`: the same as [`Simulator::base`].
    #[must_use]
    pub fn authority_url(&self) -> String {
        self.base()
    }

    /// What stands for `https://graph.microsoft.com`: the same as [`Simulator::base`].
    #[must_use]
    pub fn graph_url(&self) -> String {
        self.base()
    }

    /// `smtp://127.0.0.1:PORT`; empty when there is no sink.
    #[must_use]
    pub fn smtp_url(&self) -> String {
        self.inner.smtp_url.clone()
    }

    /// The present time of the simulator's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.now()
    }

    /// Adds a machine, or replaces the one with its id.
    pub fn add_machine(&self, machine: SimMachine) {
        let now = self.now();
        self.inner.state().tenant.put_machine(machine, now);
    }

    /// Changes a machine that is known; the id stays. Use [`Simulator::set_online`] for its presence.
    pub fn update_machine(&self, machine: &MachineId, change: impl FnOnce(&mut SimMachine)) {
        if let Some(known) = self.inner.state().tenant.machine_mut(machine) {
            change(known);
        }
    }

    /// Takes a machine out of the tenant; its actions stay.
    pub fn remove_machine(&self, machine: &MachineId) {
        self.inner.state().tenant.remove_machine(machine);
    }

    /// Switches a machine on or off.
    pub fn set_online(&self, machine: &MachineId, online: bool) {
        let now = self.now();
        self.inner.state().tenant.set_online(machine, online, now);
    }

    /// Adds an alert and returns its id. Missing times come from the clock.
    pub fn add_alert(&self, alert: SimAlert) -> AlertId {
        let now = self.now();
        self.inner.state().tenant.put_alert(alert, now)
    }

    /// When a page of the alert list that holds this alert was first ready to be sent; `None` before. Whether it
    /// arrived is another matter.
    #[must_use]
    pub fn first_listed(&self, alert: &AlertId) -> Option<Timestamp> {
        self.inner.state().listed.get(alert.as_str()).copied()
    }

    /// Changes an alert that is known. Unless the change sets `updated` itself, `lastUpdateTime` becomes the present.
    pub fn update_alert(&self, alert: &AlertId, change: impl FnOnce(&mut SimAlert)) {
        let now = self.now();
        let mut state = self.inner.state();
        let Some(mut changed) = state.tenant.alert(alert.as_str()).cloned() else { return };
        let before = changed.updated;
        change(&mut changed);
        if changed.updated == before {
            changed.updated = Some(now);
        }
        changed.id = Some(alert.clone());
        state.tenant.put_alert(changed, now);
    }

    /// Sets an alert to `Resolved`, now.
    pub fn resolve_alert(&self, alert: &AlertId) {
        let now = self.now();
        self.update_alert(alert, |alert| alert.resolve(now));
    }

    /// Changes an action: a creation in the past, another outcome, another requestor.
    pub fn update_action(&self, action: &MachineActionId, change: impl FnOnce(&mut SimAction)) {
        if let Some(known) = self.inner.state().tenant.action_mut(action.as_str()) {
            change(known);
        }
    }

    /// Every request so far, in order of arrival, without those under `/sim/`.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.inner.state().log.entries().to_vec()
    }

    /// The request log as JSON lines.
    #[must_use]
    pub fn to_jsonl(&self) -> String {
        self.inner.state().log.to_jsonl()
    }

    /// How many calls went beyond the quota, whether it was enforced or not.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.inner.state().windows.violations()
    }

    /// Every mail received so far.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.inner.state().mails.clone()
    }

    /// Adds a fault to the script.
    pub fn script(&self, fault: Fault) {
        self.inner.state().script.add(fault);
    }

    /// Adds a fault to the SMTP sink's script.
    pub fn script_smtp(&self, fault: SmtpFault) {
        self.inner.state().smtp_script.add(fault);
    }

    /// Forgets what is left of both scripts.
    pub fn clear_faults(&self) {
        let mut state = self.inner.state();
        state.script.clear();
        state.smtp_script.clear();
    }

    /// How many requests the script still spoils.
    #[must_use]
    pub fn faults_left(&self) -> u32 {
        self.inner.state().script.left()
    }

    /// Changes the quirks.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.inner.state().options.quirks = quirks;
    }

    /// Changes how long an action takes, for actions from now on.
    pub fn set_settle(&self, settle: Duration) {
        self.inner.state().options.settle = settle;
    }

    /// Changes how far the lists lag.
    pub fn set_list_lag(&self, lag: Duration) {
        self.inner.state().options.list_lag = lag;
    }

    /// Switches the enforcement of the quota.
    pub fn set_enforce_quota(&self, enforce: bool) {
        self.inner.state().options.enforce_quota = enforce;
    }

    /// Replaces the app registrations: another secret, other roles. Tokens already issued keep what they say.
    pub fn set_apps(&self, apps: Vec<App>) {
        self.inner.state().options.apps = apps;
    }

    /// Makes every token issued so far invalid.
    pub fn revoke_tokens(&self) {
        self.inner.state().tokens.revoke_all();
    }

    /// A person isolates a machine in the portal. Nothing checks whether another action is under way.
    pub fn isolate_by_person(&self, machine: &MachineId, person: &str, comment: &str) -> MachineActionId {
        self.act_by_person("Isolate", machine, person, comment)
    }

    /// A person releases a machine in the portal.
    pub fn release_by_person(&self, machine: &MachineId, person: &str, comment: &str) -> MachineActionId {
        self.act_by_person("Unisolate", machine, person, comment)
    }

    /// A person starts an action of any kind (`RunAntiVirusScan`, …) in the portal.
    pub fn act_by_person(&self, kind: &str, machine: &MachineId, person: &str, comment: &str) -> MachineActionId {
        let now = self.now();
        people::act(&mut self.inner.state(), kind, machine, (person, comment), now)
    }

    /// A person cancels an action in the portal; `false` when there is no such action under way.
    pub fn cancel_by_person(&self, action: &MachineActionId, person: &str, comment: &str) -> bool {
        let now = self.now();
        people::cancel(&mut self.inner.state(), action.as_str(), (person, comment), now)
    }
}

/// Listens, and says where this machine reaches the listener.
fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), SimulatorError> {
    let failed = |source| SimulatorError::Listen { address, source };
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let listener = TcpListener::from_std(listener).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, reached_at(bound)))
}

/// A listener on every address of the machine has none that can be connected to: it is reached over loopback.
fn reached_at(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        one => one,
    };
    SocketAddr::new(ip, bound.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_over_loopback() {
        for (bound, reached) in [
            ("0.0.0.0:8480", "127.0.0.1:8480"),
            ("[::]:8480", "[::1]:8480"),
            ("192.0.2.1:8480", "192.0.2.1:8480"),
            ("127.0.0.1:8480", "127.0.0.1:8480"),
        ] {
            assert_eq!(reached_at(bound.parse().unwrap()).to_string(), reached);
        }
    }
}
