//! Reading an archive that came from anywhere: it is proved as a whole before anybody uses a line of it.
//!
//! Nothing is ever laid on disk under a name that the archive chose, and nothing is held in memory that is longer
//! than a line, a picture or the manifest. Every file is held against its length, its number of lines and its
//! sum; every name against those that this program writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};
use protocol::limits;
use serde::{Deserialize, de::DeserializeOwned};
use zip::{ZipArchive, result::ZipError};

use super::{
    manifest::{FORMAT, MANIFEST, Manifest, Packed, VERSION},
    pack::hex,
};

/// Bytes of a line: the longest text that may be said, escaped, several times over.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Some 250 bytes for each file: 250,000 pictures fit.
pub const MANIFEST_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How many times as long as it lies there a file may become: talk does not come near it.
const SMALLER_TIMES_MAX: u64 = 200;
/// What may become longer than that all the same.
const SMALL_BYTES: u64 = 1024 * 1024;

/// Why a file is not read as an archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{0} is not an archive that `weiquan export` or the server made")]
    Foreign(PathBuf),
    #[error(
        "{path} was written by a newer version (format {found}, this one knows {VERSION}); use that version"
    )]
    Newer { path: PathBuf, found: u32 },
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("its manifest has more than {} MiB", MANIFEST_BYTES_MAX >> 20)]
    ManifestTooLong,
    #[error("{0:?} is no name that a file of an archive has")]
    OddName(String),
    #[error("its parts contradict each other: {0}")]
    Contradicts(String),
    #[error("its manifest names {0} twice")]
    Twice(String),
    #[error("{0} is in it, and its manifest does not name it")]
    Unnamed(String),
    #[error("{0} is missing")]
    Missing(String),
    #[error("{name} would become {SMALLER_TIMES_MAX} times as long as it lies there, or more")]
    Bomb { name: String },
    #[error("{name} is not what its sum says")]
    Changed { name: String },
    #[error("{name} has {found} lines, and the manifest says {said}")]
    Lines { name: String, said: u64, found: u64 },
    #[error("line {line} of {name} is longer than {LINE_BYTES_MAX} bytes")]
    LineTooLong { name: String, line: u64 },
    #[error("line {line} of {name}: {why}")]
    Line {
        name: String,
        line: u64,
        why: String,
    },
    #[error("{name} is longer than what may be uploaded")]
    FileTooLong { name: String },
}

/// An archive whose manifest was read, and whose names are as they should be.
pub struct Archive {
    pub manifest: Manifest,
    zip: ZipArchive<BufReader<File>>,
    said: BTreeMap<String, Packed>,
}

impl Archive {
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let file = File::open(path).map_err(|source| ArchiveError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let foreign = |_: ZipError| ArchiveError::Foreign(path.to_owned());
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(foreign)?;
        let mut names = BTreeSet::new();
        for name in zip.file_names() {
            let name = name.map_err(foreign)?;
            if !is_fit(&name) {
                return Err(ArchiveError::OddName(name.into_owned()));
            }
            names.insert(name.into_owned());
        }
        if !names.remove(MANIFEST) {
            return Err(ArchiveError::Foreign(path.to_owned()));
        }
        // Names that stand there twice, heads that say something else than the list, parts that lie over others.
        zip.validate_header_consistency()
            .map_err(|it| ArchiveError::Contradicts(it.to_string()))?;
        let manifest = manifest(path, &mut zip)?;
        let mut said = BTreeMap::new();
        for it in &manifest.files {
            if !names.remove(&it.name) && !said.contains_key(&it.name) {
                return Err(ArchiveError::Missing(it.name.clone()));
            }
            if said.insert(it.name.clone(), it.clone()).is_some() {
                return Err(ArchiveError::Twice(it.name.clone()));
            }
        }
        if let Some(name) = names.pop_first() {
            return Err(ArchiveError::Unnamed(name));
        }
        Ok(Self {
            manifest,
            zip,
            said,
        })
    }

    /// Reads every file through and holds it against what the manifest says of it.
    pub fn verify(&mut self) -> Result<(), ArchiveError> {
        for it in self.manifest.files.clone() {
            self.hold(&it)?;
        }
        Ok(())
    }

    /// Whether there is such a file.
    pub fn has(&self, name: &str) -> bool {
        self.said.contains_key(name)
    }

