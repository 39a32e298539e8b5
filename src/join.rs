//! Joins the ends that may not name each other: rooms and media, HTTP and rooms.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use community::{Command, NewTopic, StageReport, Verb, Who};
use protocol::{
    ClientId, Code, MemberId, PeerId, Refusal, RoomNumber, Slug,
    client::PeerRole,
    layers::LayerCeiling,
    limits,
    rest::BroadcastWish,
    server::{Body, Broadcast, PeerEnd, Push, Reply},
};
use rtc_edge::{Report, Role, Rtc};
use store::Store;
use tokio::sync::mpsc;

use crate::{
    actor::{Directory, MediaOrder, People, Way, stage},
    erase::Erasures,
    http::seam::{
        self, Answer, Credential, Established, IcePatch, IcePatched, IceSession, LineProbes, Merge,
        PublishWish, Revoked, SplitOrder, Tidings, ViewWish,
    },
    memory::Memory,
};

/// How long somebody who erases their account waits for rooms that cannot be read.
const ERASED_WITHIN: Duration = Duration::from_secs(10);

/// Carries orders to media. Each is a task of its own, so that a slow handshake holds nobody up.
pub async fn carry_orders(mut orders: mpsc::Receiver<MediaOrder>, rtc: Rtc) {
    while let Some(order) = orders.recv().await {
        let rtc = rtc.clone();
        match order {
            MediaOrder::Establish {
                room,
                role,
                asker,
                offer,
                done,
            } => tokio::spawn(async move {
                let established = establish(&rtc, room, role, &asker, offer).await;
                if let Err(Ok(unwanted)) = done.send(established) {
                    rtc.close(&unwanted.peer, rtc_edge::PeerEnd::Closed).await;
                }
            }),
            MediaOrder::Restart {
                peer,
                fragment,
                done,
            } => tokio::spawn(async move {
                // Nobody waiting means that the connection is gone; its session holds.
                let _ = done.send(restart(&rtc, &peer, &fragment).await);
            }),
            MediaOrder::Show {
                peer,
                video,
                height,
                done,
            } => {
                let shown = match video {
                    true => rtc_edge::Shown::All,
                    false => rtc_edge::Shown::SoundOnly,
                };
                // Ordered before the next order is looked at: of two in a row the last one counts.
                let answer = rtc.show(&peer, shown, height);
                tokio::spawn(async move {
                    let _ = done.send(answer.await);
                })
            }
            MediaOrder::End { peer, why, done } => tokio::spawn(async move {
                let was = rtc.close(&peer, to_media(why)).await;
                if let Some(done) = done {
                    // Nobody waiting means that the answer is not needed any more.
                    let _ = done.send(was);
                }
            }),
        };
    }
}

async fn establish(
    rtc: &Rtc,
    room: RoomNumber,
    role: PeerRole,
    asker: &str,
    offer: String,
) -> Result<stage::Established, Refusal> {
    let it = match role {
        PeerRole::Publish => rtc.publish(room, offer).await?,
        PeerRole::View => rtc.view(room, asker, offer).await?,
    };
    Ok(stage::Established {
        peer: it.peer,
        sdp: it.sdp,
        etag: it.etag,
    })
}

async fn restart(rtc: &Rtc, peer: &PeerId, fragment: &str) -> Result<String, Refusal> {
    match rtc
        .update_ice(peer, rtc_edge::IceSession::Any, fragment)
        .await?
    {
        rtc_edge::IceUpdated::Restarted { fragment, .. } => Ok(fragment),
        rtc_edge::IceUpdated::Noted | rtc_edge::IceUpdated::Stale => Err(Refusal::new(
            Code::SdpUnfit,
            "a restart brings another ICE name than the session has",
        )),
    }
}

