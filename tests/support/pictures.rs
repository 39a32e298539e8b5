//! Pictures, and what the suites of uploads do over HTTP.

use std::{path::PathBuf, time::Duration};

use protocol::{
    BlobId, Code,
    rest::{BlobMade, Problem},
};
use reqwest::Method;

use crate::support::{Person, SOON, Server};

/// A PNG of noise with a place written into it.
pub(crate) fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder
        .add_text_chunk("Place".into(), "22.5431N 114.0579E".into())
        .expect("text");
    let mut writer = encoder.write_header().expect("a head");
    let pixels: Vec<u8> = (0..width * height * 3)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    writer.write_image_data(&pixels).expect("pixels");
    writer.finish().expect("an end");
    bytes
}

pub(crate) async fn upload(by: &Person, room: &str, bytes: Vec<u8>) -> Result<BlobMade, Code> {
    upload_as(by, room, bytes, "").await
}

pub(crate) async fn upload_as(
    by: &Person,
    room: &str,
    bytes: Vec<u8>,
    kind: &str,
) -> Result<BlobMade, Code> {
    let path = format!("/api/v1/rooms/{room}/blobs{kind}");
    let request = by.request(Method::POST, &path).body(bytes);
    let answer = request.send().await.expect("answered");
    if answer.status() == 201 {
        return Ok(answer.json().await.expect("a blob"));
    }
    Err(answer.json::<Problem>().await.expect("a problem").code)
}

pub(crate) async fn get(by: &Person, path: &str) -> reqwest::Response {
    by.request(Method::GET, path)
        .send()
        .await
        .expect("answered")
}

pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON + protocol::limits::UNDO_WITHIN, waiting)
        .await
        .expect("in time");
}

pub(crate) fn file_of(server: &Server, id: &BlobId) -> PathBuf {
    let (first, rest) = id.as_str().split_at(2);
    server.folder.join("blobs").join(first).join(rest)
}
