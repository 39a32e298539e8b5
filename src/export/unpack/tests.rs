use std::io::{Cursor, Write};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;

fn sum(bytes: &[u8]) -> String {
    let mut sum = Context::new(&SHA256);
    sum.update(bytes);
    hex(sum.finish().as_ref())
}

/// A file of an archive, and what the manifest says of it.
fn packed(name: &str, content: &[u8], lines: Option<u64>) -> Value {
    json!({
        "name": name, "bytes": content.len(), "lines": lines, "sha256": sum(content),
    })
}

fn manifest_of(files: Vec<Value>) -> Value {
    json!({
        "format": FORMAT, "version": VERSION, "program": "0.1.0", "scope": {"of": "circle"},
        "form": "whole", "made_ms": 1, "files": files,
    })
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, options).expect("begun");
        zip.write_all(content).expect("written");
    }
    zip.finish().expect("whole").into_inner()
}

fn opened(bytes: &[u8]) -> Result<Archive, ArchiveError> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("written");
    let mut archive = Archive::open(file.path())?;
    archive.verify()?;
    Ok(archive)
}

/// What becomes of an archive of these files, with this manifest.
fn checked(manifest: &Value, files: &[(&str, &[u8])]) -> Result<Archive, ArchiveError> {
    let text = manifest.to_string();
    let mut all = files.to_vec();
    all.push((MANIFEST, text.as_bytes()));
    opened(&zip_of(&all))
}

const TWO: &[u8] = b"{\"name\":\"a\",\"made_ms\":1}\n{\"name\":\"b\",\"made_ms\":2}\n";

#[test]
fn a_sound_archive_is_read_line_by_line() {
    let picture = [7; 100_000];
    let files = vec![
        packed("circle.jsonl", TWO, Some(2)),
        packed("media/ab.png", &picture, None),
    ];
    let all: [(&str, &[u8]); 2] = [("circle.jsonl", TWO), ("media/ab.png", &picture)];
    let mut archive = checked(&manifest_of(files), &all).expect("sound");
    let lines: Vec<crate::export::CircleLine> = archive.lines("circle.jsonl").expect("read");
    assert_eq!((lines.len(), lines[1].name.as_str()), (2, "b"));
    assert_eq!(
        archive.lines::<Value>("likes.jsonl").expect("none"),
        [Value::Null; 0]
    );
    assert_eq!(archive.bytes("media/ab.png").expect("read"), picture);
    let missing = archive.bytes("media/cd.png").expect_err("it is not there");
    assert!(matches!(missing, ArchiveError::Missing(_)), "{missing}");
}

#[test]
fn what_is_no_archive_of_ours_is_refused_by_name() {
    let says = |bytes: &[u8]| opened(bytes).map(drop).expect_err("refused").to_string();
    assert!(says(b"hello").contains("is not an archive"));
    assert!(says(&zip_of(&[("circle.jsonl", TWO)])).contains("is not an archive"));
    let mut other = manifest_of(Vec::new());
    other["format"] = "another".into();
    let foreign = checked(&other, &[]).map(drop).expect_err("refused");
    assert!(matches!(foreign, ArchiveError::Foreign(_)), "{foreign}");
    let mut newer = manifest_of(Vec::new());
    newer["version"] = (VERSION + 1).into();
    newer["form"] = "a form that only it knows".into();
    let newer = checked(&newer, &[]).map(drop).expect_err("refused");
    assert!(
        matches!(newer, ArchiveError::Newer { found, .. } if found == VERSION + 1),
        "{newer}"
    );
}

#[test]
fn names_that_mean_something_to_a_disk_are_refused() {
    for name in [
        "../circle.jsonl",
        "/etc/passwd",
        "records/../../x",
        "records/a/b.jsonl",
        "media\\x",
        "a:b",
        ".hidden",
        "records/",
        "else/x.jsonl",
        "NUL",
    ] {
        let files = vec![packed(name, TWO, Some(2))];
        let odd = checked(&manifest_of(files), &[(name, TWO)]).map(drop);
        let odd = odd.expect_err("refused");
        assert!(matches!(odd, ArchiveError::OddName(_)), "{name}: {odd}");
    }
}

#[test]
fn a_name_stands_there_once_and_in_the_manifest() {
    let one = || packed("circle.jsonl", TWO, Some(2));
    let file: (&str, &[u8]) = ("circle.jsonl", TWO);
    let twice_said = checked(&manifest_of(vec![one(), one()]), &[file]).map(drop);
    let twice_said = twice_said.expect_err("refused");
    assert!(matches!(twice_said, ArchiveError::Twice(_)), "{twice_said}");
    let unnamed = checked(&manifest_of(Vec::new()), &[file]).map(drop);
    let unnamed = unnamed.expect_err("refused");
    assert!(matches!(unnamed, ArchiveError::Unnamed(_)), "{unnamed}");
    let missing = checked(&manifest_of(vec![one()]), &[]).map(drop);
    let missing = missing.expect_err("refused");
    assert!(matches!(missing, ArchiveError::Missing(_)), "{missing}");

    // No writer makes it, so one of two names is changed to the other, wherever it stands.
    let text = manifest_of(vec![one()]).to_string();
    let bytes = zip_of(&[file, ("circl2.jsonl", TWO), (MANIFEST, text.as_bytes())]);
    let doubled: Vec<u8> = {
        let (from, to) = (b"circl2.jsonl", b"circle.jsonl");
        let mut bytes = bytes;
        for at in 0..bytes.len() - from.len() {
            if &bytes[at..at + from.len()] == from {
                bytes[at..at + from.len()].copy_from_slice(to);
            }
        }
        bytes
    };
    let twice = opened(&doubled).map(drop).expect_err("refused");
    let is_told = matches!(&twice, ArchiveError::Contradicts(it) if it.contains("duplicate"));
    assert!(is_told, "{twice}");
}

