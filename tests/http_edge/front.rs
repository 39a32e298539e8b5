//! The port itself: slow heads, big heads, many idle sockets, no descriptors left, the way out; and
//! what every answer carries.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use weiquan::http::{Front, admin, listen};

use crate::rig::{Rig, Wire, blocking};

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_are_cut_after_five_seconds() {
    let rig = Rig::start().await;
    let cases: [(&str, &str, &str); 5] = [
        ("", "", ""),
        ("", "GET /ws HTTP/1.1\r\nHost: x\r\n", "HTTP/1.1 408"),
        ("", "GET /heal", "HTTP/1.1 408"),
        ("", "POST /api/v1/sign-in HTTP/1.1\r\nHost: x\r\n", ""),
        (
            "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nHost:",
            "",
        ),
    ];
    let waits = cases.map(|(before, head, answer)| {
        let mut wire = rig.wire();
        tokio::task::spawn_blocking(move || {
            if !before.is_empty() {
                assert_eq!(wire.say(before).hear().0, 200);
            }
            let start = Instant::now();
            wire.say(head);
            let said = wire.until_closed();
            assert!(said.starts_with(answer), "{head:?}: {said}");
            (head, start.elapsed())
        })
    });
    for wait in waits {
        let (head, waited) = wait.await.expect("the client's side holds");
        let range = Duration::from_millis(4_500)..Duration::from_secs(9);
        assert!(range.contains(&waited), "{head:?} was cut after {waited:?}");
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn big_heads_are_refused_whatever_they_ask_for() {
    let rig = Rig::start().await;
    let many: String = (0..150).map(|i| format!("X-{i}: y\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "y".repeat(40_000));
    for start in [
        "GET /ws",
        "GET /healthz",
        "POST /api/v1/sign-in",
        "DELETE /whip/x",
    ] {
        for more in [&many, &long] {
            let mut wire = rig.wire();
            let text = format!("{start} HTTP/1.1\r\nHost: x\r\n{more}\r\n");
            let said = blocking(move || {
                use std::io::Write;
                // The server may answer and close before it has all of it.
                let _ = wire.socket.write_all(text.as_bytes());
                wire.until_closed()
            })
            .await;
            // A reset may overtake the answer where unread bytes were left; both refuse.
            assert!(
                said.is_empty() || said.starts_with("HTTP/1.1 431"),
                "{start}: {said}"
            );
        }
    }
    // A head just over the limit is read whole, so its answer always arrives.
    let mut wire = rig.wire();
    let head = format!("GET /ws HTTP/1.1\r\nX: {}", "y".repeat(8 * 1024));
    let exact = head[..8 * 1024].to_owned();
    let said = blocking(move || wire.say(exact).until_closed()).await;
    assert!(said.starts_with("HTTP/1.1 431"), "{said}");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_silent_sockets_keep_nobody_waiting() {
    let rig = Rig::start().await;
    let silent: Vec<Wire> = (0..1_000)
        .map(|i| {
            let mut wire = rig.wire();
            if i % 2 == 0 {
                wire.say("GET /ws HTTP/1.1\r\nHost:");
            }
            wire
        })
        .collect();
    // The best of five: other tests share the machine, and they only ever make one slower.
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        rig.get("/healthz").await.expect(200);
        best = best.min(start.elapsed());
    }
    assert!(best < Duration::from_millis(500), "{best:?}");
    drop(silent);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_is_answered_or_cut_and_harms_nobody() {
    let rig = Rig::start().await;
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"\0\0\0\0\0\0\0\0".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /ws\r\n\r\n".to_vec(),
        b"GET http://other/ HTTP/1.1\r\n\r\n".to_vec(),
        b"\r\n\r\n\r\n\r\n".to_vec(),
        [
            b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(),
            &[0xff; 500],
        ]
        .concat(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"
            .to_vec(),
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nZZZ"
            .to_vec(),
    ] {
        let mut wire = rig.wire();
        let said = blocking(move || {
            wire.say(&bytes);
            wire.socket.shutdown(std::net::Shutdown::Write).unwrap();
            wire.until_closed()
        })
        .await;
        let is_refused =
            said.is_empty() || said.starts_with("HTTP/1.1 4") || said.starts_with("HTTP/1.1 5");
        let is_page = said.starts_with("HTTP/1.1 2");
        assert!(is_refused || is_page, "{said}");
    }
    rig.get("/healthz").await.expect(200);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_security_headers() {
    let rig = Rig::start().await;
    for path in [
        "/",
        "/healthz",
        "/api/v1/server",
        "/api/v1/none",
        "/api/v1/me",
        "/a.js",
        "/?token=x",
    ] {
        let said = rig.get(path).await;
        let policy = said.header("content-security-policy");
        assert!(policy.contains("default-src 'self'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(said.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(said.header("referrer-policy"), "same-origin", "{path}");
        let permissions = said.header("permissions-policy");
        for one in [
            "camera=(self)",
            "microphone=(self)",
            "display-capture=(self)",
        ] {
            assert!(permissions.contains(one), "{path}: {permissions}");
        }
    }
    let api = rig
        .ask("GET", "/api/v1/server")
        .header("origin", "https://evil.example");
    assert_eq!(
        api.send().await.header("access-control-allow-origin"),
        "",
        "the API is this site's"
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn running_requests_end_and_new_ones_find_nobody() {
    let rig = Rig::start().await;
    let address = rig.address;
    let mut wire = rig.wire();
    let mut wire = blocking(move || {
        wire.say("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").hear();
        wire
    })
    .await;
    let start = Instant::now();
    rig.end().await;
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "an idle connection does not hold it up"
    );
    blocking(move || {
        assert_eq!(wire.until_closed(), "");
        assert!(
            std::net::TcpStream::connect(address).is_err(),
            "the port is free"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_port_shows_metrics_and_the_public_one_does_not() {
    let rig = Rig::start().await;
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let metrics = telemetry::detached();
    let router = admin(metrics, rig.store.clone(), rig.stage.clone());
    let front = Front::plain(listener, router).unwrap();
    let get = async |path: &str| {
        let url = format!("http://{}{path}", front.address());
        let response = reqwest::get(url).await.unwrap();
        let kind = response.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        (response.status().as_u16(), kind)
    };
    let (status, kind) = get("/metrics").await;
    assert_eq!(
        (status, kind.starts_with("text/plain; version=0.0.4")),
        (200, true)
    );
    assert_eq!(get("/readyz").await.0, 200);
    assert_eq!(
        get("/api/v1/server").await,
        (404, "application/problem+json".to_owned())
    );
    rig.get("/metrics").await.refused(404, "not_found");
    front.stop(Duration::from_secs(2)).await;

    rig.get("/readyz").await.expect(200);
    rig.store.close().await;
    rig.get("/readyz").await.refused(503, "storage_unavailable");
    rig.end().await;
}

/// Set in the process that has few descriptors.
const FEW: &str = "WEIQUAN_TEST_FEW_DESCRIPTORS";

/// Runs in two processes: this one is the client, and starts this binary again as a server with 64
/// descriptors, which serves until its standard input ends.
#[test]
fn out_of_descriptors_it_says_so_rests_and_recovers() {
    if std::env::var_os(FEW).is_some() {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let rig = Rig::start().await;
            println!("\nserves {}", rig.address);
            blocking(|| std::io::stdin().read_line(&mut String::new()).unwrap()).await;
            rig.end().await;
        });
        return;
    }
    let mut server = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "front::out_of_descriptors_it_says_so_rests_and_recovers",
            "--nocapture",
        ])
        .env(FEW, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address: SocketAddr = lines
        .find_map(|it| {
            it.unwrap()
                .strip_prefix("serves ")
                .map(|it| it.parse().unwrap())
        })
        .expect("it serves");
    let ask = || {
        let mut wire = Wire::of(TcpStream::connect(address).unwrap());
        wire.say("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        wire.until_closed()
    };
    let mut old = Wire::of(TcpStream::connect(address).unwrap());
    let hello = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(old.say(hello).hear().0, 200);

    // More than it has descriptors for: those beyond are told so, one after the other.
    let mut held: Vec<Wire> = (0..100)
        .map(|_| Wire::of(TcpStream::connect(address).unwrap()))
        .collect();
    let said = held.last_mut().unwrap().until_closed();
    assert!(
        said.starts_with("HTTP/1.1 503") && said.contains("Retry-After"),
        "{said:?}"
    );
    let before = cpu_ms(server.id());
    assert!(ask().starts_with("HTTP/1.1 503"), "there is still none");
    assert_eq!(old.say(hello).hear().0, 200, "who is in is not touched");
    let spent = cpu_ms(server.id()) - before;
    assert!(spent < 500, "it rests instead of spinning: {spent} ms");

    drop(held);
    let recovered = (0..100).any(|_| ask().starts_with("HTTP/1.1 200"));
    assert!(
        recovered,
        "once there are descriptors again, it serves again"
    );
    drop(old);
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
}

/// CPU time of a process so far, from the kernel's ticks of 10 ms.
fn cpu_ms(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}
