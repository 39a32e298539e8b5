//! What an event stream says, and when: the state of things at once, what is new about them then, numbers
//! alone only now and then.

use std::{
    fmt::Write as _,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Bytes;
use futures_util::stream::{self, Stream};
use protocol::{
    layers::{LayerTold, StageTold},
    limits,
};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::events::Seat;
use crate::http::seam::{Stage, Tidings};

/// How often it is looked whether something is due, or the server goes down.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The kinds of events that a player wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    active: bool,
    inactive: bool,
    layers: bool,
    viewercount: bool,
}

impl Wants {
    pub(super) const fn all() -> Self {
        Self {
            active: true,
            inactive: true,
            layers: true,
            viewercount: true,
        }
    }

    /// Those of these names that there are; `None` where there is none of them.
    pub(super) fn of(names: &[String]) -> Option<Self> {
        let wants = |name: &str| names.iter().any(|it| it == name);
        let wants = Self {
            active: wants("active"),
            inactive: wants("inactive"),
            layers: wants("layers"),
            viewercount: wants("viewercount"),
        };
        (wants != Self::default()).then_some(wants)
    }
}

/// What a reader has been told so far.
#[derive(Debug, Default)]
struct Told {
    on: bool,
    layers: Option<Vec<LayerTold>>,
    layers_at: Option<Instant>,
    viewers: Option<usize>,
    viewers_at: Option<Instant>,
    said_at: Option<Instant>,
}

/// A reader of a stream.
pub(super) struct Reading {
    wants: Wants,
    tidings: Tidings,
    turn: watch::Receiver<u64>,
    told: Told,
}

impl Reading {
    /// The turn is this reader's until it changes.
    pub(super) fn new(wants: Wants, tidings: Tidings, turn: watch::Receiver<u64>) -> Self {
        Self {
            wants,
            tidings,
            turn,
            told: Told::default(),
        }
    }

    /// The events as they come, until the viewer is gone, the stream ends, somebody else reads it or the
    /// server goes down.
    pub(super) fn told(
        self,
        stage: Arc<dyn Stage>,
        seat: Seat,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let begin = (self, stage, seat);
        stream::unfold(begin, |(mut reading, stage, seat)| async move {
            let text = reading.next(&*stage).await?;
            Some((Ok(text), (reading, stage, seat)))
        })
    }

