//! The words of each kind of action, one entry for each. What is said about a state is in `states`.
//!
//! `{machine}` stands for the machine's name, `{thing}` for what tells two actions of one kind apart, `{id}` for the
//! machine's id.

use cordon_records::{Action, ActionKind, IsolationType, TagChange};

/// How much is told of a kind, from the most to the least; see the header of `message`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Every state but `covered`.
    Everything,
    /// What came of it, not that it was asked for.
    Outcome,
    /// What needs a person, and success, which brings something along.
    Product,
    /// What needs a person.
    Trouble,
}

/// What a kind of action contributes to every mail about it.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// How much is told of it.
    pub told: Told,
    /// The errand: "isolate LAPTOP".
    pub errand: &'static str,
    /// The errand as a thing, without names: "isolation".
    pub noun: &'static str,
    /// What it is done to, for "X has not been P yet".
    pub object: &'static str,
    /// What is done to that: the P.
    pub participle: &'static str,
    /// The same as the object where the machine is named already, with a space behind it: "package " for "package not
    /// collected"; `""` where it is the machine itself.
    pub part: &'static str,
    /// The outcome in a headline that names the machine already, once it is done.
    pub done: &'static str,
    /// What Defender's word that it is done means.
    pub meaning: &'static str,
    /// What people do then.
    pub after: &'static [&'static str],
    /// The command for the last of that; `""` for none.
    pub command: &'static str,
    /// What people do when Cordon did not.
    pub by_hand: &'static str,
}

/// The entry of an action; the rules' failure to plan one has an entry too.
pub const fn of(action: Option<&Action>) -> &'static Kind {
    match action {
        None => &NOTHING_PLANNED,
        Some(Action::Isolate { isolation: IsolationType::Selective, .. }) => &ISOLATE_SELECTIVE,
        Some(Action::Isolate { isolation: IsolationType::UnManagedDevice, .. }) => &ISOLATE_UNMANAGED,
        Some(Action::Tag { change: TagChange::Remove, .. }) => &UNTAG,
        Some(action) => of_kind(action.kind()),
    }
}

/// The entry of a kind, where its settings make no difference.
pub const fn of_kind(kind: ActionKind) -> &'static Kind {
    WORDS[kind as usize].1
}

/// The table, in the order of [`ActionKind::ALL`].
static WORDS: [(ActionKind, &Kind); ActionKind::ALL.len()] = [
    (ActionKind::Isolate, &ISOLATE),
    (ActionKind::Release, &RELEASE),
    (ActionKind::RestrictCode, &RESTRICT_CODE),
    (ActionKind::UnrestrictCode, &UNRESTRICT_CODE),
    (ActionKind::Scan, &SCAN),
    (ActionKind::CollectPackage, &COLLECT_PACKAGE),
    (ActionKind::Investigate, &INVESTIGATE),
    (ActionKind::StopFile, &STOP_FILE),
    (ActionKind::LiveResponse, &LIVE_RESPONSE),
    (ActionKind::Offboard, &OFFBOARD),
    (ActionKind::Tag, &TAG),
    (ActionKind::SetDeviceValue, &SET_DEVICE_VALUE),
    (ActionKind::UpdateAlert, &UPDATE_ALERT),
    (ActionKind::Indicator, &INDICATOR),
    (ActionKind::Cancel, &CANCEL),
];

const _: () = {
    let mut index = 0;
    while index < WORDS.len() {
        assert!(WORDS[index].0 as usize == index, "an entry stands at its kind");
        index += 1;
    }
};

const NOTHING_PLANNED: Kind = Kind {
    told: Told::Everything,
    errand: "deal with {machine}",
    noun: "answer",
    object: "{machine}",
    participle: "dealt with",
    part: "",
    done: "dealt with",
    meaning: "Nothing is left to do.",
    after: &["Look at the alert."],
    command: "",
    by_hand: "Look at the alert now, and decide what is to be done by hand in the portal.",
};

const ISOLATE: Kind = Kind {
    told: Told::Everything,
    errand: "isolate {machine}",
    noun: ActionKind::Isolate.noun(),
    object: "{machine}",
    participle: "isolated",
    part: "",
    done: "isolated",
    meaning: "Defender reports that {machine} is cut off the network. Only Defender's own connection stays.",
    after: &["Investigate the alert.", "When the machine is clean, let it back, on its page in the portal or so:"],
    command: "cordon release {id} --why \"…\"",
    by_hand: "Look at the alert now, and decide whether to isolate the machine by hand on its page in the portal.",
};

