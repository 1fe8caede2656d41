//! The link to what an action has brought, if it may stand in a mail.

use cordon_records::ActionRecord;
use url::{Host, Url};

use crate::facts::Link;

/// Longer addresses and hosts than any that Defender gives are not shown, in characters. A host is always shown whole:
/// a shortened one could hide where the link leads.
const MAX_ADDRESS: usize = 2_000;
const MAX_HOST: usize = 100;

/// The link of the record: `https` to a named host, or `http` to this machine, which is the simulated tenant. Names and
/// passwords before the host are refused, because they can be made to look like one.
pub fn download(record: &ActionRecord) -> Option<Link> {
    let url = Url::parse(record.link.as_deref()?).ok()?;
    let host = url.host()?;
    let allowed = match (url.scheme(), &host) {
        ("https", Host::Domain(_)) => true,
        ("https" | "http", Host::Ipv4(address)) => address.is_loopback(),
        ("https" | "http", Host::Ipv6(address)) => address.is_loopback(),
        ("http", Host::Domain(name)) => *name == "localhost",
        _ => false,
    };
    let bare = url.username().is_empty() && url.password().is_none();
    let shown = url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
    let short = url.as_str().len() <= MAX_ADDRESS && shown.len() <= MAX_HOST;
    (allowed && bare && short).then(|| Link { label: format!("Download from {shown}"), address: url.into() })
}
