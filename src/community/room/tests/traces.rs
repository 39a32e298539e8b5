//! Bans that hold a device, and hint at a network.

use protocol::{client::ReviewAct, server::HeldWhy};

use super::*;
use crate::{Trace, Traces};

impl Bench {
    fn from(
        &mut self,
        name: &str,
        device: &str,
        network: &str,
        command: Command,
    ) -> Result<Reply, Refusal> {
        let traces = Traces {
            device: Some(Trace::new(device)),
            network: Some(Trace::new(network)),
            since_ms: None,
        };
        let from = Origin {
            who: Who {
                traces,
                ..who(name)
            },
            connection: connection(name),
            request: 9_000 + self.log.len() as u64,
        };
        while let Some(need) = self.room.needs(&from.who, &command) {
            assert_eq!(need, Need::Member(name.into()));
            let since_ms = Some(if name == "old" { 0 } else { self.now.unix_ms });
            let traces = Traces {
                since_ms,
                ..Traces::default()
            };
            self.room.remember_member(Who {
                traces,
                ..who(name)
            });
        }
        let mut fx = Vec::new();
        self.room.handle(self.now, &from, command, &mut fx);
        self.take(fx);
        self.commit();
        self.answer(from.request).expect("answered")
    }

    fn comes(&mut self, name: &str, device: &str, network: &str) -> Result<(), Code> {
        let join = Command::Join { since: None };
        self.from(name, device, network, join)
            .map(drop)
            .map_err(|it| it.code)
    }

    fn says(&mut self, name: &str, device: &str, network: &str) -> Result<AckKind, Code> {
        let line = self.line("大家好");
        match self.from(name, device, network, line) {
            Ok(Reply::Ack(it)) => Ok(it.v),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal.code),
        }
    }

    fn ban(&mut self, whom: &str) {
        let command = Command::Ban {
            client_id: self.cid(),
            who: whom.into(),
            for_ms: None,
            reason: String::new(),
        };
        self.ack(MODERATOR, command).expect("banned");
    }
}

#[test]
fn o10_a_banned_device_stays_out_whoever_it_says_it_is() {
    let mut bench = Bench::full();
    bench.comes("spam", "phone", "net").expect("let in");
    bench.comes("second", "phone", "net").expect("let in");
    bench.fx.clear();
    bench.ban("spam");
    let out: Vec<&str> = bench.outs().iter().map(|it| it.0).collect();
    assert_eq!(out.len(), 2, "the other account on it as well: {out:?}");
    assert_eq!(
        bench.comes("third", "phone", "elsewhere"),
        Err(Code::Banned)
    );
    bench.restart();
    assert_eq!(
        bench.comes("third", "phone", "elsewhere"),
        Err(Code::Banned)
    );
    bench
        .comes(OWNER, "phone", "net")
        .expect("staff is not locked out");
    bench
        .comes("third", "laptop", "elsewhere")
        .expect("another device");
    let unban = Command::Unban {
        client_id: bench.cid(),
        who: "spam".into(),
    };
    bench.join(MODERATOR);
    bench.ack(MODERATOR, unban).expect("lifted");
    bench.comes("second", "phone", "net").expect("let in again");
}

#[test]
fn o11_somebody_new_from_a_banned_network_is_held_and_never_refused() {
    let mut bench = Bench::full();
    bench.comes("spam", "phone", "net").expect("let in");
    bench.ban("spam");
    for name in ["new", "old", GUEST] {
        bench
            .comes(name, "other", "net")
            .expect("a network is a hint");
    }
    assert_eq!(bench.says("new", "other", "net"), Ok(AckKind::Held));
    assert_eq!(bench.says(GUEST, "other", "net"), Ok(AckKind::Held));
    assert_eq!(bench.says("old", "other", "net"), Ok(AckKind::New));
    assert_eq!(bench.says("new", "other", "else"), Ok(AckKind::New));
    let Ok(Reply::HeldPage(page)) = bench.ask(MODERATOR, Command::Held { after: None }) else {
        panic!("a page");
    };
    assert!(page.held.iter().all(|it| it.why == HeldWhy::Network));
    let review = Command::Review {
        client_id: bench.cid(),
        of: page.held[0].s,
        act: ReviewAct::Allow,
        reason: String::new(),
    };
    bench.ack(MODERATOR, review).expect("let through");
}
