//! SMTP. lettre speaks it; the connections are kept here.
//!
//! lettre has a pool too, which takes a connection back when a send is dropped half-way: its next user would read the answers to the
//! one before, and take a "yes" that was not meant for it. Here one is kept only when all that was said on it was answered. And
//! whoever asks step by step knows what was refused: the recipient, or us.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::Clock;
use futures_util::future::BoxFuture;
use lettre::Address;
use lettre::address::Envelope;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answers::{Stage, judge};
use super::breaker::Breaker;
use super::{MailError, Rendered, Transport};

/// Connections of one process at once †; many servers take ten to twenty.
const CONNECTIONS: usize = 10;
/// Mails over one connection †: many servers hang up after a hundred.
const MOST_MAILS: u32 = 100;
/// A connection that nobody used for longer is let go.
const IDLE: Duration = Duration::from_secs(60);
/// How long a mail waits for one of the connections.
const TURN: Duration = Duration::from_secs(15);

/// How long it may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Until a connection is ready.
    ready: Duration,
    /// The answer to a command.
    step: Duration,
    /// Until the server has looked at a mail and takes it. Who stops waiting too early sends it twice.
    taken: Duration,
}

const LIMITS: Limits =
    Limits { ready: Duration::from_secs(10), step: Duration::from_secs(10), taken: Duration::from_secs(25) };

#[derive(Debug)]
pub struct Smtp {
    server: Server,
    kept: Mutex<Vec<Kept>>,
    turns: Semaphore,
    breaker: Breaker,
    limits: Limits,
}

/// Where it is and how one introduces oneself there.
struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
    name: ClientId,
}

enum Encryption {
    None,
    /// From the first byte.
    Whole(TlsParameters),
    /// After a few words in plain; `required`, or none where the server has none.
    StartTls {
        tls: TlsParameters,
        required: bool,
    },
}

struct Kept {
    connection: AsyncSmtpConnection,
    mails: u32,
    since: Instant,
}

/// What went wrong in a conversation.
enum Fault {
    /// The server said no, in so many words.
    Said { stage: Stage, code: u16, text: String },
    /// It said nothing that could be understood, or nothing at all.
    Lost(String),
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("mails", &self.mails).finish_non_exhaustive()
    }
}

impl Smtp {
    pub fn new(url: &str, clock: Clock) -> Result<Self, String> {
        Ok(Self {
            server: Server::read(url)?,
            kept: Mutex::default(),
            turns: Semaphore::new(CONNECTIONS),
            breaker: Breaker::new(clock),
            limits: LIMITS,
        })
    }

    async fn send(&self, mail: &Rendered) -> Result<(), MailError> {
        let message = mail.message().map_err(MailError::Refused)?;
        let Ok(Ok(_turn)) = timeout(TURN, self.turns.acquire()).await else {
            let why = format!("none of {CONNECTIONS} connections to the mail server became free");
            return Err(MailError::Away { back_in: TURN, why });
        };
        let mut kept = self.connection().await?;
        match converse(&mut kept.connection, message.envelope(), &message.formatted(), self.limits).await {
            Ok(()) => self.keep(kept),
            Err(Fault::Lost(why)) => return Err(MailError::Later(why)),
            Err(Fault::Said { stage, code, text }) => {
                // 421: the server is about to hang up.
                if code != 421 && step(self.limits.step, kept.connection.command(Rset)).await.is_ok() {
                    self.keep(kept);
                }
                return Err(judge(stage, code, &text));
            }
        }
        Ok(())
    }

