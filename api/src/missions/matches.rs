//! Who fits a mission: the stored top three, and the live ranking with its reasons.

use domain::ids::MissionId;
use domain::matching::{self, CandidateSearch, MatchedTalent};
use domain::missions;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{Auth, ClientSide};
use crate::invitations::InvitationStatus;
use crate::wire::{self, Text};

#[derive(Debug)]
pub struct MatchesApi;

/// One of the stored top three.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub(super) struct MatchView {
    /// 1 is the best.
    rank: i16,
    talent_id: Uuid,
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 4))]
    last_initial: Option<String>,
    #[oai(validator(max_length = 100))]
    city: Option<String>,
    /// One decimal.
    distance_km: f64,
    /// Per cent of the mission's specialties, one decimal.
    score: f64,
    /// 0–5.
    average_rating: f64,
    total_missions: i32,
    #[oai(validator(max_items = 20, max_length = 60))]
    matched_specialties: Vec<String>,
    invitation_status: Option<InvitationStatus>,
}

impl From<MatchedTalent> for MatchView {
    fn from(talent: MatchedTalent) -> Self {
        Self {
            rank: talent.rank,
            talent_id: talent.talent_id.0,
            first_name: talent.first_name,
            last_initial: talent.last_initial,
            city: talent.city,
            distance_km: talent.distance_km,
            score: talent.score,
            average_rating: talent.average_rating,
            total_missions: talent.total_missions,
            matched_specialties: talent.matched_specialties,
            invitation_status: talent.invitation_status.map(Into::into),
        }
    }
}

/// The stored answer of the matching.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct MatchList {
    #[oai(validator(max_items = 3))]
    items: Vec<MatchView>,
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

/// Parts of a candidate's score, each 0–100 before its weight.
#[derive(Debug, Object)]
struct ScoreParts {
    /// Share of the specialties asked for; weighs 35 %.
    specialties: f64,
    /// Average rating; weighs 25 %.
    rating: f64,
    /// 100 on the spot, 0 at the radius; weighs 25 %.
    closeness: f64,
    /// Missions done, full from 30; weighs 15 %.
    experience: f64,
}

/// A row of the live ranking.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct CandidateView {
    talent_id: Uuid,
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 4))]
    last_initial: Option<String>,
    #[oai(validator(max_length = 100))]
    city: Option<String>,
    /// One decimal.
    distance_km: f64,
    /// 0–5.
    average_rating: f64,
    total_missions: i32,
    /// All documents approved.
    compliant: bool,
    /// Not taken at the mission's time.
    available: bool,
    /// Weighted sum of the parts, 0–100, one decimal.
    score: f64,
    parts: ScoreParts,
}

/// The live ranking.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct CandidateList {
    #[oai(validator(max_items = 50))]
    items: Vec<CandidateView>,
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1/matching", tag = "wire::Tag::Matching")]
impl MatchesApi {
    /// The stored top three
    ///
    /// What the last matching chose, with the state of each invitation; fewer than three, or none, when nobody else fits.
    #[oai(path = "/missions/:id/matches", method = "get", operation_id = "listMatches")]
    async fn list_matches(
        &self,
        app: Data<&App>,
        caller: Auth<ClientSide>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<MatchList>> {
        let mut conn = app.db.conn().await?;
        let mission = missions::get_owned(&mut conn, MissionId(id.0), caller.0).await?;
        let items = matching::list_stored(&mut conn, mission.id).await?.into_iter().map(Into::into).collect();
        Ok(Json(MatchList { items, next_cursor: None }))
    }

    /// The live ranking, explained
    ///
    /// Computed at each call, with the parts of each score, for a wider radius or other specialties than the mission's; nobody is
    /// invited by it.
    #[oai(path = "/missions/:id/candidates", method = "get", operation_id = "listCandidates")]
    async fn list_candidates(
        &self,
        app: Data<&App>,
        caller: Auth<ClientSide>,
        id: Path<Uuid>,
        /// The mission's own when absent.
        #[oai(name = "radiusKm", validator(minimum(value = "1"), maximum(value = "200")))]
        radius_km: Query<Option<i32>>,
        /// Comma-separated; the mission's own when absent.
        #[oai(validator(max_length = 1300))]
        specialties: Query<Option<Text>>,
        /// 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "50")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<CandidateList>> {
        let mut conn = app.db.conn().await?;
        let mission = missions::get_owned(&mut conn, MissionId(id.0), caller.0).await?;
        let search = CandidateSearch {
            radius_km: radius_km.0,
            specialties: specialties.0.map(|list| list.0.split(',').map(str::to_owned).collect()),
            limit: limit.0.unwrap_or(wire::LIMIT),
        };
        let one_decimal = matching::one_decimal;
        let items = matching::list_candidates(&mut conn, &mission, search).await?.into_iter().map(|c| {
            CandidateView {
                talent_id: c.talent_id.0,
                first_name: c.first_name,
                last_initial: c.last_initial,
                city: c.city,
                distance_km: one_decimal(c.distance_km),
                average_rating: f64::from(c.average_rating) / 100.0,
                total_missions: c.total_missions,
                compliant: c.compliant,
                available: c.available,
                score: one_decimal(c.total),
                parts: ScoreParts {
                    specialties: one_decimal(c.specialty_part),
                    rating: one_decimal(c.rating_part),
                    closeness: one_decimal(c.closeness_part),
                    experience: one_decimal(c.experience_part),
                },
            }
        });
        Ok(Json(CandidateList { items: items.collect(), next_cursor: None }))
    }
}
