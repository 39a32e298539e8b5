//! How often one may try each thing that costs us something or could be guessed at.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use auth::throttle::{Rate, Throttle, prefix};
use protocol::{Code, MemberId, Refusal, limits};

use super::problem::Outcome;

/// Keys remembered for each kind: about 6 MiB in all when an attacker fills them.
const KEYS_MAX: usize = 16_384;

const MINUTE_MS: u64 = 60_000;

/// All buckets of this server.
pub(crate) struct Throttles {
    sign_in: Mutex<Throttle<([u8; 8], String)>>,
    sign_in_address: Mutex<Throttle<[u8; 8]>>,
    accounts: Mutex<Throttle<[u8; 8]>>,
    publish: Mutex<Throttle<[u8; 8]>>,
    view: Mutex<Throttle<[u8; 8]>>,
    resource: Mutex<Throttle<[u8; 8]>>,
    check: Mutex<Throttle<[u8; 8]>>,
    upload: Mutex<Throttle<[u8; 8]>>,
    rooms: Mutex<Throttle<MemberId>>,
    topics: Mutex<Throttle<MemberId>>,
    blobs: Mutex<Throttle<MemberId>>,
    exports: Mutex<Throttle<MemberId>>,
    letters: Mutex<Throttle<MemberId>>,
    letters_address: Mutex<Throttle<[u8; 8]>>,
    searches: Mutex<Throttle<MemberId>>,
    searches_address: Mutex<Throttle<[u8; 8]>>,
}

/// What is counted by address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByAddress {
    /// Making accounts, and trying set-up codes: each hashes a password.
    Account,
    Publish,
    View,
    /// Changing or ending what was made by one of these two.
    Resource,
    /// Asking how one's line is.
    Check,
    /// Uploading a megabyte for it.
    Upload,
    /// Asking for letters: a household asks seldom.
    Letter,
    /// Searching without an account.
    Search,
}

impl Throttles {
    pub(crate) fn new() -> Self {
        let tries = limits::SIGN_IN_TRIES_MAX;
        let window_ms = limits::SIGN_IN_WINDOW.as_millis() as u64;
        Self {
            sign_in: bucket(tries, window_ms),
            // One address that tries many names: a household or office signs in less often.
            sign_in_address: bucket(6 * tries, window_ms),
            accounts: bucket(20, 10 * MINUTE_MS),
            // An encoder that reconnects each second is broken, not eager.
            publish: bucket(60, MINUTE_MS),
            // A lecture hall behind one address opens at once; each view costs about 1 ms of CPU.
            view: bucket(1_000, MINUTE_MS),
            // As many viewers as may come may also move to another network and go.
            resource: bucket(3_000, MINUTE_MS),
            check: bucket(120, MINUTE_MS),
            // At most 0.2 MB a second of one address on average.
            upload: bucket(12, MINUTE_MS),
            rooms: bucket(20, 10 * MINUTE_MS),
            topics: bucket(limits::TOPICS_PER_TEN_MINUTES, 10 * MINUTE_MS),
            blobs: bucket(limits::UPLOADS_PER_MINUTE, MINUTE_MS),
            exports: bucket(limits::EXPORTS_PER_HOUR, 60 * MINUTE_MS),
            letters: bucket(limits::LETTERS_PER_HOUR, 60 * MINUTE_MS),
            letters_address: bucket(limits::FORGOTTEN_PER_HOUR, 60 * MINUTE_MS),
            searches: bucket(limits::SEARCHES_PER_MINUTE, MINUTE_MS),
            // Guests are made at will, so where they come from counts: a hall of them.
            searches_address: bucket(10 * limits::SEARCHES_PER_MINUTE, MINUTE_MS),
        }
    }

    /// One try to sign in under a name.
    pub(crate) fn sign_in(&self, address: IpAddr, name: &str) -> Outcome<()> {
        let now_ms = clock::unix_ms();
        let prefix = prefix(address);
        take(&self.sign_in_address, &prefix, now_ms)
            .and_then(|()| take(&self.sign_in, &(prefix, auth::names::fold(name)), now_ms))
            .map_err(|ms| too_many(Code::TooManyTries, ms).into())
    }

    /// It succeeded, so it was no try: only failures count.
    pub(crate) fn signed_in(&self, address: IpAddr, name: &str) {
        let now_ms = clock::unix_ms();
        let prefix = prefix(address);
        let key = (prefix, auth::names::fold(name));
        lock(&self.sign_in).give_back(&key, now_ms);
        lock(&self.sign_in_address).give_back(&prefix, now_ms);
    }

    pub(crate) fn address(&self, what: ByAddress, address: IpAddr) -> Outcome<()> {
        let (bucket, code) = match what {
            ByAddress::Account => (&self.accounts, Code::TooManyTries),
            ByAddress::Publish => (&self.publish, Code::RateLimited),
            ByAddress::View => (&self.view, Code::RateLimited),
            ByAddress::Resource => (&self.resource, Code::RateLimited),
            ByAddress::Check => (&self.check, Code::RateLimited),
            ByAddress::Upload => (&self.upload, Code::RateLimited),
            ByAddress::Letter => (&self.letters_address, Code::TooManyTries),
            ByAddress::Search => (&self.searches_address, Code::RateLimited),
        };
        take(bucket, &prefix(address), clock::unix_ms()).map_err(|ms| too_many(code, ms).into())
    }

    /// One upload of a member.
    pub(crate) fn blob(&self, member: &MemberId) -> Outcome<()> {
        take(&self.blobs, member, clock::unix_ms())
            .map_err(|ms| too_many(Code::RateLimited, ms).into())
    }

    /// One export of a member.
    pub(crate) fn export(&self, member: &MemberId) -> Outcome<()> {
        take(&self.exports, member, clock::unix_ms())
            .map_err(|ms| too_many(Code::RateLimited, ms).into())
    }

    /// One letter with a link to a member.
    pub(crate) fn letter(&self, member: &MemberId) -> Outcome<()> {
        take(&self.letters, member, clock::unix_ms())
            .map_err(|ms| too_many(Code::TooManyTries, ms).into())
    }

    /// One new topic of a member.
    pub(crate) fn topic(&self, member: &MemberId) -> Outcome<()> {
        take(&self.topics, member, clock::unix_ms())
            .map_err(|ms| too_many(Code::RateLimited, ms).into())
    }

    /// One search of a member.
    pub(crate) fn search(&self, member: &MemberId) -> Outcome<()> {
        take(&self.searches, member, clock::unix_ms())
            .map_err(|ms| too_many(Code::RateLimited, ms).into())
    }

    /// One new room of a member.
    pub(crate) fn room(&self, member: &MemberId) -> Outcome<()> {
        take(&self.rooms, member, clock::unix_ms())
            .map_err(|ms| too_many(Code::RateLimited, ms).into())
    }
}

fn bucket<K: std::hash::Hash + Eq + Clone>(burst: u32, per_ms: u64) -> Mutex<Throttle<K>> {
    Mutex::new(Throttle::new(Rate { burst, per_ms }, KEYS_MAX))
}

fn take<K: std::hash::Hash + Eq + Clone>(
    bucket: &Mutex<Throttle<K>>,
    key: &K,
    now_ms: u64,
) -> Result<(), u64> {
    lock(bucket).take(key, now_ms)
}

fn too_many(code: Code, ms: u64) -> Refusal {
    Refusal::new(code, "that was too often: wait a little").after_ms(ms)
}

/// Nothing panics while one of these is held, so a poisoned lock is as good as another.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
