-- Members whose accounts are gone and whose traces are still being erased from the logs, and how far that has
-- come. writings: 1 where what they wrote goes as well.
CREATE TABLE erasures (
    member   TEXT PRIMARY KEY REFERENCES accounts (id),
    writings INTEGER NOT NULL,
    asked_ms INTEGER NOT NULL,
    room     INTEGER NOT NULL DEFAULT 0,
    seq      INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Names may leave the audit log, with what somebody called a stream key, and nothing else of it may change. salt: what makes a line's hash tell nobody
-- whether a guessed name was in it; older lines have none. erased_by: the number of the line that says that a
-- name was taken out of this one, and vouches for all that is left.
ALTER TABLE audit ADD COLUMN salt BLOB;
ALTER TABLE audit ADD COLUMN erased_by INTEGER;
CREATE INDEX audit_of_actor ON audit (actor);
--! sqlite
DROP TRIGGER audit_is_not_changed;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OF number, at_ms, room, seq, actor, actor_mark, what, whom,
    whom_mark, until_ms, before_hash, hash ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
CREATE TRIGGER audit_names_only_go BEFORE UPDATE OF actor_name, whom_name, why, salt, erased_by ON audit
WHEN NOT (NEW.actor_name IN ('', OLD.actor_name)
    AND coalesce(NEW.whom_name, '') IN ('', coalesce(OLD.whom_name, ''))
    AND (NEW.whom_name IS NULL) = (OLD.whom_name IS NULL)
    AND (NEW.why = OLD.why OR (NEW.why = '' AND OLD.what = 'stream_key'))
    AND NEW.salt IS NULL AND NEW.erased_by IS coalesce(OLD.erased_by, NEW.erased_by)
    AND NEW.erased_by IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
--! postgres
CREATE OR REPLACE FUNCTION audit_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.actor_name IN ('', OLD.actor_name)
            AND coalesce(NEW.whom_name, '') IN ('', coalesce(OLD.whom_name, ''))
            AND (NEW.whom_name IS NULL) = (OLD.whom_name IS NULL)
            AND (NEW.why = OLD.why OR (NEW.why = '' AND OLD.what = 'stream_key'))
            AND NEW.salt IS NULL AND NEW.erased_by = coalesce(OLD.erased_by, NEW.erased_by)
            AND (NEW.number, NEW.at_ms, NEW.room, NEW.seq, NEW.actor, NEW.actor_mark, NEW.what, NEW.whom,
                 NEW.whom_mark, NEW.until_ms, NEW.before_hash, NEW.hash)
                IS NOT DISTINCT FROM
                (OLD.number, OLD.at_ms, OLD.room, OLD.seq, OLD.actor, OLD.actor_mark, OLD.what, OLD.whom,
                 OLD.whom_mark, OLD.until_ms, OLD.before_hash, OLD.hash)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to';
END $$;
--! both
