//! What the server tells its operator: structured logs (human or JSON) on standard error, metrics
//! for Prometheus, and [`Pii`], which keeps people's addresses and names out of the log.
//!
//! [`start`] is called once by `main`. Everybody else uses the `tracing` and `metrics` macros and
//! wraps what belongs to a person in [`Pii`]. It does not serve anything: `http` renders [`Metrics`]
//! on the admin listener.

mod histogram;
mod process;

use std::{
    fmt,
    io::IsTerminal,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;
use tracing_subscriber::EnvFilter;

pub use histogram::Histogram;
pub use process::{record_process, resident_bytes};

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Human,
    Json,
}

/// What the operator wants to see.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A level, or a list such as `info,weiquan=debug`.
    pub level: String,
    pub format: Format,
    /// Whether addresses and names of people may stand in the log.
    pub addresses: bool,
}

#[derive(Debug, Error)]
pub enum TelemetryError {
    #[error("log.level = {level}: {source}")]
    Level {
        level: String,
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("a log or a metrics recorder is already installed in this process")]
    Twice,
    #[error("the log of this process is gone")]
    Gone,
}

/// Libraries that call things errors which are every encoder's and browser's daily habit (an early
/// RTCP packet, an unknown TLS extension). What an operator must know of them our own code says; an
/// operator who names one of them in `log.level` hears it all the same.
const QUIETED: &str =
    "rtc=off,rtc_dtls=off,rtc_ice=off,rtc_interceptor=off,rtc_srtp=off,webrtc=off,";

/// Seconds. From a warm chat acknowledgement (well below 1 ms) to a stuck disk.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Whether [`Pii`] shows what it holds. Set once by [`start`]; hidden until then.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Writes more of what Prometheus scrapes.
type Writes = Arc<dyn Fn(&mut String) + Send + Sync>;

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics {
    recorded: PrometheusHandle,
    more: Option<Writes>,
}

impl Metrics {
    const fn new(recorded: PrometheusHandle) -> Self {
        Self {
            recorded,
            more: None,
        }
    }

    /// With what somebody else keeps, behind what is recorded.
    pub fn and(self, more: impl Fn(&mut String) + Send + Sync + 'static) -> Self {
        Self {
            more: Some(Arc::new(more)),
            ..self
        }
    }

    /// The text that Prometheus scrapes.
    pub fn render(&self) -> String {
        let mut text = self.recorded.render();
        if let Some(more) = &self.more {
            more(&mut text);
        }
        text
    }

    /// Folds what histograms collected since the last time, so that memory stays bounded when
    /// nobody scrapes. To be called every few seconds.
    pub fn upkeep(&self) {
        self.recorded.run_upkeep();
    }
}

/// What of the log may change while the server runs.
pub struct LogSwitch(Box<dyn Fn(EnvFilter) -> bool + Send + Sync>);

impl LogSwitch {
    /// Another level, and whether addresses and names may stand in the log. On an error nothing is
    /// changed.
    pub fn set(&self, level: &str, addresses: bool) -> Result<(), TelemetryError> {
        let filter = filter(level)?;
        if (self.0)(filter) {
            SHOWN.store(addresses, Ordering::Relaxed);
            Ok(())
        } else {
            Err(TelemetryError::Gone)
        }
    }
}

/// Whether a level can be read.
pub fn check_level(level: &str) -> Result<(), TelemetryError> {
    filter(level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(format!("{QUIETED}{level}")).map_err(|source| TelemetryError::Level {
        level: level.to_owned(),
        source,
    })
}

/// Installs the log and the metrics recorder of this process.
pub fn start(settings: &Settings) -> Result<(Metrics, LogSwitch), TelemetryError> {
    let filter = filter(&settings.level)?;
    SHOWN.store(settings.addresses, Ordering::Relaxed);
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr);
    let (installed, switch) = match settings.format {
        Format::Human => {
            let log = log.with_ansi(std::io::stderr().is_terminal());
            let log = log.with_env_filter(filter).with_filter_reloading();
            let handle = log.reload_handle();
            let switch = LogSwitch(Box::new(move |it| handle.reload(it).is_ok()));
            (log.try_init(), switch)
        }
        Format::Json => {
            let log = log.json().flatten_event(true);
            let log = log.with_env_filter(filter).with_filter_reloading();
            let handle = log.reload_handle();
            let switch = LogSwitch(Box::new(move |it| handle.reload(it).is_ok()));
            (log.try_init(), switch)
        }
    };
    installed.map_err(|_| TelemetryError::Twice)?;
    let recorder = recorder();
    let metrics = Metrics::new(recorder.handle());
    metrics::set_global_recorder(recorder).map_err(|_| TelemetryError::Twice)?;
    Ok((metrics, switch))
}

/// Metrics that are recorded nowhere else: for a test that wants to see `/metrics`.
pub fn detached() -> Metrics {
    Metrics::new(recorder().handle())
}

fn recorder() -> metrics_exporter_prometheus::PrometheusRecorder {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
        .expect("the list of buckets is not empty")
        .build_recorder()
}

/// Something that belongs to a person: an address, a name. It prints as `[hidden]` unless the
/// operator set `log.addresses`. Text, tokens and SDP are never logged, not even by this.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pii<T>(pub T);

impl<T: fmt::Display> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if SHOWN.load(Ordering::Relaxed) {
            self.0.fmt(f)
        } else {
            f.write_str("[hidden]")
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if SHOWN.load(Ordering::Relaxed) {
            self.0.fmt(f)
        } else {
            f.write_str("[hidden]")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test, because the switch and the recorder belong to the whole process.
    #[test]
    fn what_belongs_to_a_person_is_hidden_until_the_operator_allows_it() {
        let address = Pii("203.0.113.7");
        assert_eq!(format!("{address} {address:?}"), "[hidden] [hidden]");

        let wrong = Settings {
            level: "weiquan=loud".into(),
            format: Format::Json,
            addresses: true,
        };
        let error = start(&wrong).err().expect("no such level").to_string();
        assert!(
            error.contains("log.level") && error.contains("loud"),
            "{error}"
        );
        assert_eq!(
            format!("{address}"),
            "[hidden]",
            "a failed start changes nothing"
        );

        let good = Settings {
            level: "info,weiquan=debug".into(),
            ..wrong
        };
        let (metrics, switch) = start(&good).expect("the first start");
        assert_eq!(
            format!("{address} {address:?}"),
            "203.0.113.7 \"203.0.113.7\""
        );
        assert!(matches!(start(&good), Err(TelemetryError::Twice)));

        assert!(switch.set("weiquan=loud", false).is_err());
        assert!(tracing::enabled!(target: "weiquan", tracing::Level::DEBUG));
        assert_eq!(format!("{address}"), "203.0.113.7", "nothing is changed");
        switch.set("warn", false).expect("a level");
        assert!(!tracing::enabled!(target: "weiquan", tracing::Level::INFO));
        assert_eq!(format!("{address}"), "[hidden]");

        metrics::counter!("weiquan_test_total").increment(3);
        metrics::histogram!("weiquan_test_seconds").record(0.002);
        metrics.upkeep();
        let text = metrics.render();
        assert!(text.contains("weiquan_test_total 3"), "{text}");
        assert!(
            text.contains("weiquan_test_seconds_bucket{le=\"0.0025\"} 1"),
            "{text}"
        );
    }
}
