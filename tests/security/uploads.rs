//! What people upload: bytes are what they are, whatever they are called; nothing large, nothing that
//! grows, nothing that runs.

use protocol::{BlobKind, Card, ClientFrame, limits, rest::BlobMade, server::Body};
use reqwest::Method;

use crate::{
    support::{Person, Server},
    wire::MIB,
};

/// A PNG of so many pixels of one colour, in a bit each: a hundred million are some kilobytes.
fn flat(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().expect("a head");
    let row = vec![0; width.div_ceil(8) as usize];
    writer
        .write_image_data(&row.repeat(height as usize))
        .expect("pixels");
    writer.finish().expect("an end");
    bytes
}

async fn upload(by: &Person, bytes: Vec<u8>, as_what: &str) -> reqwest::Response {
    let path = format!("/api/v1/rooms/hall/blobs{as_what}");
    let request = by.request(Method::POST, &path).body(bytes);
    request.send().await.expect("answered")
}

/// The most memory that the server ever had, in bytes.
fn peak_bytes(server: &Server) -> u64 {
    let path = format!("/proc/{}/status", server.pid());
    let status = std::fs::read_to_string(path).expect("it runs");
    let line = status.lines().find(|it| it.starts_with("VmHWM:"));
    let kib = line.and_then(|it| it.split_whitespace().nth(1));
    kib.and_then(|it| it.parse::<u64>().ok()).expect("a number") * 1_024
}

#[tokio::test]
async fn s48_a_bomb_is_422_and_what_is_too_large_is_413() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    // What a picture that is welcome costs is not what is asked here.
    let small = upload(&owner, flat(64, 64), "?as=image").await;
    assert_eq!(small.status(), 201);
    let before = peak_bytes(&server);
    let bomb = flat(10_000, 10_000);
    assert!(bomb.len() < MIB as usize, "{} bytes", bomb.len());
    assert_eq!(upload(&owner, bomb, "?as=image").await.status(), 422);
    for (bytes, as_what) in [
        (limits::IMAGE_BYTES_MAX + 1, "?as=image"),
        (limits::VOICE_BYTES_MAX + 1, "?as=voice"),
        (limits::FILE_BYTES_MAX + 1, ""),
    ] {
        let answer = upload(&owner, vec![7; bytes], as_what).await;
        assert_eq!(answer.status(), 413, "{as_what}");
    }
    let grown = peak_bytes(&server) - before;
    assert!(grown < 64 * MIB, "{grown} bytes more at some moment");
}

#[tokio::test]
async fn s48_pages_and_drawings_are_handed_out_as_bytes_and_never_shown() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    for page in [
        "<!doctype html><script>alert(1)</script>",
        "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "GIF89a<script>alert(1)</script>",
        "%PDF-1.7",
    ] {
        let as_picture = upload(&owner, page.into(), "?as=image").await;
        assert_eq!(as_picture.status(), 422, "{page}");
        let made = upload(&owner, page.into(), "").await;
        // What begins like a picture and is none is refused; the rest is a file.
        if made.status() == 422 {
            continue;
        }
        let made: BlobMade = made.json().await.expect("a blob");
        assert_eq!(made.kind, BlobKind::File, "{page}");
        let path = format!("/api/v1/blobs/{}", made.id);
        let shown = owner.request(Method::GET, &path).send().await;
        let shown = shown.expect("answered");
        let header = |name: &str| shown.headers()[name].to_str().expect("text").to_owned();
        assert_eq!(header("content-type"), "application/octet-stream");
        assert_eq!(header("content-disposition"), "attachment");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(
            header("content-security-policy"),
            "sandbox; default-src 'none'"
        );
    }
}

#[tokio::test]
async fn s48_a_name_is_words_and_no_path_and_a_room_keeps_so_much() {
    let server = Server::start_with(&["blobs.room_mib=1"]);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let made = upload(&owner, vec![7; 1_024], "").await;
    let made: BlobMade = made.json().await.expect("a blob");
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let said = line.request(|i| ClientFrame::Pub {
        i,
        a,
        cid: uuid::Uuid::now_v7().to_string().into(),
        text: "一个文件".into(),
        re: None,
        question: false,
        card: Some(Card::File {
            blob: made.id.clone(),
            name: "../../etc/passwd\0\r\n.txt".into(),
            bytes: 0,
        }),
        to: Vec::new(),
    });
    said.await.expect("said");
    let page: protocol::server::Page = owner.get("/api/v1/rooms/hall/history").await;
    let names: Vec<String> = page
        .page
        .into_iter()
        .filter_map(|it| match it.body {
            Body::Msg {
                card: Some(Card::File { name, bytes, .. }),
                ..
            } => {
                assert_eq!(bytes, 1_024, "as the server counted them");
                Some(name)
            }
            _ => None,
        })
        .collect();
    assert_eq!(names.len(), 1);
    assert!(!names[0].contains(char::is_control), "{names:?}");
    // On the disk it is called by its sum, and nothing else is there.
    let shelf = server.folder.join("blobs");
    let (first, rest) = made.id.as_str().split_at(2);
    assert!(shelf.join(first).join(rest).is_file());
    assert!(!server.folder.join("etc").exists());

    let full = upload(&owner, vec![8; MIB as usize], "").await;
    assert_eq!(full.status(), 409);
    let problem: protocol::rest::Problem = full.json().await.expect("a problem");
    assert_eq!(problem.code, protocol::Code::QuotaFull);
}
