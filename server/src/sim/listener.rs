//! The socket of a pretend server, which can refuse and break connections.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::{io, net::SocketAddr};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Whether connections are taken, and the means to break the open ones.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    shut: Arc<AtomicBool>,
    open: Arc<std::sync::Mutex<CancellationToken>>,
}

impl Door {
    pub(crate) fn new() -> Self {
        Self { shut: Arc::default(), open: Arc::default() }
    }

    /// Breaks all connections and takes no new ones until [`Self::open`].
    pub(crate) fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
        self.break_all();
    }

    pub(crate) fn open(&self) {
        self.shut.store(false, Ordering::SeqCst);
    }

    pub(crate) fn break_all(&self) {
        let mut open = self.lock();
        open.cancel();
        *open = CancellationToken::new();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, CancellationToken> {
        self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A listener behind a [`Door`].
pub(crate) struct Gate {
    pub(crate) tcp: TcpListener,
    pub(crate) door: Door,
}

impl Listener for Gate {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.tcp).await;
            if self.door.shut.load(Ordering::SeqCst) {
                continue; // Dropped: the client sees the connection end at once.
            }
            // Small answers must not wait for the acknowledgement of the one before.
            let _ = stream.set_nodelay(true);
            let broken = self.door.lock().child_token();
            let wire = Wire { stream, gone: Box::pin(broken.clone().cancelled_owned()), broken };
            return (wire, address);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// A connection that ends with an error as soon as its token is cancelled.
pub(crate) struct Wire {
    stream: TcpStream,
    broken: CancellationToken,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Wire {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.gone.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What a handler knows of the connection that its request came over.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// Cancelling it breaks the connection.
    pub(crate) broken: CancellationToken,
}

impl Connected<IncomingStream<'_, Gate>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Gate>) -> Self {
        Self { broken: stream.io().broken.clone() }
    }
}
