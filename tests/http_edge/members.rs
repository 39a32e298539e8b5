//! Members: the list for owner and moderators, and who may give whom which role.

use community::Role;
use serde_json::{Value, json};

use crate::rig::{Rig, Said};

fn id_of(said: &Said) -> String {
    said.json()["me"]["id"].as_str().unwrap().to_owned()
}

fn names(page: &Value) -> Vec<&str> {
    let members = page["members"].as_array().unwrap();
    members
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect()
}

async fn list(rig: &Rig, token: &str, query: &str) -> Said {
    let path = format!("/api/v1/members{query}");
    rig.ask("GET", &path).bearer(token).send().await
}

async fn give(rig: &Rig, token: &str, id: &str, role: &str) -> Said {
    let path = format!("/api/v1/members/{id}/role");
    let ask = rig.ask("PUT", &path).bearer(token);
    ask.json(json!({"role": role})).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_and_moderators_read_the_list_page_by_page_and_nobody_else_does() {
    let rig = Rig::start().await;
    let owner = rig.set_up().await.token();
    for name in ["Cleo", "anna", "Ben"] {
        rig.sign_up(name).await;
    }
    let page = list(&rig, &owner, "?n=3").await.expect(200).json();
    assert_eq!(names(&page), ["anna", "Ben", "Cleo"]);
    assert_eq!(page["count"], 4);
    assert_eq!(page["members"][0]["mark"], "member");
    assert!(page["members"][0]["joined_ms"].as_u64().unwrap() > 1_600_000_000_000);
    let next = page["next"].as_str().unwrap();
    let last = list(&rig, &owner, &format!("?n=3&after={next}")).await;
    let last = last.expect(200).json();
    assert_eq!((names(&last), &last["next"]), (vec!["Owner"], &Value::Null));
    assert_eq!(last["members"][0]["mark"], "owner");

    let found = list(&rig, &owner, "?q=%20AN%20").await.expect(200).json();
    assert_eq!((names(&found), &found["count"]), (vec!["anna"], &json!(1)));
    let owners = list(&rig, &owner, "?role=owner").await.expect(200).json();
    assert_eq!(names(&owners), ["Owner"]);

    let member = rig.sign_up("Dora").await;
    let guest = rig.guest('g').await;
    for token in [&member.token(), &guest] {
        list(&rig, token, "").await.refused(403, "not_permitted");
    }
    rig.get("/api/v1/members")
        .await
        .refused(401, "token_missing");
    give(&rig, &owner, &id_of(&member), "moderator")
        .await
        .expect(200);
    // The same token: the account's role is that of now.
    list(&rig, &member.token(), "").await.expect(200);
    for query in ["?n=x", "?role=king", "?n=-1"] {
        list(&rig, &owner, query).await.refused(400, "malformed");
    }
    let long = format!("?q={}", "x".repeat(41));
    list(&rig, &owner, &long).await.refused(422, "too_long");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_appoints_and_dismisses_and_the_rooms_are_told_what_changed() {
    let rig = Rig::start().await;
    let owner = rig.set_up().await.token();
    let ben = id_of(&rig.sign_up("Ben").await);
    let made = give(&rig, &owner, &ben, "moderator").await.expect(200);
    assert_eq!(made.json()["mark"], "moderator");
    assert_eq!(made.json()["name"], "Ben");
    let mods = list(&rig, &owner, "?role=moderator").await.json();
    assert_eq!(names(&mods), ["Ben"]);
    // Said again it changes nothing, and nobody is told anything.
    give(&rig, &owner, &ben, "moderator").await.expect(200);
    let dismissed = give(&rig, &owner, &ben, "member").await.expect(200);
    assert_eq!(dismissed.json()["mark"], "member");
    let told: Vec<_> = rig
        .stage
        .appointed
        .lock()
        .unwrap()
        .iter()
        .map(|it| (it.id.to_string(), it.name.to_string(), it.role))
        .collect();
    let ben = |role| (ben.clone(), "Ben".to_owned(), role);
    assert_eq!(told, [ben(Role::Moderator), ben(Role::Member)]);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_given_has_its_own_refusal() {
    let rig = Rig::start().await;
    let set_up = rig.set_up().await;
    let (owner, owner_id) = (set_up.token(), id_of(&set_up));
    let ben = rig.sign_up("Ben").await;
    let moderator = rig.sign_up("Mo").await;
    give(&rig, &owner, &id_of(&moderator), "moderator")
        .await
        .expect(200);
    let guest = rig.post("/api/v1/guests", json!({"device": "g".repeat(32)}));
    let guest = guest.await.expect(200);

    let fixed = give(&rig, &owner, &owner_id, "member").await;
    fixed.refused(409, "role_fixed");
    give(&rig, &owner, "m_nobody", "moderator")
        .await
        .refused(404, "not_found");
    give(&rig, &owner, &id_of(&guest), "moderator")
        .await
        .refused(409, "not_a_member");
    for role in ["owner", "host", "guest", ""] {
        give(&rig, &owner, &id_of(&ben), role)
            .await
            .refused(400, "malformed");
    }
    // Only the owner: not a moderator (not even upon themselves), a member or a guest.
    for token in [moderator.token(), ben.token(), guest.token()] {
        for id in [id_of(&ben), id_of(&moderator), owner_id.clone()] {
            give(&rig, &token, &id, "moderator")
                .await
                .refused(403, "not_permitted");
        }
    }
    let path = format!("/api/v1/members/{}/role", id_of(&ben));
    let unsigned = rig.ask("PUT", &path).json(json!({"role": "moderator"}));
    unsigned.send().await.refused(401, "token_missing");
    assert_eq!(rig.stage.appointed.lock().unwrap().len(), 1, "Mo alone");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_appoints_nobody_by_the_owners_cookie() {
    let rig = Rig::start().await;
    let cookie = rig.set_up().await.cookie();
    let ben = id_of(&rig.sign_up("Ben").await);
    let path = format!("/api/v1/members/{ben}/role");
    let ask = |origin: &str| {
        rig.ask("PUT", &path)
            .header("cookie", &cookie)
            .header("origin", origin)
            .json(json!({"role": "moderator"}))
    };
    let foreign = ask("https://evil.example").send().await;
    foreign.refused(403, "origin_foreign");
    let own = format!("http://{}", rig.address);
    ask(&own).send().await.expect(200);
    rig.end().await;
}
