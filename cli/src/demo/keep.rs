//! `--out DIR`: mails, topics and the tenant's request log, for people and for scripts.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use cordon_records::Topic;
use cordon_runtime::kafka::{self, Inbound};
use serde_json::{Map, Value, json};

use super::pipeline::Pipeline;

/// Makes sure of the folder before anything starts.
pub fn prepare(folder: Option<&Path>) -> anyhow::Result<()> {
    let Some(folder) = folder else { return Ok(()) };
    for part in ["mail", "topics"] {
        let path = folder.join(part);
        fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    }
    Ok(())
}

/// Writes everything that the demo has left.
pub async fn keep(folder: &Path, pipeline: &Pipeline) -> anyhow::Result<()> {
    for (number, mail) in pipeline.tenant.mails().iter().enumerate() {
        fs::write(folder.join("mail").join(format!("{:02}.eml", number + 1)), &mail.raw)?;
    }
    fs::write(folder.join("requests.jsonl"), pipeline.tenant.to_jsonl())?;
    for topic in Topic::ALL {
        let path = folder.join("topics").join(format!("{}.jsonl", topic.suffix()));
        let mut file = fs::File::create(path)?;
        for inbound in kafka::read_all(&pipeline.kafka, topic).await? {
            writeln!(file, "{}", line(&inbound))?;
        }
    }
    Ok(())
}

fn line(inbound: &Inbound) -> Value {
    let text = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned());
    let headers: Map<String, Value> = inbound
        .headers
        .0
        .iter()
        .map(|(name, value)| (name.clone(), value.as_deref().map_or(Value::Null, text)))
        .collect();
    let value = inbound
        .value
        .as_deref()
        .map_or(Value::Null, |bytes| serde_json::from_slice(bytes).unwrap_or_else(|_| text(bytes)));
    json!({
        "partition": inbound.partition,
        "offset": inbound.offset,
        "key": inbound.key.as_deref().map(text),
        "headers": headers,
        "value": value,
    })
}
