//! Moderators through the whole server, by the real client: who is appointed may keep order at once,
//! on the connection that is open; who is dismissed may not.

mod support;

use std::time::Duration;

use protocol::{
    ClientFrame, Code, MemberId, RoomNumber,
    rest::{MemberCard, MemberList, MemberRole, RoleWish},
    server::{Mark, Push, Reply},
};
use support::{Person, SOON, Server};
use tokio::time::timeout;
use weiquan_client::{Connection, Error};

/// How soon a change of rights must be heard.
const AT_ONCE: Duration = Duration::from_secs(1);

async fn give(owner: &Person, member: &Person, role: MemberRole) -> MemberCard {
    let path = format!("/api/v1/members/{}/role", member.id());
    let answer = owner
        .request(reqwest::Method::PUT, &path)
        .json(&RoleWish { role })
        .send()
        .await
        .expect("answered");
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("a member")
}

/// The next change of rights that this connection hears.
async fn rights(line: &mut Connection) -> (Mark, bool) {
    timeout(AT_ONCE, async {
        loop {
            if let Push::Rights { can, mark, .. } = line.next_push().await.expect("a push") {
                return (mark, can.contains(&"mute".to_owned()));
            }
        }
    })
    .await
    .expect("within a second")
}

async fn mute(line: &mut Connection, a: RoomNumber, who: &MemberId) -> Result<(), Code> {
    let outcome = line.request(|i| ClientFrame::Mute {
        i,
        a,
        cid: uuid::Uuid::now_v7().to_string().into(),
        who: who.clone(),
        for_ms: 60_000,
        reason: String::new(),
    });
    match outcome.await {
        Ok(Reply::Ack(_)) => Ok(()),
        Err(Error::Refused(refusal)) => Err(refusal.code),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn s6_who_is_appointed_moderates_at_once_and_who_is_dismissed_does_not() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    owner.make_room("later").await;
    let (mo, ann) = (server.sign_up("Mo").await, server.sign_up("Ann").await);
    let mut line = mo.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    assert_eq!(mute(&mut line, a, &ann.id()).await, Err(Code::NotPermitted));

    let card = give(&owner, &mo, MemberRole::Moderator).await;
    assert_eq!((card.mark, card.id), (Mark::Moderator, mo.id()));
    assert_eq!(rights(&mut line).await, (Mark::Moderator, true));
    assert_eq!(mute(&mut line, a, &ann.id()).await, Ok(()));
    // A room that nobody had entered so far, on the same connection.
    let later = line.join("later", None).await.expect("joined");
    assert_eq!(later.mark, Mark::Moderator);
    assert_eq!(mute(&mut line, later.a, &ann.id()).await, Ok(()));
    // Another device with the token of before the appointment.
    let mut tablet = mo.connect("tablet").await;
    let joined = tablet.join("hall", None).await.expect("joined");
    assert_eq!(joined.mark, Mark::Moderator);

    let card = give(&owner, &mo, MemberRole::Member).await;
    assert_eq!(card.mark, Mark::Member);
    for device in [&mut line, &mut tablet] {
        assert_eq!(rights(device).await, (Mark::Member, false));
        let refused = mute(device, a, &ann.id()).await;
        assert_eq!(refused, Err(Code::NotPermitted));
    }
    let refused = mute(&mut line, later.a, &ann.id()).await;
    assert_eq!(refused, Err(Code::NotPermitted));
}

#[tokio::test]
async fn s6_a_role_is_that_of_the_account_also_by_an_older_token_after_a_restart() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mo = server.sign_up("Mo").await;
    let ann = server.sign_up("Ann").await;
    give(&owner, &mo, MemberRole::Moderator).await;
    let staff: MemberList = owner.get("/api/v1/members?role=moderator").await;
    assert_eq!(staff.members[0].id, mo.id());
    server.kill();
    server.restart();
    // The token in hand says "member", and this process was told of no appointment.
    let mut line = mo.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    timeout(SOON, async {
        while mute(&mut line, a, &ann.id()).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the account's role counts");
}
