//! The way of a request: log it, play the scripted fault or carry it out, answer or cut.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{Response, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;
use url::form_urlencoded;

use crate::answer::{Answer, content_type};
use crate::api::{Call, admin, carry_out};
use crate::connection::Connection;
use crate::fault::FaultKind;
use crate::request_log::{LoggedRequest, redacted_form};
use crate::state::Inner;
use crate::wire_time::http_date;

/// The largest request body taken, in bytes; larger ones get 413.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// How a request ends.
enum End {
    /// An answer with its own body.
    Whole(Answer),
    /// The first half of the body under the length of the whole; then the connection ends.
    Half(Answer),
    /// One byte at a time.
    Slow(Answer, Duration),
    /// Generated JSON of about this many bytes.
    Huge(u64),
    /// No answer.
    Cut,
    /// No answer, and a reset.
    Reset,
}

/// Serves one request.
pub(crate) async fn serve(
    Shared(inner): Shared<Arc<Inner>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or_else(|| parts.uri.path().to_owned(), ToString::to_string);
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let authorization = header(header::AUTHORIZATION);
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return Answer::empty(413).into_response(Body::empty());
    };
    let call = Call {
        method: parts.method.as_str().to_owned(),
        segments: segments(parts.uri.path().strip_prefix(inner.prefix.as_str()).unwrap_or("/outside-the-prefix")),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        bearer: authorization.as_deref().and_then(|text| text.strip_prefix("Bearer ")).map(str::to_owned),
        content_type: header(header::CONTENT_TYPE).unwrap_or_default(),
        body: body.to_vec(),
        base: inner.base(),
    };
    if inner.admin && call.segments.first().is_some_and(|first| first == "sim") {
        let now = inner.now();
        let answer = admin::answer(&call, &mut inner.state(), now);
        return respond(&inner, End::Whole(answer), None, &connection);
    }
    let logged = logged(&inner, &call, (path, authorization.is_some(), header(header::USER_AGENT)));
    let (place, fault) = noted(&inner, logged, call.bearer.as_deref());
    let end = match fault {
        None => End::Whole(carried_out(&inner, &call)),
        Some(fault) => spoiled(&inner, &call, fault).await,
    };
    respond(&inner, end, Some(place), &connection)
}

fn segments(path: &str) -> Vec<String> {
    // A form decoder reads a plus as a space, which in a path it is not.
    let decoded = |segment: &str| {
        let text = segment.replace('+', "%2B");
        form_urlencoded::parse(text.replace('&', "%26").replace('=', "%3D").as_bytes())
            .map(|(name, _)| name.into_owned())
            .collect::<String>()
    };
    path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect()
}

fn logged(
    inner: &Inner,
    call: &Call,
    (path, authorization, user_agent): (String, bool, Option<String>),
) -> LoggedRequest {
    let text = String::from_utf8_lossy(&call.body);
    let last = call.segments.last().map_or("", String::as_str);
    let body = match last {
        "token" => redacted_form(&text),
        "sendMail" => format!("[{} bytes of mail]", call.body.len()),
        _ => text.into_owned(),
    };
    LoggedRequest {
        at: inner.now(),
        method: call.method.clone(),
        path,
        status: 0,
        body,
        authorization,
        client_id: None,
        user_agent,
        fault: None,
    }
}

/// Writes the request into the log and takes the fault that is scripted for it.
fn noted(inner: &Inner, mut logged: LoggedRequest, bearer: Option<&str>) -> (usize, Option<FaultKind>) {
    let mut state = inner.state();
    let state = &mut *state;
    let fault = state.script.take(&logged.method, &logged.path);
    logged.fault = fault.as_ref().map(name);
    let grant = bearer.and_then(|token| state.tokens.check(token, logged.at));
    logged.client_id = grant.map(|grant| grant.client_id.clone());
    let secrets = state.secrets();
    (state.log.add(logged, &secrets), fault)
}

