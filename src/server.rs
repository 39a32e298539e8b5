//! Builds the parts in order, joins their ends, and ends them in reverse.

use std::{
    any::Any,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use auth::{
    Secret, ServerSecret, Tokens, TrustedKey, guests::Guests, letter_links::LetterLinks,
    tokens::Roles,
};
use community::{Rates, TalkRate};
use fanout::{Adopt, Peer, Prepared};
use protocol::{
    limits,
    server::{Phase, Push},
};
use reach::Mailer;
use store::{NewAct, RowError, Store};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time,
};

use crate::{
    actor::{Directory, People, Stage, directory::Shards, home_of, push_frame},
    certificates::{self, Keeping},
    config::{Config, Key},
    connection::{Opener, Shared, Tracer},
    database,
    erase::Erasures,
    http::{self, Front, Parts, Settings, seam::Adopted},
    join::{self, Rooms},
    letters::{self, Desk, Digests},
    memory::Memory,
    places, post, search,
    watched::WatchedRooms,
};

/// Reports of media that wait for rooms: a few for each publisher.
const MEDIA_REPORTS_MAX: usize = 4_096;
/// After a drain everybody comes back at a random moment of this range.
const COME_BACK_AFTER_MS: (u32, u32) = (500, 8_000);
/// Sign-ins unused for so long are refused anyway; their rows go at the next start.
const SIGN_IN_KEPT_MS: u64 = 180 * 24 * 3_600_000;
/// How long requests that are under way may take at the end.
const REQUESTS_WITHIN: Duration = Duration::from_secs(3);
/// How often gauges are brought up to date.
const GAUGES_EVERY: Duration = Duration::from_secs(5);

