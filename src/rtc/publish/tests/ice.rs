//! What publishers say of their ICE session after the offer.

use protocol::Code;

use super::{Ingest, ROOM, offers::FFMPEG};
use crate::{IceSession, IceUpdated, PeerEnd, publish::offer::Offer, sdp::Fragment};

fn fragment(ufrag: &str) -> Fragment {
    let text = format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:0123456789012345678901\r\n");
    Fragment::parse(&text).unwrap()
}

#[tokio::test]
async fn candidates_are_noted_and_a_restart_is_refused_without_harm() {
    let mut ingest = Ingest::start().await;
    let publishers = ingest.publishers.clone();
    let established = publishers.publish(ROOM, FFMPEG.to_owned()).await.unwrap();
    let peer = &established.peer;
    let tagged = |tag: &str| IceSession::Tagged(vec![tag.to_owned()]);
    let theirs = fragment(&Offer::parse(FFMPEG).unwrap().ufrag);
    let anew = fragment("anew");
    let say = |session, fragment| {
        let updated = publishers.update_ice(peer, &session, fragment);
        updated.map_err(|refusal| refusal.code)
    };
    assert_eq!(
        say(tagged(&established.etag), &theirs),
        Ok(IceUpdated::Noted)
    );
    assert_eq!(say(IceSession::Any, &theirs), Ok(IceUpdated::Noted));
    assert_eq!(say(tagged("other"), &theirs), Ok(IceUpdated::Stale));
    assert_eq!(say(IceSession::Any, &anew), Err(Code::SdpUnfit));
    assert_eq!(say(tagged(&established.etag), &anew), Err(Code::SdpUnfit));
    assert_eq!(
        say(tagged(&established.etag), &theirs),
        Ok(IceUpdated::Noted),
        "the session is what it was"
    );
    assert!(publishers.close(peer, PeerEnd::Closed).await);
    assert_eq!(ingest.gone().await.1, PeerEnd::Closed);
    assert_eq!(say(IceSession::Any, &theirs), Err(Code::NoSuchPeer));
    ingest.running.shutdown().await;
}
