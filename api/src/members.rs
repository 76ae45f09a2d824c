//! Members of an establishment.

use domain::ids::{EstablishmentId, UserId};
use domain::members::{self, Member};
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{ActiveClient, Auth, ClientSide, VerifiedClient};
use crate::wire::{self, Done, SiteRole, Text};

#[derive(Debug)]
pub struct MembersApi;

/// A member of an establishment, or somebody invited.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct MemberView {
    user_id: Uuid,
    /// For owners.
    #[oai(validator(max_length = 254))]
    email: Option<String>,
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 80))]
    last_name: Option<String>,
    role: SiteRole,
    /// Has still to accept.
    is_invited: bool,
    /// Joined, or was invited.
    since: OffsetDateTime,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user_id.0,
            email: member.email,
            first_name: member.first_name,
            last_name: member.last_name,
            role: member.role.into(),
            is_invited: member.invited,
            since: member.since,
        }
    }
}

/// A page of members, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct MemberPage {
    #[oai(validator(max_items = 100))]
    items: Vec<MemberView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

/// Whom to invite, as what.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewMember {
    email: wire::Email,
    role: SiteRole,
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct MemberChange {
    role: SiteRole,
}

#[derive(ApiResponse)]
enum Invited {
    /// Invited; the mail is on its way
    #[oai(status = 201)]
    Created(Json<MemberView>),
}

#[OpenApi(prefix_path = "/api/v1/establishments", tag = "wire::Tag::People")]
impl MembersApi {
    /// List an establishment's members
    ///
    /// Only members see each other, and people whose invitation is open are among them.
    #[oai(path = "/:id/members", method = "get", operation_id = "listMembers")]
    async fn list_members(
        &self,
        app: Data<&App>,
        caller: Auth<ClientSide>,
        id: Path<Uuid>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<MemberPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) =
            members::list(&mut conn, EstablishmentId(id.0), caller.0.user, page, app.clock.now()).await?;
        Ok(Json(MemberPage {
            items: items.into_iter().map(Into::into).collect(),
            next_cursor: wire::next(next),
        }))
    }

    /// Invite a member by mail
    ///
    /// Only an owner invites. Who has no account yet sets a password when accepting the mail.
    #[oai(path = "/:id/members", method = "post", operation_id = "inviteMember")]
    async fn invite_member(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedClient>,
        id: Path<Uuid>,
        body: Json<NewMember>,
    ) -> ApiResult<Invited> {
        let (new, now) = (body.0, app.clock.now());
        let mut tx = app.db.begin().await?;
        let (site, owner) = (EstablishmentId(id.0), caller.0.user);
        let invited = members::invite(&mut tx, site, owner, new.email.as_ref(), new.role.into(), now).await?;
        effects::accounts::invited_to_site(&mut tx, &invited, now).await?;
        tx.commit().await?;
        Ok(Invited::Created(Json(MemberView {
            user_id: invited.user.0,
            email: Some(new.email.0),
            first_name: None,
            last_name: None,
            role: new.role,
            is_invited: true,
            since: now,
        })))
    }

    /// Change a member's role
    ///
    /// Only an owner changes roles, and the last owner stays one.
    #[oai(path = "/:id/members/:user_id", method = "patch", operation_id = "updateMember")]
    async fn update_member(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveClient>,
        id: Path<Uuid>,
        user_id: Path<Uuid>,
        body: Json<MemberChange>,
    ) -> ApiResult<Done> {
        let mut tx = app.db.begin().await?;
        let (site, owner) = (EstablishmentId(id.0), caller.0.user);
        members::set_role(&mut tx, site, owner, UserId(user_id.0), body.0.role.into()).await?;
        tx.commit().await?;
        Ok(Done::NoContent)
    }

    /// Remove a member, take an invitation back, or leave
    ///
    /// An owner removes anybody but the last owner; everybody else removes only oneself.
    #[oai(path = "/:id/members/:user_id", method = "delete", operation_id = "removeMember")]
    async fn remove_member(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveClient>,
        id: Path<Uuid>,
        user_id: Path<Uuid>,
    ) -> ApiResult<Done> {
        let mut tx = app.db.begin().await?;
        let (site, by) = (EstablishmentId(id.0), caller.0.user);
        members::remove(&mut tx, site, by, UserId(user_id.0), app.clock.now()).await?;
        tx.commit().await?;
        Ok(Done::NoContent)
    }
}