#[test]
fn content_is_held_against_its_sum_its_length_and_its_lines() {
    let file: (&str, &[u8]) = ("circle.jsonl", TWO);
    let with = |field: &str, value: Value| {
        let mut said = packed("circle.jsonl", TWO, Some(2));
        said[field] = value;
        checked(&manifest_of(vec![said]), &[file])
            .map(drop)
            .expect_err("refused")
    };
    for (field, value) in [
        ("sha256", json!("00")),
        ("bytes", json!(1)),
        ("bytes", json!(1_000)),
    ] {
        let changed = with(field, value);
        assert!(
            matches!(changed, ArchiveError::Changed { .. }),
            "{field}: {changed}"
        );
    }
    let lines = with("lines", json!(3));
    assert!(
        matches!(
            lines,
            ArchiveError::Lines {
                said: 3,
                found: 2,
                ..
            }
        ),
        "{lines}"
    );

    // A bit that changed on the way is found, wherever it is.
    let text = manifest_of(vec![packed("circle.jsonl", TWO, Some(2))]).to_string();
    let sound = zip_of(&[file, (MANIFEST, text.as_bytes())]);
    opened(&sound).expect("sound");
    let content = 30 + "circle.jsonl".len();
    for at in content..content + 20 {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        assert!(opened(&bytes).is_err(), "byte {at}");
    }
}

#[test]
fn what_grows_without_end_is_refused_before_it_does() {
    let long = vec![b'x'; LINE_BYTES_MAX + 1];
    let files = vec![packed("circle.jsonl", &long, Some(1))];
    // Alone it would be a bomb as well; what stands beside it keeps it small enough.
    let noise: Vec<u8> = (0..400_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let mut text = noise.clone();
    text.retain(|it| *it != b'\n');
    text.extend_from_slice(&long);
    let too_long = packed("circle.jsonl", &text, Some(1));
    let refused = checked(&manifest_of(vec![too_long]), &[("circle.jsonl", &text)]).map(drop);
    let refused = refused.expect_err("refused");
    assert!(
        matches!(refused, ArchiveError::LineTooLong { line: 1, .. }),
        "{refused}"
    );

    let bomb = checked(&manifest_of(files), &[("circle.jsonl", &long)]).map(drop);
    let bomb = bomb.expect_err("refused");
    assert!(matches!(bomb, ArchiveError::Bomb { .. }), "{bomb}");
    // One that lies about its length is cut off where it should have ended.
    let mut said = packed("circle.jsonl", &long, None);
    said["bytes"] = 10.into();
    let liar = checked(&manifest_of(vec![said]), &[("circle.jsonl", &long)]).map(drop);
    let liar = liar.expect_err("refused");
    assert!(matches!(liar, ArchiveError::Changed { .. }), "{liar}");
}

#[test]
fn a_manifest_that_grows_without_end_is_refused() {
    let long = vec![b' '; MANIFEST_BYTES_MAX as usize + 1];
    let refused = opened(&zip_of(&[(MANIFEST, &long)])).map(drop);
    let refused = refused.expect_err("refused");
    assert!(
        matches!(refused, ArchiveError::ManifestTooLong),
        "{refused}"
    );
}

#[test]
fn a_line_that_is_none_is_named_by_its_number() {
    let content = b"{\"name\":\"a\",\"made_ms\":1}\n{\"name\":7}\n";
    let files = vec![packed("circle.jsonl", content, Some(2))];
    let file: (&str, &[u8]) = ("circle.jsonl", content);
    let mut archive = checked(&manifest_of(files), &[file]).expect("whole");
    let odd = archive.lines::<crate::export::CircleLine>("circle.jsonl");
    let odd = odd.expect_err("refused").to_string();
    assert!(odd.starts_with("line 2 of circle.jsonl: "), "{odd}");
}

#[test]
fn a_file_that_may_not_have_been_uploaded_is_not_held_in_memory() {
    let big: Vec<u8> = (0..limits::FILE_BYTES_MAX as u32 + 1)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let files = vec![packed("media/ab.bin", &big, None)];
    let file: (&str, &[u8]) = ("media/ab.bin", &big);
    let mut archive = checked(&manifest_of(files), &[file]).expect("whole");
    let long = archive.bytes("media/ab.bin").expect_err("refused");
    assert!(matches!(long, ArchiveError::FileTooLong { .. }), "{long}");
}

#[test]
fn no_mutated_archive_breaks_its_reader_or_passes_for_another() {
    let picture = [7; 300];
    let files = vec![
        packed("circle.jsonl", TWO, Some(2)),
        packed("media/ab.png", &picture, None),
    ];
    let text = manifest_of(files).to_string();
    let sound = zip_of(&[
        ("circle.jsonl", TWO),
        ("media/ab.png", &picture),
        (MANIFEST, text.as_bytes()),
    ]);
    for seed in seeds::of(300) {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut bytes = sound.clone();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] = rng.random(),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, rng.random()),
                _ => bytes.truncate(at.max(1)),
            }
        }
        // Whatever is taken says what was said.
        let Ok(mut archive) = opened(&bytes) else {
            continue;
        };
        if archive.has("circle.jsonl") {
            let lines: Vec<crate::export::CircleLine> =
                archive.lines("circle.jsonl").expect("verified");
            assert_eq!(lines.len(), 2, "seed {seed}");
        }
    }
}
