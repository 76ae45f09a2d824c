//! Pages of missions.

use sqlx::PgConnection;

use super::{Mission, MissionStatus, UrgencyLevel};
use crate::error::Result;
use crate::geo::Point;
use crate::page::{Cursor, Page};
use crate::sessions::Viewer;

/// Which missions a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Posted by the viewer or for its establishments, or assigned to it.
    Mine,
    /// Open to everybody.
    Open,
}

#[derive(Debug)]
pub struct Filter {
    pub scope: Scope,
    pub status: Option<MissionStatus>,
    pub job_id: Option<String>,
    pub urgency_level: Option<UrgencyLevel>,
    /// Only missions with coordinates within this many kilometres of the point.
    pub near: Option<(Point, f64)>,
}

pub async fn list(
    conn: &mut PgConnection,
    viewer: Viewer,
    filter: Filter,
    page: Page,
) -> Result<(Vec<Mission>, Option<Cursor>)> {
    let (near, radius) = filter.near.unzip();
    let (latitude, longitude) = near.map(|point| (point.latitude, point.longitude)).unzip();
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    macro_rules! select_page {
        ($scope:literal) => {
            select_missions!(
                $scope
                    + "and ($2::mission_status is null or m.status = $2)
                       and ($3::text is null or p.slug = $3)
                       and ($4::urgency_level is null or m.urgency_level = $4)
                       and ($5::float8 is null or haversine_km($5, $6, m.latitude, m.longitude) <= $7)
                       and ($8::timestamptz is null or (m.created_at, m.id) < ($8, $9))
                     order by m.created_at desc, m.id desc limit $10",
                viewer.user.0,
                filter.status as Option<MissionStatus>,
                filter.job_id,
                filter.urgency_level as Option<UrgencyLevel>,
                latitude,
                longitude,
                radius,
                after,
                after_id,
                page.rows(),
            )
            .fetch_all(conn)
            .await?
        };
    }
    // One statement per scope: each has an index of its own.
    let missions = match filter.scope {
        // The viewer plays no part; a statement must use its parameters.
        Scope::Open => select_page!("where m.status = 'OPEN' and $1::uuid is not null "),
        Scope::Mine => select_page!(
            "where m.id in (select id from missions where client_id = $1
                          union select m.id from establishment_members e
                                  join missions m on m.establishment_id = e.establishment_id where e.user_id = $1
                          union select mission_id from assignments
                                 where talent_id = $1 and status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED')) "
        ),
    };
    Ok(page.cut(missions, |mission| Cursor { created_at: mission.created_at, id: mission.id.0 }))
}
