-- Who did what to whom. Only ever added to: each line carries the hash of the line before it and of
-- its own content, so that a line that was changed, left out or put in is found (weiquan audit verify).
CREATE TABLE audit (
    number      INTEGER PRIMARY KEY,
    at_ms       INTEGER NOT NULL,
    -- The room and the record in it; absent where it is about the whole circle.
    room        INTEGER,
    seq         INTEGER,
    actor       TEXT NOT NULL,
    actor_name  TEXT NOT NULL,
    actor_mark  INTEGER NOT NULL,
    what        TEXT NOT NULL,
    whom        TEXT,
    whom_name   TEXT,
    whom_mark   INTEGER,
    why         TEXT NOT NULL,
    until_ms    INTEGER,
    before_hash BLOB NOT NULL,
    hash        BLOB NOT NULL
);
CREATE INDEX audit_of_room ON audit (room, number) WHERE room IS NOT NULL;
CREATE INDEX audit_of_person ON audit (whom, number) WHERE whom IS NOT NULL;

--! sqlite
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
--! postgres
CREATE FUNCTION audit_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log is only added to'; END $$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_only_added_to();
CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_only_added_to();
--! both
