//! A mail server that keeps what it is given, and is as moody as real ones: it asks to come back later now and then, and
//! sometimes hangs up when it has taken a mail, before it says so.

use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::Outcome;
use crate::history::{Book, Delivered};

const LATER_BEFORE: f64 = 0.02;
const LATER_AFTER: f64 = 0.01;
const HANG_UP: f64 = 0.005;

/// Returns its port.
pub async fn start(book: Book, seed: u64) -> Outcome<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        for n in 0.. {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (book, dice) = (book.clone(), StdRng::seed_from_u64(seed ^ n));
            tokio::spawn(async move {
                let _ = serve(stream, book, dice).await;
            });
        }
    });
    Ok(port)
}

async fn serve(stream: TcpStream, book: Book, mut dice: StdRng) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).split(b'\n');
    writer.write_all(b"220 sink ESMTP\r\n").await?;
    let (mut to, mut job, mut in_data, mut in_headers) = (String::new(), None, false, false);
    while let Some(line) = lines.next_segment().await? {
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        let upper = line.to_ascii_uppercase();
        let answer = match () {
            () if in_data && line == "." => {
                in_data = false;
                let later = dice.random_bool(LATER_AFTER);
                let answered = !dice.random_bool(HANG_UP);
                if !later {
                    let mut history = book.write();
                    let phase = history.phase;
                    let (to, at) = (std::mem::take(&mut to), Instant::now());
                    match job.take() {
                        Some(job) => history.mails.push(Delivered { phase, to, job, at, answered }),
                        None => history.strange.push(format!("a mail to {to} without the id of its job")),
                    }
                }
                match (later, answered) {
                    (true, _) => "451 come back later\r\n",
                    (false, true) => "250 taken\r\n",
                    (false, false) => return Ok(()),
                }
            }
            () if in_data => {
                if line.is_empty() {
                    in_headers = false;
                }
                if in_headers && upper.starts_with("MESSAGE-ID:") {
                    job = line.split(['<', '@']).nth(1).and_then(|id| Uuid::try_parse(id).ok());
                }
                continue;
            }
            () if upper.starts_with("EHLO") || upper.starts_with("HELO") => "250 sink\r\n",
            () if upper.starts_with("RCPT TO:") => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                if dice.random_bool(LATER_BEFORE) { "450 mailbox busy\r\n" } else { "250 ok\r\n" }
            }
            () if upper == "DATA" => {
                (in_data, in_headers, job) = (true, true, None);
                "354 go on\r\n"
            }
            () if upper == "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            () => "250 ok\r\n",
        };
        writer.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}
