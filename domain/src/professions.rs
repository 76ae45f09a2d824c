//! The reference of professions. In code the stem is `professions`, since a job is a queue's job; on the wire a
//! profession's id is `jobId`, its slug.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

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

#[derive(Clone, Debug)]
pub struct ProfessionKey {
    pub id: i16,
    pub label: String,
}

/// The reference comes with a migration and only grows, so each process reads it once and again for a slug it does not know.
static KNOWN: RwLock<Option<HashMap<String, ProfessionKey>>> = RwLock::new(None);

fn known(slug: &str) -> Option<ProfessionKey> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(slug).cloned()
}

/// The profession behind a `jobId`; an unknown slug is the caller's fault.
pub async fn get(conn: &mut PgConnection, slug: &str) -> Result<ProfessionKey> {
    if let Some(profession) = known(slug) {
        return Ok(profession);
    }
    let rows = sqlx::query!("select id, slug, label from professions").fetch_all(conn).await?;
    let read =
        rows.into_iter().map(|row| (row.slug, ProfessionKey { id: row.id, label: row.label })).collect();
    *KNOWN.write().unwrap_or_else(PoisonError::into_inner) = Some(read);
    known(slug).ok_or(Error::Invalid { field: "jobId", message: "unknown profession; see GET /api/v1/jobs" })
}
