-- The messages that a topic was made of, each with who wrote it, as they were called then. What they say is
-- the log's of the room that they were said in.
CREATE TABLE topic_quotes (
    topic       INTEGER NOT NULL REFERENCES topics (room),
    room        INTEGER NOT NULL REFERENCES rooms (number),
    seq         INTEGER NOT NULL,
    writer      TEXT NOT NULL,
    writer_name TEXT NOT NULL,
    PRIMARY KEY (topic, seq)
) WITHOUT ROWID;

-- One more kind of notices.
--! postgres
ALTER TABLE notices DROP CONSTRAINT notices_kind_check;
ALTER TABLE notices ADD CONSTRAINT notices_kind_check
    CHECK (kind IN ('mention', 'reply', 'picked', 'reminder', 'live', 'accepted', 'changed', 'credit'));
--! sqlite
CREATE TABLE notices_made_again (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    member      TEXT NOT NULL REFERENCES accounts (id),
    kind        TEXT NOT NULL
        CHECK (kind IN ('mention', 'reply', 'picked', 'reminder', 'live', 'accepted', 'changed', 'credit')),
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

-- Who has settings wants to hear of it as of replies: bit 128, beside bit 2.
UPDATE notice_settings SET push = push + 128 WHERE (push & 2) <> 0;
