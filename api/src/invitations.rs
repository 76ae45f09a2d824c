//! Invitations, from the talent's side.

use std::collections::HashMap;

use domain::assignments::Assignment;
use domain::ids::InvitationId;
use domain::invitations::{self, Invitation};
use domain::missions::{self, Sight};
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{AnyTalent, Auth, VerifiedTalent};
use crate::missions::MissionView;
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct InvitationsApi;

mirror! {
    InvitationStatus = domain::invitations::InvitationStatus { Pending, Accepted, Declined, Expired }
    AssignmentStatus = domain::assignments::AssignmentStatus { Assigned, InProgress, Completed, Cancelled, Withdrawn }
}

/// An invitation to a mission.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct InvitationView {
    id: Uuid,
    mission_id: Uuid,
    status: InvitationStatus,
    /// 1 is the first.
    wave: i16,
    mission: MissionView,
}

/// A page of invitations, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct InvitationPage {
    #[oai(validator(max_items = 100))]
    items: Vec<InvitationView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

/// A talent's place in a mission.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct AssignmentView {
    id: Uuid,
    mission_id: Uuid,
    talent_id: Uuid,
    status: AssignmentStatus,
    created_at: OffsetDateTime,
}

impl From<Assignment> for AssignmentView {
    fn from(assignment: Assignment) -> Self {
        Self {
            id: assignment.id.0,
            mission_id: assignment.mission_id.0,
            talent_id: assignment.talent_id.0,
            status: assignment.status.into(),
            created_at: assignment.created_at,
        }
    }
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Matching")]
impl InvitationsApi {
    /// List one's own invitations
    ///
    /// Newest first, each with the public view of its mission.
    #[oai(path = "/me/invitations", method = "get", operation_id = "listMyInvitations")]
    async fn list_my_invitations(
        &self,
        app: Data<&App>,
        caller: Auth<AnyTalent>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<InvitationPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (invitations, next) = invitations::list_for(&mut conn, caller.0.user, page).await?;
        let ids: Vec<_> = invitations.iter().map(|invitation| invitation.mission_id).collect();
        let missions = missions::list_by_id(&mut conn, &ids).await?;
        let mut missions: HashMap<_, _> = missions.into_iter().map(|mission| (mission.id, mission)).collect();
        // One invitation per mission and talent, so each mission is taken out once.
        let items = invitations
            .into_iter()
            .filter_map(|invitation| Some((missions.remove(&invitation.mission_id)?, invitation)))
            .map(|(mission, invitation)| view(invitation, MissionView::of(mission, Sight::Public)))
            .collect();
        Ok(Json(InvitationPage { items, next_cursor: wire::next(next) }))
    }

    /// Accept an invitation
    ///
    /// First come, first served: exactly as many acceptances count as the mission has slots. The winner may repeat it.
    #[oai(path = "/invitations/:id/accept", method = "post", operation_id = "acceptInvitation")]
    async fn accept_invitation(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<AssignmentView>> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let accepted = invitations::accept(&mut tx, InvitationId(id.0), caller.0.user, now).await?;
        effects::missions::assigned(&mut tx, &accepted, now).await?;
        tx.commit().await?;
        Ok(Json(accepted.assignment().into()))
    }

    /// Decline an invitation
    ///
    /// Declining twice is harmless; one that has been accepted, or has expired, is 409.
    #[oai(path = "/invitations/:id/decline", method = "post", operation_id = "declineInvitation")]
    async fn decline_invitation(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<InvitationView>> {
        let mut conn = app.db.conn().await?;
        let invitation =
            invitations::decline(&mut conn, InvitationId(id.0), caller.0.user, app.clock.now()).await?;
        let mission = missions::get(&mut conn, invitation.mission_id).await?;
        Ok(Json(view(invitation, MissionView::of(mission, Sight::Public))))
    }
}

fn view(invitation: Invitation, mission: MissionView) -> InvitationView {
    InvitationView {
        id: invitation.id.0,
        mission_id: invitation.mission_id.0,
        status: invitation.status.into(),
        wave: invitation.wave,
        mission,
    }
}
