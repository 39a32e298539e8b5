-- How often a member has a digest, and how far it has told them. taken_ms: when one was begun; the next is due at the
-- first hour after it. told_ms, told_notice: what was said by then was told. next_ms: not tried again before it.
CREATE TABLE digests (
    member      TEXT PRIMARY KEY REFERENCES accounts (id),
    often       TEXT NOT NULL CHECK (often IN ('never', 'daily', 'weekly')),
    taken_ms    INTEGER NOT NULL,
    told_ms     INTEGER NOT NULL,
    told_notice INTEGER NOT NULL DEFAULT 0,
    next_ms     INTEGER NOT NULL DEFAULT 0,
    tries       INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX digests_due ON digests (often, taken_ms, member);
-- Who is written to already has them from now on: 0 is a moment that the program exchanges for the first one that it sees.
INSERT INTO digests (member, often, taken_ms, told_ms) SELECT member, 'weekly', 0, 0 FROM mail_addresses;

-- Broadcasts that ended by then are no news to a member: they put them away, on whichever device.
CREATE TABLE caught_up (
    member  TEXT PRIMARY KEY REFERENCES accounts (id),
    upto_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- Who watched, as numbers of eight bytes that mean nothing outside of this broadcast: kept for as long as somebody may
-- have missed it.
ALTER TABLE summaries ADD COLUMN viewers BLOB;
CREATE INDEX summaries_with_viewers ON summaries (broadcast) WHERE viewers IS NOT NULL;
CREATE INDEX broadcasts_ended ON broadcasts (ended_ms) WHERE ended_ms IS NOT NULL;

-- A notice may be about the circle, and about no room of it.
--! postgres
ALTER TABLE notices ALTER COLUMN room DROP NOT NULL;
--! sqlite
CREATE TABLE notices_made_again (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    member      TEXT NOT NULL REFERENCES accounts (id),
    kind        TEXT NOT NULL,
    room        INTEGER REFERENCES rooms (number),
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
