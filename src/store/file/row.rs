//! Records as rows: the verbs as statements, each within whatever transaction it runs in.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use crate::clock::Timestamp;
use crate::record::{Data, Handle, Record, RecordKind, Revision};
use crate::store::entry::expiry_of_session;
use crate::store::{Created, FindBy, Found, IndexEntry, Swap, Touched};
use crate::token::StoreKey;

/// The columns of a record, in the order in which [`record`] reads them.
macro_rules! columns {
    () => {
        "kind, counter, tag, handle, created, seen, idle_deadline, absolute_deadline, user, data"
    };
}

pub(super) fn load(connection: &Connection, key: &StoreKey, now: Timestamp) -> rusqlite::Result<Option<Record>> {
    let sql = concat!("SELECT ", columns!(), " FROM sessions WHERE key = ?1 AND expires > ?2");
    connection.prepare_cached(sql)?.query_row(params![key.as_bytes(), time(now)], |row| record(row, 0)).optional()
}

pub(super) fn create(
    connection: &Connection,
    key: &StoreKey,
    record: &Record,
    now: Timestamp,
) -> rusqlite::Result<Created> {
    let insert = concat!(
        "INSERT INTO sessions (",
        columns!(),
        ", key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (key) DO UPDATE SET (",
        columns!(),
        ") = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         WHERE expires <= ?12"
    );
    let written = write(connection, insert, record, params![key.as_bytes(), time(now)])?;
    Ok(if written == 1 { Created::Created } else { Created::AlreadyExists })
}

pub(super) fn swap(
    connection: &Connection,
    key: &StoreKey,
    expected: Revision,
    record: &Record,
    now: Timestamp,
) -> rusqlite::Result<Swap> {
    let update = concat!(
        "UPDATE sessions SET (",
        columns!(),
        ") = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         WHERE key = ?11 AND counter = ?12 AND tag = ?13 AND expires > ?14"
    );
    let [counter, tag] = revision(expected);
    if write(connection, update, record, params![key.as_bytes(), counter, tag, time(now)])? == 1 {
        return Ok(Swap::Swapped);
    }
    Ok(load(connection, key, now)?.map_or(Swap::Gone, Swap::Conflict))
}

pub(super) fn touch(
    connection: &Connection,
    key: &StoreKey,
    expected: Revision,
    idle_deadline: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<Touched> {
    let update = "UPDATE sessions
         SET idle_deadline = max(idle_deadline, min(?1, absolute_deadline)), seen = max(seen, ?2)
         WHERE key = ?3 AND counter = ?4 AND tag = ?5 AND kind = 0 AND expires > ?2";
    let [counter, tag] = revision(expected);
    let values = params![time(idle_deadline), time(now), key.as_bytes(), counter, tag];
    if connection.prepare_cached(update)?.execute(values)? == 1 {
        return Ok(Touched::Touched);
    }
    let there = "SELECT 1 FROM sessions WHERE key = ?1 AND expires > ?2";
    let there = connection.prepare_cached(there)?.exists(params![key.as_bytes(), time(now)])?;
    Ok(if there { Touched::Stale } else { Touched::Gone })
}

pub(super) fn delete(connection: &Connection, key: &StoreKey, now: Timestamp) -> rusqlite::Result<Option<Record>> {
    let sql = concat!("DELETE FROM sessions WHERE key = ?1 RETURNING ", columns!());
    // What cannot be read goes as well.
    let removed = connection.prepare_cached(sql)?.query_row([key.as_bytes()], |row| Ok(record(row, 0).ok()));
    Ok(removed.optional()?.flatten().filter(|removed| !removed.is_expired(now)))
}

/// Deletes without reading the data; returns whether a record was there that had not expired.
pub(super) fn delete_unread(connection: &Connection, key: &StoreKey, now: Timestamp) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM sessions WHERE key = ?1 RETURNING expires > ?2";
    let removed = connection.prepare_cached(sql)?.query_row(params![key.as_bytes(), time(now)], |row| row.get(0));
    Ok(removed.optional()?.unwrap_or(false))
}

/// Deletes some of what has expired, and answers how many.
pub(super) fn sweep(connection: &Connection, most: i64, now: Timestamp) -> rusqlite::Result<u64> {
    let sql = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires <= ?1 LIMIT ?2)";
    Ok(connection.prepare_cached(sql)?.execute(params![time(now), most])? as u64)
}

/// The same, and answers what it was. What cannot be read goes as well.
pub(super) fn sweep_and_tell(
    connection: &Connection,
    most: i64,
    now: Timestamp,
) -> rusqlite::Result<Vec<Option<Record>>> {
    let sql = concat!(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires <= ?1 LIMIT ?2) RETURNING ",
        columns!()
    );
    connection.prepare_cached(sql)?.query_map(params![time(now), most], |row| Ok(record(row, 0).ok()))?.collect()
}

