//! One WebSocket: sign in, then requests in and frames out.

mod requests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::conversations::Address;
use domain::live::{self, Channel};
use domain::users::Status;
use futures_util::{SinkExt, StreamExt};
use poem::web::Data;
use poem::web::websocket::{CloseCode, Message, WebSocket, WebSocketStream};
use poem::{IntoResponse, Request as HttpRequest, Response, handler};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_util::sync::CancellationToken;

use super::protocol::{ClientFrame, Fault, Heartbeat, Ready, Request};
use super::{Close, Cut, Hub, Member, SESSION_ENDED, SignedIn, TOO_SLOW, TRY_AGAIN};
use crate::App;
use crate::error::ApiError;
use crate::guard::{self, Bearer};
use crate::token::Claims;

/// Largest frame of a client, in bytes.
const LARGEST_FRAME: usize = 16 * 1024;
/// Frames waiting for a socket beyond which it counts as too slow; holds a whole refill.
const OUTBOX: usize = 1024;
const SIGN_IN: Duration = Duration::from_secs(5);
/// Silence, pongs included, after which the peer is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// A write that takes longer has no reader.
const WRITE: Duration = Duration::from_secs(10);
/// Faulty frames after which a client is cut.
const MOST_FAULTS: u32 = 100;

const UNAUTHENTICATED: u16 = 4401;
const RESTART: u16 = 1012;
const FRAME_TOO_BIG: Close = Close(1009, "frame larger than 16 KiB");
const ABUSE: u16 = 1008;
const AWAY: u16 = 1001;

#[handler]
pub fn upgrade(request: &HttpRequest, socket: WebSocket, app: Data<&App>) -> Response {
    let bearer: Bearer = match request.data::<Bearer>() {
        Some(Some(header)) => Some(header.clone()),
        _ => sub_protocol_token(request).map(|token| app.tokens.verify_access(&token, app.clock.now())),
    };
    let config = WebSocketConfig::default()
        // Beyond this the stream cannot be read on, not even to close it in order; the protocol's own bound is `take`'s.
        .max_message_size(Some(4 * LARGEST_FRAME))
        .max_frame_size(Some(4 * LARGEST_FRAME))
        // The defaults reserve 256 KiB for each socket. Most frames are shorter than this, and longer ones are read in pieces.
        .read_buffer_size(1024)
        .write_buffer_size(1024)
        .max_write_buffer_size(1 << 20);
    let app = app.0.clone();
    let serve = move |stream| {
        let (tasks, stop) = (app.hub.0.tasks.clone(), app.hub.0.stop.clone());
        tasks.track_future(Socket::new(app, stream).serve(bearer, stop))
    };
    socket.protocols(["bearer"]).config(config).on_upgrade(serve).into_response()
}

/// poem would answer HEAD as GET, and upgrade.
#[handler]
pub fn no_head() -> Result<(), ApiError> {
    Err(ApiError::MethodNotAllowed { allow: "GET".into() })
}

/// `Sec-WebSocket-Protocol: bearer, <token>`, for browsers, which cannot set headers.
fn sub_protocol_token(request: &HttpRequest) -> Option<String> {
    let offered = request.header("sec-websocket-protocol")?;
    let (scheme, token) = offered.split_once(',')?;
    (scheme.trim() == "bearer").then(|| token.trim().to_owned())
}

struct Socket {
    app: App,
    peer: Peer,
    member: Member,
    outbox: mpsc::Receiver<Arc<str>>,
    claims: Option<Claims>,
    /// Where this socket is a member, by the address it joined with.
    rooms: HashMap<Option<Address>, Channel>,
    faults: u32,
    /// When this socket last passed a `chat:typing` on.
    typed: Option<Instant>,
}

type Served<T> = Result<T, Close>;

impl Socket {
    fn new(app: App, stream: WebSocketStream) -> Self {
        let (sender, outbox) = mpsc::channel(OUTBOX);
        let cut = Cut::default();
        let connection = app.hub.0.next_connection.fetch_add(1, Ordering::Relaxed) + 1;
        // The user is known once `auth` has come; before, nothing is sent to this member.
        let user = domain::ids::UserId(uuid::Uuid::nil());
        Self {
            peer: Peer { stream, cut: cut.clone() },
            member: Member { connection, user, outbox: sender, cut },
            claims: None,
            rooms: HashMap::new(),
            faults: 0,
            typed: None,
            app,
            outbox,
        }
    }

