//! A connection that is closed when nothing moves on it for a while, whoever waits for whom: a peer
//! that sends nothing costs a seat for a bounded time only.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A connection with a clock.
#[derive(Debug)]
pub(crate) struct Paced<S> {
    inner: S,
    idle: Duration,
    clock: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    /// Ends when nothing moves for `idle`.
    pub(crate) fn new(inner: S, idle: Duration) -> Self {
        Self { inner, idle, clock: Box::pin(sleep(idle)) }
    }

    /// Something moved, or nothing did and it is not too late.
    fn watch<T>(
        &mut self,
        moved: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.clock.as_mut().reset(Instant::now() + self.idle);
            return moved;
        }
        ready!(self.clock.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let moved = Pin::new(&mut self.inner).poll_read(cx, buffer);
        self.watch(moved, cx)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(moved, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_peer_that_sends_nothing_is_left_and_a_slow_one_is_not() {
        let (ours, mut theirs) = duplex(64);
        let mut ours = Paced::new(ours, Duration::from_millis(300));
        let slow = tokio::spawn(async move {
            for _ in 0..4 {
                sleep(Duration::from_millis(100)).await;
                theirs.write_all(b"x").await.unwrap();
            }
            theirs
        });
        let mut got = [0; 4];
        ours.read_exact(&mut got).await.unwrap();
        let _theirs = slow.await.unwrap();
        let error = ours.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