const ISOLATE_SELECTIVE: Kind = Kind {
    meaning: "Defender reports that {machine} is cut off the network. Defender's own connection stays, and so do \
              Outlook, Teams and Skype.",
    ..ISOLATE
};

const ISOLATE_UNMANAGED: Kind = Kind {
    meaning: "Defender does not manage {machine}; it reports that the machines which it does manage no longer talk \
              with it. Other machines still do.",
    ..ISOLATE
};

const RELEASE: Kind = Kind {
    told: Told::Everything,
    errand: "release {machine} from isolation",
    noun: ActionKind::Release.noun(),
    object: "{machine}",
    participle: "released from isolation",
    part: "",
    done: "RELEASED, connected again",
    meaning: "The isolation of {machine} is lifted: it reaches the whole network, and the network reaches it.",
    after: &["Nothing, if the machine is clean. If it is not, isolate it again on its page in the portal."],
    command: "",
    by_hand: "If {machine} is isolated, people may be unable to work on it: decide whether to release it by hand on \
              its page in the portal.",
};

const RESTRICT_CODE: Kind = Kind {
    told: Told::Everything,
    errand: "restrict {machine} to programs signed by Microsoft",
    noun: ActionKind::RestrictCode.noun(),
    object: "{machine}",
    participle: "restricted to programs signed by Microsoft",
    part: "",
    done: "runs only programs signed by Microsoft",
    meaning: "Defender reports that {machine} starts no program any more that Microsoft has not signed. It is still \
              connected to the network.",
    after: &["Investigate the alert.", "When the machine is clean, lift the restriction on its page in the portal."],
    command: "",
    by_hand: "Look at the alert now, and decide whether to restrict the machine's programs by hand on its page in the \
              portal.",
};

const UNRESTRICT_CODE: Kind = Kind {
    told: Told::Everything,
    errand: "lift the restriction of programs on {machine}",
    noun: ActionKind::UnrestrictCode.noun(),
    object: "{machine}",
    participle: "freed from the restriction of programs",
    part: "",
    done: "runs all programs again",
    meaning: "Defender reports that {machine} may start programs again that Microsoft has not signed.",
    after: &["Nothing, if the machine is clean."],
    command: "",
    by_hand: "People may be unable to work on {machine}: decide whether to lift the restriction by hand on its page in \
              the portal.",
};

const SCAN: Kind = Kind {
    told: Told::Trouble,
    errand: "run a {thing} antivirus scan on {machine}",
    noun: ActionKind::Scan.noun(),
    object: "{machine}",
    participle: "scanned",
    part: "",
    done: "scanned",
    meaning: "Defender reports that the antivirus scan of {machine} has ended.",
    after: &["See in the portal what the scan found."],
    command: "",
    by_hand: "If the scan matters, start it by hand on the machine's page in the portal.",
};

const COLLECT_PACKAGE: Kind = Kind {
    told: Told::Product,
    errand: "collect an investigation package from {machine}",
    noun: ActionKind::CollectPackage.noun(),
    object: "the investigation package of {machine}",
    participle: "collected",
    part: "package ",
    done: "investigation package ready",
    meaning: "Defender has collected the investigation package of {machine}.",
    after: &["The action center on the machine's page in the portal has the package too."],
    command: "",
    by_hand: "If the package matters, collect it by hand on the machine's page in the portal.",
};

const INVESTIGATE: Kind = Kind {
    told: Told::Trouble,
    errand: "start an automated investigation on {machine}",
    noun: ActionKind::Investigate.noun(),
    object: "the automated investigation of {machine}",
    participle: "started",
    part: "investigation ",
    done: "automated investigation started",
    meaning: "Defender has started an automated investigation of {machine}.",
    after: &["See in the portal what the investigation finds."],
    command: "",
    by_hand: "If the investigation matters, start it by hand on the machine's page in the portal.",
};

const STOP_FILE: Kind = Kind {
    told: Told::Outcome,
    errand: "stop and quarantine the file {thing} on {machine}",
    noun: ActionKind::StopFile.noun(),
    object: "the file {thing} on {machine}",
    participle: "quarantined",
    part: "file {thing} ",
    done: "file {thing} quarantined",
    meaning: "Defender reports that the file's processes on {machine} are stopped and the file is in quarantine there. \
              On other machines it is as it was.",
    after: &[
        "Investigate the alert.",
        "If the file is harmless, take it out of quarantine on the file's page in the portal.",
    ],
    command: "",
    by_hand: "Look at the alert now, and decide whether to stop the file by hand on its page in the portal.",
};

