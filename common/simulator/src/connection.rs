//! Connections that can be cut without an answer.
//!
//! A response body that fails is not the same thing: by then the status line is out. Each accepted socket is
//! therefore wrapped; once its token is cancelled, every read and write fails, so that hyper gives the connection up
//! and nothing of a response reaches the client.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long to wait after a failed accept (file descriptors may have run out).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The handle by which a request handler cuts its own connection.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    token: CancellationToken,
    reset: Arc<AtomicBool>,
}

impl Connection {
    fn under(stop: &CancellationToken) -> Self {
        Self { token: stop.child_token(), reset: Arc::new(AtomicBool::new(false)) }
    }

    /// Closes the connection; the client sees its end.
    pub(crate) fn cut(&self) {
        self.token.cancel();
    }

    /// Closes the connection with a TCP reset.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::SeqCst);
        self.token.cancel();
    }
}

/// A listener whose connections can be cut, one by one or all at once by the token it was made with.
pub(crate) struct CutListener {
    inner: TcpListener,
    stop: CancellationToken,
}

impl CutListener {
    pub(crate) fn new(inner: TcpListener, stop: CancellationToken) -> Self {
        Self { inner, stop }
    }
}

impl Listener for CutListener {
    type Io = CutStream;
    type Addr = Connection;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.inner.accept().await {
                Ok((stream, _)) => {
                    let connection = Connection::under(&self.stop);
                    return (CutStream::new(stream, connection.clone()), connection);
                }
                Err(error) => {
                    tracing::warn!(%error, "the simulated tenant could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(Connection::under(&self.stop))
    }
}

impl Connected<IncomingStream<'_, CutListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, CutListener>) -> Self {
        stream.remote_addr().clone()
    }
}

/// A socket that fails once it was cut.
pub(crate) struct CutStream {
    stream: TcpStream,
    connection: Connection,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl CutStream {
    fn new(stream: TcpStream, connection: Connection) -> Self {
        let cancelled = Box::pin(connection.token.clone().cancelled_owned());
        Self { stream, connection, cancelled }
    }

    /// Fails when the connection was cut, and asks to be woken when it will be.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.cancelled.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut by a scripted fault")),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for CutStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buf)
    }
}

impl AsyncWrite for CutStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for CutStream {
    fn drop(&mut self) {
        if self.connection.reset.load(Ordering::SeqCst) {
            // Closing with a linger of zero sends a reset; when that fails the client sees a plain end instead.
            let _ = self.stream.set_zero_linger();
        }
    }
}