/// A running server.
pub struct Server {
    /// Where the public port listens.
    pub address: SocketAddr,
    /// Where the admin port listens, if it does.
    pub admin: Option<SocketAddr>,
    /// What people type, without a slash at the end.
    pub url: String,
    /// The one-time link that makes the owner's account; absent once that was done.
    pub set_up_link: Option<String>,
    /// Whether there is no certificate yet that browsers trust.
    pub has_stand_in: bool,
    store: Store,
    shards: fanout::Shards,
    directory: Arc<Directory>,
    draining: Arc<AtomicBool>,
    front: Front,
    live: http::Live,
    memory: Arc<Memory>,
    redirect_front: Option<Front>,
    admin_front: Option<Front>,
    media: rtc_edge::Running,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts everything. Errors name what is wrong and what to do about it.
    ///
    /// `port` is the public port where somebody opened it before; else it is opened here.
    pub async fn start(
        config: &Config,
        metrics: telemetry::Metrics,
        port: Option<std::net::TcpListener>,
    ) -> Result<Self> {
        // Before anything else: what is wrong with the files is said at once.
        let files = Keeping::files(&config.certificate)?;
        let folder = config.raw.server.data.clone();
        let kept = database::opened(config)?;
        let store = tokio::task::spawn_blocking(move || Store::open(&folder, &kept))
            .await
            .context("the store's start was interrupted")??;
        let keeping = match files {
            None => Keeping::authority(&config.certificate)?,
            files => files,
        };
        let listener = match port {
            Some(port) => http::adopt_listener(port).context("the port that was handed over")?,
            None => http::listen(config.listen).with_context(|| {
                format!("server.listen = {}: cannot listen there", config.listen)
            })?,
        };
        let address = listener
            .local_addr()
            .context("the public port has no address")?;
        let url = public_url(config, address);
        let secret = store
            .server_secret(ServerSecret::make())
            .await
            .context("the server's secret")?;
        let server_secret = ServerSecret::new(&secret).context("the server's secret")?;
        let tokens = Arc::new(Tokens::new(
            &server_secret,
            &url,
            trusted(&config.raw.auth.keys)?,
        )?);
        let set_up_link = set_up_link(&store, &url).await?;
        let long_ago = clock::unix_ms().saturating_sub(SIGN_IN_KEPT_MS);
        store
            .remove_sign_ins_unused_since(long_ago)
            .await
            .context("old sign-ins")?;

        // Media, and the rooms that direct it.
        let (reports, reported) = mpsc::channel(MEDIA_REPORTS_MAX);
        let (rtc, media) = rtc_edge::Rtc::start(media_config(config), reports)
            .await
            .context("the media ports (rtc.publish_port, rtc.view_ports) cannot be used")?;
        let prepared = Prepared::new(fanout::Config {
            shards: config.shards,
            duty_percent: config.raw.fanout.duty_percent,
            ..fanout::Config::default()
        });
        let handles = Shards::new(prepared.handles().to_vec());
        let (stage, orders) = Stage::new();
        let directory = Directory::new(
            handles.clone(),
            store.clone(),
            stage,
            rates(config),
            rest_after(config),
        );
        let directory = Arc::new(directory);
        let people = Arc::new(People::new(handles.clone()));
        let erasures = Erasures::new(store.clone(), directory.clone(), people.clone());
        let erasures = Arc::new(erasures);
        let memory = Memory::new(config.raw.server.memory_mib);
        let guests = Arc::new(Guests::new(&server_secret));
        let relays = match &config.turn {
            Some(turn) => Some(Arc::new(turn.open()?)),
            None => None,
        };
        let watched = Arc::new(WatchedRooms::default());
        let shared = Shared {
            directory: directory.clone(),
            people: people.clone(),
            tokens: tokens.clone(),
            guests: guests.clone(),
            store: store.clone(),
            tracer: Tracer::new(&server_secret),
            memory: memory.clone(),
            watched: watched.clone(),
            relays: relays.clone(),
        };
        let shards = prepared
            .start(Opener(Arc::new(shared)))
            .context("the shards' threads")?;
        let kept = store
            .push_key(reach::Key::make().context("a key for pushes")?)
            .await
            .context("the key of pushes")?;
        let push_key = Arc::new(reach::Key::read(&kept).context("the key of pushes")?);
        let (tell_gone, gone) = mpsc::channel(post::GONE_MAX);
        let (push, sending) = reach::start(&config.push, push_key.clone(), tell_gone)
            .context("pushes cannot be sent")?;
        let mut tasks = vec![
            tokio::spawn(sending),
            tokio::spawn(post::carry_gone(store.clone(), gone)),
            tokio::spawn(post::carry_notices(
                store.clone(),
                people.clone(),
                push,
                config.mail_after,
            )),
            tokio::spawn(join::carry_orders(orders, rtc.clone())),
            tokio::spawn(join::carry_reports(reported, directory.clone())),
            tokio::spawn(join::end_expired(directory.clone())),
            tokio::spawn(memory.clone().watch()),
            tokio::spawn(search::follow(store.clone())),
            tokio::spawn({
                let erasures = erasures.clone();
                async move { erasures.run().await }
            }),
            tokio::spawn(gauges(
                people.clone(),
                directory.clone(),
                keeping.as_ref().map(|it| it.certificates().clone()),
                metrics.clone(),
            )),
        ];
        if let Some(mail) = &config.mail {
            let desk = Desk {
                store: store.clone(),
                mailer: Mailer::new(mail).context("letters cannot be sent")?,
                links: Arc::new(LetterLinks::new(&server_secret)),
                origin: url.clone(),
            };
            let hour = config.digest_hour.clone();
            let digests = Digests::new(desk.clone(), directory.clone(), hour);
            tasks.push(tokio::spawn(digests.write()));
            tasks.push(tokio::spawn(letters::write(desk)));
        }
        wake_broadcasts(&store, &directory).await?;

        // The doors open last.
        let draining = Arc::new(AtomicBool::new(false));
        let rooms = Arc::new(Rooms {
            directory: directory.clone(),
            people,
            store: store.clone(),
            media: rtc,
            push_key,
            push_private: config.push.private,
            draining: draining.clone(),
            memory: memory.clone(),
            erasures,
        });
        let shelf = config.raw.server.data.clone();
        let shelf = tokio::task::spawn_blocking(move || blobs::Shelf::open(&shelf))
            .await
            .context("the start of the blobs was interrupted")?
            .context("the folder of blobs cannot be used")?;
        let bounds = http::blobs::Bounds {
            room_bytes: config.raw.blobs.room_mib << 20,
            all_bytes: config.raw.blobs.all_mib << 20,
        };
        let kept = Arc::new(http::Blobs::new(shelf, bounds));
        tasks.push(tokio::spawn(kept.clone().keep_clean(store.clone())));
        let acceptor = match &keeping {
            Some(it) => Some(tls::Acceptor::new(it.certificates().clone())?),
            None => None,
        };
        let redirect_front = match config.redirect {
            Some(address) => {
                let listener = http::listen(address)
                    .with_context(|| format!("tls.redirect = {address}: cannot listen there"))?;
                Some(Front::redirect(listener, url.as_str().into())?)
            }
            None => None,
        };
        let admin_front = match config.admin {
            Some(admin) => {
                let metrics = metrics.and(move |out| watched.write(out, clock::now()));
                let router = http::admin(metrics, store.clone(), rooms.clone());
                let listener = http::listen(admin)
                    .with_context(|| format!("server.admin = {admin}: cannot listen there"))?;
                Some(Front::plain(listener, router)?)
            }
            None => None,
        };
        let parts = Parts {
            store: store.clone(),
            tokens,
            guests,
            secret: server_secret,
            stage: rooms,
            settings: settings(config, &url),
            blobs: kept,
            relays,
            tls: acceptor,
        };
        let (front, live) = http::serve(listener, parts, adopt_into(handles))?;
        // Now that the port answers, an authority may look at it.
        let has_stand_in = keeping.as_ref().is_some_and(Keeping::has_stand_in);
        tasks.extend(keeping.map(|it| tokio::spawn(it.run())));
        tasks.retain(|it| !it.is_finished());
        Ok(Self {
            address,
            admin: admin_front.as_ref().map(Front::address),
            url,
            set_up_link,
            has_stand_in,
            store,
            shards,
            directory,
            draining,
            front,
            live,
            memory,
            redirect_front,
            admin_front,
            media,
            tasks,
        })
    }

