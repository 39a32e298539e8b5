//! What an archive holds, every line of it held against what a server can have. The logs themselves are read
//! through and not kept.

use std::collections::{BTreeMap, BTreeSet};

use community::{Record, RecordBody};
use protocol::{BlobId, BlobKind, BroadcastId, MemberId, Seq, Slug, limits, topic::RoomKind};

use super::ImportError;
use crate::export::{
    Archive, ArchiveError, BoardLine, CircleLine, LikeLine, MediaLine, PersonLine, RoleWord,
    RoomLine, VoteLine,
};

pub(super) const LIKES: &str = "likes.jsonl";
pub(super) const VOTES: &str = "votes.jsonl";

/// Characters of an id; ours have less than thirty.
const ID_CHARS_MAX: usize = 64;

/// What all of the import needs to know of the archive.
pub(super) struct Held {
    pub(super) circle: Option<CircleLine>,
    pub(super) people: Vec<PersonLine>,
    pub(super) boards: Vec<BoardLine>,
    pub(super) rooms: Vec<RoomLine>,
    pub(super) media: BTreeMap<BlobId, MediaLine>,
    /// Each with its room.
    pub(super) broadcasts: BTreeMap<BroadcastId, Slug>,
}

/// The name of a room's log.
pub(super) fn log_of(room: &RoomLine) -> String {
    format!("records/{}.jsonl", room.slug)
}

impl Held {
    pub(super) fn read(archive: &mut Archive) -> Result<Self, ImportError> {
        let circle = archive.lines("circle.jsonl")?.pop();
        let mut held = Self {
            circle,
            people: people(archive)?,
            boards: boards(archive)?,
            rooms: rooms(archive)?,
            media: media(archive)?,
            broadcasts: BTreeMap::new(),
        };
        let accounts: BTreeSet<&MemberId> = held.people.iter().map(|it| &it.id).collect();
        if held.circle.is_some() && held.people.iter().all(|it| it.role != RoleWord::Owner) {
            let why = "the circle has no owner among the people";
            return Err(ArchiveError::Damaged(why.to_owned()).into());
        }
        for room in &held.rooms {
            if !accounts.contains(&room.made_by) {
                let why = format!("who made {} is not among the people", room.slug);
                return Err(ArchiveError::Damaged(why).into());
            }
        }
        for room in held.rooms.clone() {
            held.log(archive, &room)?;
        }
        let upto: BTreeMap<Slug, Seq> = held
            .rooms
            .iter()
            .map(|it| (it.slug.clone(), it.records))
            .collect();
        let is_there =
            |room: &Slug, seq: Seq| upto.get(room).is_some_and(|it| (1..=*it).contains(&seq));
        let mut lines = archive.each_line(LIKES)?;
        while lines.step()? {
            let like: LikeLine = lines.read()?;
            if !is_there(&like.room, like.seq) || !is_id(&like.member) {
                return Err(lines.odd("no record of the archive is liked by it").into());
            }
        }
        drop(lines);
        let mut lines = archive.each_line(VOTES)?;
        while lines.step()? {
            let vote: VoteLine = lines.read()?;
            if !is_there(&vote.room, vote.poll) || !is_id(&vote.member) || vote.bits().is_none() {
                return Err(lines.odd("it is no vote in a poll of the archive").into());
            }
        }
        drop(lines);
        Ok(held)
    }

    /// A log is whole: its seqs are 1, 2, 3 … up to where the room says, and every record is one.
    fn log(&mut self, archive: &mut Archive, room: &RoomLine) -> Result<(), ImportError> {
        let mut last: Seq = 0;
        let mut lines = archive.each_line(&log_of(room))?;
        while lines.step()? {
            // Whatever it leads to is looked up later.
            let read = Record::read_archived(0, lines.text(), |_| Some(0));
            let (record, _) = read.map_err(|it| lines.odd(why(&it)))?;
            if record.seq != last + 1 {
                return Err(lines.odd(format!("seq {} comes next", last + 1)).into());
            }
            if !is_id(&record.author.id) && !record.author.id.as_str().is_empty() {
                return Err(lines.odd("its author has no id").into());
            }
            last = record.seq;
            match &record.body {
                RecordBody::Topic(_) if room.kind != RoomKind::Topic => {
                    return Err(lines.odd("this room is no topic").into());
                }
                RecordBody::Broadcast(it) => {
                    let was = self.broadcasts.insert(it.id.clone(), room.slug.clone());
                    if was.is_some_and(|it| it != room.slug) {
                        return Err(lines.odd("this broadcast is in two rooms").into());
                    }
                }
                _ => {}
            }
            if last == 1
                && room.kind == RoomKind::Topic
                && !matches!(record.body, RecordBody::Topic(_))
            {
                return Err(lines.odd("a topic begins by saying what it is").into());
            }
        }
        if last == room.records {
            return Ok(());
        }
        Err(ArchiveError::Lines {
            name: log_of(room),
            said: room.records,
            found: last,
        }
        .into())
    }
}

