//! The binding six steps as one statement.

use sqlx::PgConnection;

use crate::error::Result;
use crate::ids::UserId;
use crate::missions::Mission;
use crate::{geo, specialties};

/// A talent found by the six steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    pub talent_id: UserId,
    pub distance_km: f64,
    /// How many of the mission's specialties the talent has.
    pub matched: i32,
    pub average_rating: i16,
    pub total_missions: i32,
    pub compliant: bool,
    pub can_do_night_shift: bool,
    pub has_driver_license: bool,
}

/// A mission and the talents that were found for it, best first.
#[derive(Clone, Debug)]
pub struct Ranking<'m> {
    pub mission: &'m Mission,
    pub talents: Vec<Match>,
}

/// Tenths of a per cent of a mission's specialties: 2 of 3 are 667. All of nothing is 1000.
pub fn score(matched: i32, wanted: usize) -> i16 {
    match wanted as i32 {
        0 => 1000,
        wanted => ((2000 * matched + wanted) / (2 * wanted)) as i16,
    }
}

/// Whom a ranking is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    Everybody,
    /// A later wave leaves those out who were invited before; an invitation that expired may be made anew.
    NotYetInvited,
    /// Those of whom an invitation waits for its answer, or had one.
    Invited,
}

/// Talents asked beyond the limit before everybody in the circle is: some of the best are taken or away.
const SPARE: i64 = 13;

/// The first `limit` talents by the six steps; empty when the mission has no coordinates.
///
/// The cheap tests and the order run on the search table's index alone; uncommon specialties are looked up only where a
/// mission asks for some. What has to be asked of one talent at a time (in a corner of the box, taken, excluded, away, at the
/// limit of working time) is asked after the sort: of the best few, which spares sorting a city, and of all only where those were not enough.
pub async fn rank(conn: &mut PgConnection, mission: &Mission, whom: Whom, limit: i64) -> Result<Vec<Match>> {
    // Without a limit there is no best few.
    if let Some(few) = limit.checked_add(SPARE) {
        let best = ask(&mut *conn, mission, whom, limit, Some(few)).await?;
        if best.len() as i64 == limit {
            return Ok(best);
        }
    }
    ask(conn, mission, whom, limit, None).await
}

/// Asks the first `pool` of the order, or all.
async fn ask(
    conn: &mut PgConnection,
    mission: &Mission,
    whom: Whom,
    limit: i64,
    pool: Option<i64>,
) -> Result<Vec<Match>> {
    let Some(point) = mission.point() else { return Ok(Vec::new()) };
    let radius = f64::from(mission.radius_km);
    let bounds = point.bounds(radius);
    let (bits, others) = specialties::encode(&mission.specialties);
    // The square of the chord grows with the distance: it filters and sorts, and only the answer pays for the root and the arc.
    let [x, y, z] = point.on_unit_sphere();
    let farthest = geo::chord_squared(radius);
    let matches = sqlx::query_as!(
        Match,
        r#"select talent_id as "talent_id: _", 12742.0 * asin(least(1.0, sqrt(far) / 2)) as "distance_km!", matched as "matched!",
                  average_rating, total_missions, compliant, can_do_night_shift, has_driver_license
             from (select talent_id, average_rating, total_missions, compliant, can_do_night_shift, has_driver_license,
                          (x - $2) * (x - $2) + (y - $3) * (y - $3) + (z - $23) * (z - $23) as far,
                          bit_count((specialties & $9)::bit(64))::int4
                              + case when cardinality($10::text[]) = 0 then 0
                                     else (select count(*)::int4 from profiles p, unnest(p.specialties) as own (tag)
                                            where p.user_id = talent_id and own.tag = any ($10)) end as matched
                     from talent_search
                    where profession_id = $1
                      and latitude between $5 and $6 and longitude between $7 and $8
                      and (compliant or not $11) and (can_do_night_shift or not $12) and (has_driver_license or not $13)
                      and marketplace_visible -- members of the client's pools will come in here besides
                      and talent_id <> $14
                    order by matched desc, average_rating desc, far, total_missions desc, talent_id
                    limit $22) as ranked -- keeps the planner from asking for assignments before the sort
            where far <= $4 -- the corners of the box; asked of the best few, it costs less than of everybody
              and not exists (select from assignments a
                               where a.talent_id = ranked.talent_id and a.status in ('ASSIGNED', 'IN_PROGRESS')
                                 and a.period && tstzrange($15, $16))
              and not exists (select from assignments w
                               where w.mission_id = $19 and w.talent_id = ranked.talent_id and w.status = 'WITHDRAWN')
              and ($18 or $21 = exists (select from invitations i where i.mission_id = $19 and i.talent_id = ranked.talent_id
                                           and i.status <> 'EXPIRED'))
              and not is_excluded(ranked.talent_id, $14, $20)
              and not is_booked(ranked.talent_id, $15, $16)
              and is_available(ranked.talent_id, $15, $16)
              and working_time_breach(ranked.talent_id, $15, $16) is null
            order by matched desc, average_rating desc, far, total_missions desc, talent_id
            limit $17"#,
        mission.profession_id,
        x,
        y,
        farthest,
        bounds.south,
        bounds.north,
        bounds.west,
        bounds.east,
        bits,
        &others,
        mission.requires_diploma,
        mission.is_night_shift,
        mission.requires_car,
        mission.client_id.0,
        mission.start_date,
        mission.end_date,
        limit,
        whom == Whom::Everybody,
        mission.id.0,
        mission.establishment_id.map(|site| site.0),
        whom == Whom::Invited,
        pool,
        z,
    )
    .fetch_all(conn)
    .await?;
    Ok(matches)
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn a_score_is_a_share_of_what_was_asked() {
        assert_eq!(score(2, 3), 667);
        assert_eq!(score(1, 3), 333);
        assert_eq!(score(0, 4), 0);
        assert_eq!(score(20, 20), 1000);
        assert_eq!(score(0, 0), 1000, "nothing asked, all fulfilled");
    }
}
