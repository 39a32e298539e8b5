//! The dashboard asks for what a server really tells, and nothing else.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use protocol::{ClientFrame, Watched};
use serde_json::Value;
use support::{Publisher, SOON, Server, viewer};
use tokio::time::timeout;

fn dashboard() -> Value {
    serde_json::from_str(include_str!("../config/grafana.json")).expect("JSON")
}

/// Title and queries of each panel.
fn queries(dashboard: &Value) -> BTreeMap<String, Vec<String>> {
    let text = |it: &Value| it.as_str().expect("text").to_owned();
    let panels = dashboard["panels"].as_array().expect("panels");
    let query = |it: &Value| text(&it["expr"]);
    let asked = |panel: &Value| {
        let targets = panel["targets"].as_array().expect("queries");
        (text(&panel["title"]), targets.iter().map(query).collect())
    };
    panels.iter().map(asked).collect()
}

/// The names of metrics in a query: words with an underscore that are no function and no variable.
fn metrics_of(query: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    query
        .split(|c| !is_name(c))
        .filter(|it| it.contains('_') && !it.starts_with('$') && *it != "histogram_quantile")
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_the_dashboard_is_told_by_a_running_server() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    line.say(a, "there is something to count")
        .await
        .expect("acknowledged");
    let refused = line.join("nowhere", None).await;
    assert!(refused.is_err(), "{refused:?}");
    let key = owner.make_stream_key("hall").await.key;
    let _publisher = Publisher::start(&server, "/whip", &key);
    viewer::picture_is_here(&mut line).await;
    viewer::watch(&mut line, a).await;
    let how = Watched {
        watched_ms: 60_000,
        ..Watched::default()
    };
    // The second comes too soon, and is counted as that.
    for _ in 0..2 {
        let word = ClientFrame::Watched { a, how };
        line.send(&word).await.expect("sent");
    }

    let mut wanted: BTreeSet<(String, String)> = BTreeSet::new();
    for (title, asked) in queries(&dashboard()) {
        for query in asked {
            let names = metrics_of(&query);
            assert!(!names.is_empty(), "{title} asks for nothing: {query}");
            wanted.extend(names.into_iter().map(|it| (title.clone(), it)));
        }
    }
    assert!(wanted.len() > 20, "{wanted:?}");
    let metrics = format!("http://{}/metrics", server.admin);
    let mut missing = wanted;
    // Gauges are brought up to date every few seconds.
    let told = timeout(SOON, async {
        while !missing.is_empty() {
            let text = reqwest::get(&metrics).await.expect("answered").text().await;
            let text = text.expect("text");
            let names: BTreeSet<&str> = text
                .lines()
                .filter(|it| !it.starts_with('#'))
                .filter_map(|it| it.split(['{', ' ']).next())
                .collect();
            missing.retain(|(_, name)| !names.contains(name.as_str()));
            tokio::task::yield_now().await;
        }
    });
    let in_time = told.await.is_ok();
    assert!(in_time, "asked for, and told by nobody: {missing:?}");
}

#[test]
fn panels_lie_side_by_side_and_say_what_they_show() {
    let dashboard = dashboard();
    let mut taken = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().expect("a title").to_owned();
        assert!(
            panel["description"]
                .as_str()
                .is_some_and(|it| it.len() > 10),
            "{title}"
        );
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title}");
        let place = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        assert!(
            place("x") + place("w") <= 24,
            "{title} leads out of the page"
        );
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                let other = taken.insert((x, y), title.clone());
                assert!(other.is_none(), "{title} lies on {other:?}");
            }
        }
    }
}
