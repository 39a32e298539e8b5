//! Writing an archive: one file after the other, each summed as it goes, never more than a piece in memory.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Write},
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use serde::Serialize;
use tokio::{sync::mpsc, time::timeout};
use zip::{
    CompressionMethod, ZipWriter,
    result::ZipError,
    write::{SimpleFileOptions, StreamWriter},
};

use super::{
    ExportError,
    manifest::{FORMAT, Form, MANIFEST, Manifest, Packed, Scope, VERSION},
};

/// What is handed on together.
const PIECE_BYTES: usize = 64 * 1024;

/// Where an archive goes.
pub enum Sink {
    File(File),
    /// To who takes it piece by piece: whoever takes none for so long gets no more.
    Stream {
        to: mpsc::Sender<Bytes>,
        within: Duration,
    },
}

/// An archive that is being written.
pub(super) struct Pack {
    zip: ZipWriter<StreamWriter<Spill>>,
    spill: Spill,
    to: Sink,
    files: Vec<Packed>,
    names: BTreeSet<String>,
    open: Option<Open>,
}

/// The file that is being written.
struct Open {
    name: String,
    bytes: u64,
    lines: Option<u64>,
    sum: Context,
}

/// What was written and not yet handed on.
#[derive(Clone, Default)]
struct Spill(Arc<Mutex<Vec<u8>>>);

impl Write for Spill {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Spill {
    /// Nothing panics while it is held, so a poisoned lock is as good as another.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pack {
    pub(super) fn new(to: Sink) -> Self {
        let spill = Spill::default();
        Self {
            zip: ZipWriter::new_stream(spill.clone()),
            spill,
            to,
            files: Vec::new(),
            names: BTreeSet::new(),
            open: None,
        }
    }

    /// A line of a file of JSON Lines: the file is there from its first line on, and ends with the next one.
    pub(super) async fn line(
        &mut self,
        name: &str,
        line: &impl Serialize,
    ) -> Result<(), ExportError> {
        let line = serde_json::to_vec(line).expect("plain data always serializes");
        self.line_of(name, line).await
    }

    /// The same of a line that is JSON already.
    pub(super) async fn line_of(
        &mut self,
        name: &str,
        mut line: Vec<u8>,
    ) -> Result<(), ExportError> {
        if self.open.as_ref().is_none_or(|it| it.name != name) {
            self.begin(name, Some(0), CompressionMethod::Deflated)?;
        }
        line.push(b'\n');
        self.put(&line)?;
        if let Some(Open { lines: Some(n), .. }) = &mut self.open {
            *n += 1;
        }
        self.hand_on(PIECE_BYTES).await
    }

    /// A file as it is; media are small already. One that is in the archive is not written again.
    pub(super) async fn file(&mut self, name: &str, mut from: File) -> Result<(), ExportError> {
        if self.names.contains(name) {
            return Ok(());
        }
        self.begin(name, None, CompressionMethod::Stored)?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let n = from.read(&mut piece)?;
            if n == 0 {
                return Ok(());
            }
            self.put(&piece[..n])?;
            self.hand_on(PIECE_BYTES).await?;
        }
    }

    /// Ends the archive by saying what is in it.
    pub(super) async fn finish(
        mut self,
        scope: Scope,
        form: Form,
        made_ms: u64,
    ) -> Result<Manifest, ExportError> {
        self.end();
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            scope,
            form,
            made_ms,
            files: mem::take(&mut self.files),
        };
        self.begin(MANIFEST, None, CompressionMethod::Deflated)?;
        let text = serde_json::to_vec_pretty(&manifest).expect("plain data always serializes");
        for piece in text.chunks(PIECE_BYTES) {
            self.put(piece)?;
            self.hand_on(PIECE_BYTES).await?;
        }
        // It still has to write the list of what is in it.
        let zip = mem::replace(&mut self.zip, ZipWriter::new_stream(Spill::default()));
        zip.finish().map_err(written)?;
        self.hand_on(0).await?;
        if let Sink::File(file) = &self.to {
            file.sync_all()?;
        }
        Ok(manifest)
    }

    fn begin(
        &mut self,
        name: &str,
        lines: Option<u64>,
        method: CompressionMethod,
    ) -> Result<(), ExportError> {
        self.end();
        // Neither the moment nor the machine shows in it. How long it becomes is not known yet.
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .large_file(true);
        self.zip.start_file(name, options).map_err(written)?;
        self.names.insert(name.to_owned());
        self.open = Some(Open {
            name: name.to_owned(),
            bytes: 0,
            lines,
            sum: Context::new(&SHA256),
        });
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.zip.write_all(bytes)?;
        let open = self.open.as_mut().expect("a file was begun");
        open.sum.update(bytes);
        open.bytes += bytes.len() as u64;
        Ok(())
    }

    fn end(&mut self) {
        let Some(open) = self.open.take() else { return };
        let sum = open.sum.finish();
        self.files.push(Packed {
            name: open.name,
            bytes: open.bytes,
            lines: open.lines,
            sha256: hex(sum.as_ref()),
        });
    }

    /// Hands on what lies there, once it is more than so much.
    async fn hand_on(&mut self, above: usize) -> Result<(), ExportError> {
        let piece = {
            let mut lies = self.spill.lock();
            if lies.len() <= above {
                return Ok(());
            }
            mem::take(&mut *lies)
        };
        match &mut self.to {
            Sink::File(file) => file.write_all(&piece)?,
            Sink::Stream { to, within } => {
                let sent = timeout(*within, to.send(piece.into())).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return Err(ExportError::NotTaken);
                }
            }
        }
        Ok(())
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

fn written(error: ZipError) -> ExportError {
    ExportError::Written(match error {
        ZipError::Io(it) => it,
        other => io::Error::other(other),
    })
}
