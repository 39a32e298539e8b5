//! What the operator may change while everybody stays connected: who may make an account, whose pages
//! may open `/ws`, how many connections an address may hold.

use std::sync::{Arc, PoisonError, RwLock};

use super::{Settings, places::Places};

/// The settings in force. Cheap to clone; a change is seen by whoever asks next.
#[derive(Clone)]
pub struct Live {
    settings: Arc<RwLock<Arc<Settings>>>,
    places: Arc<Places>,
}

impl Live {
    pub(super) fn new(settings: Settings, places: Arc<Places>) -> Self {
        Self {
            settings: Arc::new(RwLock::new(Arc::new(with_own(settings)))),
            places,
        }
    }

    pub(super) fn now(&self) -> Arc<Settings> {
        let now = self.settings.read();
        now.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts these in force for everybody who comes from now on. The origin is where the server is
    /// and does not change.
    pub fn change(&self, settings: Settings) {
        let origin = self.now().origin.clone();
        self.places.limit(settings.connections_per_address);
        let settings = Arc::new(with_own(Settings { origin, ..settings }));
        let now = self.settings.write();
        *now.unwrap_or_else(PoisonError::into_inner) = settings;
    }
}

/// Our own pages may open `/ws` by their public name too: a proxy may have changed the Host.
fn with_own(mut settings: Settings) -> Settings {
    settings.origins.push(settings.origin.clone());
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_at_once_and_our_own_pages_stay_welcome() {
        let settings = |origin: &str, sign_up| Settings {
            mail: false,
            origin: origin.to_owned(),
            origins: vec!["https://friend.example".to_owned()],
            sign_up,
            connections_per_address: 3,
        };
        let live = Live::new(settings("https://live.example", true), Places::new(3));
        let seen = live.clone();
        live.change(settings("https://moved.example", false));
        let now = seen.now();
        assert!(!now.sign_up);
        assert_eq!(now.origin, "https://live.example");
        let origins = ["https://friend.example", "https://live.example"];
        assert_eq!(now.origins, origins);
    }
}
