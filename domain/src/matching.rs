//! The matching engine: the binding six steps as one statement on one index, and the explained ranking beside it.
//!
//! Filters, score, order and limit all run in PostgreSQL, so that the answer is never fetched-then-ranked and the same
//! data gives the same list. The order is total: score, rating, distance, missions, id.

use serde::Serialize;
use sqlx::PgConnection;

use crate::error::Result;
use crate::ids::{MissionId, UserId};
use crate::missions::Mission;
use crate::specialties;

pub const TOP: i64 = 3;

/// One talent of a mission's stored answer, as a client may see it: surname initial, city only.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchedTalent {
    pub rank: i16,
    pub talent_id: UserId,
    pub first_name: Option<String>,
    pub last_initial: Option<String>,
    pub city: Option<String>,
    /// One decimal.
    pub distance_km: f64,
    /// 0–100, one decimal.
    pub score: f64,
    /// 0–5, two decimals.
    pub average_rating: f64,
    pub total_missions: i32,
    pub matched_specialties: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation_status: Option<crate::invitations::InvitationStatus>,
}

/// A talent found by the six steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    pub talent_id: UserId,
    pub distance_km: f64,
    /// How many of the mission's specialties the talent has.
    pub matched: i32,
    pub average_rating: i16,
    pub total_missions: i32,
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

/// The first `limit` talents by the six steps; empty when the mission has no coordinates.
///
/// The cheap tests and the order run on the search table's index alone; uncommon specialties are looked up only where a
/// mission asks for some. Whether a talent is taken at that time is asked after the sort, and only until enough are free.
pub async fn rank(conn: &mut PgConnection, mission: &Mission, whom: Whom, limit: i64) -> Result<Vec<Match>> {
    let Some(point) = mission.point() else { return Ok(Vec::new()) };
    let bounds = point.bounds(f64::from(mission.radius_km));
    let (bits, others) = specialties::encode(&mission.specialties);
    let matches = sqlx::query_as!(
        Match,
        r#"select talent_id as "talent_id: _", distance_km as "distance_km!", matched as "matched!", average_rating, total_missions
             from (select talent_id, average_rating, total_missions, distance_km,
                          bit_count((specialties & $9)::bit(64))::int4
                              + case when cardinality($10::text[]) = 0 then 0
                                     else (select count(*)::int4 from profiles p, unnest(p.specialties) as own (tag)
                                            where p.user_id = talent_id and own.tag = any ($10)) end as matched
                     from (select talent_id, specialties, average_rating, total_missions,
                                  haversine_km($2, $3, latitude, longitude) as distance_km
                             from talent_search
                            where profession_id = $1
                              and latitude between $5 and $6 and longitude between $7 and $8
                              and (compliant or not $11) and (can_do_night_shift or not $12) and (has_driver_license or not $13)
                              and marketplace_visible and talent_id <> $14
                           offset 0) as boxed -- keeps the planner from computing the distance twice
                    where distance_km <= $4
                    order by matched desc, average_rating desc, distance_km, total_missions desc, talent_id
                   offset 0) as ranked -- and from asking for assignments before the sort
            where not exists (select from assignments a
                               where a.talent_id = ranked.talent_id and a.status in ('ASSIGNED', 'IN_PROGRESS')
                                 and a.period && tstzrange($15, $16))
              and not exists (select from assignments w
                               where w.mission_id = $19 and w.talent_id = ranked.talent_id and w.status = 'WITHDRAWN')
              and ($18 or $20 = exists (select from invitations i where i.mission_id = $19 and i.talent_id = ranked.talent_id
                                           and i.status <> 'EXPIRED'))
            order by matched desc, average_rating desc, distance_km, total_missions desc, talent_id
            limit $17"#,
        mission.profession_id,
        point.latitude,
        point.longitude,
        f64::from(mission.radius_km),
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
        whom == Whom::Invited,
    )
    .fetch_all(conn)
    .await?;
    Ok(matches)
}

