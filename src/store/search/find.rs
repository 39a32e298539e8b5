//! Looking: a bounded walk over the texts that have the terms, the newest first.

use folding::{Phrase, query::PHRASES_MAX};
use protocol::{MemberId, limits::SEARCH_HITS_MAX};

use super::{FEATURED_FIRST, Hit, Hits, SEARCH_LOOKED_MAX, Wanted, put, terms};
use crate::{
    db::{Db, DbResult, Kind, Value},
    rows::column::int,
};

/// The newest texts with the terms of ?1 whose ids are from ?2 on and below ?3, so many as ?4 says.
const SQLITE: &str = "SELECT rowid AS id FROM search_words
    WHERE search_words MATCH ?1 AND rowid >= ?2 AND rowid < ?3 ORDER BY rowid DESC LIMIT ?4";
const POSTGRES: &str = "SELECT id FROM search_docs
    WHERE words @@ CAST(?1 AS tsquery) AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4";

/// Of the newest 8,000 texts those with the terms, by reading one after the other, which takes 3 ms at the most: a page of
/// a word that one text in 400 has.
const POSTGRES_WALK: &str = "SELECT id FROM (
        SELECT id, words FROM search_docs WHERE id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT 8000) walked
    WHERE words @@ CAST(?1 AS tsquery) ORDER BY id DESC LIMIT ?4";

/// There nothing else bounds what a term costs that everybody uses, and which way is best hangs on the term. What was
/// found is looked up: of two ways that it takes to cost much the same it may read a whole table of rooms for each text.
/// Its pages are in memory or on a disk that has no arm to move.
const POSTGRES_WAYS: &str =
    "SET LOCAL statement_timeout = '3s'; SET LOCAL plan_cache_mode = force_custom_plan;
    SET LOCAL enable_seqscan = off; SET LOCAL random_page_cost = 1.1";

/// An id that about so many texts as ?1 says lie above, a sixteenth of all at the most: a bound of what the planner
/// has counted. None where it has counted nothing yet.
const POSTGRES_NEWEST: &str = "SELECT bounds[n + 1 - CAST(least(ceil(?1 * n / greatest(texts, 1)), ceil(n / 16.0)) AS INT)]
    FROM (SELECT bounds, array_length(bounds, 1) - 1 AS n, CAST(texts AS NUMERIC) AS texts FROM (
        SELECT CAST(CAST(s.histogram_bounds AS TEXT) AS BIGINT[]) AS bounds, c.reltuples AS texts
        FROM pg_stats s JOIN pg_class c ON c.oid = CAST('search_docs' AS REGCLASS)
        WHERE s.schemaname = current_schema() AND s.tablename = 'search_docs' AND s.attname = 'id') b) s";

/// Texts that are looked at first.
const LOOKED_FIRST: usize = 500;
/// The newest texts, among which PostgreSQL looks first: it has no order in its index, and gets all that have a term
/// before it sorts them. For a word of one text in 250, of a million: 8 ms instead of 58.
const NEWEST: i64 = 60_000;
/// Candidates of a walk for each hit that is wanted: nearly all of them fit.
const WALKED_FOR_EACH: usize = 3;
/// Hits in featured topics that are looked at for one of each.
const FEATURED_LOOKED: usize = 60;
/// What every text holds: stands for a phrase that is not there.
const ANYTHING: &str = " ";

pub(super) fn find(db: &Db, wanted: &Wanted) -> DbResult<Hits> {
    if wanted.is_empty() {
        return Ok(Hits::default());
    }
    let (asked, candidates) = match db {
        Db::Sqlite(_) => (terms::match_of(wanted), SQLITE),
        Db::Postgres(_) => (terms::tsquery_of(wanted), POSTGRES),
    };
    let above = wanted.from_ms.map_or(0, put::first_of);
    let until = wanted
        .to_ms
        .map_or(i64::MAX, |it| put::first_of(it.saturating_add(1)));
    let span = Span {
        asked: &asked,
        candidates,
        above,
        below: wanted.after.map_or(until, |it| until.min(int(it))),
    };
    db.view(|db| {
        if matches!(db, Db::Postgres(_)) {
            db.batch(POSTGRES_WAYS)?;
            // What is in one room or of one author has few texts, and they may all be old.
            if wanted.room.is_none() && wanted.author.is_none() {
                let found = among_newest(db, wanted, &span)?;
                if let Some(found) = found {
                    return with_featured(db, wanted, &span, found);
                }
            }
        }
        page(db, wanted, &span)
    })
}

