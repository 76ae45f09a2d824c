//! Why somebody was matched with a mission, or was not.

use domain::ids::{MissionId, UserId};
use domain::matching::explanation::{self, Answer, Audience, Explanation};
use domain::matching::one_decimal;
use domain::missions;
use domain::users::Role;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{Anyone, Auth};
use crate::wire::{self, mirror};

#[derive(Debug)]
pub struct ExplanationApi;

mirror! {
    /// A filter of the matching. NEVER_AGAIN is the client's own list; its talents are not told of it.
    MatchFilter = domain::matching::explanation::Filter {
        Place, Profession, Verified, Visible, Compliance, DriverLicense, NightShift, NeverAgain, Availability, DoubleBooking, WorkingTime
    }
    FilterOutcome = domain::matching::explanation::Outcome { Passed, Failed, NotAsked }
}

/// STORED: the values that the decision compared. CURRENT: today's, of a talent about whom nothing was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
enum Basis {
    Stored,
    Current,
}

/// What one filter said.
#[derive(Debug, Object)]
struct FilterView {
    filter: MatchFilter,
    outcome: FilterOutcome,
    /// What was asked for.
    #[oai(validator(max_length = 120))]
    wanted: String,
    /// What was found.
    #[oai(validator(max_length = 120))]
    found: String,
}

impl From<&Answer> for FilterView {
    fn from(answer: &Answer) -> Self {
        Self {
            filter: answer.filter.into(),
            outcome: answer.outcome.into(),
            wanted: answer.wanted.clone(),
            found: answer.found.clone(),
        }
    }
}

/// A part of the weighted score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
enum ScorePart {
    Specialties,
    Rating,
    Closeness,
    Experience,
}

/// A part of the weighted score and what it weighs.
#[derive(Debug, Object)]
struct PartView {
    part: ScorePart,
    /// 0–100, one decimal.
    value: f64,
    /// Per cent.
    weight: f64,
}

/// Why somebody was matched, or was not.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ExplanationView {
    mission_id: Uuid,
    talent_id: Uuid,
    /// Of the filters, the score and the order.
    #[oai(validator(max_length = 20))]
    rule_version: String,
    basis: Basis,
    /// When, if something was decided.
    decided_at: Option<OffsetDateTime>,
    /// Wave of invitations that the decision belongs to; 1 is the top three.
    wave: Option<i16>,
    /// Place in that wave's ranking; 1 is the best.
    rank: Option<i32>,
    /// Chosen by the ranking.
    matched: bool,
    #[oai(validator(max_items = 11))]
    filters: Vec<FilterView>,
    /// Per cent of the mission's specialties; the ranking's first criterion, before rating, distance and missions done.
    score: f64,
    /// 0–5; the second criterion.
    average_rating: f64,
    /// One decimal; the third criterion.
    distance_km: Option<f64>,
    /// The fourth criterion.
    total_missions: i32,
    /// The parts again as the client's screen weighs them.
    #[oai(validator(max_items = 4))]
    parts: Vec<PartView>,
    /// Sum of the weighted parts, 0–100, one decimal.
    weighted_score: f64,
    /// What would change the outcome.
    #[oai(validator(max_items = 11, max_length = 200))]
    would_change: Vec<String>,
}

impl ExplanationView {
    fn of(mission: MissionId, explanation: &Explanation, audience: Audience) -> Self {
        let decision = explanation.decision;
        let answers = explanation.answers(audience);
        let mut would_change: Vec<String> =
            answers.iter().filter_map(|answer| answer.remedy).map(str::to_owned).collect();
        if decision.is_none() && would_change.is_empty() {
            would_change.push(
                "Nothing that is asked for is missing, but others were chosen: more of the specialties asked for, a better \
                 rating or a shorter way would rank higher"
                    .into(),
            );
        }
        let parts = explanation.parts();
        let names = [ScorePart::Specialties, ScorePart::Rating, ScorePart::Closeness, ScorePart::Experience];
        Self {
            mission_id: mission.0,
            talent_id: explanation.talent_id.0,
            rule_version: explanation.rule_version.clone(),
            basis: if decision.is_some() { Basis::Stored } else { Basis::Current },
            decided_at: decision.map(|decision| decision.decided_at),
            wave: decision.map(|decision| decision.wave),
            rank: decision.map(|decision| decision.rank),
            matched: decision.is_some(),
            filters: answers.iter().map(Into::into).collect(),
            score: explanation.score(),
            average_rating: f64::from(explanation.talent.average_rating) / 100.0,
            distance_km: explanation.talent.distance_km.map(one_decimal),
            total_missions: explanation.talent.total_missions,
            weighted_score: one_decimal(parts.iter().map(|part| part.value * part.weight / 100.0).sum()),
            parts: names
                .into_iter()
                .zip(parts)
                .map(|(part, p)| PartView { part, value: p.value, weight: p.weight })
                .collect(),
            would_change,
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/matching", tag = "wire::Tag::Matching")]
impl ExplanationApi {
    /// Why a talent was matched, or was not
    ///
    /// A talent asks for itself; the mission's side and admins name a talent who was considered or is public.
    #[oai(path = "/missions/:id/explanation", method = "get", operation_id = "explainMatch")]
    async fn explain_match(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
        /// A talent leaves it out.
        #[oai(name = "talentId")]
        talent_id: Query<Option<Uuid>>,
    ) -> ApiResult<Json<ExplanationView>> {
        let mut conn = app.db.conn().await?;
        let id = MissionId(id.0);
        let named = talent_id.0.map(UserId);
        let (mission, talent, audience) = match (caller.0.role, named) {
            (Role::Talent, named) if named.is_none_or(|talent| talent == caller.0.user) => {
                let (mission, _) = missions::get_for(&mut conn, id, caller.0).await?;
                (mission, caller.0.user, Audience::Talent)
            }
            (Role::Talent, _) => {
                return Err(ApiError::Forbidden {
                    code: "NOT_YOUR_EXPLANATION",
                    message: "A talent asks for itself only",
                });
            }
            (Role::Client | Role::Admin, named) => {
                let mission = missions::get_owned(&mut conn, id, caller.0).await?;
                let talent = named.ok_or_else(|| ApiError::invalid("talentId", "name the talent"))?;
                if caller.0.role == Role::Client {
                    explanation::check_visible(&mut conn, id, talent).await?;
                }
                (mission, talent, Audience::Client)
            }
        };
        let explained = explanation::explain(&mut conn, &mission, talent).await?;
        Ok(Json(ExplanationView::of(id, &explained, audience)))
    }
}
