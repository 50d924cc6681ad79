//! Bodies that are sent to an engine piece by piece, so that an image of
//! hundreds of megabytes never stands in memory.

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;

/// Pieces of a body. An error ends the request that carries it.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// A piece's size, and the number of pieces that may wait: 1 MiB in all.
const PIECE: usize = 64 * 1024;
const PIECES_WAITING: usize = 16;

/// A body that is in memory already.
#[must_use]
pub fn whole(bytes: Bytes) -> ByteStream {
    stream::once(async move { Ok(bytes) }).boxed()
}

/// A body that is made while it is sent: what is written into the writer comes
/// out of the stream. Write on a thread of its own
/// ([`tokio::task::spawn_blocking`]), for instance with `tar::Builder`, and end
/// with [`StreamWriter::finish`] or [`StreamWriter::fail`]: a writer that is
/// dropped otherwise ends the stream with an error, so that half a body is
/// never taken for a whole one.
#[must_use]
pub fn written() -> (StreamWriter, ByteStream) {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let writer = StreamWriter {
        sender: Some(sender),
        piece: BytesMut::with_capacity(PIECE),
    };
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    });
    (writer, pieces.boxed())
}

/// The end of [`written`] that is written into; blocks while the engine is slower.
#[derive(Debug)]
pub struct StreamWriter {
    sender: Option<mpsc::Sender<io::Result<Bytes>>>,
    piece: BytesMut,
}

impl StreamWriter {
    /// Sends what is left and ends the body.
    ///
    /// # Errors
    /// `BrokenPipe` where nobody takes the body any more.
    pub fn finish(mut self) -> io::Result<()> {
        io::Write::flush(&mut self)?;
        self.sender = None;
        Ok(())
    }

    /// Ends the body with an error, which the request then reports.
    pub fn fail(mut self, error: io::Error) {
        self.send(Err(error)).ok();
        self.sender = None;
    }

    fn send(&self, piece: io::Result<Bytes>) -> io::Result<()> {
        let closed = || io::Error::new(io::ErrorKind::BrokenPipe, "the engine takes no more");
        let sender = self.sender.as_ref().ok_or_else(closed)?;
        sender.blocking_send(piece).map_err(|_| closed())
    }
}

impl io::Write for StreamWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let taken = data.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&data[..taken]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, BytesMut::with_capacity(PIECE));
        self.send(Ok(piece.freeze()))
    }
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        // A blocking send may not happen on an executor's thread, where a drop
        // may: where the queue is full, the reader meets the end of a tar that
        // lacks its last blocks, which the engine refuses too.
        if let Some(sender) = self.sender.take() {
            let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "the body was not finished");
            sender.try_send(Err(cut)).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use futures_util::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn what_is_written_comes_out() {
        let (mut writer, stream) = written();
        let data: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let expected = data.clone();
        let writing = tokio::task::spawn_blocking(move || {
            writer.write_all(&data)?;
            writer.finish()
        });
        let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
        writing.await.unwrap().unwrap();
        assert!(pieces.len() > 2 && pieces.iter().all(|piece| piece.len() <= PIECE));
        assert_eq!(pieces.concat(), expected);
    }

    #[tokio::test]
    async fn a_writer_that_was_dropped_or_failed_is_an_error() {
        let (mut writer, stream) = written();
        writer.write_all(b"half").unwrap();
        drop(writer);
        let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);

        let (writer, stream) = written();
        let failing =
            tokio::task::spawn_blocking(move || writer.fail(io::Error::other("checksum")));
        let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
        failing.await.unwrap();
        assert_eq!(error.to_string(), "checksum");
    }

    #[tokio::test]
    async fn a_reader_that_went_away_stops_the_writer() {
        let (mut writer, stream) = written();
        drop(stream);
        let end = tokio::task::spawn_blocking(move || writer.write_all(&vec![0; PIECE]));
        assert_eq!(
            end.await.unwrap().unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    }
}
