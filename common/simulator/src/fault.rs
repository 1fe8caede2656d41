//! Scripted faults: what goes wrong, where, and how often. The rows of the fault catalogue that an HTTP server can play.

use std::time::Duration;

use serde_json::{Map, Value};

/// One scripted fault. Faults are tried in the order in which they were scripted; the first that fits a request and is
/// not used up plays.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The HTTP method it fits; `*` fits every one.
    pub method: String,
    /// A part of path and query it fits; empty fits every request.
    pub path_contains: String,
    /// How many requests it still plays for.
    pub times: u32,
    /// What happens.
    pub what: FaultKind,
}

impl Fault {
    /// A fault that plays once.
    #[must_use]
    pub fn on(method: &str, path_contains: &str, what: FaultKind) -> Self {
        Self { method: method.to_owned(), path_contains: path_contains.to_owned(), times: 1, what }
    }

    /// The same fault, played for this many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        self.times > 0
            && (self.method == "*" || self.method.eq_ignore_ascii_case(method))
            && path.contains(&self.path_contains)
    }
}

/// What goes wrong. "With effect" means that the request is carried out as if nothing were wrong, and only its answer
/// suffers; "without effect" means that the tenant does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// This answer instead of the real one; without effect.
    Status {
        /// The HTTP status.
        code: u16,
        /// The body; JSON unless a `Content-Type` header says otherwise.
        body: String,
        /// Further headers.
        headers: Vec<(String, String)>,
    },
    /// A gateway's 502 with an HTML body; without effect.
    Html502,
    /// Silence for this long, then the connection is cut; without effect.
    Hang(Duration),
    /// The connection is cut instead of an answer; **with** effect.
    DropBeforeAnswer,
    /// The connection is reset; without effect.
    RefuseBeforeEffect,
    /// The first half of the real body, with the right length for it; with effect.
    TruncatedJson,
    /// The real status and headers, and then the connection is cut in the middle of the body; with effect.
    CutMidBody,
    /// Bytes that are neither JSON nor UTF-8 under the real status; with effect.
    Garbage,
    /// The real answer with these fields of its JSON object instead of its own: somebody else's `requestor`, another
    /// `machineId`, a `scope` or comment that is `null`; with effect.
    Fields(Map<String, Value>),
    /// The real answer, this much later; with effect, which happens **before** the wait.
    Delay(Duration),
    /// The real body, one byte per this interval (a slow loris); with effect.
    SlowBody(Duration),
    /// 200 with well-formed JSON of about this many bytes; without effect.
    HugeBody(u64),
}

impl FaultKind {
    /// A status with an error body in Microsoft's shape.
    #[must_use]
    pub fn status(code: u16, error_code: &str, message: &str) -> Self {
        let body = serde_json::json!({"error": {"code": error_code, "message": message, "target": "|scripted."}});
        Self::Status { code, body: body.to_string(), headers: Vec::new() }
    }

    /// The real answer with these fields instead of its own; anything but an object changes nothing.
    #[must_use]
    pub fn fields(fields: Value) -> Self {
        Self::Fields(crate::tenant::machine::object(fields))
    }

    /// 429 with this `Retry-After`, which is passed on as it stands: seconds, an HTTP date, or nonsense.
    #[must_use]
    pub fn too_many_requests(retry_after: Option<&str>) -> Self {
        let body = serde_json::json!({"error": {"code": "429", "message": "API calls quota exceeded!", "target": "|scripted."}});
        let headers = retry_after.map(|value| ("Retry-After".to_owned(), value.to_owned())).into_iter().collect();
        Self::Status { code: 429, body: body.to_string(), headers }
    }
}

/// The script: faults in order, each with what is left of it.
#[derive(Debug, Default)]
pub(crate) struct Script {
    faults: Vec<Fault>,
}

impl Script {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    /// How many requests the script still spoils.
    pub(crate) fn left(&self) -> u32 {
        self.faults.iter().map(|fault| fault.times).fold(0, u32::saturating_add)
    }

    /// The fault for this request, if any, and counts it down.
    pub(crate) fn take(&mut self, method: &str, path: &str) -> Option<FaultKind> {
        let at = self.faults.iter().position(|fault| fault.fits(method, path))?;
        let fault = &mut self.faults[at];
        fault.times -= 1;
        let what = fault.what.clone();
        if fault.times == 0 {
            self.faults.remove(at);
        }
        Some(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_plays_as_often_as_it_says_and_in_the_order_of_the_script() {
        let mut script = Script::default();
        script.add(Fault::on("GET", "/api/alerts", FaultKind::Html502).times(2));
        script.add(Fault::on("*", "", FaultKind::Garbage));
        assert_eq!(script.take("GET", "/api/alerts?$top=1"), Some(FaultKind::Html502));
        assert_eq!(script.take("POST", "/api/alerts"), Some(FaultKind::Garbage), "the method must fit");
        assert_eq!(script.left(), 1);
        assert_eq!(script.take("get", "/api/alerts"), Some(FaultKind::Html502));
        assert_eq!(script.take("GET", "/api/alerts"), None);
        assert_eq!(script.left(), 0);
    }
}
