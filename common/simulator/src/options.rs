//! How a simulated tenant is set up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cordon_records::{Clock, SystemClock};

use crate::quota::Quota;

/// The tenant id of [`Options::default`].
pub const TENANT_ID: &str = "5a17c0de-0000-4000-8000-00000000c0de";
/// The client id of the one app registration of [`Options::default`].
pub const CLIENT_ID: &str = "5a17c0de-0000-4000-8000-0000000000a9";
/// Its secret. It opens nothing but a simulator.
pub const CLIENT_SECRET: &str = "simulated-client-secret";

/// Every application role that the simulator asks for.
pub const ALL_ROLES: [&str; 17] = [
    "Alert.Read.All",
    "Alert.ReadWrite.All",
    "Machine.Read.All",
    "Machine.ReadWrite.All",
    "Machine.Isolate",
    "Machine.RestrictExecution",
    "Machine.Scan",
    "Machine.CollectForensics",
    "Machine.StopAndQuarantine",
    "Machine.LiveResponse",
    "Machine.Offboard",
    "Ti.ReadWrite.All",
    "User.Read.All",
    "File.Read.All",
    "Ip.Read.All",
    "URL.Read.All",
    "Mail.Send",
];

/// An app registration.
#[derive(Clone)]
pub struct App {
    /// Its client id.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: String,
    /// The application roles that an administrator consented to; `Mail.Send` goes into tokens for Graph, the others
    /// into tokens for Defender.
    pub roles: Vec<String>,
}

impl App {
    /// An app registration with these roles.
    #[must_use]
    pub fn new(client_id: &str, client_secret: &str, roles: &[&str]) -> Self {
        Self {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("client_id", &self.client_id).field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// The ways in which real servers, or servers that only look like Defender, differ from the documentation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quirks {
    /// `$filter` is accepted and does nothing.
    pub ignore_filter: bool,
    /// `$orderby` is accepted and does nothing.
    pub ignore_orderby: bool,
    /// `$expand` is accepted and does nothing.
    pub ignore_expand: bool,
    /// `$top` is accepted and does nothing.
    pub ignore_top: bool,
    /// Every look-up of a machine answers 404: the list, the single machine, and an alert's machine.
    pub lookups_404: bool,
    /// `@odata.nextLink` names this origin (`https://elsewhere.example`) instead of the server's own.
    pub next_link_host: Option<String>,
    /// `@odata.nextLink` leads to the page that it came with.
    pub next_link_loops: bool,
    /// No page of a list holds more rows than this, whatever `$top` says; the rest is behind `@odata.nextLink`.
    pub page_cap: Option<usize>,
    /// A second action of a kind while one is live answers 201 with the live action instead of 400.
    pub actions_answer_existing: bool,
    /// A cancellation is answered with the action as it is, and the machine carries the action out all the same.
    pub cancel_comes_too_late: bool,
    /// The list of machine actions writes `lastUpdateTimeUtc`, as the documentation's sample of it does, instead of
    /// `lastUpdateDateTimeUtc`.
    pub actions_update_time_utc: bool,
}

/// The set-up of a simulated tenant. The defaults suit a test: loopback, a free port, one app with every role.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A path before everything (`/tenant-a`), as behind a proxy; empty for none.
    pub prefix: String,
    /// The tenant id that the token endpoint answers for.
    pub tenant: String,
    /// The app registrations.
    pub apps: Vec<App>,
    /// How long a token lives; real ones live for about an hour.
    pub token_lifetime: Duration,
    /// How long an online machine takes from `Pending` to `Succeeded`; half of it is spent `Pending`.
    pub settle: Duration,
    /// How far the lists of alerts and machine actions lag behind; single reads never do.
    pub list_lag: Duration,
    /// Whether calls beyond the quota are refused. They are counted in any case.
    pub enforce_quota: bool,
    /// The quota for each path template and app.
    pub quota: Quota,
    /// How many active indicators the tenant may have.
    pub max_indicators: usize,
    /// How the server differs from the documentation.
    pub quirks: Quirks,
    /// Whether the admin interface under `/sim/` is served. It has no authentication: loopback only.
    pub admin: bool,
    /// Where the SMTP sink listens; `None` for no sink.
    pub smtp_listen: Option<SocketAddr>,
    /// The login that the sink asks for; `None` accepts any, and none.
    pub smtp_login: Option<(String, String)>,
    /// The largest mail that the sink takes, in bytes.
    pub smtp_max_bytes: usize,
    /// The time that everything goes by.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            listen: loopback,
            prefix: String::new(),
            tenant: TENANT_ID.to_owned(),
            apps: vec![App::new(CLIENT_ID, CLIENT_SECRET, &ALL_ROLES)],
            token_lifetime: Duration::from_secs(3599),
            settle: Duration::from_secs(2),
            list_lag: Duration::ZERO,
            enforce_quota: true,
            quota: Quota::default(),
            max_indicators: 15_000,
            quirks: Quirks::default(),
            admin: false,
            smtp_listen: Some(loopback),
            smtp_login: None,
            smtp_max_bytes: 25 * 1024 * 1024,
            clock: Arc::new(SystemClock),
        }
    }
}
