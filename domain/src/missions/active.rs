//! The missions that somebody is on the way to, or at work in, seen from either side (`active_missions` in the database).

use sqlx::PgConnection;

use super::Mission;
use crate::error::Result;
use crate::ids::UserId;
use crate::page::{Cursor, Page};

/// One's active missions, the one that begins first before the others.
pub async fn list_active(
    conn: &mut PgConnection,
    person: UserId,
    page: Page,
) -> Result<(Vec<Mission>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let missions = select_missions!(
        "where m.id in (select active_missions($1))
           and ($2::timestamptz is null or (m.start_date, m.id) > ($2, $3))
         order by m.start_date, m.id limit $4",
        person.0,
        after,
        after_id,
        page.rows(),
    );
    let missions = missions.fetch_all(conn).await?;
    // Here the place in the list is the start.
    Ok(page.cut(missions, |mission| Cursor { created_at: mission.start_date, id: mission.id.0 }))
}

/// How many active missions each of these people has.
pub async fn count_active(conn: &mut PgConnection, people: &[UserId]) -> Result<Vec<(UserId, i32)>> {
    let people: Vec<_> = people.iter().map(|person| person.0).collect();
    let counts = sqlx::query!(
        r#"select p.id as "person!: UserId", count(a.id)::int as "active!"
             from unnest($1::uuid[]) as p (id) left join lateral active_missions(p.id) as a (id) on true group by p.id"#,
        &people,
    );
    Ok(counts.fetch_all(conn).await?.into_iter().map(|row| (row.person, row.active)).collect())
}
