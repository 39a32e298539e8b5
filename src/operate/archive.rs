//! The file of a backup: a tar whose every byte is accounted for.
//!
//! In this order: `manifest.json`; `manifest.json.sha256` (its sum, as `sha256sum` writes it); the
//! files that the manifest names with their sums. Any tar reads it. Reading here is strict: headers are
//! what this program writes, padding is zero, nothing follows the end, so a changed bit is found
//! wherever it is. There is no compression and no encryption: others do both better.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use tar::{Archive, Builder, EntryType, Header};

/// The format that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;
/// A manifest is some hundred bytes, and some 250 more for each file: 250,000 blobs fit.
pub const MANIFEST_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The database's name in the archive.
pub(super) const DATABASE: &str = "weiquan.db";

const MANIFEST: &str = "manifest.json";
const MANIFEST_SUM: &str = "manifest.json.sha256";
const BLOCK: u64 = 512;
/// A tar ends with two empty blocks.
const END_BYTES: u64 = 2 * BLOCK;
const COPY_BYTES: usize = 256 * 1024;

/// What a backup says of itself.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Manifest {
    pub format: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// The version of the database.
    pub schema: u32,
    /// The moment that it shows, Unix milliseconds.
    pub made_ms: u64,
    /// Rows of each table at that moment, as the running database counted them.
    pub tables: BTreeMap<String, u64>,
    pub files: Vec<Packed>,
}

/// A file in the archive.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Packed {
    /// A path below the data folder.
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

/// Why a file is not read as a backup.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{0} is not a backup that `weiquan backup` made")]
    Foreign(PathBuf),
    #[error(
        "{path} was written by a newer version (format {found}, this one knows {FORMAT}); use that \
         version"
    )]
    Newer { path: PathBuf, found: u32 },
    #[error("{path} is damaged: {what}")]
    Damaged { path: PathBuf, what: String },
}

/// The SHA-256 of what can be read, in hex, and how many bytes that was.
pub(super) fn sum(from: impl Read) -> io::Result<(String, u64)> {
    let mut summed = Summed::new(io::sink());
    let bytes = copy(from, &mut summed)?;
    Ok((summed.finish().0, bytes))
}

/// Writes the whole archive. `files` are on disk and in the manifest's order.
pub(super) fn write(to: &mut File, manifest: &Manifest, files: &[&Path]) -> io::Result<()> {
    let mut tar = Builder::new(io::BufWriter::with_capacity(COPY_BYTES, to));
    let text = serde_json::to_vec_pretty(manifest).expect("plain data always serializes");
    let (hash, bytes) = sum(text.as_slice())?;
    let sum_line = sum_line(&hash);
    tar.append(&header(MANIFEST, bytes, manifest)?, text.as_slice())?;
    let line_header = header(MANIFEST_SUM, sum_line.len() as u64, manifest)?;
    tar.append(&line_header, sum_line.as_bytes())?;
    for (packed, path) in manifest.files.iter().zip(files) {
        let header = header(&packed.name, packed.bytes, manifest)?;
        tar.append(&header, File::open(path)?)?;
    }
    tar.into_inner()?.flush()
}

/// Reads the archive through, holds every byte against what it must be, and lays the files into
/// the folder.
pub(super) fn extract(path: &Path, into: &Path) -> Result<Manifest, ArchiveError> {
    let unreadable = |source| ArchiveError::Unreadable {
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let reader = Reader {
        path,
        raw: file.try_clone().map_err(unreadable)?,
        length,
    };
    let mut tar = Archive::new(BufReader::with_capacity(COPY_BYTES, file));
    reader.all(&mut tar, into)
}

struct Reader<'a> {
    path: &'a Path,
    /// The same file: what stands between the entries is read from here once they are all read.
    raw: File,
    length: u64,
}

/// Where an entry's content begins and how long it is.
type Place = (u64, u64);

