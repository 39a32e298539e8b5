//! Co-hosts: who runs a broadcast beside its host.

use protocol::{client::BroadcastAct, limits, server::Mark};

use super::*;

impl Bench {
    fn co_host(&mut self, name: &str, who: &str, on: bool) -> Result<Seq, Code> {
        let client_id = self.cid();
        let who = who.into();
        let command = Command::CoHost { client_id, who, on };
        self.ack(name, command).map(|it| it.s).map_err(|it| it.code)
    }

    fn slow(&mut self, name: &str) -> Result<Seq, Code> {
        let client_id = self.cid();
        let gap_ms = 5_000;
        let command = Command::SlowMode {
            client_id,
            gap_ms,
            auto: None,
        };
        self.ack(name, command).map(|it| it.s).map_err(|it| it.code)
    }

    fn mark_of(&mut self, name: &str) -> Mark {
        self.join(name).mark
    }
}

fn opened() -> Bench {
    let mut bench = Bench::new();
    for name in [MAKER, ANN, BOB, GUEST] {
        bench.join(name);
    }
    bench.step(MAKER, BroadcastAct::Open).expect("accepted");
    bench
}

#[test]
fn s9_a_co_host_keeps_order_and_neither_publishes_nor_ends() {
    let mut bench = opened();
    assert_eq!(bench.slow(ANN), Err(Code::NotPermitted));
    bench.co_host(MAKER, ANN, true).expect("a member");
    assert_eq!(bench.mark_of(ANN), Mark::CoHost);
    bench.slow(ANN).expect("order is a co-host's too");
    let ended = bench.step(ANN, BroadcastAct::End);
    assert_eq!(ended.err(), Some(Code::NotPermitted));
    let publishes = bench.room.may_publish(bench.now, &who(ANN));
    assert!(publishes.is_err(), "the stage is the host's");
    assert_eq!(
        bench.co_host(ANN, BOB, true),
        Err(Code::NotPermitted),
        "nor makes another"
    );
}

#[test]
fn s9_a_co_host_hears_of_what_waits_for_review() {
    let mut bench = opened();
    bench.co_host(MAKER, ANN, true).expect("a member");
    let of = bench.say(BOB, "加微信").expect("said");
    bench.fx.clear();
    let client_id = bench.cid();
    bench
        .ack(MAKER, Command::Hold { client_id, of })
        .expect("held");
    let told = |name: &str| {
        bench.fx.iter().any(|it| {
            matches!(it, Effect::Push { connection: to, push: Push::Held { .. } }
                if *to == connection(name))
        })
    };
    assert!(told(MAKER) && told(ANN) && told(BOB), "{:?}", bench.fx);
    assert!(!told(GUEST));
}

#[test]
fn s9_it_ends_by_the_hosts_word_and_with_the_broadcast() {
    let mut bench = opened();
    bench.co_host(MAKER, ANN, true).expect("the host may");
    bench.co_host(MAKER, BOB, true).expect("the host may");
    bench.co_host(MAKER, ANN, false).expect("the host may");
    assert_eq!(bench.mark_of(ANN), Mark::Member);
    assert_eq!(bench.co_host(MAKER, ANN, false), Err(Code::NotFound));
    assert_eq!(bench.mark_of(BOB), Mark::CoHost);
    bench.step(MAKER, BroadcastAct::End).expect("accepted");
    bench.step(MAKER, BroadcastAct::Archive).expect("accepted");
    assert_eq!(bench.mark_of(BOB), Mark::Member);
    assert_eq!(bench.co_host(MAKER, BOB, true), Err(Code::NoBroadcast));
    bench.step(MAKER, BroadcastAct::Open).expect("accepted");
    assert_eq!(bench.mark_of(BOB), Mark::Member, "another broadcast");
}

#[test]
fn s9_open_connections_hear_of_it_at_once() {
    let mut bench = opened();
    bench.fx.clear();
    bench.co_host(MAKER, ANN, true).expect("the host may");
    let rights = bench.fx.iter().find_map(|it| match it {
        Effect::Push {
            connection: to,
            push: Push::Rights { can, mark, .. },
        } if *to == connection(ANN) => Some((can.clone(), *mark)),
        _ => None,
    });
    let (can, mark) = rights.expect("told");
    assert_eq!(mark, Mark::CoHost);
    assert!(can.contains(&"mute".to_owned()) && !can.contains(&"run_broadcast".to_owned()));
}

#[test]
fn s9_only_members_and_only_so_many() {
    let mut bench = opened();
    assert_eq!(bench.co_host(MAKER, GUEST, true), Err(Code::NotAMember));
    assert_eq!(bench.co_host(MAKER, MAKER, true), Err(Code::RoleFixed));
    assert_eq!(bench.co_host(MAKER, "nobody", true), Err(Code::NotFound));
    for n in 0..limits::CO_HOSTS_MAX {
        let name = format!("m{n}");
        bench.join(&name);
        bench.co_host(MAKER, &name, true).expect("there is room");
    }
    assert_eq!(bench.co_host(MAKER, ANN, true), Err(Code::TooManyCoHosts));
    bench
        .co_host(MAKER, "m0", true)
        .expect("who is one already stays one");
}