    /// Puts in force what may change while people are connected.
    pub fn change(&self, config: &Config) {
        self.live.change(settings(config, &self.url));
        self.directory.set_rates(rates(config));
        self.memory.limit(config.raw.server.memory_mib);
    }

    /// A line of the audit log, of what the operator did to the server that runs.
    pub async fn write_down(&self, act: NewAct) -> Result<(), RowError> {
        self.store.add_act(act).await
    }

    /// Returns once every shard has taken a turn: what people see of the server is alive. The disk is
    /// not asked, because no new start heals it.
    pub async fn lives(&self) {
        for shard in self.shards.handles().iter() {
            let (taken, turn) = oneshot::channel();
            shard.spawn(move || async move {
                // Nobody waits any more where this came too late.
                let _ = taken.send(());
            });
            // A shard that has ended takes no turn: this waits until it is given up.
            if turn.await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Ends the parts in reverse: nobody new, everybody told, everything said so far on disk.
    pub async fn shutdown(self) {
        self.draining.store(true, Ordering::Relaxed);
        self.front.stop(REQUESTS_WITHIN).await;
        if let Some(redirect) = self.redirect_front {
            redirect.stop(Duration::from_millis(100)).await;
        }
        let farewell = push_frame(&Push::Goaway {
            after_ms: COME_BACK_AFTER_MS,
        });
        self.shards.drain(farewell, limits::DRAIN_WITHIN).await;
        self.media.shutdown().await;
        for task in self.tasks {
            task.abort();
        }
        // Rooms end when nobody can wish anything of them any more and their appends are answered.
        self.directory.close();
        let ended = async {
            while self.directory.count() > 0 {
                time::sleep(Duration::from_millis(5)).await;
            }
        };
        if time::timeout(REQUESTS_WITHIN, ended).await.is_err() {
            tracing::warn!(rooms = self.directory.count(), "rooms were cut at the end");
        }
        let shards = self.shards;
        // Joining threads blocks; an error means that one had panicked, which it has said.
        let _ = tokio::task::spawn_blocking(move || shards.stop()).await;
        self.store.close().await;
        if let Some(admin) = self.admin_front {
            admin.stop(Duration::from_millis(100)).await;
        }
    }
}

fn settings(config: &Config, url: &str) -> Settings {
    Settings {
        origin: url.to_owned(),
        origins: config.raw.server.origins.clone(),
        sign_up: config.raw.auth.sign_up,
        mail: config.mail.is_some(),
        connections_per_address: config.raw.server.connections_per_address,
    }
}

fn rates(config: &Config) -> Rates {
    let rooms = &config.raw.rooms;
    Rates {
        talk: TalkRate::new(rooms.talk_burst, rooms.talk_per_second),
        readable: rooms.readable_per_second,
    }
}

fn rest_after(config: &Config) -> Option<Duration> {
    let after = config.raw.rooms.rest_ms;
    (after > 0).then(|| Duration::from_millis(after))
}

/// Where people find this server: as configured, or by the port that was really bound.
fn public_url(config: &Config, address: SocketAddr) -> String {
    let is_named = !config.raw.server.public_url.is_empty();
    if !is_named && config.certificate.public_url().is_none() && config.listen.port() == 0 {
        format!("{}://{address}", config.certificate.scheme())
    } else {
        config.public_url.clone()
    }
}

fn media_config(config: &Config) -> rtc_edge::Config {
    let mut media = rtc_edge::Config::new(config.rtc_publish, config.rtc_view.clone());
    media.tcp = config.raw.rtc.tcp;
    media.viewers_per_worker_max = places::of_each_worker(&config.raw.rtc);
    media.public_ips.clone_from(&config.raw.rtc.public_ips);
    media
}

fn trusted(keys: &[Key]) -> Result<Vec<TrustedKey>> {
    keys.iter()
        .map(|key| {
            let material = std::fs::read(&key.file).with_context(|| {
                format!("auth.keys {}: cannot read {}", key.id, key.file.display())
            })?;
            let roles = if key.roles {
                Roles::Named
            } else {
                Roles::MembersOnly
            };
            let (id, algorithm) = (&key.id, &key.algorithm);
            Ok(TrustedKey::new(
                id,
                algorithm,
                &material,
                &key.issuer,
                &key.audience,
                roles,
            )?)
        })
        .collect()
}

/// A new one-time link, until the server is set up. The code stands behind `#`, which no browser
/// sends and no log sees; only its hash is kept.
async fn set_up_link(store: &Store, url: &str) -> Result<Option<String>> {
    if store
        .circle()
        .await
        .context("the circle cannot be read")?
        .is_some()
    {
        return Ok(None);
    }
    let code = Secret::make("");
    store
        .put_set_up_code(code.hash)
        .await
        .context("the set-up code cannot be kept")?;
    Ok(Some(format!("{url}/set-up#{}", code.text)))
}

/// Rooms whose broadcast was going on when the server stopped go on with their grace.
async fn wake_broadcasts(store: &Store, directory: &Directory) -> Result<()> {
    let Some(circle) = store.circle().await.context("the circle cannot be read")? else {
        return Ok(());
    };
    let listed = store
        .rooms(circle.id, usize::from(u16::MAX))
        .await
        .context("the rooms")?;
    let on = |phase| matches!(phase, Phase::Open | Phase::Live | Phase::Paused);
    let numbers = listed
        .into_iter()
        .filter(|it| it.broadcast.as_ref().is_some_and(|it| on(it.phase)))
        .map(|it| it.room.number)
        .collect();
    directory.wake_broadcasts(numbers).await;
    Ok(())
}

/// Hands an upgraded socket to the home shard of the room it hints at; without a hint they take turns.
fn adopt_into(shards: Shards) -> http::seam::Adopt {
    let turn = std::sync::atomic::AtomicUsize::new(0);
    Arc::new(move |adopted: Adopted| {
        let all = shards.all();
        let shard = match &adopted.room_hint {
            Some(slug) => home_of(slug, all.len()),
            None => turn.fetch_add(1, Ordering::Relaxed) % all.len(),
        };
        all[shard].adopt(Adopt {
            socket: adopted.socket,
            tls: adopted.tls,
            peer: Peer {
                addr: adopted.peer,
                origin: adopted.origin,
            },
            held: adopted.place.map(|it| Box::new(it) as Box<dyn Any + Send>),
            read: adopted.read,
        });
    })
}

async fn gauges(
    people: Arc<People>,
    directory: Arc<Directory>,
    shown: Option<Arc<tls::Certificates>>,
    metrics: telemetry::Metrics,
) {
    loop {
        if let Some(shown) = &shown {
            certificates::gauge(shown);
        }
        metrics::gauge!("weiquan_people_connections").set(people.count() as f64);
        metrics::gauge!("weiquan_rooms_running").set(f64::from(directory.count()));
        let tasks = tokio::runtime::Handle::current().metrics();
        metrics::gauge!("weiquan_tasks").set(tasks.num_alive_tasks() as f64);
        telemetry::record_process();
        metrics.upkeep();
        time::sleep(GAUGES_EVERY).await;
    }
}
