//! A viewer's ICE session after its offer: candidates, and restarts under a picture that goes on.

use super::*;
use crate::{IceSession, IceUpdated, sdp::Fragment};

impl Edge {
    async fn update_ice(
        &self,
        peer: &PeerId,
        session: IceSession,
        ufrag: &str,
    ) -> Result<IceUpdated, Code> {
        let fragment = Fragment::parse(&Client::fragment(ufrag)).unwrap();
        let updated = self.viewers.update_ice(peer, session, fragment).await;
        updated.map_err(|refusal| refusal.code)
    }

    /// Restarts; our side of it, and its tag.
    async fn restart(&self, peer: &PeerId, ufrag: &str) -> (String, String) {
        match self.update_ice(peer, IceSession::Any, ufrag).await {
            Ok(IceUpdated::Restarted { etag, fragment }) => (fragment, etag),
            other => panic!("{other:?} instead of a restart"),
        }
    }
}

fn tagged(tag: &str) -> IceSession {
    IceSession::Tagged(vec![tag.to_owned()])
}

/// Checks that it is answered, and chooses the path if so wanted.
async fn check(client: &mut Client, nominates: bool) {
    client.send(&client.check(nominates)).await;
    loop {
        match client.hear().await {
            Heard::Checked => return,
            Heard::Rtp { .. } | Heard::Rtcp(_) => {}
            other => panic!("{other:?} instead of an answer"),
        }
    }
}

#[tokio::test]
async fn a_picture_goes_on_under_a_new_name_and_the_same_keys() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, established) = edge.watch().await;
    client.rtp(VIDEO).await;
    let peer = &established.peer;
    let (ours, etag) = edge.restart(peer, "anew").await;
    assert_ne!(etag, established.etag);

    // Until it is proven, the session before holds: checks are answered and the picture comes.
    check(&mut client, true).await;
    source.delta();
    client.rtp(VIDEO).await;

    // Another network: another address, the new name, no new handshake. A packet under other keys
    // would not decrypt, and the client would say that it shook hands.
    let (old_ufrag, old_pwd) = (client.remote_ufrag.clone(), client.remote_pwd.clone());
    let before = client.move_away().await;
    client.take_restart("anew", &ours);
    assert_ne!(client.remote_ufrag, old_ufrag);
    check(&mut client, false).await;
    check(&mut client, true).await;
    source.delta();
    for _ in 0..3 {
        client.rtp(VIDEO).await;
    }

    // Now the name before is over, also where it was. The first answer is to the check that follows.
    let new = (client.remote_ufrag.clone(), client.remote_pwd.clone());
    (client.remote_ufrag, client.remote_pwd) = (old_ufrag, old_pwd);
    client.ufrag = "view".to_owned();
    let stale = client.check(true);
    before
        .send_to(&stale, edge.running.addresses[0])
        .await
        .unwrap();
    client.send(&stale).await;
    (client.remote_ufrag, client.remote_pwd) = new;
    client.ufrag = "anew".to_owned();
    // Its integrity is that of the new password, or the client would stop here.
    check(&mut client, true).await;
    source.delta();
    client.rtp(VIDEO).await;
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_restart_before_the_handshake_is_as_good() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let mut client = Client::new().await;
    let established = edge.answer(&client).await;
    let (_, first) = edge.restart(&established.peer, "one1").await;
    // The second takes the place of the first, which nobody has proven.
    let (ours, second) = edge.restart(&established.peer, "two2").await;
    assert_ne!(first, second);
    client.take_answer(&established.sdp);
    client.take_restart("two2", &ours);
    check(&mut client, true).await;
    client.begin_handshake().await;
    client.rtp(VIDEO).await;
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_fragment_belongs_to_the_session_it_names() {
    let mut edge = edge();
    let _source = Source::open(&edge.feed, 1).await;
    let client = Client::new().await;
    let established = edge.answer(&client).await;
    let (peer, etag) = (&established.peer, established.etag.as_str());
    assert!(established.sdp.contains(etag), "it names the session");
    // Candidates, by the tag or by the name alone.
    for session in [tagged(etag), IceSession::Any] {
        let noted = edge.update_ice(peer, session, "view").await;
        assert_eq!(noted, Ok(IceUpdated::Noted));
    }
    let stale = edge.update_ice(peer, tagged("other"), "view").await;
    assert_eq!(stale, Ok(IceUpdated::Stale));
    // A restart is asked for as one.
    let restart = edge.update_ice(peer, tagged(etag), "anew").await;
    assert_eq!(restart, Err(Code::SdpUnfit));
    let (_, anew) = edge.restart(peer, "anew").await;
    let stale = edge.update_ice(peer, tagged(etag), "view").await;
    assert_eq!(stale, Ok(IceUpdated::Stale));
    let noted = edge.update_ice(peer, tagged(&anew), "anew").await;
    assert_eq!(noted, Ok(IceUpdated::Noted));
    assert!(edge.viewers.close(peer, PeerEnd::Closed).await);
    assert_eq!(edge.ended(peer).await, PeerEnd::Closed);
    let gone = edge.update_ice(peer, IceSession::Any, "view").await;
    assert_eq!(gone, Err(Code::NoSuchPeer));
    edge.running.shutdown().await;
}
