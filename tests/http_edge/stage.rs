//! A stand-in for the rooms and media: it holds the same rights by the same `can`, publishes
//! nothing, and remembers what it was told.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use community::{NewTopic, Object, Role, Standing, Verb, Who, can};
use protocol::{
    ClientId, Code, MemberId, PeerId, Refusal, RoomNumber,
    layers::{LayerCeiling, StageTold},
    rest::BroadcastWish,
    server::{Broadcast, Mark, Person, Phase},
};
use store::Store;
use weiquan::http::seam::{
    Answer, Established, IcePatch, IcePatched, IceSession, LineProbes, Merge, PublishWish, Revoked,
    SplitOrder, Stage, Tidings, ViewWish,
};

pub struct StandIn {
    store: Store,
    peers: AtomicU32,
    /// Peers by name, and whether they publish.
    pub open: Mutex<BTreeMap<String, (RoomNumber, bool)>>,
    pub published: Mutex<Vec<PublishWish>>,
    pub viewed: Mutex<Vec<ViewWish>>,
    pub patched: Mutex<Vec<IcePatch>>,
    pub revoked: Mutex<Vec<Revoked>>,
    pub appointed: Mutex<Vec<Who>>,
    pub erased: Mutex<Vec<MemberId>>,
    pub banned: Mutex<Vec<MemberId>>,
    pub draining: AtomicBool,
    /// What is published, and who hears of it.
    pub told: tokio::sync::watch::Sender<StageTold>,
    lives: Mutex<BTreeMap<String, tokio::sync::watch::Sender<()>>>,
    pub held: Mutex<Vec<LayerCeiling>>,
    pub watching: AtomicU32,
    listed: tokio::sync::watch::Sender<u64>,
}

impl StandIn {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            peers: AtomicU32::new(0),
            open: Mutex::default(),
            published: Mutex::default(),
            viewed: Mutex::default(),
            patched: Mutex::default(),
            revoked: Mutex::default(),
            appointed: Mutex::default(),
            erased: Mutex::default(),
            banned: Mutex::default(),
            draining: AtomicBool::new(false),
            told: tokio::sync::watch::channel(StageTold::default()).0,
            lives: Mutex::default(),
            held: Mutex::default(),
            watching: AtomicU32::new(0),
            listed: tokio::sync::watch::channel(1).0,
        }
    }

    async fn hold(&self, room: RoomNumber, who: Option<Who>, verb: Verb) -> Result<(), Refusal> {
        let room = self.store.room_by_number(room).await.unwrap().unwrap();
        if who
            .as_ref()
            .is_some_and(|it| self.banned.lock().unwrap().contains(&it.id))
        {
            return Err(Refusal::new(Code::Banned, "banned from this room"));
        }
        let host = who.as_ref().is_some_and(|it| it.id == room.made_by);
        let role = who.map_or(Role::Guest, |it| it.role);
        can(
            Standing {
                role,
                host,
                co_host: false,
            },
            verb,
            &Object::Room {
                guests: room.guests,
            },
        )
        .into_result()
    }

    fn establish(&self, room: RoomNumber, publishes: bool) -> Established {
        let n = self.peers.fetch_add(1, Ordering::SeqCst);
        let peer = format!("p_{n:032}");
        self.open
            .lock()
            .unwrap()
            .insert(peer.clone(), (room, publishes));
        let sdp = format!("v=0\r\no=- {n} 0 IN IP4 0.0.0.0\r\n");
        Established {
            peer: PeerId::from(peer),
            sdp,
            etag: format!("ice-{n}"),
        }
    }
}

fn boxed<'a, T>(work: impl Future<Output = Result<T, Refusal>> + Send + 'a) -> Answer<'a, T> {
    Box::pin(work)
}

