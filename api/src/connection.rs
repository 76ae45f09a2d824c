//! What is below HTTP: connections as they are accepted, and the patience with half a request.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Accepts connections that wait for the rest of a header only so long, and not at all once the server stops: poem gives
/// hyper no timer, so hyper would wait for ever. They are also closed when nothing passes; poem can do that, but wakes a task
/// for each read and each write, which cost a fifth of a chat message.
pub struct Guarded<A> {
    pub inner: A,
    pub patience: Duration,
    pub stop: CancellationToken,
}

impl<A: Acceptor<Io = TcpStream>> Acceptor for Guarded<A> {
    type Io = Connection;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Connection, LocalAddr, RemoteAddr, Scheme)> {
        match self.inner.accept().await {
            Ok((stream, local, remote, scheme)) => {
                // Small frames go out at once: with Nagle's algorithm a frame that follows another waits for the client's
                // delayed acknowledgement, 40 ms on many a chat message. It fails only on a connection that is gone.
                let _ = stream.set_nodelay(true);
                let connection = Connection {
                    stream,
                    phase: Phase::Idle,
                    patience: self.patience,
                    active: Instant::now(),
                    timer: Box::pin(tokio::time::sleep(IDLE)),
                    stop: Box::pin(self.stop.clone().cancelled_owned()),
                };
                Ok((connection, local, remote, scheme))
            }
            Err(error) => {
                // The server asks again at once; out of descriptors, it would do nothing else.
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(error)
            }
        }
    }
}

/// Nothing passes for this long: closed. Sockets are pinged more often.
const IDLE: Duration = Duration::from_secs(75);

/// Where a connection is in the exchange of requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between requests.
    Idle,
    /// A header has begun.
    Header(Header),
    /// The header is whole; what comes now is body, and the server's to judge.
    Request,
    /// Not HTTP/1 any more: a WebSocket, or HTTP/2, which has bounds of its own.
    Other,
}

/// How much of the header has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    /// Empty lines, which may stand before a request.
    Blank,
    Line,
    /// After a line feed; another one ends the header.
    LineEnd,
}

impl Phase {
    /// After these bytes of the client.
    fn hear(self, bytes: &[u8]) -> Self {
        let mut header = match self {
            Self::Request | Self::Other => return self,
            _ if bytes.is_empty() => return self,
            Self::Idle if bytes.starts_with(b"PRI * HTTP/2") => return Self::Other,
            Self::Idle => Header::Blank,
            Self::Header(header) => header,
        };
        for byte in bytes {
            header = match (header, byte) {
                (Header::Blank, b'\r' | b'\n') => Header::Blank,
                (Header::LineEnd, b'\n') => return Self::Request,
                (Header::LineEnd, b'\r') => Header::LineEnd,
                (_, b'\n') => Header::LineEnd,
                _ => Header::Line,
            };
        }
        Self::Header(header)
    }

    /// After these bytes of the server.
    fn say(self, bytes: &[u8]) -> Self {
        const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
        match self {
            Self::Request => match bytes.strip_prefix(CONTINUE).unwrap_or(bytes) {
                [] => self,
                answer if answer.starts_with(b"HTTP/1.1 101") => Self::Other,
                _ => Self::Idle,
            },
            _ => self,
        }
    }
}

/// A connection of a client.
pub struct Connection {
    stream: TcpStream,
    phase: Phase,
    patience: Duration,
    /// When something passed last; of a header, when it began.
    active: Instant,
    /// Fires at the earliest when the time may be over, and is then set anew: not at each byte.
    timer: Pin<Box<Sleep>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Connection {
    fn hear(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let before = self.phase;
        self.phase = before.hear(bytes);
        match (before, self.phase) {
            (Phase::Header(_), Phase::Header(_)) => {}
            (_, Phase::Header(_)) => {
                self.active = Instant::now();
                self.timer.as_mut().reset(self.active + self.patience);
            }
            _ => self.active = Instant::now(),
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        self.phase = self.phase.say(bytes);
        self.active = Instant::now();
    }

    /// Whether what is waited for has taken too long. Nobody waits for the client while the server works.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let (now, patience) = (Instant::now(), if self.in_header() { self.patience } else { IDLE });
            let end = if self.phase == Phase::Request { now + IDLE } else { self.active + patience };
            if end <= now {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(end);
        }
        Poll::Pending
    }

    fn in_header(&self) -> bool {
        matches!(self.phase, Phase::Header(_))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let already = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        this.hear(&buf.filled()[already..]);
        if read.is_pending() {
            if this.poll_patience(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            if this.in_header() && this.stop.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.say(bytes);
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.say(first.map_or(&[], |slice| &**slice));
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_with_an_empty_line_however_it_comes() {
        let whole = b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";
        for cut in 1..whole.len() {
            let half = Phase::Idle.hear(&whole[..cut]);
            assert!(matches!(half, Phase::Header(_)), "{cut}");
            assert_eq!(half.hear(&whole[cut..]), Phase::Request, "{cut}");
        }
        assert_eq!(Phase::Idle.hear(b"GET / HTTP/1.1\nHost: x\n\n"), Phase::Request);
        assert!(matches!(Phase::Idle.hear(b"\r\n\r\n\r\nGET"), Phase::Header(Header::Line)));
    }

    #[test]
    fn an_answer_makes_room_for_the_next_request_and_an_upgrade_does_not() {
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
        assert_eq!(Phase::Request.say(interim), Phase::Request);
        assert_eq!(Phase::Request.say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), Phase::Idle);
        assert_eq!(Phase::Request.say(b"HTTP/1.1 200 OK\r\n"), Phase::Idle);
        assert_eq!(Phase::Request.say(b"HTTP/1.1 101 Switching Protocols\r\n"), Phase::Other);
        assert_eq!(Phase::Other.hear(b"\x81\x05hello"), Phase::Other);
        assert_eq!(Phase::Idle.hear(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Phase::Other);
    }
}
