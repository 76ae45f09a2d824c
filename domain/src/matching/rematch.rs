//! A talent has changed: which open missions should be matched again because of it.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::Result;
use crate::ids::{MissionId, UserId};

/// Missions that one change matches again at most, newest first †.
const MOST: i64 = 50;

/// Sets the open missions to PENDING whose top 3 this talent would enter: it passes every filter, nobody has invited it
/// yet, and the top 3 is not full or ends below it. The filters and the order are those of [`super::rank`].
pub async fn reopen(conn: &mut PgConnection, talent: UserId, now: OffsetDateTime) -> Result<Vec<MissionId>> {
    let reopened = sqlx::query_scalar!(
        r#"with entered as (
               select m.id
                 from talent_search t
                 join missions m on m.profession_id = t.profession_id
                cross join lateral (
                    select haversine_km(m.latitude, m.longitude, t.latitude, t.longitude) as distance_km,
                           (select count(*)::int4 from profiles p, unnest(p.specialties) as own (tag)
                             where p.user_id = t.talent_id and own.tag = any (m.specialties)) as matched,
                           cardinality(m.specialties) as wanted) as fit
                 left join lateral (
                    select s.talent_id, s.score, s.distance_km, p.average_rating, p.total_missions
                      from mission_matches s join profiles p on p.user_id = s.talent_id
                     where s.mission_id = m.id and s.rank = 3) as last on true
                where t.talent_id = $1 and t.marketplace_visible and m.client_id <> t.talent_id
                  and m.status = 'OPEN' and m.matching in ('MATCHED', 'NONE') and m.start_date > $2
                  and m.latitude is not null and fit.distance_km <= m.radius_km
                  and (t.compliant or not m.requires_diploma) and (t.can_do_night_shift or not m.is_night_shift)
                  and (t.has_driver_license or not m.requires_car)
                  and not exists (select from mission_matches s where s.mission_id = m.id and s.talent_id = t.talent_id)
                  and not exists (select from invitations i
                                   where i.mission_id = m.id and i.talent_id = t.talent_id and i.status <> 'EXPIRED')
                  and not exists (select from assignments w
                                   where w.mission_id = m.id and w.talent_id = t.talent_id and w.status = 'WITHDRAWN')
                  and (last.talent_id is null
                       or (case when fit.wanted = 0 then -1000
                                else -((2000 * fit.matched + fit.wanted) / (2 * fit.wanted)) end,
                           -t.average_rating, fit.distance_km, -t.total_missions, t.talent_id)
                          < (-last.score, -last.average_rating, last.distance_km, -last.total_missions, last.talent_id))
                  and not exists (select from assignments a
                                   where a.talent_id = t.talent_id and a.status in ('ASSIGNED', 'IN_PROGRESS')
                                     and a.period && tstzrange(m.start_date, m.end_date))
                  and not is_excluded(t.talent_id, m.client_id, m.establishment_id)
                  and not is_booked(t.talent_id, m.start_date, m.end_date)
                  and is_available(t.talent_id, m.start_date, m.end_date)
                  and working_time_breach(t.talent_id, m.start_date, m.end_date) is null
                order by m.created_at desc, m.id desc
                limit $3),
           -- In the order of ids: two talents who change at once wait for each other in one direction.
           locked as (
               select m.id from missions m
                where m.id in (select id from entered) and m.status = 'OPEN' and m.matching in ('MATCHED', 'NONE')
                order by m.id for update)
           update missions set matching = 'PENDING' where id in (select id from locked)
           returning id as "id: MissionId""#,
        talent.0,
        now,
        MOST,
    )
    .fetch_all(conn)
    .await?;
    Ok(reopened)
}
