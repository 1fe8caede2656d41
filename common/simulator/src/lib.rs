//! A simulated Microsoft tenant: the token endpoint, Defender for Endpoint, Graph's `sendMail`, and an SMTP sink.
//!
//! It says what Microsoft's documentation says, errors and quotas included; where real servers are known to differ, it
//! can be told to differ ([`Quirks`]). It keeps a request log, which is the oracle of the fault tests: what really
//! reached the tenant, and what was answered. Faults are scripted ([`Fault`], [`SmtpFault`]). Time comes from a clock
//! and nothing sleeps: a machine action's state is computed when it is read.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use cordon_records::MachineId;
//! use cordon_simulator::{Fault, FaultKind, Options, SimAlert, SimMachine, Simulator};
//!
//! let tenant = Simulator::start(Options::default())?;
//! let machine = SimMachine::new(MachineId::new("1e5bc9d7e413ddd7902c2932e418702b84d0cc07")?, "lab-01.example");
//! tenant.add_machine(machine.clone());
//! tenant.add_alert(SimAlert::on(&machine).severity("High"));
//! tenant.script(Fault::on("POST", "/isolate", FaultKind::DropBeforeAnswer));
//! println!("{} {}", tenant.base(), tenant.smtp_url());
//! # Ok(()) }
//! ```
//!
//! # Served paths
//!
//! All under one listener, after an optional prefix; `/api/v1.0/…` means the same as `/api/…`.
//!
//! | Path | Notes |
//! | --- | --- |
//! | `POST /{tenant}/oauth2/v2.0/token` | client credentials with a secret |
//! | `GET /api/alerts`, `/api/alerts/{id}` | `$filter`, `$orderby`, `$top`, `$skip`, `$select`, `$expand=evidence` |
//! | `GET /api/alerts/{id}/machine`, `/user`, `/files`, `/ips`, `/domains` | |
//! | `GET /api/machines`, `/api/machines/{id or name}`, `…/logonusers` | an empty list is a 404 |
//! | `PATCH /api/alerts/{id}`, `POST /api/alerts/batchUpdate` | status, owner, classification, determination, comment |
//! | `POST /api/machines/{id}/isolate`, `/unisolate`, `/restrictCodeExecution`, `/unrestrictCodeExecution`, `/runAntiVirusScan`, `/collectInvestigationPackage`, `/StopAndQuarantineFile`, `/runliveresponse`, `/offboard` | 201 (offboard: 200) and `Pending`; by platform; one of a kind at a time |
//! | `POST /api/machines/{id}/tags`, `/setDeviceValue` | the machine as it is then |
//! | `POST /api/machines/{id}/startInvestigation` | 410: Microsoft ended it |
//! | `GET /api/machineactions`, `/api/machineactions/{id}`, `POST …/cancel` | a cancellation needs the role of the action |
//! | `GET /api/machineactions/{id}/getPackageUri`, `…/GetLiveResponseResultDownloadLink(index=N)` | once it has succeeded: a link to this server, good for 30 minutes |
//! | `POST /api/indicators` | one of the same type and value is replaced; at most 15,000 active |
//! | `POST /v1.0/users/{sender}/sendMail` | MIME in base64 |
//!
//! # Admin interface
//!
//! With [`Options::admin`], for a simulator in a process of its own. Bodies are one JSON object or an array of them,
//! with the field names of the wire, merged over defaults; another name is refused, also inside another field, unless it stands
//! in an object `extra`, whose fields are sent as they are. It has no authentication: keep it on loopback. Its own
//! requests are not logged and never spoilt.
//!
//! | Call | Effect |
//! | --- | --- |
//! | `POST /sim/machines` | adds a machine (`id` is required), or changes the one with that id; besides wire fields: `online` (bool), `users` (`["DOMAIN\\name"]`) |
//! | `POST /sim/alerts` | adds an alert; `machineId` of a known machine fills in its name and group |
//! | `PATCH /sim/alerts/{id}` | changes it; `lastUpdateTime` becomes the present unless given |
//! | `POST /sim/machines/{id}/isolate`, `/release` | a person does so in the portal: `person`, `comment` |
//! | `POST /sim/actions/{id}/cancel` | a person cancels a machine action: `person`, `comment` |
//! | `GET /sim/machines/{id}` | the machine, with `isolated` and `restricted` |
//! | `POST /sim/faults` | scripts a fault: `method`, `pathContains`, `times`, `kind` (`status`, `html502`, `hang`, `dropBeforeAnswer`, `refuseBeforeEffect`, `truncatedJson`, `cutMidBody`, `garbage`, `fields`, `delay`, `slowBody`, `hugeBody`), and by kind `status`, `body`, `headers`, `milliseconds`, `bytes`, `fields` |
//! | `GET /sim/requests` | the request log as JSON lines |
//! | `GET /sim/mails` | the mails received; `raw` is base64 |
//!
//! ```sh
//! sim=http://127.0.0.1:8085
//! curl -s $sim/sim/machines -d '{"id": "1e5bc9d7e413ddd7902c2932e418702b84d0cc07", "computerDnsName": "lab-01.example"}'
//! curl -s $sim/sim/alerts -d '{"machineId": "1e5bc9d7e413ddd7902c2932e418702b84d0cc07", "severity": "High"}'
//! curl -s $sim/sim/faults -d '{"method": "POST", "pathContains": "/isolate", "kind": "dropBeforeAnswer"}'
//! curl -s $sim/sim/requests
//! ```

mod answer;
mod api;
mod connection;
mod error;
mod fault;
mod front;
mod link;
mod mail;
mod odata;
mod options;
mod oracle;
mod people;
mod quota;
mod request_log;
mod simulator;
mod smtp;
mod state;
mod tenant;
mod token;
mod wire_time;

pub use error::SimulatorError;
pub use fault::{Fault, FaultKind};
pub use mail::{Mail, MailSource};
pub use options::{ALL_ROLES, App, CLIENT_ID, CLIENT_SECRET, Options, Quirks, TENANT_ID};
pub use quota::Quota;
pub use request_log::LoggedRequest;
pub use simulator::Simulator;
pub use smtp::{SmtpFault, SmtpFaultKind, SmtpPhase};
pub use tenant::action::{ActionState, SimAction};
pub use tenant::alert::{SimAlert, evidence};
pub use tenant::machine::{ActionOutcome, SimMachine};
pub use wire_time::{sql_rounded, wire_time};
