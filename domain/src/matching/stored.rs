//! The stored answer of a mission: the top 3 as they were when it was matched, reproducible long after profiles have changed.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::PgConnection;

use super::{Ranking, one_decimal, score};
use crate::error::Result;
use crate::ids::{MissionId, UserId};
use crate::invitations::InvitationStatus;

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
    pub invitation_status: Option<InvitationStatus>,
}

struct Row {
    mission_id: MissionId,
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
    invitation_status: Option<InvitationStatus>,
}

impl From<Row> for MatchedTalent {
    fn from(row: Row) -> Self {
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

/// Replaces the stored answers and returns each as [`list_stored`] would; rows that are still right are left alone.
///
/// Store after inviting: an answer names what is already there, also the invitations of an earlier match. The insert waits for
/// the delete by asking for its count: what moves up would else meet its own old row.
pub async fn store(conn: &mut PgConnection, rankings: &[Ranking<'_>]) -> Result<Vec<Vec<MatchedTalent>>> {
    let (mut missions, mut ranks, mut talents, mut distances, mut scores) =
        (vec![], vec![], vec![], vec![], vec![]);
    for Ranking { mission, talents: ranked } in rankings {
        for (rank, talent) in (1_i16..).zip(ranked) {
            missions.push(mission.id.0);
            ranks.push(rank);
            talents.push(talent.talent_id.0);
            distances.push(talent.distance_km);
            scores.push(score(talent.matched, mission.specialties.len()));
        }
    }
    let replaced: Vec<_> = rankings.iter().map(|ranking| ranking.mission.id.0).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"with found as materialized (
               select top.*, p.first_name, left(p.last_name, 1) as last_initial, p.city, p.average_rating, p.total_missions,
                      array(select tag from unnest(p.specialties) as own (tag) where tag = any (m.specialties) order by tag)
                          as matched_specialties
                 from unnest($1::uuid[], $2::int2[], $3::uuid[], $4::float8[], $5::int2[])
                          as top (mission_id, rank, talent_id, distance_km, score)
                 join missions m on m.id = top.mission_id
                 join profiles p on p.user_id = top.talent_id),
           gone as (
               delete from mission_matches s
                where s.mission_id = any ($6)
                  and not exists (select from found f
                                   where f.mission_id = s.mission_id and f.rank = s.rank and f.talent_id = s.talent_id
                                     and f.distance_km = s.distance_km and f.score = s.score
                                     and f.matched_specialties = s.matched_specialties)
               returning rank),
           stored as (
               insert into mission_matches (mission_id, rank, talent_id, distance_km, score, matched_specialties)
               select mission_id, rank, talent_id, distance_km, score, matched_specialties from found
                where (select count(*) from gone) >= 0
               on conflict (mission_id, rank) do nothing)
           select f.mission_id as "mission_id!: _", f.rank as "rank!", f.talent_id as "talent_id!: _",
                  f.distance_km as "distance_km!", f.score as "score!", f.matched_specialties as "matched_specialties!",
                  f.first_name, f.last_initial, f.city, f.average_rating, f.total_missions,
                  i.status as "invitation_status?: _"
             from found f
             left join invitations i on i.mission_id = f.mission_id and i.talent_id = f.talent_id
            order by f.mission_id, f.rank"#,
        &missions,
        &ranks,
        &talents,
        &distances,
        &scores,
        &replaced,
    )
    .fetch_all(conn)
    .await?;
    let mut stored: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        stored.entry(row.mission_id).or_default().push(row.into());
    }
    Ok(replaced.into_iter().map(|mission| stored.remove(&mission.into()).unwrap_or_default()).collect())
}

/// The stored answer.
pub async fn list_stored(conn: &mut PgConnection, mission: MissionId) -> Result<Vec<MatchedTalent>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select s.mission_id as "mission_id: _", s.rank, s.talent_id as "talent_id: _", s.distance_km, s.score, s.matched_specialties, p.first_name,
                  left(p.last_name, 1) as last_initial, p.city, p.average_rating, p.total_missions,
                  i.status as "invitation_status?: _"
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