/// An error with what is behind it.
fn why(error: &community::ReadError) -> String {
    match error {
        community::ReadError::Damaged { source, .. } => source.to_string(),
        newer @ community::ReadError::Newer { .. } => newer.to_string(),
    }
}

fn people(archive: &mut Archive) -> Result<Vec<PersonLine>, ImportError> {
    let mut people: Vec<PersonLine> = Vec::new();
    let mut ids = BTreeSet::new();
    let mut lines = archive.each_line("people.jsonl")?;
    while lines.step()? {
        let it: PersonLine = lines.read()?;
        if !is_id(&it.id) || !ids.insert(it.id.clone()) {
            return Err(lines.odd("this is no id, or somebody else's").into());
        }
        let chars = it.name.chars().count();
        // Who erased their account has none.
        let is_blank = it.name.trim().is_empty() && !it.name.is_empty();
        let is_nobody = it.name.is_empty() && it.role != RoleWord::Member;
        if is_blank || is_nobody || chars > 2 * limits::NAME_CHARS_MAX {
            return Err(lines.odd("this is no name").into());
        }
        people.push(it);
    }
    Ok(people)
}

fn boards(archive: &mut Archive) -> Result<Vec<BoardLine>, ImportError> {
    let mut boards: Vec<BoardLine> = Vec::new();
    let mut lines = archive.each_line("boards.jsonl")?;
    while lines.step()? {
        let it: BoardLine = lines.read()?;
        let is_new = boards.iter().all(|other| other.slug != it.slug);
        if !it.slug.is_well_formed() || !is_new || boards.len() >= limits::BOARDS_MAX {
            return Err(lines.odd("this is no address, or another board's").into());
        }
        boards.push(it);
    }
    Ok(boards)
}

fn rooms(archive: &mut Archive) -> Result<Vec<RoomLine>, ImportError> {
    let mut rooms: Vec<RoomLine> = Vec::new();
    let mut slugs = BTreeSet::new();
    let mut lines = archive.each_line("rooms.jsonl")?;
    while lines.step()? {
        let it: RoomLine = lines.read()?;
        if !it.slug.is_well_formed() || !slugs.insert(it.slug.clone()) {
            return Err(lines.odd("this is no address, or another room's").into());
        }
        if it.epoch.as_str().len() > ID_CHARS_MAX {
            return Err(lines.odd("this is no epoch").into());
        }
        rooms.push(it);
    }
    Ok(rooms)
}

fn media(archive: &mut Archive) -> Result<BTreeMap<BlobId, MediaLine>, ImportError> {
    let mut media: BTreeMap<BlobId, MediaLine> = BTreeMap::new();
    let mut lines = archive.each_line("media.jsonl")?;
    while lines.step()? {
        let it: MediaLine = lines.read()?;
        let well_formed = it.id.is_well_formed()
            && it.preview.as_ref().is_none_or(BlobId::is_well_formed)
            && it.preview.is_some() == it.preview_file.is_some();
        if !well_formed || media.contains_key(&it.id) {
            return Err(lines.odd("this is no sum, or stands there twice").into());
        }
        media.insert(it.id.clone(), it);
    }
    drop(lines);
    for it in media.values() {
        let bytes = archive.bytes(&it.file)?;
        let is = blobs::find(&bytes);
        let mime = match it.kind {
            BlobKind::Image if is.is_image() => it.mime.starts_with("image/"),
            BlobKind::Voice if is.is_sound() => it.mime.starts_with("audio/"),
            BlobKind::File => it.mime == "application/octet-stream",
            BlobKind::Image | BlobKind::Voice => false,
        };
        // What a browser is told it is comes from what it is, not from what the archive says.
        if !mime || it.mime.contains("svg") || blobs::id_of(&bytes) != it.id {
            return Err(unfit(&it.file));
        }
        if let (Some(id), Some(file)) = (&it.preview, &it.preview_file) {
            let bytes = archive.bytes(file)?;
            if !blobs::find(&bytes).is_image() || blobs::id_of(&bytes) != *id {
                return Err(unfit(file));
            }
        }
    }
    Ok(media)
}

fn unfit(file: &str) -> ImportError {
    ArchiveError::Damaged(format!("{file} is not what media.jsonl says of it")).into()
}

/// `m_…`, `g_…` and what other sites call people: nothing that could be taken for something else.
fn is_id(id: &MemberId) -> bool {
    let text = id.as_str();
    (1..=ID_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|it| it.is_ascii_graphic() && !matches!(it, b'/' | b'"' | b'<' | b'>' | b'&'))
}
