//! An SMTP server that answers as it is told to.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// At the end of the script's answer: nothing more, and the connection stays open.
pub const SILENCE: &str = "(silence)";

/// What the server says to a command; `None` hangs up instead.
type Script = dyn Fn(&str) -> Option<String> + Send + Sync;

/// A running server. It ends when it is dropped.
pub struct Server {
    pub port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Starts a server. The script gets each command line, and `.` for the end of a mail; `""` stands for the answer
    /// of an obliging server.
    pub async fn start(script: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, script): (_, Arc<Script>) = (Arc::clone(&seen), Arc::new(script));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, Arc::clone(&script), Arc::clone(&log)));
            }
        });
        Self { port, seen, task }
    }

    /// All command lines so far, over all connections.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// How often a command was given.
    pub fn count(&self, command: &str) -> usize {
        self.seen().iter().filter(|line| line.starts_with(command)).count()
    }
}

async fn talk(stream: TcpStream, script: Arc<Script>, log: Arc<Mutex<Vec<String>>>) {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    let _ = writing.write_all(b"220 test ESMTP\r\n").await;
    let mut in_mail = false;
    while let Ok(Some(line)) = lines.next_line().await {
        if in_mail && line != "." {
            continue;
        }
        log.lock().unwrap().push(line.clone());
        let Some(said) = script(&line) else { return };
        if let Some(last) = said.strip_suffix(SILENCE) {
            let _ = writing.write_all(last.as_bytes()).await;
            return std::future::pending().await;
        }
        let obliging = if line.starts_with("DATA") { "354 go on" } else { "250 fine" };
        let answer = if said.is_empty() { obliging } else { &said };
        in_mail = answer.starts_with("354");
        if writing.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() || line == "QUIT" {
            return;
        }
    }
}
