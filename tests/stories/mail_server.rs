//! A mail server of one's own, with moods.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::letters::{Letter, read};
use crate::world::World;

/// Where in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Greeting,
    Mail,
    Rcpt,
    /// The whole mail has come.
    Taken,
}

/// What the mail server makes of the next mails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mood {
    Takes,
    /// Something else than yes.
    Says(Step, &'static str),
    /// Keeps the mail, and is gone before it says so; once.
    TakesAndHangsUp,
}

#[derive(Clone)]
pub struct MailServer {
    pub url: String,
    mood: Arc<Mutex<Mood>>,
    taken: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl MailServer {
    pub async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let server = Self {
            url,
            mood: Arc::new(Mutex::new(mood)),
            taken: Arc::default(),
            connections: Arc::default(),
        };
        let at_the_desk = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = at_the_desk.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        server
    }

    fn said(&self, step: Step) -> Option<String> {
        match *self.mood.lock().unwrap() {
            Mood::Says(at, line) if at == step => Some(format!("{line}\r\n")),
            _ => None,
        }
    }

    /// One connection. A client that hangs up ends it.
    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        if let Some(line) = self.said(Step::Greeting) {
            return writer.write_all(line.as_bytes()).await;
        }
        writer.write_all(b"220 ready\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let other = match verb.as_str() {
                "QUIT" => break,
                "MAIL" => self.said(Step::Mail),
                "RCPT" => self.said(Step::Rcpt),
                "DATA" => Some("354 go on\r\n".to_owned()),
                _ => None,
            };
            writer.write_all(other.as_deref().unwrap_or("250 yes\r\n").as_bytes()).await?;
            if verb == "DATA" {
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail += line.strip_prefix('.').unwrap_or(&line);
                    mail += "\r\n";
                }
                if let Some(line) = self.said(Step::Taken) {
                    writer.write_all(line.as_bytes()).await?;
                    continue;
                }
                self.taken.lock().unwrap().push(mail);
                if *self.mood.lock().unwrap() == Mood::TakesAndHangsUp {
                    self.set(Mood::Takes);
                    break;
                }
                writer.write_all(b"250 taken\r\n").await?;
            }
        }
        Ok(())
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.taken.lock().unwrap().iter().map(|mail| read(mail)).collect()
    }

    /// Connections that were opened so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub async fn world(&self) -> World {
        let mut world = World::without_worker().await;
        world.start_worker_with(&["--worker-cron", "false", "--smtp-url", &self.url]);
        world
    }
}

/// Until every mail that was put off is sent, or given up as pointless.
pub async fn wait_for_the_post(world: &World) {
    let open = "select count(*) from jobs where kind = 'send-mail' and state in ('waiting', 'dispatched', 'running')";
    while world.count(open).await > 0 {
        world.clock.advance(Duration::minutes(1));
        world.drain().await;
    }
}
