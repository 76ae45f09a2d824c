//! Why somebody was matched with a mission, or was not.
//!
//! The ranking decides alone whom it invites, so whoever it is about may ask for the logic and the values (GDPR art. 22
//! and 15(1)(h)). What a decision compared is therefore stored when it is made; for everybody else the same filters are
//! asked again, of today's data, and the answer says which of the two it is.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::candidates::{FULL_EXPERIENCE, WEIGHTS};
use super::{Match, Ranking, one_decimal, score};
use crate::error::{Error, Result};
use crate::ids::{MissionId, UserId};
use crate::invitations::Invitation;
use crate::missions::Mission;

/// Raised whenever a filter, the score or the order changes its meaning.
pub const RULE_VERSION: &str = "2026-11";

/// What a decision asks of a mission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MissionFacts {
    pub job_id: String,
    pub placed: bool,
    pub radius_km: i32,
    pub specialties: Vec<String>,
    pub requires_diploma: bool,
    pub requires_car: bool,
    pub is_night_shift: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub start_date: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub end_date: OffsetDateTime,
}

impl From<&Mission> for MissionFacts {
    fn from(mission: &Mission) -> Self {
        Self {
            job_id: mission.job_id.clone(),
            placed: mission.point().is_some(),
            radius_km: mission.radius_km,
            specialties: mission.specialties.clone(),
            requires_diploma: mission.requires_diploma,
            requires_car: mission.requires_car,
            is_night_shift: mission.is_night_shift,
            start_date: mission.start_date,
            end_date: mission.end_date,
        }
    }
}

/// What a decision compares of a talent. Distances, not places.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TalentFacts {
    pub talent_id: UserId,
    pub job_id: Option<String>,
    pub distance_km: Option<f64>,
    pub verified: bool,
    pub visible: bool,
    pub compliant: bool,
    pub has_driver_license: bool,
    pub can_do_night_shift: bool,
    pub matched_specialties: i32,
    pub average_rating: i16,
    pub total_missions: i32,
    pub excluded: bool,
    pub available: bool,
    pub booked: bool,
    /// The rule of working time that the mission would break.
    pub breach: Option<String>,
}

impl TalentFacts {
    /// Whoever is ranked has passed every filter.
    fn of_ranked(ranked: &Match, mission: &Mission) -> Self {
        Self {
            talent_id: ranked.talent_id,
            job_id: Some(mission.job_id.clone()),
            distance_km: Some(ranked.distance_km),
            verified: true,
            visible: true,
            compliant: ranked.compliant,
            has_driver_license: ranked.has_driver_license,
            can_do_night_shift: ranked.can_do_night_shift,
            matched_specialties: ranked.matched,
            average_rating: ranked.average_rating,
            total_missions: ranked.total_missions,
            excluded: false,
            available: true,
            booked: false,
            breach: None,
        }
    }
}

/// Keeps what waves were decided on: their talents in their order, and how many of them were invited anew.
pub async fn record(
    conn: &mut PgConnection,
    rankings: &[Ranking<'_>],
    invited: &[Vec<Invitation>],
    wave: i16,
    now: OffsetDateTime,
) -> Result<()> {
    let (mut ids, mut missions, mut asked, mut found) = (vec![], vec![], vec![], vec![]);
    let invited: Vec<_> = invited.iter().map(|invitations| invitations.len() as i16).collect();
    for Ranking { mission, talents } in rankings {
        ids.push(Uuid::now_v7());
        missions.push(mission.id.0);
        asked.push(Json(MissionFacts::from(*mission)));
        found.push(Json(
            talents.iter().map(|talent| TalentFacts::of_ranked(talent, mission)).collect::<Vec<_>>(),
        ));
    }
    sqlx::query!(
        "insert into match_decisions (id, mission_id, wave, rule_version, mission, talents, decided_at, invited)
         select id, mission_id, $5, $6, mission, talents, $7, invited
           from unnest($1::uuid[], $2::uuid[], $3::jsonb[], $4::jsonb[], $8::int2[]) as new (id, mission_id, mission, talents, invited)",
        &ids,
        &missions,
        &asked as _,
        &found as _,
        wave,
        RULE_VERSION,
        now,
        &invited,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The decision that an explanation repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub decided_at: OffsetDateTime,
    pub wave: i16,
    /// Place in that wave's ranking; 1 is the best.
    pub rank: i32,
}

#[derive(Clone, Debug)]
pub struct Explanation {
    pub talent_id: UserId,
    pub rule_version: String,
    /// Absent when nothing was decided about this talent and today's data were asked.
    pub decision: Option<Decision>,
    pub mission: MissionFacts,
    pub talent: TalentFacts,
}

/// Who asks decides what may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The mission's side and admins: not why somebody cannot work, only that.
    Client,
    /// The talent: not whether somebody has put it on a list.
    Talent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    Place,
    Profession,
    Verified,
    Visible,
    Compliance,
    DriverLicense,
    NightShift,
    NeverAgain,
    Availability,
    DoubleBooking,
    WorkingTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    /// The mission does not ask for it.
    NotAsked,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub filter: Filter,
    pub outcome: Outcome,
    /// What was asked for.
    pub wanted: String,
    /// What was found.
    pub found: String,
    /// What would change a failure.
    pub remedy: Option<&'static str>,
}

/// A part of the weighted score: 0–100 before its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub value: f64,
    pub weight: f64,
}

