//! Carries notices to people: to every open connection of theirs, and to the browsers that want a push.
//!
//! What is to be told lies in the store, where it was written with what it tells of; a notice that was
//! taken from there counts as told. So nobody is told twice, and what still lies there when the process
//! ends is told by the next one. What was just taken then is not pushed, and waits in the inbox.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::{
    MemberId, name,
    notices::{Notice, NoticeKind},
    server::Push,
};
use reach::{Browser, Gone, Sender, Urgency};
use serde::Serialize;
use store::{RowError, Store, Untold};
use tokio::{sync::mpsc, time};

use crate::actor::People;

/// The longest that something due is not looked at: a reminder that was just asked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// After the store failed.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Subscriptions that are over and wait to be removed.
pub const GONE_MAX: usize = 256;

/// What a browser is pushed: enough for one line on a locked screen.
#[derive(Serialize)]
struct Words<'a> {
    kind: NoticeKind,
    id: u64,
    room: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    topic: bool,
    from: &'a str,
    text: &'a str,
    lang: &'a str,
}

/// Tells people what they are to be told, for as long as the server runs. What they do not see for
/// `mail_after` may go into a letter.
pub async fn carry_notices(store: Store, people: Arc<People>, push: Sender, mail_after: Duration) {
    loop {
        match look(&store, &people, &push, mail_after).await {
            Ok(next) => {
                tokio::select! {
                    () = store.stirred() => {}
                    () = time::sleep(next) => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "notices cannot be told yet");
                time::sleep(AGAIN_AFTER).await;
            }
        }
    }
}

/// Removes subscriptions that their push service says are over.
pub async fn carry_gone(store: Store, mut gone: mpsc::Receiver<Gone>) {
    while let Some(Gone { endpoint }) = gone.recv().await {
        if let Err(error) = store.subscription_gone(endpoint).await {
            tracing::warn!(%error, "a subscription that is over stays for now");
        }
    }
}

/// Tells everything that is due, and answers when to look again at the latest.
async fn look(
    store: &Store,
    people: &People,
    push: &Sender,
    mail_after: Duration,
) -> Result<Duration, RowError> {
    let now_ms = clock::unix_ms();
    let next = store.remind(now_ms).await?;
    loop {
        let untold = store.take_untold_notices(now_ms, mail_after).await?;
        if untold.is_empty() {
            break;
        }
        for it in untold {
            tell(store, people, push, it).await;
        }
    }
    let next = next.map_or(LOOK_EVERY, |it| {
        Duration::from_millis(it.saturating_sub(now_ms))
    });
    Ok(next.min(LOOK_EVERY))
}

async fn tell(store: &Store, people: &People, push: &Sender, it: Untold) {
    metrics::counter!("weiquan_notices_total", "kind" => it.notice.kind.as_str()).increment(1);
    people.tell(
        &it.member,
        &Push::Notice {
            unread: it.unread,
            notice: Some(Box::new(it.notice.clone())),
        },
    );
    // A notice that was emptied before anybody heard of it is not worth a push.
    if it.push
        && !it.notice.text.is_empty()
        && let Err(error) = send(store, push, it.member, &it.notice).await
    {
        tracing::warn!(%error, "a notice is not pushed, and waits in the inbox");
    }
}

async fn send(
    store: &Store,
    push: &Sender,
    member: MemberId,
    notice: &Notice,
) -> Result<(), RowError> {
    for to in store.subscriptions(member).await? {
        let Ok(browser) = Browser::new(to.p256dh, to.auth) else {
            continue;
        };
        let words = Words {
            kind: notice.kind,
            id: notice.id,
            room: notice.room.as_str(),
            title: &notice.title,
            s: notice.s,
            topic: notice.topic,
            from: name::shown(&notice.from.name, &to.lang),
            text: &notice.text,
            lang: &to.lang,
        };
        let (ttl_s, urgency) = match notice.kind {
            NoticeKind::Reminder => (600, Urgency::High),
            NoticeKind::Live => (3_600, Urgency::High),
            NoticeKind::Picked => (600, Urgency::High),
            NoticeKind::Mention
            | NoticeKind::Reply
            | NoticeKind::Accepted
            | NoticeKind::Changed
            | NoticeKind::Credit
            | NoticeKind::Started
            | NoticeKind::Owner
            | NoticeKind::Handed => (24 * 3_600, Urgency::Normal),
        };
        push.send(reach::Push {
            endpoint: to.endpoint,
            browser,
            words: serde_json::to_vec(&words).expect("strings and numbers are always JSON"),
            ttl: Duration::from_secs(ttl_s),
            urgency,
            topic: topic(notice),
        });
    }
    Ok(())
}

/// Of one kind in one room the newest waits for a browser that is not there. It says nothing to the
/// push service, which sees it.
fn topic(notice: &Notice) -> String {
    let named = format!("{} {}", notice.kind.as_str(), notice.room);
    let hash = digest::digest(&digest::SHA256, named.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..24])
}
