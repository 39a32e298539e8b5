//! The lines of an archive that are read back. docs/EXPORT.md says the same in prose.

use protocol::{BlobId, BlobKind, Epoch, MemberId, Seq, Slug, topic::RoomKind};
use serde::{Deserialize, Serialize};

/// `circle.jsonl`: one line.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CircleLine {
    pub name: String,
    pub made_ms: u64,
}

/// `people.jsonl`: a member.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct PersonLine {
    pub id: MemberId,
    pub name: String,
    pub role: RoleWord,
    pub joined_ms: u64,
}

/// A role in the circle.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RoleWord {
    Member,
    Moderator,
    Owner,
}

/// `boards.jsonl`: a board, in their order.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct BoardLine {
    pub slug: Slug,
    pub title: String,
    pub about: String,
}

/// `rooms.jsonl`: a room, the oldest first. Its log is `records/<slug>.jsonl`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct RoomLine {
    pub slug: Slug,
    pub kind: RoomKind,
    pub title: String,
    /// May guests read it?
    pub guests: bool,
    pub made_by: MemberId,
    pub made_ms: u64,
    pub epoch: Epoch,
    /// How many records its log has: their seqs are 1, 2, 3 … up to this.
    pub records: Seq,
}

/// `likes.jsonl`: who likes which message.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct LikeLine {
    pub room: Slug,
    pub seq: Seq,
    pub member: MemberId,
    pub at_ms: u64,
}

/// `votes.jsonl`: a vote in a poll that is open.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct VoteLine {
    pub room: Slug,
    pub poll: Seq,
    pub member: MemberId,
    /// The options, counted from 0.
    pub picks: Vec<u8>,
    pub at_ms: u64,
}

/// `media.jsonl`: something that was uploaded and is shown by a message.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct MediaLine {
    /// The SHA-256 of the file.
    pub id: BlobId,
    pub file: String,
    pub kind: BlobKind,
    pub mime: String,
    pub bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u32>,
    /// A smaller picture of it, likewise: its SHA-256 and its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<BlobId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_file: Option<String>,
}

/// The bits of a vote as options.
pub(super) fn picks(bits: u16) -> Vec<u8> {
    (0..16).filter(|it| bits & (1 << it) != 0).collect()
}

impl VoteLine {
    /// The options as bits; `None` where one of them is none.
    pub fn bits(&self) -> Option<u16> {
        self.picks.iter().try_fold(0, |bits, pick| {
            (usize::from(*pick) < protocol::limits::POLL_OPTIONS_MAX).then(|| bits | (1 << pick))
        })
    }
}

impl From<store::Role> for RoleWord {
    fn from(it: store::Role) -> Self {
        match it {
            store::Role::Member => Self::Member,
            store::Role::Moderator => Self::Moderator,
            store::Role::Owner => Self::Owner,
        }
    }
}

impl From<RoleWord> for store::Role {
    fn from(it: RoleWord) -> Self {
        match it {
            RoleWord::Member => Self::Member,
            RoleWord::Moderator => Self::Moderator,
            RoleWord::Owner => Self::Owner,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vote_is_the_options_that_it_picks() {
        let line = |bits| VoteLine {
            room: "hall".into(),
            poll: 3,
            member: "m_1".into(),
            picks: picks(bits),
            at_ms: 1,
        };
        assert_eq!(line(0b10_0000_0101).picks, [0, 2, 9]);
        for bits in [0, 1, 0b10_0000_0101] {
            assert_eq!(line(bits).bits(), Some(bits));
        }
        assert_eq!(
            line(0b100_0000_0000).bits(),
            None,
            "there is no eleventh option"
        );
    }
}
