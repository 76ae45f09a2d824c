use sqlx::PgConnection;
use time::OffsetDateTime;

/// Deletes rows that ended before `finished` (their unique keys become free), and dead ones that died before `dead`; the
/// oldest `limit` of each at most. Returns how many.
pub async fn prune(
    conn: &mut PgConnection,
    finished: OffsetDateTime,
    dead: OffsetDateTime,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    // Two subselects, each on a partial index of its own: an OR would read the table.
    let deleted = sqlx::query!(
        "delete from jobs where id = any (array(
             select id from jobs where state in ('done', 'cancelled') and finished_at < $1 order by finished_at limit $3))
            or id = any (array(
             select id from jobs where state = 'dead' and finished_at < $2 order by id limit $3))",
        finished,
        dead,
        limit,
    );
    Ok(deleted.execute(conn).await?.rows_affected())
}
