//! Reviews as they are read: of a talent or a site by everybody, and one's own.

use sqlx::PgConnection;

use super::{Review, select_reviews};
use crate::error::{Error, Result};
use crate::ids::{EstablishmentId, UserId};
use crate::page::{Cursor, Page};
use crate::profiles;

type Reviews = (Vec<Review>, Option<Cursor>);

fn cut(page: Page, rows: Vec<Review>) -> Reviews {
    page.cut(rows, |row| Cursor { created_at: row.created_at, id: row.id.0 })
}

/// What clients say of a talent whom everybody may look at, newest first.
pub async fn list_of_talent(conn: &mut PgConnection, talent: UserId, page: Page) -> Result<Reviews> {
    profiles::get_public(&mut *conn, talent).await?;
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let rows = select_reviews!(
        "where r.talent_id = $1 and r.side = 'CLIENT' and ($2::timestamptz is null or (r.created_at, r.id) < ($2, $3))
         order by r.created_at desc, r.id desc limit $4",
        talent.0,
        after,
        after_id,
        page.rows(),
    );
    Ok(cut(page, rows.fetch_all(conn).await?))
}

/// What talents say of a site, newest first.
pub async fn list_of_site(conn: &mut PgConnection, site: EstablishmentId, page: Page) -> Result<Reviews> {
    let exists = sqlx::query_scalar!(r#"select true as "is!" from establishments where id = $1"#, site.0);
    exists.fetch_optional(&mut *conn).await?.ok_or(Error::NotFound("establishment"))?;
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let rows = select_reviews!(
        "where r.establishment_id = $1 and r.side = 'TALENT' and ($2::timestamptz is null or (r.created_at, r.id) < ($2, $3))
         order by r.created_at desc, r.id desc limit $4",
        site.0,
        after,
        after_id,
        page.rows(),
    );
    Ok(cut(page, rows.fetch_all(conn).await?))
}

/// Which way reviews go, as somebody sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Of oneself, or of one's sites.
    Received,
    /// Written by oneself.
    Given,
}

/// One's own, newest first.
pub async fn list_mine(
    conn: &mut PgConnection,
    user: UserId,
    direction: Direction,
    page: Page,
) -> Result<Reviews> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let rows = match direction {
        Direction::Given => {
            let given = select_reviews!(
                "where r.author_id = $1 and ($2::timestamptz is null or (r.created_at, r.id) < ($2, $3))
                 order by r.created_at desc, r.id desc limit $4",
                user.0,
                after,
                after_id,
                page.rows(),
            );
            given.fetch_all(conn).await?
        }
        Direction::Received => {
            let received = select_reviews!(
                "where (r.talent_id = $1 and r.side = 'CLIENT'
                        or r.client_id = $1 and r.side = 'TALENT' and r.establishment_id is null
                        or r.side = 'TALENT' and r.establishment_id = any (array(select m.establishment_id from establishment_members m
                                                                                  where m.user_id = $1)))
                   and ($2::timestamptz is null or (r.created_at, r.id) < ($2, $3))
                 order by r.created_at desc, r.id desc limit $4",
                user.0,
                after,
                after_id,
                page.rows(),
            );
            received.fetch_all(conn).await?
        }
    };
    Ok(cut(page, rows))
}
