//! Browsers that want a push, and the key that this server signs with.

use protocol::MemberId;

use super::{
    RowError,
    column::{int, member},
};
use crate::{
    db::{DbResult, Row},
    store::Store,
};

/// Browsers of one member that are pushed to; the oldest go.
const SUBSCRIPTIONS_MAX: i64 = 10;
const PUSH_KEY: &str = "push_key";

/// A browser's subscription (RFC 8030).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Where its push service listens.
    pub endpoint: String,
    pub member: MemberId,
    /// The browser's public key: an uncompressed point of P-256.
    pub p256dh: Vec<u8>,
    pub auth: Vec<u8>,
    /// In which language it shows what it is sent.
    pub lang: String,
}

impl Store {
    /// The private key of pushes: the first one ever offered.
    pub async fn push_key(&self, offered: Vec<u8>) -> Result<Vec<u8>, RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO server (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                (PUSH_KEY, offered),
            )?;
            let kept = "SELECT value FROM server WHERE key = ?1";
            Ok(db.one(kept, [PUSH_KEY], |row| row.get(0))?)
        })
        .await
    }

    /// Keeps a browser's subscription: an endpoint belongs to whoever said it last.
    pub async fn put_subscription(&self, new: Subscription, now_ms: u64) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO push_subscriptions (endpoint, member, p256dh, auth, lang, made_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (endpoint) DO UPDATE SET member = excluded.member,
                     p256dh = excluded.p256dh, auth = excluded.auth, lang = excluded.lang,
                     made_ms = excluded.made_ms",
                (
                    &new.endpoint,
                    new.member.as_str(),
                    &new.p256dh,
                    &new.auth,
                    &new.lang,
                    int(now_ms),
                ),
            )?;
            db.execute(
                "DELETE FROM push_subscriptions WHERE member = ?1 AND endpoint NOT IN (
                     SELECT endpoint FROM push_subscriptions WHERE member = ?1
                     ORDER BY made_ms DESC, endpoint LIMIT ?2)",
                (new.member.as_str(), SUBSCRIPTIONS_MAX),
            )?;
            Ok(())
        })
        .await
    }

    /// A member's own subscription goes.
    pub async fn remove_subscription(
        &self,
        member: MemberId,
        endpoint: String,
    ) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "DELETE FROM push_subscriptions WHERE member = ?1 AND endpoint = ?2",
                (member.as_str(), &endpoint),
            )?;
            Ok(())
        })
        .await
    }

    /// The push service says that it is over.
    pub async fn subscription_gone(&self, endpoint: String) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "DELETE FROM push_subscriptions WHERE endpoint = ?1",
                [endpoint],
            )?;
            Ok(())
        })
        .await
    }

    pub async fn subscriptions(&self, of: MemberId) -> Result<Vec<Subscription>, RowError> {
        self.read(move |db| {
            let found = db.all(
                "SELECT endpoint, member, p256dh, auth, lang FROM push_subscriptions
                     WHERE member = ?1",
                [of.as_str()],
                subscription_row,
            )?;
            Ok(found)
        })
        .await
    }
}

fn subscription_row(row: &Row<'_>) -> DbResult<Subscription> {
    Ok(Subscription {
        endpoint: row.get(0)?,
        member: member(row, 1)?,
        p256dh: row.get(2)?,
        auth: row.get(3)?,
        lang: row.get(4)?,
    })
}
