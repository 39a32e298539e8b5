//! What a client hears unasked, named by `op`.

use serde::{Deserialize, Serialize};

use crate::{
    client::ReviewAct,
    health::PublisherHealth,
    ids::{MemberId, PeerId, RoomNumber, Seq},
    notices::Notice,
    order::HeldItem,
    peer::PeerEnd,
    refusal::Refusal,
    server::{Mark, Person, RecordFrame, State, is_zero},
};

/// What the server says unasked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum Push {
    /// Records. `s` is the range of seqs the frame stands for: a client whose last seq is
    /// `s[0] - 1` has missed nothing, even where `skip` of them were left out.
    Ev {
        a: RoomNumber,
        #[cfg_attr(feature = "ts", ts(type = "[number, number]"))]
        s: (Seq, Seq),
        /// More is said in the room than can be read: so many records of the range are in the
        /// history alone.
        #[serde(default, skip_serializing_if = "is_zero")]
        #[cfg_attr(feature = "ts", ts(as = "Option<u32>", optional))]
        skip: u32,
        ev: Vec<RecordFrame>,
    },
    /// Records that were left out of an `ev` (before it or behind it), and that this person is shown
    /// all the same: their own, what names or answers them; for who runs the room all of them. The
    /// position stays.
    Beside {
        a: RoomNumber,
        ev: Vec<RecordFrame>,
    },
    State {
        a: RoomNumber,
        #[serde(flatten)]
        state: Box<State>,
    },
    /// Hearts since the last one, by kind.
    Burst {
        a: RoomNumber,
        b: std::collections::BTreeMap<String, u32>,
    },
    /// Who is writing just now: some of them, and how many in all.
    Typing {
        a: RoomNumber,
        who: Vec<Person>,
        n: u32,
    },
    /// This connection was too slow: fetch these by `history` when you like.
    Gap {
        a: RoomNumber,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        from: Seq,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        to: Seq,
    },
    /// Who came and went.
    Roster {
        a: RoomNumber,
        #[serde(default, rename = "in", skip_serializing_if = "Vec::is_empty")]
        came: Vec<Person>,
        #[serde(default, rename = "out", skip_serializing_if = "Vec::is_empty")]
        left: Vec<MemberId>,
    },
    /// This connection is no longer in the room (banned, closed …).
    Out {
        a: RoomNumber,
        why: Refusal,
    },
    /// What this member may do here changed.
    Rights {
        a: RoomNumber,
        can: Vec<String>,
        mark: Mark,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        muted_until_ms: Option<u64>,
    },
    /// A message waits for review: to who may review, and to its writer.
    Held {
        a: RoomNumber,
        item: HeldItem,
    },
    /// A held message was reviewed: to the same.
    Reviewed {
        a: RoomNumber,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
        act: ReviewAct,
        by: Person,
        reason: String,
    },
    /// How the publisher's media arrives; to who may run the broadcast only.
    Health {
        a: RoomNumber,
        #[serde(flatten)]
        health: PublisherHealth,
    },
    /// To every connection of one member: how many notices wait, and the one that is new or changed.
    Notice {
        unread: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        notice: Option<Box<Notice>>,
    },
    /// A viewer of this connection that has said how high it shows its picture: its line does not carry that
    /// beside the sound, so it is held back; or it is sent again.
    Picture {
        peer: PeerId,
        held: bool,
    },
    /// A peer of this connection ended.
    Closed {
        peer: PeerId,
        why: PeerEnd,
    },
    Ping {},
    Pong {},
    /// The server is going: come back after a random time in this range of milliseconds.
    Goaway {
        after_ms: (u32, u32),
    },
}