    /// One that was kept and is still good, or a new one.
    async fn connection(&self) -> Result<Kept, MailError> {
        loop {
            let last = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut kept) = last else { break };
            let is_fresh = kept.since.elapsed() < IDLE && kept.mails < MOST_MAILS;
            if is_fresh && step(self.limits.step, kept.connection.command(Noop)).await.is_ok() {
                return Ok(kept);
            }
            // Nobody waits for the farewell.
            let limit = self.limits.step;
            tokio::spawn(async move { timeout(limit, kept.connection.abort()).await });
        }
        self.breaker.check()?;
        let limit = self.limits.ready;
        let opened = timeout(limit, self.server.open()).await;
        match opened.map_err(|_| format!("not ready within {limit:?}")).and_then(|opened| opened) {
            Ok(connection) => {
                self.breaker.succeeded();
                Ok(Kept { connection, mails: 0, since: Instant::now() })
            }
            Err(why) => Err(self.breaker.failed(None, format!("the mail server is away: {why}"))),
        }
    }

    fn keep(&self, kept: Kept) {
        let kept = Kept { mails: kept.mails + 1, since: Instant::now(), ..kept };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
    }
}

impl Transport for Smtp {
    fn send<'m>(&'m self, mail: &'m Rendered) -> BoxFuture<'m, Result<(), MailError>> {
        Box::pin(self.send(mail))
    }
}

impl Server {
    /// `smtps://user:password@host:465/name?tls=…`, as lettre reads it.
    fn read(url: &str) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?.to_owned();
        let tls = || TlsParameters::new(host.clone()).map_err(|error| error.to_string());
        let wish = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, wish)| wish.into_owned());
        let (port, encryption) = match (url.scheme(), wish.as_deref()) {
            ("smtps", None) => (465, Encryption::Whole(tls()?)),
            ("smtp", Some("required")) => (587, Encryption::StartTls { tls: tls()?, required: true }),
            ("smtp", Some("opportunistic")) => (587, Encryption::StartTls { tls: tls()?, required: false }),
            ("smtp", None) => (25, Encryption::None),
            _ => {
                return Err("smtps://…, smtp://…?tls=required, smtp://…?tls=opportunistic or smtp://…".into());
            }
        };
        let plain = |text: &str| {
            let text = percent_decode_str(text).decode_utf8().map_err(|error| error.to_string())?;
            Ok::<_, String>(text.into_owned())
        };
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(plain(url.username())?, plain(password)?)),
            None => None,
        };
        let name = match url.path().trim_matches('/') {
            "" => ClientId::default(),
            name => ClientId::Domain(name.to_owned()),
        };
        Ok(Self { port: url.port().unwrap_or(port), host, encryption, credentials, name })
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, String> {
        let said = |error: smtp::Error| error.to_string();
        let whole = match &self.encryption {
            Encryption::Whole(tls) => Some(tls.clone()),
            _ => None,
        };
        let address = (self.host.trim_matches(['[', ']']), self.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, None, &self.name, whole, None)
            .await
            .map_err(said)?;
        if let Encryption::StartTls { tls, required } = &self.encryption
            && (*required || connection.can_starttls())
        {
            connection.starttls(tls.clone(), &self.name).await.map_err(said)?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(said)?;
        }
        Ok(connection)
    }
}

/// One mail from MAIL to the server's yes.
async fn converse(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    message: &[u8],
    limits: Limits,
) -> Result<(), Fault> {
    let mut parameters = vec![];
    let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    if !envelope.from().into_iter().chain(envelope.to()).all(is_ascii) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let text = "5.6.7 the mail server takes no addresses beyond ASCII".to_owned();
            return Err(Fault::Said { stage: Stage::Recipient, code: 550, text });
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let at = |stage| move |failed: Failed| failed.at(stage);
    let sender = Mail::new(envelope.from().cloned(), parameters);
    step(limits.step, connection.command(sender)).await.map_err(at(Stage::Sender))?;
    for to in envelope.to() {
        let recipient = Rcpt::new(to.clone(), vec![]);
        step(limits.step, connection.command(recipient)).await.map_err(at(Stage::Recipient))?;
    }
    step(limits.step, connection.command(Data)).await.map_err(at(Stage::Content))?;
    step(limits.taken, connection.message(message)).await.map_err(at(Stage::Taken))?;
    Ok(())
}

enum Failed {
    Said(u16, String),
    Lost(String),
}

