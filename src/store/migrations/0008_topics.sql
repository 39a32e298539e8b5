-- A room is for broadcasts, or it is one topic: its log holds what is said in the topic.
ALTER TABLE rooms ADD COLUMN kind TEXT NOT NULL DEFAULT 'live';

-- What topics are sorted by.
CREATE TABLE boards (
    circle INTEGER NOT NULL REFERENCES circles (id),
    slug   TEXT NOT NULL,
    title  TEXT NOT NULL,
    about  TEXT NOT NULL,
    rank   INTEGER NOT NULL,
    PRIMARY KEY (circle, slug)
) WITHOUT ROWID;

-- A projection of a topic's log: what lists show. said counts every message there ever was, so that what is
-- unread is a difference of two numbers; replies counts those that are to be seen, but the first.
CREATE TABLE topics (
    room        INTEGER PRIMARY KEY REFERENCES rooms (number),
    circle      INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    title       TEXT NOT NULL,
    starter     TEXT NOT NULL,
    starter_name TEXT NOT NULL,
    starter_mark INTEGER NOT NULL,
    made_ms     INTEGER NOT NULL,
    board       TEXT,
    tags        TEXT NOT NULL,
    status      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    accepted    INTEGER,
    helper      TEXT,
    helper_name TEXT,
    locked      INTEGER NOT NULL,
    pinned      INTEGER NOT NULL,
    featured    INTEGER NOT NULL,
    excerpt     TEXT NOT NULL DEFAULT '',
    said        INTEGER NOT NULL DEFAULT 0,
    replies     INTEGER NOT NULL DEFAULT 0,
    last_seq    INTEGER NOT NULL DEFAULT 0,
    last_ms     INTEGER NOT NULL,
    last_by     TEXT NOT NULL,
    last_name   TEXT NOT NULL,
    last_mark   INTEGER NOT NULL
);
CREATE INDEX topics_of_circle ON topics (circle, pinned, last_ms, room);
CREATE INDEX topics_of_board ON topics (circle, board, pinned, last_ms, room);
CREATE INDEX topics_of_starter ON topics (starter, last_ms);

CREATE TABLE topic_tags (
    circle INTEGER NOT NULL,
    tag    TEXT NOT NULL,
    room   INTEGER NOT NULL REFERENCES topics (room),
    PRIMARY KEY (circle, tag, room)
) WITHOUT ROWID;
CREATE INDEX topic_tags_of_room ON topic_tags (room);

-- Where a member is in a topic: one row, however much is said in it. seq: read up to there; said: how many
-- messages that were. following: 0 no, 1 yes, 2 muted.
CREATE TABLE readings (
    member    TEXT NOT NULL REFERENCES accounts (id),
    room      INTEGER NOT NULL REFERENCES topics (room),
    seq       INTEGER NOT NULL,
    said      INTEGER NOT NULL,
    following INTEGER NOT NULL,
    PRIMARY KEY (member, room)
) WITHOUT ROWID;

-- Two more kinds of notices. SQLite changes no constraint, so there the table is made again.
--! postgres
ALTER TABLE notices DROP CONSTRAINT notices_kind_check;
ALTER TABLE notices ADD CONSTRAINT notices_kind_check
    CHECK (kind IN ('mention', 'reply', 'picked', 'reminder', 'live', 'accepted', 'changed'));
--! sqlite
CREATE TABLE notices_made_again (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    member      TEXT NOT NULL REFERENCES accounts (id),
    kind        TEXT NOT NULL
        CHECK (kind IN ('mention', 'reply', 'picked', 'reminder', 'live', 'accepted', 'changed')),
    room        INTEGER NOT NULL REFERENCES rooms (number),
    seq         INTEGER,
    at_ms       INTEGER NOT NULL,
    sender      TEXT NOT NULL,
    sender_name TEXT NOT NULL,
    sender_mark INTEGER NOT NULL,
    text        TEXT NOT NULL,
    starts_ms   INTEGER,
    more        INTEGER NOT NULL DEFAULT 0,
    seen        INTEGER NOT NULL DEFAULT 0,
    told        INTEGER NOT NULL DEFAULT 0,
    mail_ms     INTEGER
);
INSERT INTO notices_made_again SELECT id, member, kind, room, seq, at_ms, sender, sender_name, sender_mark,
    text, starts_ms, more, seen, told, mail_ms FROM notices;
DROP TABLE notices;
ALTER TABLE notices_made_again RENAME TO notices;
CREATE INDEX notices_of_member ON notices (member, id);
CREATE INDEX notices_unseen ON notices (member, sender, id) WHERE seen = 0;
CREATE INDEX notices_untold ON notices (id) WHERE told = 0;
CREATE UNIQUE INDEX notices_of_message ON notices (room, seq, member) WHERE seq IS NOT NULL;
CREATE INDEX notices_to_mail ON notices (mail_ms) WHERE mail_ms IS NOT NULL;
--! both

-- Who has settings wants to hear of the two new kinds as of replies: bits 32 and 64, beside bit 2.
UPDATE notice_settings SET push = push + 96 WHERE (push & 2) <> 0;