pub(super) fn count(connection: &Connection, now: Timestamp) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM sessions WHERE expires > ?1 AND kind = 0";
    Ok(connection.prepare_cached(sql)?.query_row([time(now)], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

pub(super) fn list(
    connection: &Connection,
    after: Option<StoreKey>,
    limit: usize,
    now: Timestamp,
) -> rusqlite::Result<Vec<Found>> {
    let sql =
        concat!("SELECT key, ", columns!(), " FROM sessions WHERE key > ?1 AND kind = 0 AND expires > ?2 ORDER BY key");
    // No key is as short as this, so that it comes before all of them.
    let after: &[u8] = after.as_ref().map_or(&[], |key| key.as_bytes());
    let mut statement = connection.prepare_cached(sql)?;
    // A page is counted here and not by the statement: one that is short is the last.
    readable(statement.query_map(params![after, time(now)], found)?).take(limit).collect()
}

pub(super) fn find(connection: &Connection, by: FindBy<'_>, now: Timestamp) -> rusqlite::Result<Vec<Found>> {
    let by_user = concat!("SELECT key, ", columns!(), " FROM sessions WHERE user = ?1 AND expires > ?2");
    let by_handle = concat!("SELECT key, ", columns!(), " FROM sessions WHERE handle = ?1 AND expires > ?2");
    let (sql, wanted) = which(&by, by_user, by_handle);
    readable(connection.prepare_cached(sql)?.query_map(params![wanted, time(now)], found)?).collect()
}

/// A page of what is found, in the order in which the rows were made, behind a row; and the last row of it if there may
/// be more.
pub(super) fn find_page(
    connection: &Connection,
    by: FindBy<'_>,
    after: i64,
    limit: usize,
    now: Timestamp,
) -> rusqlite::Result<(Vec<IndexEntry>, Option<i64>)> {
    macro_rules! page {
        ($column:literal) => {
            concat!(
                "SELECT id, key, kind, counter, tag, handle, user, created, seen, idle_deadline, absolute_deadline
                 FROM sessions
                 WHERE ",
                $column,
                " = ?1 AND id > ?2 AND expires > ?3 ORDER BY id LIMIT ?4"
            )
        };
    }
    let (sql, wanted) = which(&by, page!("user"), page!("handle"));
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![wanted, after, time(now), most], |row| Ok((row.get(0)?, entry(row, 1))))?;
    let rows: Vec<(i64, rusqlite::Result<IndexEntry>)> = rows.collect::<rusqlite::Result<_>>()?;
    let next = rows.last().filter(|_| rows.len() >= limit).map(|(id, _)| *id);
    Ok((readable(rows.into_iter().map(|(_, entry)| entry)).collect::<rusqlite::Result<_>>()?, next))
}

/// The statement for what is asked for, and its first parameter.
fn which<'a>(by: &'a FindBy<'_>, by_user: &'static str, by_handle: &'static str) -> (&'static str, &'a dyn ToSql) {
    match by {
        FindBy::User(user) => (by_user, user),
        FindBy::Handle(handle) => (by_handle, handle.as_bytes()),
    }
}

/// Leaves out the rows that cannot be read: they are no reason to hide the others.
fn readable<T>(rows: impl Iterator<Item = rusqlite::Result<T>>) -> impl Iterator<Item = rusqlite::Result<T>> {
    rows.filter(|row| !row.as_ref().is_err_and(is_unreadable))
}

/// Whether it is what is stored, and not the store, that failed.
pub(super) fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(error, FromSqlConversionFailure(..) | InvalidColumnType(..) | IntegralValueOutOfRange(..) | Utf8Error(..))
}

/// When the session of a handle expires, if there is one.
pub(super) fn expiry(connection: &Connection, handle: Handle, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    let sql = "SELECT kind, expires FROM sessions WHERE handle = ?1 AND expires > ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement
        .query_map(params![handle.as_bytes(), time(now)], |row| Ok((kind(row.get(0)?), instant(row.get(1)?))))?;
    let records: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(expiry_of_session(records.into_iter()))
}

/// Takes a lease, or holds on to it, until this time; answers whether it is this holder's. One that claims to last longer
/// than leases do was taken before a clock was set back.
pub(super) fn lease(
    connection: &Connection,
    name: &str,
    holder: i64,
    now: Timestamp,
    until: Timestamp,
) -> rusqlite::Result<bool> {
    let sql = "INSERT INTO leases (name, holder, until) VALUES (?1, ?2, ?4)
         ON CONFLICT (name) DO UPDATE SET holder = ?2, until = ?4
         WHERE holder = ?2 OR until <= ?3 OR until > ?4";
    Ok(connection.prepare_cached(sql)?.execute(params![name, holder, time(now), time(until)])? == 1)
}

