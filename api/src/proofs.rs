//! Documents that people show of themselves, as admins decide on them. (In code they are proofs: documents are those that the
//! platform makes.)

use domain::ids::ProofId;
use domain::proofs::{self, Finding, Proof};
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{AdminOnly, Auth};
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct ProofsApi;

mirror! {
    DocumentType = domain::proofs::ProofType {
        Diploma, IdCard, Insurance, CriminalRecord, HonorabilityCertificate, DriverLicense, RppsProof, Vaccination,
        CompanyRegistration, UrssafVigilance, Certificate,
    }
    DocumentStatus = domain::proofs::ProofStatus { Pending, Approved, Rejected, Expired }
}

/// What an admin can find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
enum DocumentFinding {
    Approved,
    Rejected,
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct DocumentDecision {
    status: DocumentFinding,
    /// Why it is rejected; its owner reads it. Only then, and then needed.
    #[oai(validator(min_length = 1, max_length = 500))]
    comment: Option<Text>,
}

/// A document that somebody has shown.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ShownDocument {
    id: Uuid,
    user_id: Uuid,
    #[oai(rename = "type")]
    kind: DocumentType,
    status: DocumentStatus,
    /// Why it was rejected.
    #[oai(validator(max_length = 500))]
    comment: Option<String>,
    created_at: OffsetDateTime,
    decided_at: Option<OffsetDateTime>,
}

impl From<Proof> for ShownDocument {
    fn from(proof: Proof) -> Self {
        Self {
            id: proof.id.0,
            user_id: proof.user_id.0,
            kind: proof.kind.into(),
            status: proof.status.into(),
            comment: proof.comment,
            created_at: proof.created_at,
            decided_at: proof.decided_at,
        }
    }
}

/// A page of documents, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ShownDocumentPage {
    #[oai(validator(max_items = 100))]
    items: Vec<ShownDocument>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1/admin", tag = "wire::Tag::Admin")]
impl ProofsApi {
    /// List documents
    ///
    /// That people have shown of themselves, newest first.
    #[oai(path = "/documents", method = "get", operation_id = "listShownDocuments")]
    async fn list_shown_documents(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        /// Only of this status.
        status: Query<Option<DocumentStatus>>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<ShownDocumentPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) = proofs::list(&mut conn, status.0.map(Into::into), page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(ShownDocumentPage { items, next_cursor: wire::next(next) }))
    }

    /// Decide on a document
    ///
    /// Once. A talent's compliance follows from it as soon as everything is there that the profession asks for; an approved identity
    /// confirms the referral by whose code its owner came.
    #[oai(path = "/documents/:id/status", method = "patch", operation_id = "decideDocument")]
    async fn decide_document(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<DocumentDecision>,
    ) -> ApiResult<Json<ShownDocument>> {
        let comment = body.0.comment.map(String::from).filter(|comment| !comment.trim().is_empty());
        let finding = match (body.0.status, comment) {
            (DocumentFinding::Approved, None) => Finding::Approved,
            (DocumentFinding::Rejected, Some(comment)) => Finding::Rejected { comment },
            (DocumentFinding::Approved, Some(_)) => {
                return Err(ApiError::invalid("comment", "only of a rejection"));
            }
            (DocumentFinding::Rejected, None) => {
                return Err(ApiError::invalid("comment", "must say why"));
            }
        };
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let decided = proofs::decide(&mut tx, ProofId(id.0), &finding, caller.0.user, now).await?;
        effects::proofs::decided(&mut tx, &decided, now).await?;
        tx.commit().await?;
        Ok(Json(decided.proof.into()))
    }
}
