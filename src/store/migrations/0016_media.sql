-- A text shows several blobs, so a message refers to as many; and what comes for a topic that is not started yet
-- has no room: it is 0 until the topic is there.
--! sqlite
CREATE TABLE blob_refs_before AS SELECT room, seq, blob, hidden FROM blob_refs;
CREATE TABLE blob_uploads_before AS SELECT blob, room, member, made_ms FROM blob_uploads;
CREATE TABLE blobs_before AS SELECT id, room, kind, mime, bytes, width, height, duration_ms, preview,
    preview_bytes, refs, free_ms FROM blobs;
DROP TABLE blob_refs;
DROP TABLE blob_uploads;
DROP TABLE blobs;
CREATE TABLE blobs (
    id            TEXT PRIMARY KEY,
    -- The room it first came to, whose quota it counts against.
    room          INTEGER NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('image', 'voice', 'file')),
    mime          TEXT NOT NULL,
    bytes         INTEGER NOT NULL,
    width         INTEGER,
    height        INTEGER,
    duration_ms   INTEGER,
    -- A smaller picture of it: a file of its own, and no row.
    preview       TEXT,
    preview_bytes INTEGER NOT NULL DEFAULT 0,
    -- Messages that refer to it, and from when on it may be removed where none does.
    refs          INTEGER NOT NULL DEFAULT 0,
    free_ms       INTEGER
) WITHOUT ROWID;
CREATE INDEX blobs_of_room ON blobs (room, bytes, preview_bytes);
CREATE INDEX blobs_free ON blobs (free_ms) WHERE free_ms IS NOT NULL;
CREATE INDEX blobs_by_preview ON blobs (preview) WHERE preview IS NOT NULL;
CREATE TABLE blob_uploads (
    blob    TEXT NOT NULL REFERENCES blobs (id),
    room    INTEGER NOT NULL,
    member  TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    PRIMARY KEY (blob, room, member)
) WITHOUT ROWID;
CREATE INDEX blob_uploads_old ON blob_uploads (made_ms);
CREATE TABLE blob_refs (
    room INTEGER NOT NULL REFERENCES rooms (number),
    seq  INTEGER NOT NULL,
    blob TEXT NOT NULL REFERENCES blobs (id),
    -- The message is out of sight, and may come back: only who reviews there sees the blob.
    hidden INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (room, seq, blob)
) WITHOUT ROWID;
CREATE INDEX blob_refs_of_blob ON blob_refs (blob, room);
INSERT INTO blobs SELECT * FROM blobs_before;
INSERT INTO blob_uploads SELECT * FROM blob_uploads_before;
INSERT INTO blob_refs SELECT * FROM blob_refs_before;
DROP TABLE blob_refs_before;
DROP TABLE blob_uploads_before;
DROP TABLE blobs_before;
--! postgres
ALTER TABLE blob_refs DROP CONSTRAINT blob_refs_pkey;
ALTER TABLE blob_refs ADD PRIMARY KEY (room, seq, blob);
ALTER TABLE blobs DROP CONSTRAINT blobs_room_fkey;
ALTER TABLE blob_uploads DROP CONSTRAINT blob_uploads_room_fkey;
--! both
CREATE INDEX blob_uploads_unstarted ON blob_uploads (member) WHERE room = 0;

-- The second of a broadcast that a topic is about.
ALTER TABLE topics ADD COLUMN moment_of TEXT REFERENCES broadcasts (id);
ALTER TABLE topics ADD COLUMN moment_s INTEGER;
ALTER TABLE topics ADD COLUMN moment_title TEXT;
CREATE INDEX topics_moment ON topics (moment_of, moment_s) WHERE moment_of IS NOT NULL;
