//! The reference of professions. In code the stem is `professions`, since a job is a queue's job; on the wire a
//! profession's id is `jobId`, its slug.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "sector", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Sector {
    Social,
    Medical,
}

#[derive(Debug)]
pub struct Profession {
    pub slug: String,
    pub label: String,
    pub sector: Sector,
    pub required_documents: Vec<String>,
}

pub async fn list(conn: &mut PgConnection) -> Result<Vec<Profession>> {
    let professions = sqlx::query_as!(
        Profession,
        r#"select slug, label, sector as "sector: _", required_documents from professions order by id"#
    )
    .fetch_all(conn)
    .await?;
    Ok(professions)
}

#[derive(Debug)]
pub struct ProfessionKey {
    pub id: i16,
    pub label: String,
}

/// The profession behind a `jobId`; an unknown slug is the caller's fault.
pub async fn get(conn: &mut PgConnection, slug: &str) -> Result<ProfessionKey> {
    sqlx::query_as!(ProfessionKey, "select id, label from professions where slug = $1", slug)
        .fetch_optional(conn)
        .await?
        .ok_or(Error::Invalid { field: "jobId", message: "unknown profession; see GET /api/v1/jobs" })
}