fn name(fault: &FaultKind) -> String {
    let debug = format!("{fault:?}");
    debug.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

fn carried_out(inner: &Inner, call: &Call) -> Answer {
    let now = inner.now();
    carry_out(call, &mut inner.state(), now)
}

async fn spoiled(inner: &Inner, call: &Call, fault: FaultKind) -> End {
    match fault {
        FaultKind::Status { code, body, headers } => {
            let mut answer = Answer::text(code, "application/json; charset=utf-8", body);
            answer.headers.extend(headers);
            End::Whole(answer)
        }
        FaultKind::Html502 => {
            let body = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>";
            End::Whole(Answer::text(502, "text/html", body))
        }
        FaultKind::Hang(time) => {
            tokio::time::sleep(time).await;
            End::Cut
        }
        FaultKind::DropBeforeAnswer => {
            carried_out(inner, call);
            End::Cut
        }
        FaultKind::RefuseBeforeEffect => End::Reset,
        FaultKind::TruncatedJson => {
            let mut answer = carried_out(inner, call);
            answer.body.truncate(answer.body.len() / 2);
            End::Whole(answer)
        }
        FaultKind::CutMidBody => End::Half(carried_out(inner, call)),
        FaultKind::Garbage => {
            let mut answer = carried_out(inner, call);
            answer.body = b"\xff\xfe{\"value\": [\x00\x9f, ]]]} not json \xc3\x28".to_vec();
            End::Whole(answer)
        }
        FaultKind::Fields(fields) => End::Whole(carried_out(inner, call).with_fields(fields)),
        FaultKind::Delay(time) => {
            let answer = carried_out(inner, call);
            tokio::time::sleep(time).await;
            End::Whole(answer)
        }
        FaultKind::SlowBody(interval) => End::Slow(carried_out(inner, call), interval),
        FaultKind::HugeBody(bytes) => End::Huge(bytes),
    }
}

fn respond(inner: &Inner, end: End, place: Option<usize>, connection: &Connection) -> Response<Body> {
    let date = http_date(inner.now());
    let done = |answer: Answer, body: Body| {
        if let Some(place) = place {
            inner.state().log.answered(place, answer.status);
        }
        answer.header(header::DATE.as_str(), &date).into_response(body)
    };
    match end {
        End::Whole(mut answer) => {
            let body = Body::from(std::mem::take(&mut answer.body));
            done(answer, body)
        }
        End::Half(mut answer) => {
            let length = answer.body.len();
            answer.body.truncate(length / 2);
            let body = piecewise(std::mem::take(&mut answer.body), None);
            done(answer.header(header::CONTENT_LENGTH.as_str(), &length.to_string()), body)
        }
        End::Slow(mut answer, interval) => {
            let body = piecewise(std::mem::take(&mut answer.body), Some(interval));
            done(answer, body)
        }
        End::Huge(bytes) => {
            done(Answer { status: 200, headers: vec![content_type("application/json")], body: Vec::new() }, huge(bytes))
        }
        End::Cut => {
            connection.cut();
            Response::new(Body::empty())
        }
        End::Reset => {
            connection.reset();
            Response::new(Body::empty())
        }
    }
}

/// A body fed from a task: all at once, or one byte per interval. It simply ends, however long it was said to be.
fn piecewise(bytes: Vec<u8>, interval: Option<Duration>) -> Body {
    let (mut writer, reader) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let Some(interval) = interval else {
            let _ = writer.write_all(&bytes).await;
            return;
        };
        for byte in Bytes::from(bytes) {
            // A failure means that the client has gone.
            if writer.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(interval).await;
        }
    });
    Body::from_stream(ReaderStream::new(reader))
}

/// `{"value":[],"padding":"xxx…"}`, generated while it is sent.
fn huge(bytes: u64) -> Body {
    let start: &[u8] = b"{\"value\":[],\"padding\":\"";
    let reader = start.chain(tokio::io::repeat(b'x').take(bytes)).chain(&b"\"}"[..]);
    Body::from_stream(ReaderStream::with_capacity(reader, 64 * 1024))
}
