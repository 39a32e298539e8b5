//! The check of somebody's line: open to anybody, bounded, throttled.

use protocol::limits::{CHECK_BYTES_MAX, CHECKS_AT_ONCE};

use crate::rig::{Rig, Wire, blocking};

const BYTES: &str = "application/octet-stream";

#[tokio::test(flavor = "multi_thread")]
async fn anybody_is_told_where_to_try_the_way_to_the_media_ports() {
    let rig = Rig::start().await;
    let point = rig.get("/api/v1/check").await.expect(200).json();
    assert!(point["sdp"].as_str().unwrap().contains("a=ice-ufrag:check"));
    let publish = point["publish_sdp"].as_str().unwrap();
    assert!(publish.contains("a=ice-ufrag:study"), "{publish}");
    let by_tcp = point["tcp_sdp"].as_str().unwrap();
    assert!(by_tcp.contains("a=ice-ufrag:pipe"), "{by_tcp}");
    assert!(point.get("publish_tcp_sdp").is_none(), "not by TCP");
    assert_eq!(point["upload_bytes_max"], CHECK_BYTES_MAX);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_counted_and_held_by_type_and_size() {
    let rig = Rig::start().await;
    let upload = async |kind: &str, bytes: usize| {
        let ask = rig.ask("POST", "/api/v1/check/upload");
        ask.body(kind, vec![7; bytes]).send().await
    };
    let said = upload(BYTES, CHECK_BYTES_MAX).await.expect(200).json();
    assert_eq!(said["bytes"], CHECK_BYTES_MAX);
    assert!(said["ms"].is_u64());
    assert_eq!(upload(BYTES, 0).await.expect(200).json()["bytes"], 0);
    upload(BYTES, CHECK_BYTES_MAX + 1)
        .await
        .refused(413, "too_large");
    upload("text/plain", 10)
        .await
        .refused(415, "media_type_wrong");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_uploads_twelve_times_a_minute() {
    let rig = Rig::start().await;
    for _ in 0..12 {
        let ask = rig.ask("POST", "/api/v1/check/upload");
        ask.body(BYTES, vec![7; 10]).send().await.expect(200);
    }
    let ask = rig.ask("POST", "/api/v1/check/upload");
    let said = ask.body(BYTES, vec![7; 10]).send().await;
    assert!(!said.header("retry-after").is_empty());
    said.refused(429, "rate_limited");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn few_upload_at_once_and_a_slow_one_is_told_what_arrived() {
    let rig = Rig::start().await;
    // The server says 100 once it reads the body: then the place is taken.
    let head = "POST /api/v1/check/upload HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n\
                content-length: 1000\r\nexpect: 100-continue\r\n\r\n";
    let mut slow: Vec<Wire> = (0..CHECKS_AT_ONCE).map(|_| rig.wire()).collect();
    let slow = blocking(move || {
        for wire in &mut slow {
            assert_eq!(wire.say(head).hear().0, 100);
            wire.say([7; 10]);
        }
        slow
    })
    .await;
    let ask = rig.ask("POST", "/api/v1/check/upload");
    let busy = ask.body(BYTES, vec![7; 10]).send().await;
    busy.refused(503, "busy");
    let told = blocking(move || {
        let mut slow = slow;
        slow.iter_mut().map(Wire::hear).collect::<Vec<_>>()
    })
    .await;
    for (status, _, body) in told {
        assert_eq!(status, 200, "{body}");
        assert!(body.contains("\"bytes\":10"), "{body}");
    }
    rig.end().await;
}
