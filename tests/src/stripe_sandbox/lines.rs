//! Connections that can be cut: what was to be sent on one is not.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The open ones, by their callers.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<HashMap<SocketAddr, Arc<AtomicBool>>>>);

impl Lines {
    pub fn cut(&self, caller: Option<SocketAddr>) {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cut) = caller.and_then(|caller| lines.get(&caller)) {
            cut.store(true, Ordering::Relaxed);
        }
    }
}

pub struct Breakable<A> {
    pub inner: A,
    pub lines: Lines,
}

impl<A: Acceptor<Io = TcpStream>> Acceptor for Breakable<A> {
    type Io = Line;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Line, LocalAddr, RemoteAddr, Scheme)> {
        let (stream, local, remote, scheme) = self.inner.accept().await?;
        let cut = Arc::<AtomicBool>::default();
        let caller = stream.peer_addr()?;
        self.lines.0.lock().unwrap_or_else(PoisonError::into_inner).insert(caller, cut.clone());
        Ok((Line { stream, cut, caller, lines: self.lines.clone() }, local, remote, scheme))
    }
}

pub struct Line {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
    caller: SocketAddr,
    lines: Lines,
}

impl Line {
    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        match self.cut.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(Pin::new(&mut self.stream)),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.lines.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.caller);
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
