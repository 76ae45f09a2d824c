//! Proofs: what people show of themselves, such as diplomas and identity, what an admin finds of each, and the compliance that
//! follows. (`crate::documents` are those that the platform makes.)

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::{Error, Result};
use crate::growth::referrals;
use crate::ids::{ProofId, UserId};
use crate::page::{Cursor, Page};
use crate::profiles;
use crate::users::ComplianceStatus;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "proof_type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProofType {
    Diploma,
    IdCard,
    Insurance,
    CriminalRecord,
    HonorabilityCertificate,
    DriverLicense,
    RppsProof,
    Vaccination,
    CompanyRegistration,
    UrssafVigilance,
    Certificate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "proof_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProofStatus {
    Pending,
    Approved,
    Rejected,
    Expired,
}

#[derive(Clone, Debug)]
pub struct Proof {
    pub id: ProofId,
    pub user_id: UserId,
    pub kind: ProofType,
    pub status: ProofStatus,
    /// What an admin says of it.
    pub comment: Option<String>,
    pub created_at: OffsetDateTime,
    pub decided_at: Option<OffsetDateTime>,
}

/// Proofs as they are read; the rest of the statement says which.
macro_rules! select_proofs {
    ($rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Proof,
            r#"select id as "id: _", user_id as "user_id: _", type as "kind: _", status as "status: _", comment, created_at,
                      decided_at
                 from proofs "# + $rest,
            $($argument),*
        )
    };
}

/// Somebody shows something. Where it rests is with whoever took it in.
pub async fn submit(
    conn: &mut PgConnection,
    user: UserId,
    kind: ProofType,
    now: OffsetDateTime,
) -> Result<ProofId> {
    let id = ProofId::new();
    sqlx::query!(
        "insert into proofs (id, user_id, type, created_at) values ($1, $2, $3, $4)",
        id.0,
        user.0,
        kind as ProofType,
        now,
    )
    .execute(&mut *conn)
    .await?;
    derive_compliance(conn, user).await?;
    Ok(id)
}

/// Everybody's, newest first.
pub async fn list(
    conn: &mut PgConnection,
    status: Option<ProofStatus>,
    page: Page,
) -> Result<(Vec<Proof>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let rows = select_proofs!(
        "where ($1::proof_status is null or status = $1) and ($2::timestamptz is null or (created_at, id) < ($2, $3))
         order by created_at desc, id desc limit $4",
        status as Option<ProofStatus>,
        after,
        after_id,
        page.rows(),
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(page.cut(rows, |row| Cursor { created_at: row.created_at, id: row.id.0 }))
}

/// An admin has decided on a proof. See `jobs::effects::growth::decided`.
#[derive(Debug)]
#[must_use = "a decision has effects"]
pub struct Decided {
    pub proof: Proof,
    /// The talent's compliance is another one now.
    pub compliance_changed: bool,
    /// Whose referral counts because of it.
    pub referrer: Option<UserId>,
}

/// What an admin can find.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    Approved,
    Rejected { comment: String },
}

/// Decides on a proof, once: of two admins at once one does.
pub async fn decide(
    conn: &mut PgConnection,
    id: ProofId,
    finding: &Finding,
    admin: UserId,
    now: OffsetDateTime,
) -> Result<Decided> {
    let (status, comment) = match finding {
        Finding::Approved => (ProofStatus::Approved, None),
        Finding::Rejected { comment } => (ProofStatus::Rejected, Some(comment.as_str())),
    };
    let decided = sqlx::query!(
        "update proofs set status = $2, comment = $3, decided_at = $4, decided_by = $5 where id = $1 and status = 'PENDING'",
        id.0,
        status as ProofStatus,
        comment,
        now,
        admin.0,
    );
    let decided = decided.execute(&mut *conn).await?.rows_affected() > 0;
    let proof = select_proofs!("where id = $1", id.0).fetch_optional(&mut *conn).await?;
    let proof = proof.ok_or(Error::NotFound("document"))?;
    if !decided {
        return Err(Error::Conflict {
            code: "DOCUMENT_DECIDED",
            message: "This document was decided on already",
        });
    }
    let compliance_changed = derive_compliance(&mut *conn, proof.user_id).await?;
    let referrer = match (proof.kind, proof.status) {
        (ProofType::IdCard, ProofStatus::Approved) => referrals::confirm(conn, proof.user_id, now).await?,
        _ => None,
    };
    Ok(Decided { proof, compliance_changed, referrer })
}

/// A talent's compliance, from the newest proof of each type that the profession asks for. Where some are missing it stays as it
/// is: an admin may have seen them elsewhere. True when it changed.
async fn derive_compliance(conn: &mut PgConnection, user: UserId) -> Result<bool> {
    // Held first, so that of two decisions at once the second sees the first.
    let profile = sqlx::query!(
        r#"select compliance_status as "compliance: ComplianceStatus", profession_id from profiles where user_id = $1 for update"#,
        user.0,
    );
    let Some(profile) = profile.fetch_optional(&mut *conn).await? else { return Ok(false) };
    let found = sqlx::query_scalar!(
        r#"select newest.status as "status?: ProofStatus"
             from professions p cross join unnest(p.required_documents) as required (type)
             left join lateral (select status from proofs
                                 where user_id = $1 and proofs.type::text = required.type
                                 order by created_at desc, id desc limit 1) as newest on true
            where p.id = $2"#,
        user.0,
        profile.profession_id,
    );
    let found: Option<Vec<_>> = found.fetch_all(&mut *conn).await?.into_iter().collect();
    let Some(compliance) = found.and_then(|found| compliance(&found)) else { return Ok(false) };
    if compliance == profile.compliance {
        return Ok(false);
    }
    sqlx::query!(
        "update profiles set compliance_status = $2 where user_id = $1",
        user.0,
        compliance as ComplianceStatus
    )
    .execute(&mut *conn)
    .await?;
    profiles::refresh_search(conn, user).await?;
    Ok(true)
}

/// Nothing where nothing is asked for.
fn compliance(found: &[ProofStatus]) -> Option<ComplianceStatus> {
    if found.is_empty() {
        return None;
    }
    Some(if found.contains(&ProofStatus::Rejected) {
        ComplianceStatus::Rejected
    } else if found.contains(&ProofStatus::Expired) {
        ComplianceStatus::Expired
    } else if found.contains(&ProofStatus::Pending) {
        ComplianceStatus::Submitted
    } else {
        ComplianceStatus::Validated
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compliance_is_what_its_weakest_proof_is() {
        use ProofStatus::{Approved, Expired, Pending, Rejected};
        assert_eq!(compliance(&[]), None);
        assert_eq!(compliance(&[Approved, Approved]), Some(ComplianceStatus::Validated));
        assert_eq!(compliance(&[Approved, Pending]), Some(ComplianceStatus::Submitted));
        assert_eq!(compliance(&[Pending, Expired]), Some(ComplianceStatus::Expired));
        assert_eq!(compliance(&[Expired, Rejected]), Some(ComplianceStatus::Rejected));
    }
}