    async fn next(&mut self, stage: &dyn Stage) -> Option<Bytes> {
        loop {
            if stage.is_draining() || self.is_over() {
                return None;
            }
            let text = {
                let viewers = stage.viewers(self.tidings.room);
                let now = self.tidings.stage.borrow_and_update();
                self.told.say(
                    self.wants,
                    self.tidings.section,
                    &now,
                    viewers,
                    clock::now(),
                )
            };
            if !text.is_empty() {
                return Some(text.into());
            }
            tokio::select! {
                // Each is a reason to look again; the ends show themselves there.
                _ = self.tidings.stage.changed() => {}
                _ = self.tidings.life.changed() => {}
                _ = self.turn.changed() => return None,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// The viewer is gone, the stream was ended, or it is somebody else's turn.
    fn is_over(&self) -> bool {
        self.tidings.life.has_changed().is_err()
            || self.tidings.stage.has_changed().is_err()
            || !matches!(self.turn.has_changed(), Ok(false))
    }
}

impl Told {
    /// What is due now, as lines of the stream; nothing where nothing is.
    fn say(
        &mut self,
        wants: Wants,
        section: Option<usize>,
        stage: &StageTold,
        viewers: usize,
        now: Instant,
    ) -> String {
        let mut out = String::new();
        if std::mem::replace(&mut self.on, stage.on) != stage.on {
            let (name, wanted) = match stage.on {
                true => ("active", wants.active),
                false => ("inactive", wants.inactive),
            };
            if wanted {
                event(&mut out, name, &json!({}));
            }
        }
        let rests = |at: Option<Instant>| {
            at.is_some_and(|at| now.saturating_duration_since(at) < limits::EVENT_NUMBERS_EVERY)
        };
        if let Some(section) = section.filter(|_| wants.layers && stage.on) {
            let before = self.layers.as_deref();
            let same = before.is_some_and(|it| are_alike(it, &stage.layers));
            let all_same = before == Some(stage.layers.as_slice());
            if !same || (!all_same && !rests(self.layers_at)) {
                event(&mut out, "layers", &layers(section, &stage.layers));
                self.layers = Some(stage.layers.clone());
                self.layers_at = Some(now);
            }
        }
        if wants.viewercount && self.viewers != Some(viewers) && !rests(self.viewers_at) {
            event(&mut out, "viewercount", &json!({ "viewercount": viewers }));
            self.viewers = Some(viewers);
            self.viewers_at = Some(now);
        }
        let silent = self
            .said_at
            .is_none_or(|at| now.saturating_duration_since(at) >= limits::EVENT_SILENT_MAX);
        if out.is_empty() && silent {
            // A comment, which readers pass over.
            out.push_str(":\n\n");
        }
        if !out.is_empty() {
            self.said_at = Some(now);
        }
        out
    }
}

/// The same layers of the same sizes, and the same of them flow.
fn are_alike(before: &[LayerTold], now: &[LayerTold]) -> bool {
    let looks = |it: &LayerTold| (it.layer, it.kbps > 0, it.width, it.height);
    before.iter().map(looks).eq(now.iter().map(looks))
}

/// The largest first, as the draft shows them.
fn layers(section: usize, layers: &[LayerTold]) -> Value {
    let layer = |it: &LayerTold| {
        let name = it.layer.to_string();
        let mut layer = Map::new();
        layer.insert("rid".into(), name.clone().into());
        layer.insert("encodingId".into(), name.into());
        if it.kbps > 0 {
            layer.insert("bitrate".into(), (u64::from(it.kbps) * 1_000).into());
        }
        for (name, pixels) in [("width", it.width), ("height", it.height)] {
            if let Some(pixels) = pixels {
                layer.insert(name.into(), pixels.into());
            }
        }
        Value::Object(layer)
    };
    let layers: Vec<Value> = layers.iter().rev().map(layer).collect();
    json!({ section.to_string(): layers })
}

fn event(out: &mut String, name: &str, data: &Value) {
    // One line: JSON breaks none.
    let _ = write!(out, "event: {name}\ndata: {data}\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(layer: u8, kbps: u32, size: Option<(u16, u16)>) -> LayerTold {
        LayerTold {
            layer,
            kbps,
            width: size.map(|it| it.0),
            height: size.map(|it| it.1),
        }
    }

    fn on(layers: Vec<LayerTold>) -> StageTold {
        StageTold { on: true, layers }
    }

    struct Reader {
        told: Told,
        wants: Wants,
        start: Instant,
    }

    fn reader(wants: Wants) -> Reader {
        Reader {
            told: Told::default(),
            wants,
            start: Instant::now(),
        }
    }

    impl Reader {
        fn hears(&mut self, ms: u64, stage: &StageTold, viewers: usize) -> String {
            let now = self.start + Duration::from_millis(ms);
            self.told.say(self.wants, Some(1), stage, viewers, now)
        }
    }

    #[test]
    fn who_begins_to_read_hears_how_things_are() {
        let mut reader = reader(Wants::all());
        let stage = on(vec![layer(0, 0, None), layer(1, 1_200, Some((1_280, 720)))]);
        let text = reader.hears(0, &stage, 3);
        let events = text.strip_suffix("\n\n").expect("whole events");
        let events = events.split("\n\n").map(|it| {
            let (name, data) = it.split_once("\ndata: ").expect("data in one line");
            (name, serde_json::from_str::<Value>(data).expect("JSON"))
        });
        let layers = json!({"1": [
            {"rid": "1", "encodingId": "1", "bitrate": 1_200_000, "width": 1_280, "height": 720},
            {"rid": "0", "encodingId": "0"},
        ]});
        let wanted = [
            ("event: active", json!({})),
            ("event: layers", layers),
            ("event: viewercount", json!({"viewercount": 3})),
        ];
        assert_eq!(events.collect::<Vec<_>>(), wanted);
        assert_eq!(reader.hears(1, &stage, 3), "");
    }

    #[test]
    fn no_inactive_comes_first_and_each_comes_once() {
        let mut reader = reader(Wants {
            layers: false,
            viewercount: false,
            ..Wants::all()
        });
        let (is_on, is_off) = (on(Vec::new()), StageTold::default());
        assert_eq!(reader.hears(0, &is_off, 0), ":\n\n");
        assert_eq!(reader.hears(1, &is_on, 0), "event: active\ndata: {}\n\n");
        assert_eq!(reader.hears(2, &is_on, 0), "");
        let over = "event: inactive\ndata: {}\n\n";
        assert_eq!(reader.hears(3, &is_off, 0), over);
        assert_eq!(reader.hears(4, &is_off, 0), "");
    }

    #[test]
    fn another_shape_is_told_at_once_and_numbers_now_and_then() {
        let mut reader = reader(Wants::all());
        let told = |text: String| (text.contains("layers"), text.contains("viewercount"));
        let at = |kbps| on(vec![layer(0, kbps, Some((320, 180)))]);
        assert_eq!(told(reader.hears(0, &at(100), 1)), (true, true));
        assert_eq!(told(reader.hears(1_000, &at(110), 2)), (false, false));
        assert_eq!(told(reader.hears(2_000, &at(0), 2)), (true, false));
        assert_eq!(told(reader.hears(5_000, &at(0), 2)), (false, true));
        let larger = on(vec![layer(0, 100, Some((640, 360)))]);
        assert_eq!(told(reader.hears(5_001, &larger, 2)), (true, false));
        let faster = on(vec![layer(0, 120, Some((640, 360)))]);
        assert_eq!(told(reader.hears(10_000, &faster, 2)), (false, false));
        assert_eq!(told(reader.hears(10_001, &faster, 2)), (true, false));
    }

    #[test]
    fn a_stream_that_has_nothing_to_say_says_that_it_is_there() {
        let mut reader = reader(Wants::of(&["layers".to_owned()]).expect("one"));
        let off = StageTold::default();
        let said: Vec<u64> = (0..60)
            .filter(|second| !reader.hears(second * 1_000, &off, 0).is_empty())
            .collect();
        assert_eq!(said, [0, 15, 30, 45]);
    }

    #[test]
    fn what_is_not_said_here_is_passed_over() {
        let names = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|it| (*it).to_owned()).collect();
            Wants::of(&names)
        };
        assert_eq!(names(&["reconnect", "scte35"]), None);
        assert_eq!(names(&[]), None);
        let wants = names(&["active", "reconnect"]).expect("one");
        assert_eq!((wants.active, wants.layers), (true, false));
    }
}
