//! Settings that open the fleet: allowed, sometimes meant, and never without a word.

use cordon_records::ActionKind;
use jiff::SignedDuration;

use super::{Warning, warning, written};
use crate::guards::Guards;
use crate::guards::meaning::percent;
use crate::window;

const DAY: u64 = 86_400;

/// More attempts in a day than this cut off a site, not an outbreak.
const MOST_IN_A_DAY: u32 = 500;

/// In hundredths of a percent.
const LARGEST_SHARE: u32 = 2_500;

const HIGHEST_FLOOR: u32 = 100;

const LONGEST_MAINTENANCE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Distributions whose platform does not say that it is Linux.
const DISTRIBUTIONS: [&str; 6] = ["ubuntu", "debian", "centos", "fedora", "rocky", "sles"];

/// What lets rules reach further than teams mostly mean.
pub fn about(guards: &Guards) -> Vec<Warning> {
    let mut warnings = machines(guards);
    warnings.extend(kinds(guards));
    warnings.extend(in_a_day(guards));
    warnings.extend(share(guards));
    if guards.hold.alert_older_than > DAY {
        let age = window::format(guards.hold.alert_older_than);
        let text = format!("{age} is more than 1d: rules act on what a machine and its user did days ago");
        warnings.push(warning("hold.alert_older_than", text));
    }
    warnings.extend(maintenance(guards));
    warnings
}

fn machines(guards: &Guards) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (what, is_such) in [("servers", is_server as fn(&str) -> bool), ("Linux", is_linux)] {
        let named: Vec<&str> = guards.allow_os.iter().map(String::as_str).filter(|name| is_such(name)).collect();
        if !named.is_empty() {
            let text = format!("{} lets rules act on {what} without a person", named.join(", "));
            warnings.push(warning("allow_os", text));
        }
    }
    let never = &guards.never;
    if never.tags.is_empty() && never.names.is_empty() && never.groups.is_empty() {
        warnings.push(warning("never", "names no machine: not even a domain controller is refused"));
    }
    warnings
}

fn is_server(platform: &str) -> bool {
    platform.to_lowercase().contains("server") && !is_linux(platform)
}

fn is_linux(platform: &str) -> bool {
    let platform = platform.to_lowercase();
    platform.contains("linux") || DISTRIBUTIONS.iter().any(|name| platform.starts_with(name))
}

fn kinds(guards: &Guards) -> Vec<Warning> {
    let missing = |(kind, what): (ActionKind, &str)| {
        let text = format!("lacks {kind}: a rule in mode auto {what} without a person");
        (!guards.hold.kinds.contains(&kind)).then(|| warning("hold.kinds", text))
    };
    let kinds = [
        (ActionKind::Offboard, "takes machines out of Defender"),
        (ActionKind::LiveResponse, "runs scripts on machines"),
    ];
    kinds.into_iter().filter_map(missing).collect()
}

/// The cap for a day is the one that a flood meets in the end.
fn in_a_day(guards: &Guards) -> Option<Warning> {
    let caps = &guards.caps.all_rules;
    let tightest = caps.iter().copied().filter(|(length, _)| *length >= DAY).min_by_key(|(_, limit)| *limit);
    let text = match tightest {
        Some((_, limit)) if limit <= MOST_IN_A_DAY => return None,
        Some(cap) => format!("{} is more than {MOST_IN_A_DAY} in a day", written(cap)),
        None => {
            let most = caps.iter().map(|&(length, limit)| u64::from(limit) * DAY.div_ceil(length)).min().unwrap_or(0);
            format!("names no cap for 1d: the others let {most} through in a day")
        }
    };
    Some(warning("caps.all_rules", text))
}

fn share(guards: &Guards) -> Vec<Warning> {
    let caps = &guards.caps;
    let large = caps.fleet_share.iter().filter(|(_, share)| *share > LARGEST_SHARE).map(|&(length, share)| {
        let (share, length) = (percent(share), window::format(length));
        warning("caps.fleet_share", format!("{share} in {length} is more than {} of the fleet", percent(LARGEST_SHARE)))
    });
    let floor = (caps.floor > HIGHEST_FLOOR).then(|| {
        let text = format!("{} is more than {HIGHEST_FLOOR}: a small fleet has no share at all", caps.floor);
        warning("caps.fleet_share.floor", text)
    });
    large.chain(floor).collect()
}

fn maintenance(guards: &Guards) -> Vec<Warning> {
    let items = guards.maintenance.iter().enumerate();
    let long = items.filter(|(_, item)| item.to.duration_since(item.from) > LONGEST_MAINTENANCE);
    let told = long.map(|(index, item)| {
        let days = item.to.duration_since(item.from).as_hours() / 24;
        let text = format!("lasts {days} days, more than 30: for so long nothing is done there without a person");
        warning(format!("maintenance[{index}]"), text)
    });
    told.collect()
}
