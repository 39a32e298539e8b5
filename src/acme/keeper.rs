//! The life of a certificate: found or ordered, shown, renewed in time, again and again.

use std::{sync::Arc, time::Duration};

use tls::{About, Certificates};
use tokio::time::{sleep, timeout};

use crate::{
    Settings,
    authority::Authority,
    fault::Fault,
    kept::Kept,
    made, order,
    schedule::{self, Failed},
};

/// One order from its beginning to its end.
const ORDER_WITHIN: Duration = Duration::from_secs(5 * 60);
/// Longest sleep: a machine that was suspended, or whose clock was set, finds out by then.
const SLEEP_MOST: Duration = Duration::from_secs(3_600);
/// With less than this left, a failure is for a person to look at.
const SERIOUS_MS: u64 = 7 * 24 * 3_600_000;

/// Keeps the certificate of one server. See the crate's description.
pub struct Keeper {
    domains: Vec<String>,
    authority: Authority,
    shown: Arc<Certificates>,
    /// When to order next, Unix milliseconds.
    due_ms: u64,
}

impl Keeper {
    /// Finds what is kept. Blocks on the disk; talks to nobody.
    pub fn open(settings: Settings) -> Result<Self, Fault> {
        let kept = Kept::open(&settings.folder, &settings.directory)?;
        let found = kept.certificate()?;
        let authority = Authority::new(&settings, kept)?;
        let due_ms = match found.as_ref().and_then(|it| it.about()) {
            Some(about) if about.covers(&settings.domains) => schedule::renew_at_ms(about, dice()),
            _ => clock::unix_ms(),
        };
        let first = match found {
            Some(kept) => kept,
            None => made::stand_in(&settings.domains)?,
        };
        Ok(Self {
            domains: settings.domains,
            authority,
            shown: Arc::new(Certificates::new(first)),
            due_ms,
        })
    }

    /// What is shown, now and later.
    pub fn certificates(&self) -> &Arc<Certificates> {
        &self.shown
    }

    /// Whether nobody trusts what is shown, because there is no certificate yet.
    pub fn has_stand_in(&self) -> bool {
        self.shown.about().is_none()
    }

    /// Orders whenever it is time to, for as long as the server runs.
    pub async fn run(self) {
        let mut failures = 0;
        let mut due_ms = self.due_ms;
        loop {
            sleep_until(due_ms).await;
            match self.renew().await {
                Ok(about) => {
                    failures = 0;
                    due_ms = schedule::after_success_ms(&about, clock::unix_ms(), dice());
                    count("issued");
                    tracing::info!(
                        names = self.domains.join(" "),
                        days = about.lifetime_ms() / (24 * 3_600_000),
                        "a new certificate is shown from now on"
                    );
                }
                Err(fault) => {
                    failures += 1;
                    let failed = Failed {
                        failures,
                        heard: fault.was_heard(),
                        asked: self.authority.client.take_asked(),
                    };
                    let wait = schedule::after_failure(failed, dice());
                    due_ms = clock::unix_ms() + wait.as_millis() as u64;
                    count("failed");
                    self.say(&fault, wait);
                }
            }
        }
    }

    async fn renew(&self) -> Result<About, Fault> {
        let ordered = order::order(&self.authority, &self.domains, &self.shown);
        let Ok(issued) = timeout(ORDER_WITHIN, ordered).await else {
            return Err(Fault::Late {
                within: ORDER_WITHIN,
            });
        };
        let issued = issued?;
        let pair = issued.pair()?;
        let about = pair.about().cloned();
        let about = about.ok_or_else(|| Fault::Certificate("it says nothing of itself".into()))?;
        if about.until_ms <= clock::unix_ms() {
            return Err(Fault::Certificate("it was over when it came".into()));
        }
        self.shown.show(pair);
        let kept = self
            .authority
            .on_disk(move |it| it.keep_certificate(&issued.key_pem, &issued.chain_pem))
            .await;
        if let Err(error) = kept {
            // It serves all the same; the next start has to order again.
            tracing::error!(%error, "the new certificate is shown, but could not be kept");
        }
        Ok(about)
    }

    fn say(&self, fault: &Fault, wait: Duration) {
        let again_s = wait.as_secs();
        let left_ms = self
            .shown
            .about()
            .map(|it| it.until_ms.saturating_sub(clock::unix_ms()));
        match left_ms {
            None => tracing::error!(
                %fault, again_s,
                "no certificate yet: browsers warn of the one that the server signed itself"
            ),
            Some(left) if left < SERIOUS_MS => tracing::error!(
                %fault, again_s, hours_left = left / 3_600_000,
                "the certificate could not be renewed and ends soon"
            ),
            Some(left) => tracing::warn!(
                %fault, again_s, days_left = left / (24 * 3_600_000),
                "the certificate could not be renewed; the old one stays"
            ),
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("weiquan_acme_orders_total", "outcome" => outcome).increment(1);
}

async fn sleep_until(due_ms: u64) {
    loop {
        match due_ms.saturating_sub(clock::unix_ms()) {
            0 => return,
            left_ms => sleep(Duration::from_millis(left_ms).min(SLEEP_MOST)).await,
        }
    }
}

/// A random number; without the system's randomness (which TLS could not do without either) a fixed one.
fn dice() -> u32 {
    getrandom::u32().unwrap_or_default()
}
