//! The reference of professions.

use domain::professions;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::App;
use crate::error::ApiResult;
use crate::wire::{self, mirror};

#[derive(Debug)]
pub struct ProfessionsApi;

mirror! {
    Sector = domain::professions::Sector { Social, Medical }
}

/// A profession of the reference.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct ProfessionView {
    /// Slug; `jobId` elsewhere.
    #[oai(validator(max_length = 40))]
    id: String,
    /// In French.
    #[oai(validator(max_length = 120))]
    label: String,
    sector: Sector,
    /// Types of document that a talent of this profession shows.
    #[oai(validator(max_items = 20, max_length = 40))]
    required_documents: Vec<String>,
}

/// Every profession.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ProfessionList {
    #[oai(validator(max_items = 100))]
    items: Vec<ProfessionView>,
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::People")]
impl ProfessionsApi {
    /// List the professions
    ///
    /// Public, short and rarely changed. Their ids are what `jobId` means everywhere.
    #[oai(path = "/jobs", method = "get", operation_id = "listProfessions")]
    async fn list_professions(&self, app: Data<&App>) -> ApiResult<Json<ProfessionList>> {
        let items =
            professions::list(&mut *app.db.conn().await?).await?.into_iter().map(|p| ProfessionView {
                id: p.slug,
                label: p.label,
                sector: p.sector.into(),
                required_documents: p.required_documents,
            });
        Ok(Json(ProfessionList { items: items.collect(), next_cursor: None }))
    }
}