/// A full page of the newest texts of a span: of a word that many use it is to be had without looking at all of them.
fn among_newest(db: &Db, wanted: &Wanted, span: &Span<'_>) -> DbResult<Option<Hits>> {
    let walk = Span {
        candidates: POSTGRES_WALK,
        ..*span
    };
    let walked = WALKED_FOR_EACH * (hits_max(wanted) + 1);
    let found = full(db, wanted, &walk, walked)?;
    if found.is_some() || wanted.after.is_some() {
        return Ok(found);
    }
    let above: Option<Option<i64>> = db.first(POSTGRES_NEWEST, [NEWEST], |row| row.get(0))?;
    match above.flatten() {
        Some(above) if above > span.above && above < span.below => {
            full(db, wanted, &Span { above, ..*span }, LOOKED_FIRST)
        }
        _ => Ok(None),
    }
}

/// The page, where it is full and not at the end of the span.
fn full(db: &Db, wanted: &Wanted, span: &Span<'_>, looked: usize) -> DbResult<Option<Hits>> {
    let (found, is_end) = look(db, wanted, span, looked)?;
    Ok((is_end && found.next.is_some()).then_some(found))
}

fn hits_max(wanted: &Wanted) -> usize {
    wanted.n.clamp(1, SEARCH_HITS_MAX)
}

/// Which texts are looked at.
#[derive(Clone, Copy)]
struct Span<'a> {
    asked: &'a str,
    candidates: &'static str,
    above: i64,
    below: i64,
}

fn page(db: &Db, wanted: &Wanted, span: &Span<'_>) -> DbResult<Hits> {
    let mut page = Hits::default();
    // Of a word that everybody uses a few are enough, and are to be had for less than all of them.
    for looked in [LOOKED_FIRST, SEARCH_LOOKED_MAX] {
        let (found, is_end) = look(db, wanted, span, looked)?;
        page = found;
        if is_end {
            break;
        }
    }
    with_featured(db, wanted, span, page)
}

/// The first page of everything has featured topics before it.
fn with_featured(db: &Db, wanted: &Wanted, span: &Span<'_>, mut page: Hits) -> DbResult<Hits> {
    if wanted.after.is_none() && wanted.room.is_none() && !page.hits.is_empty() {
        page.featured = featured(db, wanted, span)?;
    }
    Ok(page)
}

/// The newest hits of featured topics, one of each.
fn featured(db: &Db, wanted: &Wanted, span: &Span<'_>) -> DbResult<Vec<Hit>> {
    const ANY: &str =
        "SELECT 1 FROM topics t WHERE t.featured = 1 AND t.merged_into IS NULL LIMIT 1";
    if db.first(ANY, (), |_| Ok(()))?.is_none() {
        return Ok(Vec::new());
    }
    let found = fitting(
        db,
        wanted,
        span,
        Of::Featured,
        (SEARCH_LOOKED_MAX, FEATURED_LOOKED),
    )?;
    let mut first: Vec<Hit> = Vec::new();
    for (_, hit) in found.found {
        if first.len() < FEATURED_FIRST && first.iter().all(|it| it.room != hit.room) {
            first.push(hit);
        }
    }
    Ok(first)
}

/// The page, as far as so many texts of the span fill it, and whether it is full or there are no more there.
fn look(db: &Db, wanted: &Wanted, span: &Span<'_>, looked: usize) -> DbResult<(Hits, bool)> {
    let n = hits_max(wanted);
    let Fitting {
        mut found,
        candidates,
        last,
    } = fitting(db, wanted, span, Of::All, (looked, n + 1))?;
    let is_full = found.len() > n;
    found.truncate(n);
    let is_end = candidates < looked;
    let next = match is_full {
        true => found.last().map(|it| it.0),
        false => last.filter(|_| !is_end),
    };
    let hits = Hits {
        hits: found.into_iter().map(|it| it.1).collect(),
        next: next.map(i64::unsigned_abs),
        ..Hits::default()
    };
    Ok((hits, is_full || is_end))
}

impl Span<'_> {
    fn values(&self, n: usize) -> Vec<Value<'_>> {
        vec![
            Value::Text(self.asked),
            Value::Int(self.above),
            Value::Int(self.below),
            Value::Int(int(n as u64)),
        ]
    }
}

/// Among which rooms is looked.
#[derive(Clone, Copy)]
enum Of {
    All,
    Featured,
}

