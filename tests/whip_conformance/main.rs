//! The rules of WHIP (RFC 9725) and of WHEP (draft-ietf-wish-whep), one by one, against the whole
//! server: real HTTP, offers as FFmpeg and Chromium make them. Prints the table; any rule that does
//! not hold fails the test. What is decided where a text leaves a choice stands in
//! `docs/PROTOCOL.md`, chapter 9, with the names of these rules.

#![allow(
    unreachable_pub,
    reason = "a test binary exports nothing; the support is shared"
)]

#[path = "../support/mod.rs"]
mod support;

mod ask;
mod extensions;
mod ice;
mod leaving;
mod publisher;
mod refusals;
mod resources;
mod table;
mod whep;
mod whip;

use ask::Show;
use table::Table;

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_of_whip_and_whep_holds() {
    let mut table = Table::default();
    let show = Show::start().await;
    whip::setting_up(&mut table, &show).await;
    refusals::refusing(&mut table, &show).await;
    resources::methods(&mut table, &show).await;
    resources::ending(&mut table, &show).await;
    whep::before(&mut table, &show).await;
    let publisher = publisher::live(&show).await;
    resources::stage_taken(&mut table, &show).await;
    let watched = whep::watching(&mut table, &show).await;
    ice::of_viewers(&mut table, &show, &watched).await;
    extensions::heard(&mut table, &show, &watched).await;
    whep::ending(&mut table, &show, &watched).await;
    let watched = whep::again(&show).await;
    extensions::ending(&mut table, &show, &watched).await;
    ice::of_publishers(&mut table, &show).await;
    drop(publisher);
    leaving::redirected(&mut table).await;
    leaving::draining(&mut table, show).await;
    table.is_written_in(include_str!("../../docs/PROTOCOL.md"));
    table.end();
}