    async fn serve(mut self, bearer: Bearer, stop: CancellationToken) {
        let Close(code, reason) = match self.run(bearer, stop).await {
            Err(close) => close,
            Ok(never) => match never {},
        };
        let hub = &self.app.hub;
        hub.sockets().remove(&self.member.connection);
        for channel in self.rooms.values() {
            hub.leave(*channel, self.member.connection).await;
        }
        let close = Message::Close(Some((CloseCode::from(code), reason.to_owned())));
        let farewell = async {
            self.peer.stream.send(close).await?;
            // What is still unread would turn our close into a reset, and the reason would be lost.
            while let Some(Ok(_)) = self.peer.stream.next().await {}
            Ok::<(), std::io::Error>(())
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), farewell).await;
    }

    async fn run(&mut self, bearer: Bearer, stop: CancellationToken) -> Served<std::convert::Infallible> {
        match bearer {
            Some(Ok(claims)) => Box::pin(self.sign_in(claims, None)).await?,
            Some(Err(_)) => return Err(Close(UNAUTHENTICATED, "token not valid")),
            None => {}
        }
        let beat = self.app.hub.0.heartbeat;
        let mut beats = tokio::time::interval_at(Instant::now() + beat, beat);
        let mut heard = Instant::now();
        let sign_in_by = Instant::now() + SIGN_IN;
        // Made once and not at each turn: a busy room turns this loop thousands of times a second.
        let deadline = sleep_until(self.deadline(sign_in_by));
        let cut = self.member.cut.clone();
        let (stopped, cut) = (stop.cancelled(), cut.happened());
        tokio::pin!(deadline, stopped, cut);
        loop {
            tokio::select! {
                frame = self.peer.stream.next() => {
                    heard = Instant::now();
                    // What it asks for may take as long as the database is away.
                    tokio::select! {
                        taken = self.take(frame) => taken?,
                        reason = &mut cut => return Err(reason),
                        () = &mut stopped => return Err(Close(RESTART, "restarting")),
                    }
                    deadline.as_mut().reset(self.deadline(sign_in_by));
                }
                Some(frame) = self.outbox.recv() => self.forward(frame).await?,
                _ = beats.tick() => {
                    if heard.elapsed() > SILENCE {
                        return Err(Close(AWAY, "silent"));
                    }
                    self.peer.write(Message::Ping(Vec::new())).await?;
                    if self.claims.is_some() {
                        self.peer.write(Message::Text(self.heartbeat())).await?;
                    }
                }
                () = &mut deadline => match self.claims {
                    None => return Err(Close(UNAUTHENTICATED, "not signed in within 5 s")),
                    Some(_) => return Err(Close(UNAUTHENTICATED, "token expired")),
                },
                reason = &mut cut => return Err(reason),
                () = &mut stopped => return Err(Close(RESTART, "restarting")),
            }
        }
    }

    /// The newest numbers of what this socket listens to, so that a client sees by itself what it has missed.
    fn heartbeat(&self) -> String {
        let heads = self.app.hub.heads();
        let mut beat = Heartbeat::default();
        for channel in self.rooms.values() {
            match (channel, heads.get(channel)) {
                (Channel::Conversation(id), Some(head)) => drop(beat.heads.insert(*id, *head)),
                (Channel::User(_), Some(head)) => beat.feed_head = *head,
                (_, None) => {}
            }
        }
        live::frame(&beat)
    }

    /// When the present sign-in (or the wait for one) ends.
    fn deadline(&self, sign_in_by: Instant) -> Instant {
        match &self.claims {
            None => sign_in_by,
            Some(claims) => {
                let left = claims.expires_at() - self.app.clock.now();
                Instant::now() + left.try_into().unwrap_or(Duration::ZERO)
            }
        }
    }

    /// Writes a frame and whatever else waits, with one flush.
    async fn forward(&mut self, first: Arc<str>) -> Served<()> {
        let Self { peer: Peer { stream, cut }, outbox, .. } = self;
        let written = async {
            stream.feed(Message::Text(first.to_string())).await?;
            for _ in 0..64 {
                let Ok(next) = outbox.try_recv() else { break };
                stream.feed(Message::Text(next.to_string())).await?;
            }
            stream.flush().await
        };
        in_time(written, cut).await
    }

    async fn take(&mut self, frame: Option<std::io::Result<Message>>) -> Served<()> {
        let text = match frame {
            None => return Err(Close(AWAY, "gone")),
            Some(Ok(Message::Close(_))) => return Err(Close(1000, "bye")),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Text(text))) if text.len() > LARGEST_FRAME => return Err(FRAME_TOO_BIG),
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => return self.complain(&Fault::not_text(), None).await,
            // tungstenite says "Space limit exceeded" for a frame beyond the bound.
            Some(Err(error))
                if error.to_string().contains("limit") || error.to_string().contains("too long") =>
            {
                return Err(FRAME_TOO_BIG);
            }
            Some(Err(_)) => return Err(Close(AWAY, "gone")),
        };
        let frame = match ClientFrame::parse(&text) {
            Ok(frame) => frame,
            Err(fault) => return self.complain(&fault, None).await,
        };
        let answer = match frame.request() {
            Ok(Request::Auth(auth)) => {
                let Ok(claims) = self.app.tokens.verify_access(&auth.token, self.app.clock.now()) else {
                    return Err(Close(UNAUTHENTICATED, "token not valid"));
                };
                return Box::pin(self.sign_in(claims, auth.after_event_seq)).await;
            }
            // Boxed, as signing in: an idle socket would have the size of all that it may ever do.
            Ok(request) => Box::pin(self.answer(request, frame.id.as_deref())).await,
            Err(fault) => Err(fault),
        };
        match answer {
            Ok(Some(answer)) => self.peer.write(Message::Text(answer)).await,
            Ok(None) => Ok(()),
            Err(fault) => self.complain(&fault, frame.id.as_deref()).await,
        }
    }

    async fn complain(&mut self, fault: &Fault, id: Option<&str>) -> Served<()> {
        self.faults += 1;
        self.peer.write(Message::Text(fault.frame(id))).await?;
        if self.faults > MOST_FAULTS { Err(Close(ABUSE, "too many faulty frames")) } else { Ok(()) }
    }

    /// Signs in, or renews the sign-in with a newer token of the same user; either is answered with `ready`, and with the
    /// feed since `after`.
    async fn sign_in(&mut self, claims: Claims, after: Option<i64>) -> Served<()> {
        let bearer = Some(Ok(claims.clone()));
        let viewer = guard::viewer(&self.app, &bearer).await.map_err(|error| match error {
            ApiError::Unauthorized { .. } => SESSION_ENDED,
            _ => TRY_AGAIN,
        })?;
        if self.claims.as_ref().is_some_and(|old| old.sub != claims.sub) {
            return Err(Close(UNAUTHENTICATED, "token of another user"));
        }
        self.claims = Some(claims);
        let hub = self.app.hub.clone();
        let connection = self.member.connection;
        let rooms = hub.sockets().remove(&connection).map(|before| before.rooms).unwrap_or_default();
        hub.sockets().insert(
            connection,
            SignedIn {
                session: viewer.session,
                user: viewer.user,
                is_admin: viewer.is_admin(),
                was_suspended: viewer.status == Status::Suspended,
                rooms,
                outbox: self.member.outbox.clone(),
                cut: self.member.cut.clone(),
            },
        );
        self.member.user = viewer.user;
        let greeting = Box::new(move |event_seq| {
            live::frame(&Ready { user_id: viewer.user, event_seq, connection_id: connection })
        });
        self.join(&hub, None, Channel::User(viewer.user), after, greeting).await;
        Ok(())
    }

    async fn join(
        &mut self,
        hub: &Hub,
        address: Option<Address>,
        channel: Channel,
        after: Option<i64>,
        greeting: super::room::Greeting,
    ) {
        self.rooms.insert(address, channel);
        hub.join(channel, self.member.clone(), after, greeting).await;
    }
}

/// The other end; a write to it is given up when it does not read.
struct Peer {
    stream: WebSocketStream,
    cut: Cut,
}

impl Peer {
    async fn write(&mut self, message: Message) -> Served<()> {
        in_time(self.stream.send(message), &self.cut).await
    }
}

async fn in_time(write: impl Future<Output = std::io::Result<()>>, cut: &Cut) -> Served<()> {
    tokio::select! {
        // Most writes end at once, and then neither clock nor cut is asked.
        biased;
        written = tokio::time::timeout(WRITE, write) => match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Close(AWAY, "gone")),
            Err(_) => Err(TOO_SLOW),
        },
        reason = cut.happened() => Err(reason),
    }
}
