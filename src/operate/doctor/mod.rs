//! `weiquan doctor`: whether this machine is fit for the server as it is configured.
//!
//! Each check looks, says what is the case, and where that is not well, what to do in one sentence.
//! Nothing is changed, apart from a small file in the data folder that is gone again. A server may be
//! running: then its ports and its database are left alone.

mod disk;
mod machine;
mod mail;
mod network;
mod secure;

use std::path::Path;

use store::backup::Standing;

use super::report::{Check, Report};
use crate::{config::Config, database::opened};

/// Looks at everything. Takes about a second, most of it for the disk; up to a minute where the mail server
/// does not answer.
pub async fn doctor(config: &Config) -> Report {
    let data = &config.raw.server.data;
    let mut report = Report::new(format!(
        "weiquan {} on this machine, data in {}",
        env!("CARGO_PKG_VERSION"),
        data.display()
    ));
    let (database, runs) = match &config.database {
        None => {
            let standing = store::backup::standing(data);
            let runs = matches!(standing, Ok(Standing::InUse));
            (database(data, standing), runs)
        }
        Some(url) => postgres(config, url),
    };
    report.push(machine::descriptors());
    report.push(machine::clock());
    for check in machine::kernel() {
        report.push(check);
    }
    for check in network::ports(config, runs) {
        report.push(check);
    }
    for check in network::media(config) {
        report.push(check);
    }
    report.push(network::public_address(config));
    for check in secure::https(config) {
        report.push(check);
    }
    if let Some(check) = secure::relays(config) {
        report.push(check);
    }
    report.push(mail::server(config).await);
    for check in disk::all(data) {
        report.push(check);
    }
    report.push(database);
    report
}

/// A PostgreSQL database, and whether a server writes to it.
fn postgres(config: &Config, url: &store::DatabaseUrl) -> (Check, bool) {
    let name = "database";
    let standing = opened(config).map_err(|it| it.to_string()).and_then(|it| {
        let url = it.url.as_ref().unwrap_or(url);
        store::database_standing(url).map_err(|it| it.to_string())
    });
    let check = match &standing {
        Err(error) => Check::fail(name, error.clone(), "mend that, then look again"),
        Ok(it) => match (it.schema, it.is_served) {
            (None, _) => Check::ok(name, format!("{url}, empty: the first start makes it")),
            (Some(schema), true) => Check::ok(
                name,
                format!("{url}, schema {schema}, open in a running server"),
            ),
            (Some(schema), false) => Check::ok(name, format!("{url}, schema {schema}")),
        },
    };
    (check, standing.is_ok_and(|it| it.is_served))
}

fn database(data: &Path, standing: Result<Standing, store::backup::BackupError>) -> Check {
    let name = "database";
    let advice =
        "stop the server, keep the folder as it is, and restore the last backup into another";
    match standing {
        Ok(Standing::Absent) => Check::ok(name, "none yet: the first start makes it"),
        Ok(Standing::InUse) => Check::ok(
            name,
            "open in a running server; `weiquan backup` and `verify-backup` look at it closely",
        ),
        Ok(Standing::Closed { schema, .. }) if schema > store::backup::known_schema() => {
            Check::fail(
                name,
                format!("schema {schema} is newer than this version knows"),
                "start the version that wrote it, or a newer one",
            )
        }
        Ok(Standing::Closed { schema, faults }) if faults.is_empty() => {
            Check::ok(name, format!("schema {schema}, every page sound"))
        }
        Ok(Standing::Closed { faults, .. }) => Check::fail(name, faults[0].clone(), advice),
        Err(error) => Check::fail(
            name,
            error.to_string(),
            format!(
                "run the doctor as the user who runs the server, who must own {}",
                data.display()
            ),
        ),
    }
}
