//! Messages with a card: K1 to K5.

use protocol::{BlobId, BlobKind, Card, limits};

use super::*;

fn blob(n: u8) -> BlobId {
    format!("{n:064x}").into()
}

fn image(n: u8) -> Card {
    let (w, h, alt) = (9, 9, "海边".into());
    let blob = blob(n);
    Card::Image { blob, w, h, alt }
}

fn link(url: &str) -> Card {
    let (url, title) = (url.into(), None);
    Card::Link { url, title }
}

impl Bench {
    fn upload(&mut self, by: &str, kind: BlobKind, age_ms: u64) {
        self.room.remember_upload(Upload {
            blob: blob(1),
            by: by.into(),
            kind,
            bytes: 70_000,
            size: (kind == BlobKind::Image).then_some((800, 600)),
            duration_ms: (kind == BlobKind::Voice).then_some(4_200),
            made_ms: Some(self.now.unix_ms - age_ms),
            shown: false,
        });
    }

    fn share(&mut self, name: &str, card: Card) -> Result<Seq, Code> {
        let command = Command::Share {
            client_id: self.cid(),
            text: "[图片]".into(),
            reply_to: None,
            card: Box::new(card),
        };
        self.ack(name, command).map(|it| it.s).map_err(|it| it.code)
    }

    fn shown(&self, seq: Seq) -> Option<Card> {
        let page = self.room.history(Past::Last, 50).expect("in the ring");
        let record = page.page.into_iter().find(|it| it.s == seq)?;
        match record.body {
            protocol::server::Body::Msg { card, .. } => card,
            _ => None,
        }
    }
}

#[test]
fn k2_a_card_shows_what_the_server_found_and_not_what_was_said() {
    let mut bench = Bench::full();
    bench.upload(ANN, BlobKind::Image, 0);
    let seq = bench.share(ANN, image(1)).expect("shared");
    let (w, h, alt) = (800, 600, "海边".into());
    let blob = blob(1);
    let found = Card::Image { blob, w, h, alt };
    assert_eq!(bench.shown(seq), Some(found));
    assert!(matches!(bench.rows.last(), Some(RowChange::Refer { .. })));
}

#[test]
fn k3_a_blob_is_said_once_looked_up_by_who_uploaded_it_and_in_time() {
    let mut bench = Bench::full();
    let refused = Err(Code::NoSuchBlob);
    let command = Command::Share {
        client_id: bench.cid(),
        text: "x".into(),
        reply_to: None,
        card: Box::new(image(1)),
    };
    assert_eq!(
        bench.room.needs(&who(ANN), &command),
        Some(Need::Upload(blob(1)))
    );
    assert_eq!(bench.share(ANN, image(1)), refused, "it is not there");
    bench.upload(BOB, BlobKind::Image, 0);
    assert_eq!(bench.share(ANN, image(1)), refused, "it is Bob's");
    bench.upload(ANN, BlobKind::File, 0);
    assert_eq!(bench.share(ANN, image(1)), refused, "it is no picture");
    let too_old = limits::BLOB_SAID_WITHIN.as_millis() as u64;
    bench.upload(ANN, BlobKind::Image, too_old);
    assert_eq!(bench.share(ANN, image(1)), refused, "it may be gone soon");
    bench.upload(ANN, BlobKind::Image, too_old - 1);
    bench.share(ANN, image(1)).expect("in time");
    assert_eq!(
        bench.share(ANN, image(1)),
        refused,
        "looked up for one wish"
    );
}

#[test]
fn k5_an_edit_leaves_the_card_and_a_delete_takes_it() {
    let mut bench = Bench::full();
    bench.upload(ANN, BlobKind::Image, 0);
    let seq = bench.share(ANN, image(1)).expect("shared");
    let pin = Command::Pin {
        client_id: bench.cid(),
        of: Some(seq),
        text: None,
    };
    bench.ack(MAKER, pin).expect("pinned");
    assert!(bench.room.state().pin.expect("pinned").card.is_some());
    let edit = Command::Edit {
        client_id: bench.cid(),
        of: seq,
        text: "日落".into(),
    };
    bench.ack(ANN, edit).expect("edited");
    assert!(bench.shown(seq).is_some());
    let client_id = bench.cid();
    bench
        .ack(ANN, Command::Delete { client_id, of: seq })
        .expect("deleted");
    assert_eq!(bench.shown(seq), None);
    let let_go = RowChange::LetGo { seq };
    assert!(!bench.rows.contains(&let_go), "it may come back");
    bench.pass(limits::UNDO_WITHIN.as_millis() as u64 + 1);
    assert!(bench.rows.contains(&let_go));
    assert!(bench.room.state().pin.is_none());
}

