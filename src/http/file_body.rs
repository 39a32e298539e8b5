//! A file as a body: read piece by piece on the blocking pool, as fast as the other side takes it. A slow
//! reader holds a piece and no thread.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::task::JoinHandle;

const PIECE_BYTES: u64 = 64 * 1024;
/// How much of the beginning says what a file is.
const HEAD_BYTES: usize = 12;

pub(crate) struct FileBody {
    file: Arc<File>,
    at: u64,
    to: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// The whole file, and how it begins. Blocks.
    pub(crate) fn open(file: File) -> io::Result<(Self, Vec<u8>)> {
        let to = file.metadata()?.len();
        let mut head = vec![0; HEAD_BYTES.min(usize::try_from(to).unwrap_or(HEAD_BYTES))];
        file.read_exact_at(&mut head, 0)?;
        let body = Self {
            file: Arc::new(file),
            at: 0,
            to,
            reading: None,
        };
        Ok((body, head))
    }

    pub(crate) const fn length(&self) -> u64 {
        self.to - self.at
    }

    /// Only this part of it.
    pub(crate) const fn cut(&mut self, from: u64, to: u64) {
        self.at = from;
        self.to = to;
    }
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.at >= self.to {
            return Poll::Ready(None);
        }
        let (file, at) = (self.file.clone(), self.at);
        let length = (self.to - at).min(PIECE_BYTES) as usize;
        let reading = self.reading.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; length];
                file.read_exact_at(&mut piece, at)?;
                Ok(piece.into())
            })
        });
        let read = std::task::ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let piece = read.map_err(io::Error::other)??;
        self.at += piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.at >= self.to
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length())
    }
}
