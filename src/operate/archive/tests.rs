use super::*;

fn manifest(name: &str, content: &[u8]) -> Manifest {
    Manifest {
        format: FORMAT,
        program: "1.2.3".into(),
        schema: 1,
        made_ms: 1_790_000_000_000,
        tables: BTreeMap::from([("rooms".into(), 3)]),
        files: vec![Packed {
            name: name.into(),
            bytes: content.len() as u64,
            sha256: sum(content).expect("in memory").0,
        }],
    }
}

/// Packs one file under the manifest's first name.
fn pack(folder: &Path, manifest: &Manifest, content: &[u8]) -> PathBuf {
    let (file, packed) = (folder.join("content"), folder.join("packed"));
    fs::write(&file, content).expect("written");
    let mut to = File::create(&packed).expect("a file");
    let files = vec![file.as_path(); manifest.files.len()];
    write(&mut to, manifest, &files).expect("written");
    packed
}

fn into(folder: &Path) -> PathBuf {
    let into = folder.join("into");
    fs::create_dir_all(&into).expect("a folder");
    into
}

#[test]
fn what_was_packed_comes_out() {
    let folder = tempfile::tempdir().expect("a folder");
    for bytes in [0, 1, 511, 512, 513, 700_000] {
        let content = vec![7; bytes];
        let manifest = manifest(DATABASE, &content);
        let packed = pack(folder.path(), &manifest, &content);
        let into = folder.path().join(format!("into-{bytes}"));
        fs::create_dir(&into).expect("a folder");
        assert_eq!(extract(&packed, &into).expect("sound"), manifest);
        assert_eq!(fs::read(into.join(DATABASE)).expect("a file"), content);
    }
}

#[test]
fn any_tar_reads_it_and_sha256sum_checks_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let packed = pack(folder.path(), &manifest(DATABASE, b"rows"), b"rows");
    let shell = "tar -xf packed && sha256sum --check manifest.json.sha256";
    let status = std::process::Command::new("sh")
        .args(["-c", shell])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::null())
        .status()
        .expect("a shell");
    assert!(status.success());
    let rows = fs::read(folder.path().join(DATABASE)).expect("a file");
    assert_eq!(rows, b"rows");
    assert!(folder.path().join("packed").is_file(), "{packed:?}");
}

#[test]
fn a_newer_format_is_refused_with_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let newer = Manifest {
        format: FORMAT + 1,
        ..manifest(DATABASE, b"rows")
    };
    let packed = pack(folder.path(), &newer, b"rows");
    let error = extract(&packed, &into(folder.path())).expect_err("newer");
    assert!(
        matches!(error, ArchiveError::Newer { found: 2, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[test]
fn a_name_that_leads_out_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["../escaped", "a/../../escaped", "./weiquan.db"] {
        let mut manifest = manifest(DATABASE, b"rows");
        manifest.files.push(Packed {
            name: name.into(),
            ..manifest.files[0].clone()
        });
        // Such a name cannot be packed, so the manifest says it of a file that is not there.
        let packed = folder.path().join("packed");
        let mut to = File::create(&packed).expect("a file");
        let content = folder.path().join("content");
        fs::write(&content, b"rows").expect("written");
        write(&mut to, &manifest, &[&content]).expect("written");
        let error = extract(&packed, &into(folder.path())).expect_err("it leads out");
        assert!(error.to_string().contains("outside"), "{name}: {error}");
    }
    assert!(!folder.path().join("escaped").exists());
}

#[test]
fn a_manifest_without_end_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut long = manifest(DATABASE, b"rows");
    long.program = "x".repeat(MANIFEST_BYTES_MAX as usize);
    let packed = pack(folder.path(), &long, b"rows");
    let error = extract(&packed, &into(folder.path())).expect_err("too long");
    assert!(error.to_string().contains("too long"), "{error}");
}

#[test]
fn another_tar_and_another_file_are_no_backup() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other");
    let mut tar = Builder::new(File::create(&other).expect("a file"));
    let header = header("notes.txt", 4, &manifest(DATABASE, b"")).expect("a header");
    tar.append(&header, b"text".as_slice()).expect("written");
    tar.into_inner().expect("written");
    let text = folder.path().join("text");
    fs::write(&text, "a diary. ".repeat(400)).expect("written");
    for file in [other, text] {
        let error = extract(&file, &into(folder.path())).expect_err("no backup");
        assert!(matches!(error, ArchiveError::Foreign(_)), "{error}");
    }
}