impl Stage for StandIn {
    fn admit(&self, room: RoomNumber, who: Option<Who>, verb: Verb) -> Answer<'_, ()> {
        boxed(self.hold(room, who, verb))
    }

    fn publish(&self, wish: PublishWish) -> Answer<'_, Established> {
        boxed(async move {
            self.hold(wish.room, Some(wish.who.clone()), Verb::GoLive)
                .await?;
            if wish.offer.contains("a=recvonly") {
                return Err(Refusal::new(Code::SdpUnfit, "a publisher's offer sends"));
            }
            if wish.offer.contains("BUSY") {
                return Err(Refusal::new(Code::Busy, "too many publishers").after_ms(4_200));
            }
            let room = wish.room;
            self.published.lock().unwrap().push(wish);
            Ok(self.establish(room, true))
        })
    }

    fn view(&self, wish: ViewWish) -> Answer<'_, Established> {
        boxed(async move {
            let (room, offer) = (wish.room, wish.offer.clone());
            self.hold(room, wish.who.clone(), Verb::Watch).await?;
            let is_live = self
                .open
                .lock()
                .unwrap()
                .values()
                .any(|it| *it == (room, true));
            if !is_live {
                return Err(Refusal::new(Code::NothingPublished, "nothing yet").after_ms(2_500));
            }
            if offer.contains("AV1") {
                return Err(Refusal::new(
                    Code::CodecUnsupported,
                    "the broadcast is H264",
                ));
            }
            self.viewed.lock().unwrap().push(wish);
            Ok(self.establish(room, false))
        })
    }

    fn patch(&self, patch: IcePatch) -> Answer<'_, IcePatched> {
        boxed(async move {
            if !self.open.lock().unwrap().contains_key(patch.peer.as_str()) {
                return Err(Refusal::new(Code::NoSuchPeer, "no such peer"));
            }
            let stale = IceSession::Tagged(vec!["stale".into()]);
            let patched = if patch.session == stale {
                IcePatched::Stale
            } else if patch.session == IceSession::Any {
                IcePatched::Restarted {
                    etag: "ice-anew".into(),
                    fragment: "a=ice-lite\r\n".into(),
                }
            } else {
                IcePatched::Noted
            };
            self.patched.lock().unwrap().push(patch);
            Ok(patched)
        })
    }

    fn close(&self, peer: PeerId) -> Answer<'_, bool> {
        boxed(async move {
            self.lives.lock().unwrap().remove(peer.as_str());
            Ok(self.open.lock().unwrap().remove(peer.as_str()).is_some())
        })
    }

    fn tidings(&self, peer: PeerId) -> Answer<'_, Tidings> {
        boxed(async move {
            let open = self.open.lock().unwrap();
            let gone = || Refusal::new(Code::NoSuchPeer, "no such peer");
            let (room, _) = *open.get(peer.as_str()).ok_or_else(gone)?;
            let mut lives = self.lives.lock().unwrap();
            let life = lives.entry(peer.as_str().to_owned());
            let life = life.or_insert_with(|| tokio::sync::watch::channel(()).0);
            Ok(Tidings {
                room,
                section: Some(1),
                stage: self.told.subscribe(),
                life: life.subscribe(),
            })
        })
    }

    fn hold_to(&self, _: PeerId, ceiling: LayerCeiling) -> Answer<'_, ()> {
        boxed(async move {
            self.held.lock().unwrap().push(ceiling);
            Ok(())
        })
    }

    fn viewers(&self, _: RoomNumber) -> usize {
        self.watching.load(Ordering::SeqCst) as usize
    }

    fn played(&self, _: RoomNumber) -> Answer<'_, Option<(community::Broadcast, u64)>> {
        boxed(async { Ok(None) })
    }

    fn start_topic(&self, room: RoomNumber, who: Who, _: ClientId, _: NewTopic) -> Answer<'_, ()> {
        boxed(async move { self.hold(room, Some(who), Verb::Watch).await })
    }

    fn merge_topic(&self, who: Who, merge: Merge) -> Answer<'_, ()> {
        boxed(async move {
            self.hold(merge.topic.room, Some(who), Verb::KeepTopic)
                .await
        })
    }

    fn split_topic(&self, who: Who, order: SplitOrder) -> Answer<'_, ()> {
        boxed(async move { self.hold(order.topic, Some(who), Verb::KeepTopic).await })
    }

    fn broadcast(&self, room: RoomNumber, who: Who, wish: BroadcastWish) -> Answer<'_, Broadcast> {
        boxed(async move {
            self.hold(room, Some(who.clone()), Verb::GoLive).await?;
            Ok(Broadcast {
                id: "b_1".into(),
                phase: Phase::Open,
                title: wish.title.unwrap_or_default(),
                host: Person {
                    id: who.id,
                    name: who.name.to_string(),
                    mark: Mark::Host,
                },
                starts_ms: wish.starts_ms,
                live_ms: None,
            })
        })
    }

    fn awake(&self, _slug: &protocol::Slug) -> Option<RoomNumber> {
        None
    }

    fn listed(&self) -> &tokio::sync::watch::Sender<u64> {
        &self.listed
    }

    fn counts(&self, rooms: Vec<RoomNumber>) -> Answer<'_, Vec<u32>> {
        boxed(async move { Ok(rooms.into_iter().map(|it| 10 * it).collect()) })
    }

    fn revoke(&self, what: Revoked) {
        self.revoked.lock().unwrap().push(what);
    }

    fn appointed(&self, who: Who) -> Answer<'_, ()> {
        boxed(async move {
            self.appointed.lock().unwrap().push(who);
            Ok(())
        })
    }

    fn erased(&self, member: MemberId) -> Answer<'_, ()> {
        boxed(async move {
            self.erased.lock().unwrap().push(member);
            Ok(())
        })
    }

    fn told(&self, _: protocol::MemberId, _: u32) {}

    fn mail_address(&self, text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn push_key(&self) -> String {
        "the key".into()
    }

    fn check_push(&self, _: &str, _: &[u8], _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    fn line_probes(&self) -> LineProbes {
        LineProbes {
            view: "v=0\r\na=ice-ufrag:check\r\n".into(),
            publish: "v=0\r\na=ice-ufrag:study\r\n".into(),
            view_tcp: Some("v=0\r\na=ice-ufrag:pipe\r\n".into()),
            publish_tcp: None,
        }
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    fn takes_newcomers(&self) -> Result<(), Refusal> {
        Ok(())
    }
}
