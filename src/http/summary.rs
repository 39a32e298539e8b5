//! What a broadcast was, once it is over: for everybody who may watch its room.

use std::collections::BTreeMap;

use axum::{
    Json as Answer,
    extract::{Path, State},
};
use community::{RecordBody, Verb};
use protocol::{
    BroadcastId, Code,
    rest::{
        Ended, EndedList, HeartCount, PollOption, Problem, Summary, SummaryForHost, SummaryPoll,
    },
    server::{Broadcast, Quoted},
};
use store::SummaryRow;

use crate::actor::Stretch;

use super::{
    Doors,
    caller::Caller,
    moments,
    problem::{Failure, Outcome},
    rooms,
};

const LATELY_MAX: usize = 6;

/// What a broadcast was
#[utoipa::path(
    get, path = "/api/v1/rooms/{room}/broadcasts/{id}/summary", tag = "rooms",
    params(
        ("room" = String, Path, description = "the room's slug"),
        ("id" = String, Path, description = "the broadcast's id"),
    ),
    security((), ("bearer" = []), ("sign_in" = [])),
    responses((status = 200, body = Summary), (status = "default", body = Problem)),
)]
pub(crate) async fn show(
    State(doors): State<Doors>,
    Path((room, id)): Path<(String, String)>,
    by: Caller,
) -> Outcome<Answer<Summary>> {
    let room = rooms::find(&doors, room).await?;
    let who = by.who();
    doors
        .stage
        .admit(room.number, who.clone(), Verb::Watch)
        .await?;
    let row = doors.store.summary(BroadcastId::new(id)).await?;
    let row = row
        .filter(|it| it.room == room.number)
        .ok_or_else(|| Failure::new(Code::NotFound, "this broadcast is not over, or not here"))?;
    let said = doors
        .store
        .said_between(room.number, row.seqs, RecordBody::MESSAGE)
        .await?;
    let runs = who.is_some()
        && doors
            .stage
            .admit(room.number, who, Verb::GoLive)
            .await
            .is_ok();
    let told = Told(Stretch {
        store: &doors.store,
        room: room.number,
        circle: room.circle,
        seqs: row.seqs,
    });
    let (answered, pins, polls) = (
        told.0.answered().await?,
        told.pins().await?,
        told.polls().await?,
    );
    let recap = doors.store.recap(row.broadcast.id.clone()).await?;
    let moments = moments::of(&doors, row.broadcast.id.clone(), &by).await?;
    let turnout = &row.turnout;
    Ok(Answer(Summary {
        ended_ms: row.broadcast.ended_ms,
        played_ms: turnout.played_ms,
        peak: turnout.peak,
        people: turnout.people,
        average_ms: turnout.watched_ms / u64::from(turnout.people.max(1)),
        messages: said.messages,
        hearts: hearts(&turnout.hearts),
        answered,
        pins,
        polls,
        recap,
        moments,
        host: runs.then_some(SummaryForHost {
            talkers: said.people,
            watched_ms: turnout.watched_ms,
        }),
        room: room.slug,
        room_title: room.title,
        broadcast: frame(row),
    }))
}

/// The broadcasts that ended last; those of rooms for members only are told to members
#[utoipa::path(
    get, path = "/api/v1/lately", tag = "rooms", security((), ("bearer" = []), ("sign_in" = [])),
    responses((status = 200, body = EndedList), (status = "default", body = Problem)),
)]
pub(crate) async fn lately(State(doors): State<Doors>, by: Caller) -> Outcome<Answer<EndedList>> {
    let Some(circle) = doors.store.circle().await? else {
        return Ok(Answer(EndedList { ended: Vec::new() }));
    };
    let rows = doors
        .store
        .ended_lately(circle.id, !rooms::is_member(&by), LATELY_MAX)
        .await?;
    let mut ended = Vec::new();
    for row in rows {
        if let Some(room) = doors.store.room_by_number(row.room).await? {
            ended.push(Ended {
                room: room.slug,
                ended_ms: row.broadcast.ended_ms,
                played_ms: row.turnout.played_ms,
                people: row.turnout.people,
                broadcast: frame(row),
            });
        }
    }
    Ok(Answer(EndedList { ended }))
}

fn frame(row: SummaryRow) -> Broadcast {
    rooms::frame(row.broadcast)
}

/// A kind and its number on each line.
fn hearts(text: &str) -> Vec<HeartCount> {
    let line = |it: &str| {
        let (kind, n) = it.split_once(' ')?;
        let n = n.parse().ok()?;
        let kind = kind.to_owned();
        Some(HeartCount { kind, n })
    };
    text.lines().filter_map(line).collect()
}

/// The broadcast in its room's log.
struct Told<'a>(Stretch<'a>);

impl Told<'_> {
    /// Those that closed, as they ended.
    async fn polls(&self) -> Outcome<Vec<SummaryPoll>> {
        let mut polls = Vec::new();
        for record in self.0.records(RecordBody::POLL).await? {
            let (seq, pos) = (record.seq, record.pos);
            if let RecordBody::Poll(poll) = record.body
                && let Some(result) = &poll.result
            {
                let votes = result.n.iter().copied().chain(std::iter::repeat(0));
                let options = poll.options.iter().zip(votes);
                polls.push(SummaryPoll {
                    seq,
                    pos,
                    question: poll.question.to_string(),
                    options: options
                        .map(|(text, votes)| PollOption {
                            text: text.to_string(),
                            votes,
                        })
                        .collect(),
                    voters: result.voters,
                });
            }
        }
        Ok(polls)
    }

    /// What stood above the talk and is still to be read.
    async fn pins(&self) -> Outcome<Vec<Quoted>> {
        let (mut seqs, mut own) = (Vec::new(), Vec::new());
        let mut taken_up = BTreeMap::new();
        for record in self.0.records(RecordBody::PIN).await? {
            let pos = record.pos;
            if let RecordBody::Pin(pin) = record.body {
                match pin.of {
                    Some(of) => {
                        taken_up.entry(of).or_insert(pos);
                        seqs.push(of);
                    }
                    None if pin.words.is_some() => own.push(Quoted { pos, ..pin.frame() }),
                    None => {}
                }
            }
        }
        let mut pins = self.0.messages(seqs, &taken_up).await?;
        pins.extend(own);
        Ok(pins)
    }
}