impl Reader<'_> {
    fn all<R: Read>(&self, tar: &mut Archive<R>, into: &Path) -> Result<Manifest, ArchiveError> {
        if !self.begins_as_one()? {
            return Err(self.foreign());
        }
        let mut entries = tar.entries().map_err(|_| self.foreign())?;
        let mut places = Vec::new();

        let mut first = self.expect(&mut entries, MANIFEST)?;
        let text = self.small(&mut first)?;
        let manifest = self.manifest(&text)?;
        self.hold_header(&first, MANIFEST, text.len() as u64, &manifest)?;
        places.push((first.raw_file_position(), text.len() as u64));

        let mut second = self.expect(&mut entries, MANIFEST_SUM)?;
        let line = self.small(&mut second)?;
        self.hold_header(&second, MANIFEST_SUM, line.len() as u64, &manifest)?;
        let (hash, _) = sum(text.as_slice()).map_err(|it| self.unreadable(it))?;
        if line != sum_line(&hash).as_bytes() {
            return Err(self.damaged("the manifest is not what its sum says"));
        }
        places.push((second.raw_file_position(), line.len() as u64));

        for packed in &manifest.files {
            let mut entry = self.expect(&mut entries, &packed.name)?;
            self.hold_header(&entry, &packed.name, packed.bytes, &manifest)?;
            self.lay(&mut entry, packed, into)?;
            places.push((entry.raw_file_position(), packed.bytes));
        }
        if self.next(&mut entries)?.is_some() {
            return Err(self.damaged("it holds a file that its manifest does not name"));
        }
        self.hold_gaps(&places)?;
        Ok(manifest)
    }

    /// The name of the first file stands at the very beginning.
    fn begins_as_one(&self) -> Result<bool, ArchiveError> {
        let mut name = vec![0; MANIFEST.len() + 1];
        match self.raw.read_exact_at(&mut name, 0) {
            Ok(()) => Ok(name == format!("{MANIFEST}\0").as_bytes()),
            Err(it) if it.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(it) => Err(self.unreadable(it)),
        }
    }

    fn manifest(&self, text: &[u8]) -> Result<Manifest, ArchiveError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let unfit = |it: serde_json::Error| self.damaged(format!("its manifest: {it}"));
        let Version { format } = serde_json::from_slice(text).map_err(unfit)?;
        if format > FORMAT {
            return Err(ArchiveError::Newer {
                path: self.path.to_path_buf(),
                found: format,
            });
        }
        let manifest: Manifest = serde_json::from_slice(text).map_err(unfit)?;
        let fits = |it: &Packed| {
            let plain = |part| matches!(part, Component::Normal(_));
            !it.name.is_empty() && Path::new(&it.name).components().all(plain)
        };
        if !manifest.files.iter().all(fits) {
            return Err(self.damaged("its manifest names a file outside the data folder"));
        }
        if !manifest.files.iter().any(|it| it.name == DATABASE) {
            return Err(self.damaged("it holds no database"));
        }
        Ok(manifest)
    }

    /// Writes one file and holds it against its sum.
    fn lay(&self, from: impl Read, packed: &Packed, into: &Path) -> Result<(), ArchiveError> {
        let path = into.join(&packed.name);
        let written = || -> io::Result<(String, u64)> {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let to = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            let mut to = Summed::new(to);
            let bytes = copy(from, &mut to)?;
            Ok((to.finish().0, bytes))
        };
        let (hash, bytes) = written().map_err(|source| ArchiveError::Unreadable {
            path: path.clone(),
            source,
        })?;
        if (hash, bytes) == (packed.sha256.clone(), packed.bytes) {
            Ok(())
        } else {
            Err(self.damaged(format!("{} is not what its sum says", packed.name)))
        }
    }

    fn expect<'e, R: Read>(
        &self,
        entries: &mut tar::Entries<'e, R>,
        name: &str,
    ) -> Result<tar::Entry<'e, R>, ArchiveError> {
        self.next(entries)?
            .ok_or_else(|| self.damaged(format!("{name} is missing")))
    }

    fn next<'e, R: Read>(
        &self,
        entries: &mut tar::Entries<'e, R>,
    ) -> Result<Option<tar::Entry<'e, R>>, ArchiveError> {
        // Its own words would quote what stands there.
        let unclear = |_| self.damaged("something in it cannot be read as a tar");
        entries.next().transpose().map_err(unclear)
    }

    /// The content of a small entry.
    fn small(&self, entry: &mut tar::Entry<'_, impl Read>) -> Result<Vec<u8>, ArchiveError> {
        if entry.size() > MANIFEST_BYTES_MAX {
            return Err(self.damaged("its manifest is too long"));
        }
        let mut content = Vec::new();
        entry
            .read_to_end(&mut content)
            .map_err(|it| self.unreadable(it))?;
        Ok(content)
    }

    /// A header has no other sum than tar's own of 16 bits, so it must be the one we write.
    fn hold_header<R: Read>(
        &self,
        entry: &tar::Entry<'_, R>,
        name: &str,
        bytes: u64,
        manifest: &Manifest,
    ) -> Result<(), ArchiveError> {
        let ours = header(name, bytes, manifest)
            .map_err(|_| self.damaged(format!("{name} cannot be a name")))?;
        if entry.header().as_bytes() == ours.as_bytes() {
            Ok(())
        } else {
            Err(self.damaged(format!("the head of {name} is not what was written")))
        }
    }

    /// What stands after an entry up to the next block, and after the last one, is zero.
    fn hold_gaps(&self, places: &[Place]) -> Result<(), ArchiveError> {
        let after = |(at, bytes): &Place| at + bytes;
        let end = places.last().map_or(0, after).next_multiple_of(BLOCK);
        if self.length != end + END_BYTES {
            return Err(self.damaged("it is shorter or longer than what was written"));
        }
        for from in places.iter().map(after) {
            self.hold_zero(from, from.next_multiple_of(BLOCK))?;
        }
        self.hold_zero(end, self.length)
    }

    /// For less than a block, or the end.
    fn hold_zero(&self, from: u64, to: u64) -> Result<(), ArchiveError> {
        let mut gap = [1; END_BYTES as usize];
        let gap = &mut gap[..usize::try_from(to - from).expect("it is less than the end")];
        self.raw
            .read_exact_at(gap, from)
            .map_err(|it| self.unreadable(it))?;
        if gap.iter().all(|it| *it == 0) {
            Ok(())
        } else {
            Err(self.damaged("there is something between its files"))
        }
    }

    fn foreign(&self) -> ArchiveError {
        ArchiveError::Foreign(self.path.to_path_buf())
    }

    fn damaged(&self, what: impl Into<String>) -> ArchiveError {
        ArchiveError::Damaged {
            path: self.path.to_path_buf(),
            what: what.into(),
        }
    }

    fn unreadable(&self, source: io::Error) -> ArchiveError {
        ArchiveError::Unreadable {
            path: self.path.to_path_buf(),
            source,
        }
    }
}

fn sum_line(hash: &str) -> String {
    format!("{hash}  {MANIFEST}\n")
}

/// The same header for the same file, whenever and wherever it is written.
fn header(name: &str, bytes: u64, manifest: &Manifest) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_path(name)?;
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(manifest.made_ms / 1_000);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

fn copy(mut from: impl Read, to: &mut impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut copied = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(n) => {
                to.write_all(&buffer[..n])?;
                copied += n as u64;
            }
            Err(it) if it.kind() == io::ErrorKind::Interrupted => {}
            Err(it) => return Err(it),
        }
    }
}

/// Sums what passes through.
struct Summed<W> {
    to: W,
    hash: digest::Context,
}

impl<W: Write> Summed<W> {
    fn new(to: W) -> Self {
        Self {
            to,
            hash: digest::Context::new(&digest::SHA256),
        }
    }

    fn finish(self) -> (String, W) {
        let hash = self.hash.finish();
        let hex = hash.as_ref().iter().map(|it| format!("{it:02x}")).collect();
        (hex, self.to)
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.to.write(bytes)?;
        self.hash.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests;
