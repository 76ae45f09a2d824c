//! The client's live ranking: every part of the score shown, and talents who are taken too.

use sqlx::PgConnection;

use crate::error::Result;
use crate::ids::UserId;
use crate::missions::Mission;
use crate::specialties;

/// Weights of the explained ranking, in per cent: specialties, rating, closeness, experience.
pub const WEIGHTS: [f64; 4] = [35.0, 25.0, 25.0, 15.0];
/// Missions from which experience counts in full.
pub const FULL_EXPERIENCE: i32 = 30;

/// A row of the client's live ranking, with every part of its score (each 0–100, before weighting).
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub talent_id: UserId,
    pub first_name: Option<String>,
    pub last_initial: Option<String>,
    pub city: Option<String>,
    pub distance_km: f64,
    pub average_rating: i16,
    pub total_missions: i32,
    pub compliant: bool,
    pub available: bool,
    pub specialty_part: f64,
    pub rating_part: f64,
    pub closeness_part: f64,
    pub experience_part: f64,
    pub total: f64,
}

#[derive(Debug)]
pub struct CandidateSearch {
    pub radius_km: Option<i32>,
    pub specialties: Option<Vec<String>>,
    pub limit: i64,
}

/// The explained ranking for the client's screen: 35 % specialties, 25 % rating, 25 % closeness, 15 % experience. Unlike
/// the six steps it also lists talents who cannot come at that time, and says so; but nobody whom the client has excluded.
pub async fn list_candidates(
    conn: &mut PgConnection,
    mission: &Mission,
    search: CandidateSearch,
) -> Result<Vec<Candidate>> {
    let Some(point) = mission.point() else { return Ok(Vec::new()) };
    let radius = f64::from(search.radius_km.unwrap_or(mission.radius_km));
    let bounds = point.bounds(radius);
    let wanted = search.specialties.map_or_else(|| mission.specialties.clone(), specialties::normalise_all);
    let candidates = sqlx::query_as!(
        Candidate,
        r#"select found.talent_id as "talent_id: _", p.first_name, left(p.last_name, 1) as last_initial, p.city,
                  distance_km as "distance_km!", found.average_rating, found.total_missions, compliant,
                  not exists (select from assignments a
                               where a.talent_id = found.talent_id and a.status in ('ASSIGNED', 'IN_PROGRESS')
                                 and a.period && tstzrange($13, $14))
                      and not is_booked(found.talent_id, $13, $14)
                      and is_available(found.talent_id, $13, $14)
                      and working_time_breach(found.talent_id, $13, $14) is null as "available!",
                  specialty_part as "specialty_part!", rating_part as "rating_part!", closeness_part as "closeness_part!",
                  experience_part as "experience_part!",
                  total as "total!"
             from (select parts.*,
                          (specialty_part * $15 + rating_part * $16 + closeness_part * $17 + experience_part * $18) / 100 as total
                     from (select t.talent_id, t.average_rating, t.total_missions, t.compliant, distance_km,
                          case when cardinality($9::text[]) = 0 then 100.0
                               else 100.0 * (select count(*) from profiles own, unnest(own.specialties) as tags (tag)
                                              where own.user_id = t.talent_id and tags.tag = any ($9))
                                    / cardinality($9::text[]) end::float8 as specialty_part,
                          t.average_rating / 5.0::float8 as rating_part,
                          100 * (1 - distance_km / $4) as closeness_part,
                          100 * least(t.total_missions, $19::int4) / $19::int4::float8 as experience_part
                     from talent_search t
                    cross join lateral (select haversine_km($2, $3, t.latitude, t.longitude) as distance_km) as far
                    where t.profession_id = $1
                      and t.latitude between $5 and $6 and t.longitude between $7 and $8 and distance_km <= $4
                      and t.marketplace_visible and t.talent_id <> $10
                      and (t.can_do_night_shift or not $11) and (t.has_driver_license or not $12)
                      and (t.compliant or not $20)) as parts
                    order by total desc, talent_id
                   offset 0) as found -- keeps the list of the excluded from being asked for everybody
             join profiles p on p.user_id = found.talent_id
            where not is_excluded(found.talent_id, $10, $22)
            order by total desc, found.talent_id
            limit $21"#,
        mission.profession_id,
        point.latitude,
        point.longitude,
        radius,
        bounds.south,
        bounds.north,
        bounds.west,
        bounds.east,
        &wanted,
        mission.client_id.0,
        mission.is_night_shift,
        mission.requires_car,
        mission.start_date,
        mission.end_date,
        WEIGHTS[0],
        WEIGHTS[1],
        WEIGHTS[2],
        WEIGHTS[3],
        FULL_EXPERIENCE,
        mission.requires_diploma,
        search.limit,
        mission.establishment_id.map(|site| site.0),
    )
    .fetch_all(conn)
    .await?;
    Ok(candidates)
}
