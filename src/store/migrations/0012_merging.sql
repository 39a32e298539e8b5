-- Which topic a topic was merged into.
ALTER TABLE topics ADD COLUMN merged_into INTEGER REFERENCES topics (room);
CREATE INDEX topics_merged ON topics (merged_into) WHERE merged_into IS NOT NULL;

-- Which broadcast a topic is the recap of.
ALTER TABLE topics ADD COLUMN recap_of TEXT REFERENCES broadcasts (id);
CREATE INDEX topics_recap ON topics (recap_of) WHERE recap_of IS NOT NULL;

-- Search has them first.
CREATE INDEX topics_featured ON topics (room) WHERE featured = 1;

-- Who is told of each topic that is started in a board.
CREATE TABLE board_follows (
    circle INTEGER NOT NULL,
    board  TEXT NOT NULL,
    member TEXT NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (circle, board, member),
    FOREIGN KEY (circle, board) REFERENCES boards (circle, slug) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX board_follows_of ON board_follows (member);

-- Notices have one more kind. Which kinds there are is the program's to know from here on, so that none of them
-- makes the table again.
--! postgres
ALTER TABLE notices DROP CONSTRAINT notices_kind_check;
--! sqlite
CREATE TABLE notices_made_again (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    member      TEXT NOT NULL REFERENCES accounts (id),
    kind        TEXT NOT NULL,
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

-- Who has settings wants to hear of it as of replies: bit 256, beside bit 2.
UPDATE notice_settings SET push = push + 256 WHERE (push & 2) <> 0;

-- Who does not want to be named where thanks are said for what they asked for.
ALTER TABLE notice_settings ADD COLUMN unnamed INTEGER NOT NULL DEFAULT 0;
