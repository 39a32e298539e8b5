-- What was uploaded, each content once. The bytes lie beside the database, under their id.
CREATE TABLE blobs (
    id            TEXT PRIMARY KEY,
    -- The room it first came to, whose quota it counts against.
    room          INTEGER NOT NULL REFERENCES rooms (number),
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

-- Who uploaded it where, as long as it may still be said.
CREATE TABLE blob_uploads (
    blob    TEXT NOT NULL REFERENCES blobs (id),
    room    INTEGER NOT NULL REFERENCES rooms (number),
    member  TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    PRIMARY KEY (blob, room, member)
) WITHOUT ROWID;
CREATE INDEX blob_uploads_old ON blob_uploads (made_ms);

-- Which message refers to it.
CREATE TABLE blob_refs (
    room INTEGER NOT NULL REFERENCES rooms (number),
    seq  INTEGER NOT NULL,
    blob TEXT NOT NULL REFERENCES blobs (id),
    -- The message is out of sight, and may come back: only who reviews there sees the blob.
    hidden INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;
CREATE INDEX blob_refs_of_blob ON blob_refs (blob, room);

-- What a broadcast was, once it is over.
CREATE TABLE summaries (
    broadcast  TEXT PRIMARY KEY REFERENCES broadcasts (id),
    seq        INTEGER NOT NULL,
    played_ms  INTEGER NOT NULL,
    peak       INTEGER NOT NULL,
    people     INTEGER NOT NULL,
    watched_ms INTEGER NOT NULL,
    hearts     TEXT NOT NULL
) WITHOUT ROWID;