impl Explanation {
    pub fn answers(&self, audience: Audience) -> Vec<Answer> {
        let (mission, talent) = (&self.mission, &self.talent);
        let to_talent = audience == Audience::Talent;
        let say = |talents: &'static str, clients: &'static str| if to_talent { talents } else { clients };
        let mut answers = Vec::with_capacity(11);
        let mut ask = |filter, asked: bool, passed: bool, wanted: String, found: String, remedy| {
            let outcome = match (asked, passed) {
                (false, _) => Outcome::NotAsked,
                (true, true) => Outcome::Passed,
                (true, false) => Outcome::Failed,
            };
            let remedy = (outcome == Outcome::Failed).then_some(remedy);
            answers.push(Answer { filter, outcome, wanted, found, remedy });
        };
        let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        ask(
            Filter::Place,
            true,
            talent.distance_km.is_some_and(|km| km <= f64::from(mission.radius_km)),
            match mission.placed {
                true => format!("at most {} km", mission.radius_km),
                false => "the mission has no place yet".into(),
            },
            talent.distance_km.map_or("unknown".into(), |km| format!("{km:.1} km")),
            say(
                "Look for missions nearer to your address, or keep it up to date",
                "Extend the mission's radius",
            ),
        );
        ask(
            Filter::Profession,
            true,
            talent.job_id.as_deref() == Some(&mission.job_id),
            mission.job_id.clone(),
            talent.job_id.clone().unwrap_or("none".into()),
            say("Choose your profession in your profile", "Post the mission for this profession"),
        );
        ask(
            Filter::Verified,
            true,
            talent.verified,
            yes_no(true),
            yes_no(talent.verified),
            say("Have your account verified", "Wait until the account is verified"),
        );
        ask(
            Filter::Visible,
            true,
            talent.visible,
            yes_no(true),
            yes_no(talent.visible),
            say("Make your profile visible on the marketplace", "Only the talent can change it"),
        );
        ask(
            Filter::Compliance,
            mission.requires_diploma,
            talent.compliant,
            yes_no(mission.requires_diploma),
            yes_no(talent.compliant),
            say(
                "Validate your documents",
                "Wait until the documents are validated, or do not require a diploma",
            ),
        );
        ask(
            Filter::DriverLicense,
            mission.requires_car,
            talent.has_driver_license,
            yes_no(mission.requires_car),
            yes_no(talent.has_driver_license),
            say("Add your driving licence to your profile", "Do not require a car"),
        );
        ask(
            Filter::NightShift,
            mission.is_night_shift,
            talent.can_do_night_shift,
            yes_no(mission.is_night_shift),
            yes_no(talent.can_do_night_shift),
            say("Accept night shifts in your profile", "Change the hours of the mission"),
        );
        // The list is its client's secret. What an establishment decides by hand is no automatic decision.
        if !to_talent {
            ask(
                Filter::NeverAgain,
                true,
                !talent.excluded,
                yes_no(false),
                yes_no(talent.excluded),
                "Take the talent off your list",
            );
        }
        ask(
            Filter::Availability,
            true,
            talent.available,
            yes_no(true),
            yes_no(talent.available),
            say("Extend your availability", "Change the hours of the mission"),
        );
        ask(
            Filter::DoubleBooking,
            true,
            !talent.booked,
            "free at that time".into(),
            if talent.booked { "has other work" } else { "free" }.into(),
            say("You have other work at that time", "Change the hours of the mission"),
        );
        ask(
            Filter::WorkingTime,
            true,
            talent.breach.is_none(),
            "11 h of daily rest, 12 h a day, 48 h a week".into(),
            match (&talent.breach, audience) {
                (None, _) => "within the limits".into(),
                (Some(rule), Audience::Talent) => format!("beyond {rule}"),
                (Some(_), Audience::Client) => "beyond the limits".into(),
            },
            say("Leave more rest around the mission", "Change the hours of the mission"),
        );
        answers
    }

    /// Step 4 of the six: per cent of the mission's specialties, one decimal.
    pub fn score(&self) -> f64 {
        f64::from(score(self.talent.matched_specialties, self.mission.specialties.len())) / 10.0
    }

