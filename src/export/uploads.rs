//! What was uploaded: the files themselves, and what is known of each.

use std::{collections::BTreeSet, fs::File, io, os::unix::fs::FileExt};

use blobs::{Found, Shelf};
use protocol::{BlobId, Seq};
use store::{BlobRow, RoomRow, Store};

use super::{ExportError, lines::MediaLine, pack::Pack};

const PAGE: usize = 200;
const LIST: &str = "media.jsonl";

/// What is in the archive already, and what is known of it: by the order in which it was shown first.
#[derive(Default)]
pub(super) struct Media {
    known: BTreeSet<BlobId>,
    lines: Vec<MediaLine>,
}

impl Media {
    /// Everything that a room shows after a seq, up to another. What is gone from disk by now is left out.
    pub(super) async fn of_room(
        &mut self,
        pack: &mut Pack,
        (store, shelf): (&Store, &Shelf),
        room: &RoomRow,
        (after, upto): (Seq, Seq),
    ) -> Result<(), ExportError> {
        // Blobs of the seqs that follow.
        let mut after = (after + 1, None);
        loop {
            let page = store
                .blobs_shown(room.number, after.clone(), upto, PAGE)
                .await?;
            let full = page.len() == PAGE;
            for (seq, blob) in page {
                after = (seq, Some(blob.id.clone()));
                self.add(pack, shelf, blob).await?;
            }
            if !full {
                return Ok(());
            }
        }
    }

    pub(super) async fn add(
        &mut self,
        pack: &mut Pack,
        shelf: &Shelf,
        blob: BlobRow,
    ) -> Result<(), ExportError> {
        if self.known.contains(&blob.id) {
            return Ok(());
        }
        let Ok(file) = shelf.file(&blob.id) else {
            return Ok(());
        };
        let name = name_of(&blob.id, &blob.mime);
        pack.file(&name, file).await?;
        let preview = blob.preview.filter(|it| *it != blob.id);
        let preview = preview.and_then(|id| Some((shelf.file(&id).ok()?, id)));
        let mut preview_file = None;
        if let Some((file, id)) = &preview {
            let name = format!("media/{id}.{}", end_of(file)?);
            pack.file(&name, file.try_clone()?).await?;
            preview_file = Some(name);
        }
        self.known.insert(blob.id.clone());
        self.lines.push(MediaLine {
            id: blob.id,
            file: name,
            kind: blob.kind,
            mime: blob.mime,
            bytes: blob.bytes,
            width: blob.size.map(|it| it.0),
            height: blob.size.map(|it| it.1),
            duration_ms: blob.duration_ms,
            preview: preview.map(|it| it.1),
            preview_file,
        });
        Ok(())
    }

    /// Says what all of it is.
    pub(super) async fn finish(self, pack: &mut Pack) -> Result<(), ExportError> {
        for line in &self.lines {
            pack.line(LIST, line).await?;
        }
        Ok(())
    }
}

/// Nothing in it was ever chosen by who uploaded it.
fn name_of(id: &BlobId, mime: &str) -> String {
    let end = match mime {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "audio/webm" => "webm",
        "audio/ogg" => "ogg",
        "audio/mp4" => "m4a",
        _ => "bin",
    };
    format!("media/{id}.{end}")
}

/// What a preview is, by how it begins: nothing else says so.
fn end_of(preview: &File) -> io::Result<&'static str> {
    let mut head = [0; 12];
    let n = preview.read_at(&mut head, 0)?;
    Ok(match blobs::find(&head[..n]) {
        Found::Png => "png",
        Found::Jpeg => "jpg",
        _ => "bin",
    })
}
