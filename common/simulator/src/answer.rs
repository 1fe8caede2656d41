//! Answers, and errors in Microsoft's shapes.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::wire_time::wire_time;

/// The content type that Defender answers with.
const JSON: &str = "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8";

/// An answer before it becomes bytes on a connection.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: vec![content_type(JSON)], body: body.to_string().into_bytes() }
    }

    pub(crate) fn text(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![content_type(kind)], body: body.into() }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The answer with these fields in its JSON object; one of another form stays as it is.
    pub(crate) fn with_fields(mut self, fields: Map<String, Value>) -> Self {
        if let Ok(Value::Object(mut object)) = serde_json::from_slice(&self.body) {
            object.extend(fields);
            self.body = Value::Object(object).to_string().into_bytes();
        }
        self
    }

    /// The response with this body in place of the answer's own. Headers that HTTP cannot carry are left out.
    pub(crate) fn into_response(self, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

pub(crate) fn content_type(kind: &str) -> (String, String) {
    (header::CONTENT_TYPE.as_str().to_owned(), kind.to_owned())
}

/// Defender's error body: `{"error":{"code","message","target"}}`; the target is a correlation id.
pub(crate) fn error(status: u16, code: &str, message: &str, target: &str) -> Answer {
    Answer::json(status, &json!({"error": {"code": code, "message": message, "target": target}}))
}

/// Graph's error body, with `innerError`.
pub(crate) fn graph_error(status: u16, code: &str, message: &str, (request, now): (&str, Timestamp)) -> Answer {
    let inner = json!({"date": wire_time(now), "request-id": request, "client-request-id": request});
    Answer::json(status, &json!({"error": {"code": code, "message": message, "innerError": inner}}))
}

/// The token endpoint's error body: an OAuth error with an `AADSTS` number.
pub(crate) fn token_error(
    status: u16,
    code: &str,
    (number, message): (u32, &str),
    (trace, now): (&str, Timestamp),
) -> Answer {
    Answer::json(
        status,
        &json!({
            "error": code, "error_description": format!("AADSTS{number}: {message} Trace ID: {trace} Correlation ID: {trace}"),
            "error_codes": [number], "timestamp": wire_time(now), "trace_id": trace, "correlation_id": trace,
            "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        }),
    )
}