/// Of the candidates those that may be shown and hold every phrase. SQLite joins in the order that CROSS JOIN
/// gives: it looks up what it found. By itself it may as well walk through every text there is, the newest
/// first, which is in the right order already and takes a thousand times as long. So may PostgreSQL, which is why the
/// candidates are found by themselves, whatever else is asked of them.
fn fitting_sql(candidates: &str, of: Of) -> String {
    let among = match of {
        Of::All => "",
        Of::Featured => {
            "AND d.room IN (SELECT t.room FROM topics t WHERE t.featured = 1 AND t.merged_into IS NULL)"
        }
    };
    let held: String = (0..PHRASES_MAX)
        .map(|it| format!(" AND instr(d.folded, ?{}) > 0", 12 + it))
        .collect();
    format!(
        "WITH c AS MATERIALIZED ({candidates}), fit AS (
             SELECT c.id, d.room, d.seq FROM c CROSS JOIN search_docs d CROSS JOIN rooms r
             WHERE d.id = c.id AND r.number = d.room AND r.circle = ?5 AND (r.guests = 1 OR ?6 = 1)
               AND instr(?7, ',' || CAST(d.room AS TEXT) || ',') = 0
               AND (?8 IS NULL OR d.room = ?8) AND (?9 IS NULL OR d.author = ?9)
               AND (d.has & ?10) = ?10 {among}{held}
             ORDER BY c.id DESC LIMIT ?11)
         SELECT of_all.n, of_all.last, fit.id, fit.room, fit.seq
         FROM (SELECT count(*) AS n, min(id) AS last FROM c) of_all LEFT JOIN fit ON 1 = 1
         ORDER BY fit.id DESC"
    )
}

/// What a look at the newest candidates found.
#[derive(Default)]
struct Fitting {
    /// Those that may be shown and hold every phrase, the newest first, with their ids.
    found: Vec<(i64, Hit)>,
    /// How many were looked at, and the oldest of them.
    candidates: usize,
    last: Option<i64>,
}

/// The first `n` texts that fit among the first `looked` candidates of the span.
fn fitting(
    db: &Db,
    wanted: &Wanted,
    span: &Span<'_>,
    of: Of,
    (looked, n): (usize, usize),
) -> DbResult<Fitting> {
    let sql = fitting_sql(span.candidates, of);
    let except: String = wanted.except.iter().map(|it| format!(",{it},")).collect();
    let mut needles: Vec<String> = wanted.query.phrases().iter().map(Phrase::needle).collect();
    needles.resize(PHRASES_MAX, ANYTHING.to_owned());
    let mut values = span.values(looked);
    let room = wanted
        .room
        .map_or(Value::Null(Kind::Int), |it| Value::Int(it.into()));
    let author = wanted.author.as_ref().map(MemberId::as_str);
    values.extend([
        Value::Int(wanted.circle.into()),
        Value::Int(wanted.all_rooms.into()),
        Value::Text(&except),
        room,
        author.map_or(Value::Null(Kind::Text), Value::Text),
        Value::Int(put::bits(wanted.has)),
        Value::Int(int(n as u64)),
    ]);
    values.extend(needles.iter().map(|it| Value::Text(it)));
    let mut fitting = Fitting::default();
    let rows = db.all(&sql, values.as_slice(), |row| {
        let candidates: u64 = row.get(0)?;
        let found = match row.get::<Option<i64>>(2)? {
            Some(id) => Some((
                id,
                Hit {
                    room: row.get(3)?,
                    seq: row.get(4)?,
                },
            )),
            None => None,
        };
        Ok((candidates, row.get(1)?, found))
    })?;
    for (candidates, last, found) in rows {
        fitting.candidates = usize::try_from(candidates).unwrap_or(usize::MAX);
        fitting.last = last;
        fitting.found.extend(found);
    }
    Ok(fitting)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::migrations::{Engine, MIGRATIONS};

    #[test]
    fn sqlite_goes_from_what_it_found_to_the_texts() {
        let db = Connection::open_in_memory().expect("a database");
        for it in MIGRATIONS {
            db.execute_batch(&it.text(Engine::Sqlite)).expect("tables");
        }
        for of in [Of::All, Of::Featured] {
            let explained = format!("EXPLAIN QUERY PLAN {}", fitting_sql(SQLITE, of));
            plan_is_good(&db, &explained);
        }
    }

    fn plan_is_good(db: &Connection, explained: &str) {
        let mut query = db.prepare(explained).expect("a query");
        let values = vec![1; query.parameter_count()];
        let steps = query.query_map(rusqlite::params_from_iter(values), |row| row.get(3));
        let steps: Vec<String> = steps
            .expect("a plan")
            .collect::<Result<_, _>>()
            .expect("text");
        let at = |what: &str| steps.iter().position(|it| it.starts_with(what));
        assert!(at("SCAN search_words VIRTUAL TABLE").is_some(), "{steps:?}");
        assert!(
            at("SCAN c") < at("SEARCH d USING INTEGER PRIMARY KEY"),
            "{steps:?}"
        );
        assert_eq!(at("SCAN d"), None, "{steps:?}");
    }
}
