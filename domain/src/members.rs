//! Members of a site: owners invite, change and remove; the last owner stays. Whoever changes members holds the site's row,
//! so that two owners cannot remove each other.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::auth_tokens;
use crate::error::{Error, OnConstraint, Result};
use crate::ids::{EstablishmentId, SiteInvitationId, UserId};
use crate::page::{Cursor, Page};
use crate::users::{self, Role, Status};

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "site_role", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SiteRole {
    Owner,
    Manager,
    Viewer,
}

pub const INVITATION_LIFETIME: Duration = Duration::days(14);
pub const REMINDER_AFTER: Duration = Duration::days(3);

/// Members and open invitations of one site: nobody mails the whole country from here.
const MOST: i64 = 200;

const NOT_AN_OWNER: Error = Error::Refused {
    code: "NOT_AN_OWNER",
    message: "Only an owner of the establishment manages its members",
};
const LAST_OWNER: Error = Error::Conflict { code: "LAST_OWNER", message: "An establishment keeps one owner" };

/// A member, or somebody who is invited to become one.
#[derive(Debug)]
pub struct Member {
    pub user_id: UserId,
    /// For owners only; of an invitation, as it was written.
    pub email: Option<String>,
    /// Known once the invitation is accepted.
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub role: SiteRole,
    pub invited: bool,
    /// Joined, or was invited.
    pub since: OffsetDateTime,
}

/// The user's role in a site.
pub async fn find_role(
    conn: &mut PgConnection,
    site: EstablishmentId,
    user: UserId,
) -> Result<Option<SiteRole>> {
    let role = sqlx::query_scalar!(
        r#"select role as "role: SiteRole" from establishment_members where establishment_id = $1 and user_id = $2"#,
        site.0,
        user.0,
    );
    Ok(role.fetch_optional(conn).await?)
}

/// Members and open invitations, newest first, for one of the members.
pub async fn list(
    conn: &mut PgConnection,
    site: EstablishmentId,
    reader: UserId,
    page: Page,
    now: OffsetDateTime,
) -> Result<(Vec<Member>, Option<Cursor>)> {
    let role = find_role(conn, site, reader).await?.ok_or(Error::Refused {
        code: "NOT_A_MEMBER",
        message: "Only members of the establishment see its members",
    })?;
    let members = sqlx::query_as!(
        Member,
        r#"select user_id as "user_id!: _", case when $6 then email end as email, first_name, last_name,
                  role as "role!: _", invited as "invited!", since as "since!"
             from (select m.user_id, u.email, p.first_name, p.last_name, m.role, false as invited, m.joined_at as since
                     from establishment_members m
                     join users u on u.id = m.user_id join profiles p on p.user_id = m.user_id
                    where m.establishment_id = $1
                   union all
                   select user_id, email, null, null, role, true, created_at from establishment_invitations
                    where establishment_id = $1 and status = 'PENDING' and expires_at > $2) as all_members
            where $3::timestamptz is null or (since, user_id) < ($3, $4::uuid)
            order by since desc, user_id desc limit $5"#,
        site.0,
        now,
        page.after.map(|cursor| cursor.created_at),
        page.after.map(|cursor| cursor.id),
        page.rows(),
        role == SiteRole::Owner,
    )
    .fetch_all(conn)
    .await?;
    Ok(page.cut(members, |member| Cursor { created_at: member.since, id: member.user_id.0 }))
}

/// Holds the site for a change of its members by one of its owners.
async fn lock_for_owner(conn: &mut PgConnection, site: EstablishmentId, owner: UserId) -> Result<()> {
    let exists = sqlx::query!("select id from establishments where id = $1 for update", site.0);
    exists.fetch_optional(&mut *conn).await?.ok_or(NOT_AN_OWNER)?;
    match find_role(conn, site, owner).await? {
        Some(SiteRole::Owner) => Ok(()),
        _ => Err(NOT_AN_OWNER),
    }
}

/// An invitation that was made.
#[derive(Debug)]
pub struct Invited {
    pub invitation: SiteInvitationId,
    pub user: UserId,
    pub expires_at: OffsetDateTime,
}

/// Invites somebody by address, whether or not the address has an account: the site learns nothing of that.
pub async fn invite(
    conn: &mut PgConnection,
    site: EstablishmentId,
    owner: UserId,
    email: &str,
    role: SiteRole,
    now: OffsetDateTime,
) -> Result<Invited> {
    lock_for_owner(conn, site, owner).await?;
    sqlx::query!(
        "update establishment_invitations set status = 'EXPIRED', answered_at = $2
          where establishment_id = $1 and status = 'PENDING' and expires_at <= $2",
        site.0,
        now,
    )
    .execute(&mut *conn)
    .await?;
    let count = sqlx::query_scalar!(
        r#"select (select count(*) from establishment_members where establishment_id = $1)
                + (select count(*) from establishment_invitations where establishment_id = $1 and status = 'PENDING') as "count!""#,
        site.0,
    )
    .fetch_one(&mut *conn)
    .await?;
    if count >= MOST {
        return Err(Error::Conflict {
            code: "TOO_MANY_MEMBERS",
            message: "An establishment has at most 200 members",
        });
    }
    let user = users::find_or_invite(conn, email, now).await?.id;
    if find_role(conn, site, user).await?.is_some() {
        return Err(Error::Conflict { code: "ALREADY_A_MEMBER", message: "This person is a member already" });
    }
    let invited =
        Invited { invitation: SiteInvitationId::new(), user, expires_at: now + INVITATION_LIFETIME };
    sqlx::query!(
        "insert into establishment_invitations (id, establishment_id, user_id, email, role, invited_by, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        invited.invitation.0,
        site.0,
        user.0,
        email.trim(),
        role as SiteRole,
        owner.0,
        now,
        invited.expires_at,
    )
    .execute(&mut *conn)
    .await
    .on_constraint("establishment_invitations_open", || Error::Conflict {
        code: "ALREADY_INVITED",
        message: "This person has an open invitation",
    })?;
    Ok(invited)
}

