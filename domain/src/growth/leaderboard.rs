//! Who has the most points, of those who want to be seen.

use sqlx::PgConnection;

use super::levels::{Level, Record};
use crate::error::Result;
use crate::ids::UserId;
use crate::users::Role;

/// A place, as everybody may see it.
#[derive(Debug)]
pub struct Place {
    /// Who has as many points has the same.
    pub rank: i64,
    pub user_id: UserId,
    pub first_name: Option<String>,
    pub last_initial: Option<String>,
    pub points: i32,
    /// Of a talent.
    pub level: Option<Level>,
}

/// The first ones: verified people who asked to be there and have points.
pub async fn list(conn: &mut PgConnection, limit: i64) -> Result<Vec<Place>> {
    let rows = sqlx::query!(
        r#"select rank() over (order by u.points desc) as "rank!", u.id as "user_id: UserId", u.role as "role: Role", u.points,
                  p.first_name, left(p.last_name, 1) as last_initial, p.total_missions, p.average_rating
             from users u join profiles p on p.user_id = u.id
            where u.on_leaderboard and u.status = 'VERIFIED' and u.role <> 'ADMIN' and u.points > 0
            order by u.points desc, u.id limit $1"#,
        limit,
    );
    Ok(rows
        .fetch_all(conn)
        .await?
        .into_iter()
        .map(|row| Place {
            rank: row.rank,
            user_id: row.user_id,
            first_name: row.first_name,
            last_initial: row.last_initial,
            points: row.points,
            level: (row.role == Role::Talent)
                .then(|| Level::of(Record { missions: row.total_missions, rating: row.average_rating })),
        })
        .collect())
}

/// Whether somebody wants to be seen there.
pub async fn show(conn: &mut PgConnection, user: UserId, shown: bool) -> Result<()> {
    sqlx::query!("update users set on_leaderboard = $2 where id = $1", user.0, shown).execute(conn).await?;
    Ok(())
}