/// Carries what media reports to the rooms and to the owners of peers, in its order.
pub async fn carry_reports(
    mut reports: mpsc::Receiver<(RoomNumber, Report)>,
    directory: Arc<Directory>,
) {
    while let Some((room, report)) = reports.recv().await {
        match report {
            Report::PublisherHere { peer } => {
                // A publisher whose owner is gone has been ordered to end already.
                if let Some(owner) = directory.stage().peers.get(&peer) {
                    let report = StageReport::PublisherHere {
                        peer,
                        who: owner.who,
                    };
                    directory.report(room, report).await;
                }
            }
            Report::Flowing { peer, video, audio } => {
                directory
                    .report(room, StageReport::Flowing { peer, video, audio })
                    .await;
            }
            Report::Health { peer, health } => {
                // Of one that was replaced nobody needs to hear.
                if directory.stage().peers.get(&peer).is_some() {
                    directory.health(room, health);
                }
            }
            Report::Picture { peer, held } => directory.picture_held(peer, held),
            Report::PublisherGone { peer, .. } => {
                directory
                    .report(room, StageReport::PublisherGone { peer })
                    .await;
            }
            Report::PeerEnded { peer, role, why } => {
                let role = match role {
                    Role::Publisher => "publisher",
                    Role::Viewer => "viewer",
                };
                let why = directory.peer_ended(&peer, from_media(why));
                metrics::counter!(
                    "weiquan_peers_ended_total", "role" => role, "why" => why.as_str()
                )
                .increment(1);
            }
        }
    }
}

fn to_media(why: PeerEnd) -> rtc_edge::PeerEnd {
    match why {
        PeerEnd::Replaced => rtc_edge::PeerEnd::Replaced,
        PeerEnd::Timeout => rtc_edge::PeerEnd::Timeout,
        PeerEnd::Failed => rtc_edge::PeerEnd::Failed,
        PeerEnd::Closed | PeerEnd::Ended | PeerEnd::NotPermitted | PeerEnd::Expired => {
            rtc_edge::PeerEnd::Closed
        }
    }
}

fn from_media(why: rtc_edge::PeerEnd) -> PeerEnd {
    match why {
        rtc_edge::PeerEnd::Closed => PeerEnd::Closed,
        rtc_edge::PeerEnd::Timeout => PeerEnd::Timeout,
        rtc_edge::PeerEnd::Failed => PeerEnd::Failed,
        rtc_edge::PeerEnd::Replaced => PeerEnd::Replaced,
    }
}

/// Ends media whose token is over or whose connection did not come back, for as long as the server
/// runs.
pub async fn end_expired(directory: Arc<Directory>) {
    loop {
        tokio::time::sleep(limits::EXPIRY_WITHIN).await;
        let leeway_ms = limits::TOKEN_LEEWAY.as_millis() as u64;
        let past_ms = clock::unix_ms().saturating_sub(leeway_ms);
        directory.stage().end_of_tokens(past_ms);
        directory.stage().end_of_alone(clock::now());
    }
}

/// The rooms and their media as HTTP sees them.
pub struct Rooms {
    pub directory: Arc<Directory>,
    pub people: Arc<People>,
    pub store: Store,
    pub media: Rtc,
    pub push_key: Arc<reach::Key>,
    /// Whether pushes may go to addresses that are not public.
    pub push_private: bool,
    pub draining: Arc<AtomicBool>,
    pub memory: Arc<Memory>,
    pub erasures: Arc<Erasures>,
}

impl Rooms {
    async fn establish(
        &self,
        room: RoomNumber,
        role: PeerRole,
        (who, way): (Who, Way),
        offer: String,
    ) -> Result<Established, Refusal> {
        let handle = self.directory.find_number(room).await?;
        let stage = self.directory.stage();
        let established = stage.establish(&handle, role, who, way, offer).await?;
        Ok(Established {
            peer: established.peer,
            sdp: established.sdp,
            etag: established.etag,
        })
    }
}

