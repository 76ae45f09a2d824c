//! What was rendered, and where it rests: written once for each version of a quote, contract, invoice or report.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::contracts::Contract;
use crate::error::{Error, Result};
use crate::ids::DocumentId;
use crate::invoices::{Invoice, InvoiceKind};
use crate::reports::Report;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "document_kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DocumentKind {
    Quote,
    Contract,
    Invoice,
    CreditNote,
    Report,
}

impl DocumentKind {
    fn folder(self) -> &'static str {
        match self {
            Self::Quote => "quotes",
            Self::Contract => "contracts",
            Self::Invoice | Self::CreditNote => "invoices",
            Self::Report => "reports",
        }
    }
}

/// Which version of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentOf {
    pub kind: DocumentKind,
    pub subject_id: Uuid,
    /// Of a contract, 1 as issued and 2 as signed; of a report, as handed in and as accepted.
    pub version: i16,
}

impl DocumentOf {
    pub fn first(kind: DocumentKind, subject_id: Uuid) -> Self {
        Self { kind, subject_id, version: 1 }
    }

    /// As issued or, once both have signed it, with the evidence.
    pub fn contract(contract: &Contract) -> Self {
        let version = if contract.signed_at.is_some() { 2 } else { 1 };
        Self { kind: DocumentKind::Contract, subject_id: contract.id.0, version }
    }

    /// As handed in or, once it counts, with what was accepted.
    pub fn report(report: &Report) -> Self {
        let version = if report.validated_at.is_some() { 2 } else { 1 };
        Self { kind: DocumentKind::Report, subject_id: report.id.0, version }
    }

    pub fn invoice(invoice: &Invoice) -> Self {
        let kind = match invoice.kind {
            InvoiceKind::Invoice => DocumentKind::Invoice,
            InvoiceKind::CreditNote => DocumentKind::CreditNote,
        };
        Self::first(kind, invoice.id.0)
    }

    /// Where a file of it rests. The hash is part of it: whoever writes it again writes the same bytes.
    pub fn key(self, sha256: &[u8], extension: &str) -> String {
        let hash: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}/{}/{}-{hash}.{extension}", self.kind.folder(), self.subject_id, self.version)
    }
}

/// A stored file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    pub key: String,
    pub sha256: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Document {
    pub id: DocumentId,
    pub version: i16,
    pub pdf: StoredFile,
    /// Of an e-invoice.
    pub xml: Option<StoredFile>,
    pub created_at: OffsetDateTime,
}

/// Records a rendered document; false when that version was there.
pub async fn insert(
    conn: &mut PgConnection,
    of: DocumentOf,
    pdf: &StoredFile,
    size: usize,
    xml: Option<&StoredFile>,
    now: OffsetDateTime,
) -> Result<bool> {
    let inserted = sqlx::query!(
        "insert into documents (id, kind, subject_id, version, storage_key, sha256, size, xml_key, xml_sha256, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (kind, subject_id, version) do nothing",
        DocumentId::new().0,
        of.kind as DocumentKind,
        of.subject_id,
        of.version,
        pdf.key,
        pdf.sha256,
        i32::try_from(size).unwrap_or(i32::MAX),
        xml.map(|xml| xml.key.as_str()),
        xml.map(|xml| xml.sha256.as_slice()),
        now,
    );
    Ok(inserted.execute(conn).await?.rows_affected() > 0)
}

pub async fn exists(conn: &mut PgConnection, of: DocumentOf) -> Result<bool> {
    let exists = sqlx::query_scalar!(
        r#"select exists (select from documents where kind = $1 and subject_id = $2 and version = $3) as "exists!""#,
        of.kind as DocumentKind,
        of.subject_id,
        of.version,
    );
    Ok(exists.fetch_one(conn).await?)
}

pub const NOT_READY: Error = Error::Conflict {
    code: "DOCUMENT_NOT_READY",
    message: "The document is being made; ask again in a moment",
};

/// The newest version of a document.
pub async fn newest(conn: &mut PgConnection, kind: DocumentKind, subject_id: Uuid) -> Result<Document> {
    let row = sqlx::query!(
        r#"select id as "id: DocumentId", version, storage_key, sha256, xml_key, xml_sha256, created_at
             from documents where kind = $1 and subject_id = $2 order by version desc limit 1"#,
        kind as DocumentKind,
        subject_id,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(NOT_READY)?;
    Ok(Document {
        id: row.id,
        version: row.version,
        pdf: StoredFile { key: row.storage_key, sha256: row.sha256 },
        xml: row.xml_key.zip(row.xml_sha256).map(|(key, sha256)| StoredFile { key, sha256 }),
        created_at: row.created_at,
    })
}