    /// Specialties, rating, closeness, experience: the parts of the weighted ranking on the client's screen.
    pub fn parts(&self) -> [Part; 4] {
        let talent = &self.talent;
        let radius = f64::from(self.mission.radius_km);
        let closeness = talent.distance_km.map_or(0.0, |km| (100.0 * (1.0 - km / radius)).max(0.0));
        let experience =
            100.0 * f64::from(talent.total_missions.min(FULL_EXPERIENCE)) / f64::from(FULL_EXPERIENCE);
        let values = [self.score(), f64::from(talent.average_rating) / 5.0, closeness, experience];
        std::array::from_fn(|i| Part { value: one_decimal(values[i]), weight: WEIGHTS[i] })
    }
}

/// From what was stored when the talent was ranked, or else from today's data.
pub async fn explain(conn: &mut PgConnection, mission: &Mission, talent: UserId) -> Result<Explanation> {
    if let Some(stored) = find_stored(conn, mission.id, talent).await? {
        return Ok(stored);
    }
    let current = sqlx::query_as!(
        TalentFacts,
        r#"select p.user_id as "talent_id: _", (select slug from professions where id = p.profession_id) as job_id,
                  case when p.latitude is not null and $2::float8 is not null
                       then haversine_km($2, $3, p.latitude, p.longitude) end as distance_km,
                  u.status = 'VERIFIED' as "verified!", p.is_marketplace_visible as visible,
                  p.compliance_status = 'VALIDATED' as "compliant!", p.has_driver_license, p.can_do_night_shift,
                  (select count(*)::int4 from unnest(p.specialties) as own (tag) where own.tag = any ($4))
                      as "matched_specialties!",
                  p.average_rating, p.total_missions,
                  is_excluded(p.user_id, $5, $6) as "excluded!", is_available(p.user_id, $7, $8) as "available!",
                  exists (select from assignments a
                           where a.talent_id = p.user_id and a.status in ('ASSIGNED', 'IN_PROGRESS') and a.mission_id <> $9
                             and a.period && tstzrange($7, $8))
                      or is_booked(p.user_id, $7, $8) as "booked!",
                  working_time_breach(p.user_id, $7, $8, (select a.id from assignments a
                                                           where a.mission_id = $9 and a.talent_id = p.user_id
                                                             and a.status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED'))) as breach
             from profiles p join users u on u.id = p.user_id
            where p.user_id = $1 and u.role = 'TALENT'"#,
        talent.0,
        mission.latitude,
        mission.longitude,
        &mission.specialties,
        mission.client_id.0,
        mission.establishment_id.map(|site| site.0),
        mission.start_date,
        mission.end_date,
        mission.id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(Error::NotFound("talent"))?;
    Ok(Explanation {
        talent_id: talent,
        rule_version: RULE_VERSION.into(),
        decision: None,
        mission: mission.into(),
        talent: current,
    })
}

async fn find_stored(
    conn: &mut PgConnection,
    mission: MissionId,
    talent: UserId,
) -> Result<Option<Explanation>> {
    let stored = sqlx::query!(
        r#"select d.wave, d.rule_version, d.decided_at, d.mission as "mission: Json<MissionFacts>",
                  ranked.facts as "talent!: Json<TalentFacts>", ranked.rank::int4 as "rank!"
             from match_decisions d
            cross join lateral jsonb_array_elements(d.talents) with ordinality as ranked (facts, rank)
            where d.mission_id = $1 and ranked.facts ->> 'talentId' = $2::uuid::text
            order by d.id desc limit 1"#,
        mission.0,
        talent.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(stored.map(|row| Explanation {
        talent_id: talent,
        rule_version: row.rule_version,
        decision: Some(Decision { decided_at: row.decided_at, wave: row.wave, rank: row.rank }),
        mission: row.mission.0,
        talent: row.talent.0,
    }))
}

/// A client asks only for whom the platform shows it: whoever was ranked or invited, and public profiles.
pub async fn check_visible(conn: &mut PgConnection, mission: MissionId, talent: UserId) -> Result<()> {
    let visible = sqlx::query_scalar!(
        r#"select exists (select from invitations where mission_id = $1 and talent_id = $2)
               or exists (select from mission_matches where mission_id = $1 and talent_id = $2)
               or exists (select from users u join profiles p on p.user_id = u.id
                           where u.id = $2 and u.role = 'TALENT' and u.status = 'VERIFIED' and p.is_marketplace_visible)
               as "visible!""#,
        mission.0,
        talent.0,
    );
    match visible.fetch_one(conn).await? {
        true => Ok(()),
        false => Err(Error::NotFound("talent")),
    }
}