impl Failed {
    fn at(self, stage: Stage) -> Fault {
        match self {
            Self::Said(code, text) => Fault::Said { stage, code, text },
            Self::Lost(why) => Fault::Lost(format!("{stage:?}: {why}")),
        }
    }
}

/// One answer, in time.
async fn step(
    limit: Duration,
    answer: impl Future<Output = Result<Response, smtp::Error>>,
) -> Result<(), Failed> {
    use std::error::Error;

    match timeout(limit, answer).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => match (error.status(), error.source()) {
            (Some(code), said) => {
                Err(Failed::Said(code.into(), said.map(ToString::to_string).unwrap_or_default()))
            }
            (None, _) => Err(Failed::Lost(error.to_string())),
        },
        Err(_) => Err(Failed::Lost(format!("no answer within {limit:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers the first RCPT when it is told to, and then goes on as if nothing had been.
    fn late(go: std::sync::mpsc::Receiver<()>) -> String {
        use std::io::{BufRead, BufReader, Write};
        use std::sync::{Arc, Mutex};

        let go = Arc::new(Mutex::new(go));

        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let go = go.clone();
                std::thread::spawn(move || -> std::io::Result<()> {
                    let mut stream = stream?;
                    let mut lines = BufReader::new(stream.try_clone()?).lines();
                    let mut in_mail = false;
                    stream.write_all(b"220 ready\r\n")?;
                    while let Some(line) = lines.next().transpose()? {
                        if in_mail && line != "." {
                            continue;
                        }
                        in_mail = line == "DATA";
                        if line.starts_with("RCPT") && n == 0 {
                            go.lock().unwrap().recv().unwrap();
                        }
                        let answer: &[u8] = match line.as_str() {
                            "DATA" => b"354 go on\r\n",
                            // Of the mail itself, which nobody keeps.
                            "." => b"452 4.3.1 no space left\r\n",
                            _ => b"250 yes\r\n",
                        };
                        stream.write_all(answer)?;
                    }
                    Ok(())
                });
            }
        });
        url
    }

    #[tokio::test]
    async fn a_connection_with_an_answer_under_way_is_not_used_again() {
        let (go, told) = std::sync::mpsc::channel();
        let limits = Limits { step: Duration::from_millis(100), ..LIMITS };
        let smtp = Smtp { limits, ..Smtp::new(&late(told), Clock::default()).unwrap() };
        let address = || "zoe@example.org".parse::<Address>().unwrap();
        let mail = Rendered {
            key: "job-1".into(),
            message_id: "<job-1@example.org>".into(),
            from: lettre::message::Mailbox::new(None, address()),
            to: address(),
            subject: "Bonjour".into(),
            text: "Bonjour".into(),
            html: "Bonjour".into(),
            unsubscribe: None,
            calendar: None,
        };
        let Err(MailError::Later(why)) = smtp.send(&mail).await else { panic!("it was too late") };
        assert!(why.starts_with("Recipient: no answer within"), "{why}");
        go.send(()).unwrap();
        // On the old one the late answers would be read as those to this mail, and the last of them is a yes.
        let second = smtp.send(&mail).await;
        assert_eq!(second, Err(MailError::Later("Taken: 452 4.3.1 no space left".into())));
    }

    #[test]
    fn a_url_says_all_of_a_server() {
        let server = Server::read("smtps://jo%40x:p%2Fw@mail.example:2465/me.example").unwrap();
        assert_eq!((server.host.as_str(), server.port), ("mail.example", 2465));
        assert!(matches!(server.encryption, Encryption::Whole(_)) && server.credentials.is_some());
        assert!(matches!(server.name, ClientId::Domain(name) if name == "me.example"));
        for (url, port) in
            [("smtp://m.example", 25), ("smtp://m.example?tls=required", 587), ("smtps://m.example", 465)]
        {
            assert_eq!(Server::read(url).unwrap().port, port, "{url}");
        }
        for wrong in ["", "mail.example", "http://mail.example", "smtp://", "smtp://m.example?tls=perhaps"] {
            assert!(Server::read(wrong).is_err(), "{wrong}");
        }
    }
}