impl seam::Stage for Rooms {
    fn admit(&self, room: RoomNumber, who: Option<Who>, verb: Verb) -> Answer<'_, ()> {
        Box::pin(async move {
            if verb == Verb::Talk {
                let room = self.directory.find_number(room).await?;
                return room.may_talk(or_anybody(who)).await;
            }
            let handle = self.directory.find_number(room).await?;
            let role = match verb {
                Verb::Watch => PeerRole::View,
                Verb::Polls | Verb::Review => return handle.can(verb, or_anybody(who)).await,
                _ => PeerRole::Publish,
            };
            handle.may(role, or_anybody(who)).await
        })
    }

    fn publish(&self, wish: PublishWish) -> Answer<'_, Established> {
        Box::pin(async move {
            let by = wish.by;
            let established = self
                .establish(
                    wish.room,
                    PeerRole::Publish,
                    (wish.who, Way::Whip),
                    wish.offer,
                )
                .await?;
            let peers = &self.directory.stage().peers;
            match by {
                Credential::StreamKey(id) => peers.came_by_key(&established.peer, id),
                Credential::Token { expires_ms } => {
                    peers.came_by_token(&established.peer, expires_ms);
                }
            }
            Ok(established)
        })
    }

    fn view(&self, wish: ViewWish) -> Answer<'_, Established> {
        Box::pin(async move {
            let established = self
                .establish(
                    wish.room,
                    PeerRole::View,
                    (or_anybody(wish.who), Way::Whep(wish.address)),
                    wish.offer,
                )
                .await?;
            if let Some(expires_ms) = wish.expires_ms {
                let peers = &self.directory.stage().peers;
                peers.came_by_token(&established.peer, expires_ms);
            }
            Ok(established)
        })
    }

    fn patch(&self, patch: IcePatch) -> Answer<'_, IcePatched> {
        Box::pin(async move {
            let session = match patch.session {
                IceSession::Any => rtc_edge::IceSession::Any,
                IceSession::Tagged(tags) => rtc_edge::IceSession::Tagged(tags),
            };
            let updated = self
                .media
                .update_ice(&patch.peer, session, &patch.fragment)
                .await?;
            Ok(match updated {
                rtc_edge::IceUpdated::Stale => IcePatched::Stale,
                rtc_edge::IceUpdated::Noted => IcePatched::Noted,
                rtc_edge::IceUpdated::Restarted { etag, fragment } => {
                    IcePatched::Restarted { etag, fragment }
                }
            })
        })
    }

    fn tidings(&self, peer: PeerId) -> Answer<'_, Tidings> {
        Box::pin(async move {
            let it = self.media.tidings(&peer).await?.ok_or_else(no_such_peer)?;
            Ok(Tidings {
                room: it.room,
                section: it.section,
                stage: it.stage,
                life: it.life,
            })
        })
    }

    fn hold_to(&self, peer: PeerId, ceiling: LayerCeiling) -> Answer<'_, ()> {
        Box::pin(async move {
            let held = self.media.hold_to(&peer, ceiling).await?;
            held.then_some(()).ok_or_else(no_such_peer)
        })
    }

    fn viewers(&self, room: RoomNumber) -> usize {
        self.media.viewers(room)
    }

    fn close(&self, peer: PeerId) -> Answer<'_, bool> {
        Box::pin(async move { Ok(self.directory.stage().end(peer, PeerEnd::Closed).await) })
    }

    fn broadcast(&self, room: RoomNumber, who: Who, wish: BroadcastWish) -> Answer<'_, Broadcast> {
        Box::pin(async move {
            let handle = self.directory.find_number(room).await?;
            let command = Command::Broadcast {
                client_id: ClientId::from(uuid::Uuid::now_v7().to_string()),
                act: wish.act,
                title: wish.title,
                starts_ms: wish.starts_ms,
            };
            let Reply::Ack(ack) = handle.ask(who, command).await? else {
                return Err(Refusal::new(Code::Internal, "an answer of another kind"));
            };
            match handle.record(ack.s).await?.map(|it| it.body) {
                Some(Body::Broadcast(broadcast)) => Ok(broadcast),
                _ => Err(Refusal::new(Code::NoBroadcast, "there is no broadcast")),
            }
        })
    }

    fn played(&self, room: RoomNumber) -> Answer<'_, Option<(community::Broadcast, u64)>> {
        Box::pin(async move { self.directory.find_number(room).await?.played().await })
    }

    fn start_topic(
        &self,
        room: RoomNumber,
        who: Who,
        client_id: ClientId,
        topic: NewTopic,
    ) -> Answer<'_, ()> {
        Box::pin(async move {
            let handle = self.directory.find_number(room).await?;
            let topic = Box::new(topic);
            handle
                .ask(who, Command::StartTopic { client_id, topic })
                .await
                .map(|_| ())
        })
    }

    fn merge_topic(&self, who: Who, merge: Merge) -> Answer<'_, ()> {
        Box::pin(async move {
            let Merge {
                topic,
                along,
                into,
                on,
            } = merge;
            let merged = self.directory.find_number(topic.room).await?;
            let taker = self.directory.find_number(into.room).await?;
            let client_id = || ClientId::from(uuid::Uuid::now_v7().to_string());
            let merge = Command::MergeTopic {
                client_id: client_id(),
                into: on.then_some(into),
            };
            let take = Command::TakeTopics {
                client_id: client_id(),
                topics: [vec![topic], along].concat(),
                on,
            };
            if !on {
                merged.ask(who.clone(), merge).await?;
                // The one that has it now may be merged itself, or never took it.
                return match taker.ask(who, take).await {
                    Err(it) if !matches!(it.code, Code::WrongPhase | Code::Locked) => Err(it),
                    _ => Ok(()),
                };
            }
            // Taken first: where the second step does not come, the same wish again finds it so already.
            match taker.ask(who.clone(), take).await {
                Err(it) if it.code != Code::WrongPhase => return Err(it),
                _ => {}
            }
            merged.ask(who, merge).await.map(|_| ())
        })
    }

    fn split_topic(&self, who: Who, order: SplitOrder) -> Answer<'_, ()> {
        Box::pin(async move {
            let SplitOrder {
                topic,
                client_id,
                split,
            } = order;
            let room = self.directory.find_number(topic).await?;
            let split = Command::SplitTopic {
                client_id,
                split: Box::new(split),
            };
            room.ask(who, split).await.map(|_| ())
        })
    }

    fn awake(&self, slug: &Slug) -> Option<RoomNumber> {
        self.directory.running(slug).map(|it| it.number)
    }

    fn listed(&self) -> &tokio::sync::watch::Sender<u64> {
        self.directory.listed()
    }

    fn counts(&self, rooms: Vec<RoomNumber>) -> Answer<'_, Vec<u32>> {
        Box::pin(async move {
            let count = |number| {
                self.directory
                    .running_number(number)
                    .and_then(|it| it.state().count)
                    .unwrap_or(0)
            };
            Ok(rooms.into_iter().map(count).collect())
        })
    }

    fn revoke(&self, what: Revoked) {
        match what {
            Revoked::Member(member) => {
                self.directory.stage().end_of_person(&member);
                let (store, people) = (self.store.clone(), self.people.clone());
                tokio::spawn(async move {
                    // Where the account cannot be read, every token that was made so far is void.
                    let epoch = match store.account(member.clone()).await {
                        Ok(Some(account)) => account.token_epoch,
                        _ => u64::MAX,
                    };
                    people.revoke(&member, epoch);
                });
            }
            Revoked::StreamKey { room, id } => self.directory.stage().end_of_key(room, &id),
        }
    }

    fn appointed(&self, who: Who) -> Answer<'_, ()> {
        Box::pin(async move {
            self.directory.changed(&who).await;
            Ok(())
        })
    }

    fn erased(&self, member: MemberId) -> Answer<'_, ()> {
        Box::pin(async move {
            let rooms = self.erasures.let_go_of(&member);
            if tokio::time::timeout(ERASED_WITHIN, rooms).await.is_err() {
                // They are told, and whatever they read from now on has no such name in it.
                tracing::warn!(%member, "some rooms have not let go of an erased member yet");
            }
            Ok(())
        })
    }

    fn told(&self, member: MemberId, unread: u32) {
        let notice = None;
        self.people.tell(&member, &Push::Notice { unread, notice });
    }

    fn mail_address(&self, text: &str) -> Option<String> {
        reach::address(text)
    }

    fn push_key(&self) -> String {
        self.push_key.public()
    }

    fn check_push(&self, endpoint: &str, p256dh: &[u8], auth: &[u8]) -> Result<(), Refusal> {
        let unfit = |why: String| Refusal::new(Code::Malformed, why);
        reach::check(endpoint, self.push_private).map_err(|it| unfit(it.to_string()))?;
        reach::Browser::new(p256dh.to_vec(), auth.to_vec()).map_err(|it| unfit(it.to_string()))?;
        Ok(())
    }

    fn line_probes(&self) -> LineProbes {
        let (view, publish) = (self.media.view_probe(), self.media.publish_probe());
        LineProbes {
            view: view.udp.clone(),
            publish: publish.udp.clone(),
            view_tcp: view.tcp.clone(),
            publish_tcp: publish.tcp.clone(),
        }
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn takes_newcomers(&self) -> Result<(), Refusal> {
        self.memory.takes_newcomers()
    }
}

fn no_such_peer() -> Refusal {
    Refusal::new(Code::NoSuchPeer, "there is no such resource (any more)")
}

/// Somebody without a token counts as a guest.
fn or_anybody(who: Option<Who>) -> Who {
    who.unwrap_or_else(|| Who {
        id: "g_anybody".into(),
        name: "".into(),
        role: community::Role::Guest,
        traces: community::Traces::default(),
    })
}