/// Changes the role of a member, or of an open invitation.
pub async fn set_role(
    conn: &mut PgConnection,
    site: EstablishmentId,
    owner: UserId,
    member: UserId,
    role: SiteRole,
) -> Result<()> {
    lock_for_owner(conn, site, owner).await?;
    let changed = sqlx::query!(
        "with invited as (update establishment_invitations set role = $3
                           where establishment_id = $1 and user_id = $2 and status = 'PENDING' returning 1),
              member as (update establishment_members set role = $3
                          where establishment_id = $1 and user_id = $2
                            and (role <> 'OWNER' or $3 = 'OWNER'
                                 or exists (select from establishment_members
                                             where establishment_id = $1 and user_id <> $2 and role = 'OWNER')) returning 1)
         select 1 as one from invited union all select 1 from member",
        site.0,
        member.0,
        role as SiteRole,
    )
    .fetch_optional(&mut *conn)
    .await?;
    explain(conn, site, member, changed.is_some()).await
}

/// Removes a member or takes an invitation back; any member may leave.
pub async fn remove(
    conn: &mut PgConnection,
    site: EstablishmentId,
    by: UserId,
    member: UserId,
    now: OffsetDateTime,
) -> Result<()> {
    if by == member && find_role(conn, site, by).await?.is_some() {
        sqlx::query!("select id from establishments where id = $1 for update", site.0)
            .fetch_one(&mut *conn)
            .await?;
    } else {
        lock_for_owner(conn, site, by).await?;
    }
    let revoked = sqlx::query_scalar!(
        "update establishment_invitations set status = 'REVOKED', answered_at = $3
          where establishment_id = $1 and user_id = $2 and status = 'PENDING' returning id",
        site.0,
        member.0,
        now,
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(invitation) = revoked {
        return auth_tokens::void_subject(conn, member, invitation, now).await;
    }
    let removed = sqlx::query!(
        "delete from establishment_members
          where establishment_id = $1 and user_id = $2
            and (role <> 'OWNER' or exists (select from establishment_members
                                             where establishment_id = $1 and user_id <> $2 and role = 'OWNER'))",
        site.0,
        member.0,
    )
    .execute(&mut *conn)
    .await?;
    explain(conn, site, member, removed.rows_affected() > 0).await
}

/// Why a change of a member met no row, under the site's lock.
async fn explain(
    conn: &mut PgConnection,
    site: EstablishmentId,
    member: UserId,
    changed: bool,
) -> Result<()> {
    match changed {
        true => Ok(()),
        false if find_role(conn, site, member).await?.is_some() => Err(LAST_OWNER),
        false => Err(Error::NotFound("member")),
    }
}

/// An open invitation, for its mail.
#[derive(Debug)]
pub struct OpenInvitation {
    pub site_name: String,
    pub inviter: Option<String>,
    pub expires_at: OffsetDateTime,
}

pub async fn find_open_invitation(
    conn: &mut PgConnection,
    id: SiteInvitationId,
    now: OffsetDateTime,
) -> Result<Option<OpenInvitation>> {
    let invitation = sqlx::query_as!(
        OpenInvitation,
        r#"select e.name as site_name, nullif(concat_ws(' ', p.first_name, p.last_name), '') as inviter, i.expires_at
             from establishment_invitations i
             join establishments e on e.id = i.establishment_id join profiles p on p.user_id = i.invited_by
            where i.id = $1 and i.status = 'PENDING' and i.expires_at > $2"#,
        id.0,
        now,
    );
    Ok(invitation.fetch_optional(conn).await?)
}

/// Ends an invitation that nobody answered in time; harmless when it was answered.
pub async fn expire(conn: &mut PgConnection, id: SiteInvitationId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "update establishment_invitations set status = 'EXPIRED', answered_at = $2
          where id = $1 and status = 'PENDING' and expires_at <= $2",
        id.0,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A membership that an invitation has become.
#[derive(Debug)]
pub struct Joined {
    pub site: EstablishmentId,
    pub role: SiteRole,
}

/// The invited person accepts: joins the site. The caller holds the account's row and has used the token.
pub async fn accept(
    conn: &mut PgConnection,
    id: SiteInvitationId,
    user: UserId,
    now: OffsetDateTime,
) -> Result<Joined> {
    let account = users::get(conn, user).await?;
    if account.role != Role::Client {
        return Err(Error::Conflict {
            code: "CLIENT_ACCOUNT_NEEDED",
            message: "Only a client's account can join an establishment",
        });
    }
    if matches!(account.status, Status::Suspended | Status::Banned) {
        return Err(users::SUSPENDED);
    }
    let invitation = sqlx::query!(
        r#"update establishment_invitations set status = 'ACCEPTED', answered_at = $3
            where id = $1 and user_id = $2 and status = 'PENDING' and expires_at > $3
           returning establishment_id as "site: EstablishmentId", role as "role: SiteRole""#,
        id.0,
        user.0,
        now,
    )
    .fetch_optional(&mut *conn)
    .await?
    .ok_or(Error::Expired { code: "TOKEN_EXPIRED", message: "This invitation is over" })?;
    sqlx::query!(
        "insert into establishment_members (establishment_id, user_id, role, joined_at) values ($1, $2, $3, $4)
         on conflict (user_id, establishment_id) do nothing",
        invitation.site.0,
        user.0,
        invitation.role as SiteRole,
        now,
    )
    .execute(conn)
    .await?;
    Ok(Joined { site: invitation.site, role: invitation.role })
}