const LIVE_RESPONSE: Kind = Kind {
    told: Told::Everything,
    errand: "run live response commands on {machine}",
    noun: ActionKind::LiveResponse.noun(),
    object: "the live response on {machine}",
    participle: "run",
    part: "live response ",
    done: "live response commands have run",
    meaning: "Defender reports that the live response commands on {machine} have run to their end.",
    after: &["Read their output in the action center on the machine's page in the portal."],
    command: "",
    by_hand: "Look at the alert now, and decide whether to start a live response session by hand on the machine's page.",
};

const OFFBOARD: Kind = Kind {
    told: Told::Everything,
    errand: "offboard {machine} from Defender",
    noun: ActionKind::Offboard.noun(),
    object: "{machine}",
    participle: "offboarded",
    part: "",
    done: "offboarded, Defender no longer watches it",
    meaning: "Defender reports that {machine} is taken out of its care. It raises no more alerts for it, and no action \
              reaches it.",
    after: &["Make sure that somebody else looks after the machine. To bring it back, it has to be onboarded anew."],
    command: "",
    by_hand: "Decide whether the machine is to be offboarded by hand.",
};

const TAG: Kind = Kind {
    told: Told::Trouble,
    errand: "tag {machine} with {thing}",
    noun: ActionKind::Tag.noun(),
    object: "{machine}",
    participle: "tagged with {thing}",
    part: "",
    done: "tagged with {thing}",
    meaning: "Defender has put the tag on {machine}.",
    after: &["Nothing."],
    command: "",
    by_hand: "If the tag matters, put it on by hand on the machine's page in the portal.",
};

const UNTAG: Kind = Kind {
    errand: "take the tag {thing} off {machine}",
    object: "the tag {thing}",
    participle: "taken off {machine}",
    part: "tag {thing} ",
    done: "tag {thing} taken off",
    meaning: "Defender has taken the tag off {machine}.",
    by_hand: "If the tag matters, take it off by hand on the machine's page in the portal.",
    ..TAG
};

const SET_DEVICE_VALUE: Kind = Kind {
    told: Told::Trouble,
    errand: "set the value of {machine} to {thing}",
    noun: ActionKind::SetDeviceValue.noun(),
    object: "the value of {machine}",
    participle: "set to {thing}",
    part: "value ",
    done: "value set to {thing}",
    meaning: "Defender has taken the value over.",
    after: &["Nothing."],
    command: "",
    by_hand: "If the value matters, set it by hand on the machine's page in the portal.",
};

const UPDATE_ALERT: Kind = Kind {
    told: Told::Trouble,
    errand: "change the alert about {machine}",
    noun: ActionKind::UpdateAlert.noun(),
    object: "the alert about {machine}",
    participle: "changed",
    part: "alert ",
    done: "alert changed",
    meaning: "Defender has taken the changes over.",
    after: &["Nothing."],
    command: "",
    by_hand: "If the change matters, make it by hand on the alert's page in the portal.",
};

const INDICATOR: Kind = Kind {
    told: Told::Outcome,
    errand: "submit the indicator \"{thing}\"",
    noun: ActionKind::Indicator.noun(),
    object: "the indicator \"{thing}\"",
    participle: "submitted",
    part: "indicator \"{thing}\" ",
    done: "indicator \"{thing}\" submitted",
    meaning: "Defender has taken the indicator. It reaches the machines after some time, and counts for all of them that \
              its groups name: the whole tenant, where it names none.",
    after: &["If it hits what people need, delete it in the portal: Settings, Endpoints, Indicators."],
    command: "",
    by_hand: "Look at the alert now, and decide whether to add the indicator by hand in the portal: Settings, \
              Endpoints, Indicators.",
};

const CANCEL: Kind = Kind {
    told: Told::Trouble,
    errand: "cancel the {thing} of {machine}",
    noun: ActionKind::Cancel.noun(),
    object: "the {thing} of {machine}",
    participle: "cancelled",
    part: "{thing} ",
    done: "{thing} cancelled",
    meaning: "Defender has cancelled it before it was carried out.",
    after: &["Nothing."],
    command: "",
    by_hand: "If it should not be carried out, cancel it by hand in the action center on the machine's page in the \
              portal; if it was carried out meanwhile, undo it there.",
};