#[test]
fn k4_what_is_too_much_or_no_address_is_refused() {
    let mut bench = Bench::full();
    let unfit = Err(Code::CardUnfit);
    assert_eq!(bench.share(ANN, Card::Unknown), unfit);
    assert_eq!(bench.share(ANN, link("javascript:alert(1)")), unfit);
    bench
        .share(ANN, link("https://example.org/a"))
        .expect("fine");
    let long = Card::Link {
        url: "https://example.org".into(),
        title: Some("字".repeat(limits::CARD_TITLE_CHARS_MAX + 1)),
    };
    assert_eq!(bench.share(ANN, long), Err(Code::TooLong));
    for peaks in [vec![0; limits::VOICE_PEAKS_MAX + 1], vec![101]] {
        bench.upload(ANN, BlobKind::Voice, 0);
        let voice = Card::Voice {
            blob: blob(1),
            duration_ms: 0,
            peaks,
        };
        assert_eq!(bench.share(ANN, voice), unfit);
    }
    bench.upload(ANN, BlobKind::File, 0);
    let file = Card::File {
        blob: blob(1),
        name: " \u{202e} ".into(),
        bytes: 0,
    };
    assert_eq!(bench.share(ANN, file), unfit, "a name that cannot be seen");
}

#[test]
fn k4_products_and_events_are_for_who_runs_the_room() {
    let product = || Card::Product {
        title: "签名书".into(),
        price: Some("¥68".into()),
        url: "https://example.org/book".into(),
        image: None,
    };
    let event = |starts_ms| Card::Event {
        title: "周六见".into(),
        starts_ms,
        place: Some("深圳".into()),
        url: None,
    };
    let mut bench = Bench::full();
    for name in [GUEST, ANN] {
        assert_eq!(bench.share(name, product()), Err(Code::NotPermitted));
        assert_eq!(bench.share(name, event(1)), Err(Code::NotPermitted));
    }
    for name in [MAKER, MODERATOR, OWNER] {
        let seq = bench.share(name, product()).expect("shared");
        assert_eq!(bench.shown(seq), Some(product()));
    }
    bench
        .share(MAKER, event(1_900_000_000_000))
        .expect("shared");
    assert_eq!(bench.share(MAKER, event(u64::MAX)), Err(Code::CardUnfit));
}

#[test]
fn k1_a_card_is_said_as_a_text_is() {
    let mut bench = Bench::full();
    let mute = Command::Mute {
        client_id: bench.cid(),
        who: ANN.into(),
        for_ms: 60_000,
        reason: String::new(),
    };
    bench.ack(MAKER, mute).expect("muted");
    let card = || link("https://example.org");
    assert_eq!(bench.share(ANN, card()), Err(Code::Muted));
    let without = Command::Share {
        client_id: bench.cid(),
        text: " ".into(),
        reply_to: None,
        card: Box::new(card()),
    };
    let code = bench.ack(BOB, without).map_err(|it| it.code);
    assert_eq!(code, Err(Code::Empty), "the text says it to old clients");
}

/// Whatever stands in a card, it is read or refused, and what is kept fits its limits and is no script.
#[test]
fn no_card_of_any_shape_is_kept_unfit() {
    const TEXTS: [&str; 9] = [
        "",
        "a",
        "https://example.org/",
        "javascript:alert(1)",
        "https://a\u{202e}b",
        "\0\n\t",
        "https://@",
        "字",
        "HTTPS://x",
    ];
    for seed in seeds::of(400) {
        let mut draw = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = |n: u64| {
            draw ^= draw << 13;
            draw ^= draw >> 7;
            draw ^= draw << 17;
            draw % n
        };
        let mut text = || TEXTS[next(9) as usize].repeat([1, 1, 200][next(3) as usize]);
        let (kind, url, title, price) = (text(), text(), text(), text());
        let kind = ["link", "product", "event", "image", "voice", "file", &kind][next(7) as usize];
        let json = serde_json::json!({
            "kind": kind, "url": url, "title": title, "price": price, "place": title, "name": title,
            "blob": blob(1), "alt": price, "starts_ms": next(u64::MAX), "peaks": vec![next(256); next(80) as usize],
        });
        let Ok(card) = serde_json::from_value::<Card>(json) else {
            continue;
        };
        let mut bench = Bench::full();
        let kinds = [BlobKind::Image, BlobKind::Voice, BlobKind::File];
        bench.upload(MAKER, kinds[next(3) as usize], 0);
        let Ok(seq) = bench.share(MAKER, card) else {
            continue;
        };
        let shown = serde_json::to_value(bench.shown(seq)).expect("plain data");
        let text = shown.to_string();
        assert!(text.len() < 6_000, "{text}");
        assert!(
            !text.contains('\u{202e}') && !text.contains("\\u0000"),
            "{text}"
        );
        let url = shown["url"]
            .as_str()
            .unwrap_or("https://")
            .to_ascii_lowercase();
        assert!(
            url.starts_with("http://") || url.starts_with("https://"),
            "{url}"
        );
    }
}