/// Runs a statement whose first parameters are the columns of a record.
fn write(connection: &Connection, sql: &str, record: &Record, more: &[&dyn ToSql]) -> rusqlite::Result<usize> {
    let [counter, tag] = revision(record.revision);
    let columns = params![
        record.kind.code(),
        counter,
        tag,
        record.handle.as_bytes(),
        time(record.created),
        time(record.seen),
        time(record.idle_deadline),
        time(record.absolute_deadline),
        record.user.as_deref(),
        &*record.data,
    ];
    let mut statement = connection.prepare_cached(sql)?;
    for (number, value) in (1..).zip(columns.iter().chain(more)) {
        statement.raw_bind_parameter(number, value)?;
    }
    statement.raw_execute()
}

/// Reads what an index tells of a record from the columns that begin at this one.
fn entry(row: &Row<'_>, first: usize) -> rusqlite::Result<IndexEntry> {
    let at = |column: usize| Ok::<_, rusqlite::Error>(instant(row.get(first + column)?));
    let number = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, i64>(first + column)?.cast_unsigned());
    Ok(IndexEntry {
        key: StoreKey::from_bytes(row.get(first)?),
        kind: kind(row.get(first + 1)?),
        revision: Revision { counter: number(2)?, tag: number(3)? },
        handle: Handle::from_bytes(row.get(first + 4)?),
        user: row.get_ref(first + 5)?.as_str_or_null()?.map(Into::into),
        created: at(6)?,
        seen: at(7)?,
        idle_deadline: at(8)?,
        absolute_deadline: at(9)?,
    })
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found { key: StoreKey::from_bytes(row.get(0)?), record: record(row, 1)? })
}

/// Reads a record from the columns that begin at this one.
fn record(row: &Row<'_>, first: usize) -> rusqlite::Result<Record> {
    let at = |column: usize| Ok::<_, rusqlite::Error>(instant(row.get(first + column)?));
    let number = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, i64>(first + column)?.cast_unsigned());
    Ok(Record {
        kind: kind(row.get(first)?),
        revision: Revision { counter: number(1)?, tag: number(2)? },
        handle: Handle::from_bytes(row.get(first + 3)?),
        created: at(4)?,
        seen: at(5)?,
        idle_deadline: at(6)?,
        absolute_deadline: at(7)?,
        user: row.get_ref(first + 8)?.as_str_or_null()?.map(Into::into),
        data: Data::from(row.get_ref(first + 9)?.as_blob()?),
    })
}

/// A newer version may know more kinds; a number that no version writes is one of them.
fn kind(column: i64) -> RecordKind {
    RecordKind::from_code(u8::try_from(column).unwrap_or(u8::MAX))
}

fn revision(revision: Revision) -> [i64; 2] {
    [revision.counter.cast_signed(), revision.tag.cast_signed()]
}

/// Half of what a column holds.
const MIDDLE: u64 = 1 << 62;

/// Milliseconds since 1970, which anybody can read in the file. A column holds half as many instants as there are: those
/// near the beginning and those near the end are exact and in order, and millions of years between them are one.
fn time(instant: Timestamp) -> i64 {
    let (millis, to_the_end) = (instant.as_millis(), u64::MAX - instant.as_millis());
    if to_the_end < MIDDLE - 1 { i64::MAX - to_the_end.cast_signed() } else { millis.min(MIDDLE).cast_signed() }
}

fn instant(column: i64) -> Timestamp {
    // A column that is negative was not written by us; it has expired.
    let column = column.max(0).cast_unsigned();
    let to_the_end = i64::MAX.cast_unsigned() - column;
    Timestamp::from_millis(if column > MIDDLE { u64::MAX - to_the_end } else { column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_keep_their_order_and_both_ends() {
        let millis = [0, 1, 1_800_000_000_000, MIDDLE - 1, MIDDLE, u64::MAX - MIDDLE + 2, u64::MAX - 1, u64::MAX];
        for pair in millis.windows(2) {
            assert!(time(Timestamp::from_millis(pair[0])) < time(Timestamp::from_millis(pair[1])), "{pair:?}");
        }
        for millis in millis {
            assert_eq!(instant(time(Timestamp::from_millis(millis))).as_millis(), millis);
        }
        assert_eq!(time(Timestamp::from_millis(1 << 63)), MIDDLE.cast_signed());
    }
}