    /// The lines of a file, one after the other; of one that is not there, none.
    pub fn each_line(&mut self, name: &str) -> Result<Lines<'_>, ArchiveError> {
        let file = match self.has(name) {
            true => Some(BufReader::new(self.entry(name)?)),
            false => None,
        };
        Ok(Lines {
            name: name.to_owned(),
            file,
            n: 0,
            line: Vec::new(),
        })
    }

    /// The same of lines that all fit in memory.
    pub fn lines<T: DeserializeOwned>(&mut self, name: &str) -> Result<Vec<T>, ArchiveError> {
        let mut all = Vec::new();
        let mut lines = self.each_line(name)?;
        while lines.step()? {
            all.push(lines.read()?);
        }
        Ok(all)
    }

    /// What was uploaded, as it is.
    pub fn bytes(&mut self, name: &str) -> Result<Vec<u8>, ArchiveError> {
        let most = limits::FILE_BYTES_MAX as u64;
        if !self.has(name) {
            return Err(ArchiveError::Missing(name.to_owned()));
        }
        let mut bytes = Vec::new();
        let mut file = self.entry(name)?.take(most + 1);
        file.read_to_end(&mut bytes).map_err(|it| damaged(&it))?;
        if bytes.len() as u64 > most {
            return Err(ArchiveError::FileTooLong {
                name: name.to_owned(),
            });
        }
        Ok(bytes)
    }

    fn hold(&mut self, said: &Packed) -> Result<(), ArchiveError> {
        let name = said.name.clone();
        let file = self.entry(&name)?;
        if said.bytes > SMALL_BYTES && said.bytes / SMALLER_TIMES_MAX > file.compressed_size() {
            return Err(ArchiveError::Bomb { name });
        }
        // One byte more than it should have is enough to know.
        let mut file = BufReader::new(file.take(said.bytes + 1));
        let (mut sum, mut bytes, mut lines) = (Context::new(&SHA256), 0, 0);
        let mut piece = vec![0; 64 * 1024];
        let mut line = Vec::new();
        loop {
            let read = if said.lines.is_some() {
                lines += 1;
                read_line(&mut file, &name, lines, &mut line)?;
                line.as_slice()
            } else {
                let n = file.read(&mut piece).map_err(|it| damaged(&it))?;
                &piece[..n]
            };
            if read.is_empty() {
                break;
            }
            sum.update(read);
            bytes += read.len() as u64;
        }
        if (hex(sum.finish().as_ref()), bytes) != (said.sha256.clone(), said.bytes) {
            return Err(ArchiveError::Changed { name });
        }
        match said.lines {
            // The last one was none.
            Some(n) if n != lines - 1 => Err(ArchiveError::Lines {
                name,
                said: n,
                found: lines - 1,
            }),
            _ => Ok(()),
        }
    }

    fn entry(
        &mut self,
        name: &str,
    ) -> Result<zip::read::ZipFile<'_, BufReader<File>>, ArchiveError> {
        let found = self.zip.by_name(name);
        found.map_err(|it| ArchiveError::Damaged(format!("{name}: {it}")))
    }
}

/// The lines of a file, while they are read.
pub struct Lines<'a> {
    name: String,
    file: Option<BufReader<zip::read::ZipFile<'a, BufReader<File>>>>,
    n: u64,
    line: Vec<u8>,
}

impl Lines<'_> {
    /// Goes on to the next one; `false` behind the last.
    pub fn step(&mut self) -> Result<bool, ArchiveError> {
        let Some(file) = &mut self.file else {
            return Ok(false);
        };
        self.n += 1;
        read_line(file, &self.name, self.n, &mut self.line)
    }

    /// What stands on the line, as it is.
    pub fn text(&self) -> &[u8] {
        &self.line
    }

    /// The same as what it is.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ArchiveError> {
        serde_json::from_slice(&self.line).map_err(|it| self.odd(it.to_string()))
    }

    /// What the line cannot be, because of that.
    pub fn odd(&self, why: impl Into<String>) -> ArchiveError {
        odd_line(&self.name, self.n, why)
    }
}

fn odd_line(name: &str, line: u64, why: impl Into<String>) -> ArchiveError {
    ArchiveError::Line {
        name: name.to_owned(),
        line,
        why: why.into(),
    }
}

/// The next line with its end; nothing, and `false`, behind the last one.
fn read_line(
    from: &mut impl BufRead,
    name: &str,
    n: u64,
    line: &mut Vec<u8>,
) -> Result<bool, ArchiveError> {
    line.clear();
    from.take(LINE_BYTES_MAX as u64 + 1)
        .read_until(b'\n', line)
        .map_err(|it| damaged(&it))?;
    if line.len() > LINE_BYTES_MAX {
        return Err(ArchiveError::LineTooLong {
            name: name.to_owned(),
            line: n,
        });
    }
    Ok(!line.is_empty())
}

fn manifest(path: &Path, zip: &mut ZipArchive<BufReader<File>>) -> Result<Manifest, ArchiveError> {
    #[derive(Deserialize)]
    struct Version {
        format: String,
        version: u32,
    }
    let entry = zip
        .by_name(MANIFEST)
        .map_err(|it| ArchiveError::Damaged(format!("{MANIFEST}: {it}")))?;
    let mut text = Vec::new();
    entry
        .take(MANIFEST_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(|it| damaged(&it))?;
    if text.len() as u64 > MANIFEST_BYTES_MAX {
        return Err(ArchiveError::ManifestTooLong);
    }
    let version: Version = serde_json::from_slice(&text)
        .ok()
        .filter(|it: &Version| it.format == FORMAT)
        .ok_or_else(|| ArchiveError::Foreign(path.to_owned()))?;
    if version.version > VERSION {
        return Err(ArchiveError::Newer {
            path: path.to_owned(),
            found: version.version,
        });
    }
    serde_json::from_slice(&text).map_err(|it| odd_line(MANIFEST, it.line() as u64, it.to_string()))
}

/// Whether this program writes such names: one folder at most, and nothing that means something to a disk.
fn is_fit(name: &str) -> bool {
    let part = |it: &str| {
        it.starts_with(|it: char| it.is_ascii_lowercase() || it.is_ascii_digit())
            && it
                .bytes()
                .all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
            && !it.contains("..")
    };
    match name.split_once('/') {
        Some((folder, file)) => matches!(folder, "records" | "media") && part(file),
        None => part(name),
    }
}

fn damaged(error: &io::Error) -> ArchiveError {
    ArchiveError::Damaged(error.to_string())
}

#[cfg(test)]
mod tests;