/// Stores the answer under its ranks, in place of an earlier one, and returns it as it is read.
pub async fn store(
    conn: &mut PgConnection,
    mission: &Mission,
    matches: &[Match],
) -> Result<Vec<MatchedTalent>> {
    if mission.matched_at.is_some() {
        sqlx::query!("delete from mission_matches where mission_id = $1", mission.id.0)
            .execute(&mut *conn)
            .await?;
    }
    let ranks: Vec<i16> = (1..).take(matches.len()).collect();
    let talents: Vec<_> = matches.iter().map(|m| m.talent_id.0).collect();
    let distances: Vec<_> = matches.iter().map(|m| m.distance_km).collect();
    let scores: Vec<_> = matches.iter().map(|m| score(m.matched, mission.specialties.len())).collect();
    let rows = sqlx::query_as!(
        StoredMatch,
        r#"with stored as (
               insert into mission_matches (mission_id, rank, talent_id, distance_km, score, matched_specialties)
               select $1, rank, talent_id, distance_km, score,
                      array(select tag from unnest(p.specialties) as own (tag) where tag = any ($6) order by tag)
                 from unnest($2::int2[], $3::uuid[], $4::float8[], $5::int2[]) as found (rank, talent_id, distance_km, score)
                 join profiles p on p.user_id = found.talent_id
               returning *
           )
           select s.rank as "rank!", s.talent_id as "talent_id!: UserId", s.distance_km as "distance_km!", s.score as "score!",
                  s.matched_specialties as "matched_specialties!", p.first_name, left(p.last_name, 1) as last_initial, p.city,
                  p.average_rating, p.total_missions, i.status as "invitation_status?: crate::invitations::InvitationStatus"
             from stored s
             join profiles p on p.user_id = s.talent_id
             left join invitations i on i.mission_id = s.mission_id and i.talent_id = s.talent_id
            order by s.rank"#,
        mission.id.0,
        &ranks,
        &talents,
        &distances,
        &scores,
        &mission.specialties,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The stored answer.
pub async fn list_stored(conn: &mut PgConnection, mission: MissionId) -> Result<Vec<MatchedTalent>> {
    let rows = sqlx::query_as!(
        StoredMatch,
        r#"select s.rank, s.talent_id as "talent_id: UserId", s.distance_km, s.score, s.matched_specialties, p.first_name,
                  left(p.last_name, 1) as last_initial, p.city, p.average_rating, p.total_missions,
                  i.status as "invitation_status?: crate::invitations::InvitationStatus"
             from mission_matches s
             join profiles p on p.user_id = s.talent_id
             left join invitations i on i.mission_id = s.mission_id and i.talent_id = s.talent_id
            where s.mission_id = $1 order by s.rank"#,
        mission.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// A row of the stored answer, beside what the talent's profile says now.
struct StoredMatch {
    rank: i16,
    talent_id: UserId,
    distance_km: f64,
    score: i16,
    matched_specialties: Vec<String>,
    first_name: Option<String>,
    last_initial: Option<String>,
    city: Option<String>,
    average_rating: i16,
    total_missions: i32,
    invitation_status: Option<crate::invitations::InvitationStatus>,
}

impl From<StoredMatch> for MatchedTalent {
    fn from(row: StoredMatch) -> Self {
        Self {
            rank: row.rank,
            talent_id: row.talent_id,
            first_name: row.first_name,
            last_initial: row.last_initial,
            city: row.city,
            distance_km: one_decimal(row.distance_km),
            score: f64::from(row.score) / 10.0,
            average_rating: f64::from(row.average_rating) / 100.0,
            total_missions: row.total_missions,
            matched_specialties: row.matched_specialties,
            invitation_status: row.invitation_status,
        }
    }
}

pub fn one_decimal(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

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
/// the six steps it also lists talents who are taken at that time, and says so.
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
                                 and a.period && tstzrange($13, $14)) as "available!",
                  specialty_part as "specialty_part!", rating_part as "rating_part!", closeness_part as "closeness_part!",
                  experience_part as "experience_part!",
                  (specialty_part * $15 + rating_part * $16 + closeness_part * $17 + experience_part * $18) / 100 as "total!"
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
                      and (t.compliant or not $20)) as found
             join profiles p on p.user_id = found.talent_id
            order by 14 desc, found.talent_id
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
    )
    .fetch_all(conn)
    .await?;
    Ok(candidates)
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
