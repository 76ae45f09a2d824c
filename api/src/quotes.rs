//! Quotes: written by a talent, answered by a client.

use domain::documents::{self, DocumentKind};
use domain::ids::{EstablishmentId, QuoteId, ServiceId, UserId};
use domain::quotes::{self, NewQuote, Quote, QuotePatch};
use domain::totals::Line;
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::contracts::{PartiesView, PriceLine, VatView};
use crate::downloads::{self, PdfFile};
use crate::error::ApiResult;
use crate::guard::{ActiveClient, ActiveTalent, Anyone, Auth, VerifiedClient, VerifiedTalent};
use crate::wire::{self, Done, Text, mirror};

#[derive(Debug)]
pub struct QuotesApi;

mirror! {
    QuoteStatus = domain::quotes::QuoteStatus { Draft, Sent, Viewed, Accepted, Rejected, Expired, Revised }
}

/// What is offered, without VAT. The server computes the amount, half a cent up.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct NewLine {
    #[oai(validator(min_length = 1, max_length = 300))]
    description: Text,
    /// Thousandths of the unit.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000000")))]
    quantity_milli: i64,
    #[oai(validator(min_length = 1, max_length = 20))]
    unit: Text,
    #[oai(validator(minimum(value = "0"), maximum(value = "99999999")))]
    unit_price_cents: i64,
    /// 0, 550, 1000 or 2000.
    #[oai(validator(minimum(value = "0"), maximum(value = "2000")))]
    vat_bps: i32,
}

impl From<NewLine> for Line {
    fn from(line: NewLine) -> Self {
        Self::new(line.description.0, line.quantity_milli, line.unit.0, line.unit_price_cents, line.vat_bps)
    }
}

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct QuoteRequest {
    client_id: Uuid,
    /// One of the client's; its own first when absent.
    establishment_id: Option<Uuid>,
    /// The service that it is about.
    service_id: Option<Uuid>,
    #[oai(validator(min_length = 1, max_length = 120))]
    title: Text,
    #[oai(validator(max_length = 4000))]
    notes: Option<Text>,
    #[oai(validator(min_items = 1, max_items = 100))]
    lines: Vec<NewLine>,
    /// Off the sum of the lines, and at most that.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "99999999")))]
    discount_cents: i64,
}

/// What to change of a draft; what is absent stays.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct QuoteChange {
    #[oai(validator(min_length = 1, max_length = 120))]
    title: Option<Text>,
    #[oai(validator(max_length = 4000))]
    notes: Option<Text>,
    #[oai(validator(min_items = 1, max_items = 100))]
    lines: Option<Vec<NewLine>>,
    #[oai(validator(minimum(value = "0"), maximum(value = "99999999")))]
    discount_cents: Option<i64>,
}

/// A quote with its totals.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct QuoteView {
    id: Uuid,
    /// From the first sending on; all versions share it.
    #[oai(validator(max_length = 30))]
    reference: Option<String>,
    version: i16,
    status: QuoteStatus,
    talent_id: Uuid,
    client_id: Uuid,
    establishment_id: Option<Uuid>,
    service_id: Option<Uuid>,
    #[oai(validator(max_length = 120))]
    title: String,
    #[oai(validator(max_length = 4000))]
    notes: Option<String>,
    #[oai(validator(max_items = 100))]
    lines: Vec<PriceLine>,
    /// Sum of the lines, without VAT.
    subtotal_cents: i64,
    discount_cents: i64,
    /// One for each rate, after the discount.
    #[oai(validator(max_items = 4))]
    vat: Vec<VatView>,
    vat_cents: i64,
    /// With VAT.
    total_cents: i64,
    /// Why some lines bear no VAT.
    #[oai(validator(max_length = 200))]
    vat_mention: Option<String>,
    parties: Option<PartiesView>,
    created_at: OffsetDateTime,
    sent_at: Option<OffsetDateTime>,
    /// It can be accepted until then.
    expires_at: Option<OffsetDateTime>,
    viewed_at: Option<OffsetDateTime>,
    closed_at: Option<OffsetDateTime>,
    #[oai(validator(max_length = 1000))]
    reject_reason: Option<String>,
    /// Made when it was accepted.
    contract_id: Option<Uuid>,
}

impl From<Quote> for QuoteView {
    fn from(quote: Quote) -> Self {
        Self {
            id: quote.id.0,
            reference: quote.reference,
            version: quote.version,
            status: quote.status.into(),
            talent_id: quote.talent_id.0,
            client_id: quote.client_id.0,
            establishment_id: quote.establishment_id.map(|id| id.0),
            service_id: quote.service_id.map(|id| id.0),
            title: quote.title,
            notes: quote.notes,
            lines: quote.lines.0.into_iter().map(Into::into).collect(),
            subtotal_cents: quote.subtotal_cents,
            discount_cents: quote.discount_cents,
            vat: quote.vat.0.into_iter().map(Into::into).collect(),
            vat_cents: quote.vat_cents,
            total_cents: quote.total_cents,
            vat_mention: quote.vat_mention,
            parties: quote.parties.map(|parties| PartiesView::without_addresses(parties.0)),
            created_at: quote.created_at,
            sent_at: quote.sent_at,
            expires_at: quote.expires_at,
            viewed_at: quote.viewed_at,
            closed_at: quote.closed_at,
            reject_reason: quote.reject_reason,
            contract_id: quote.contract_id.map(|id| id.0),
        }
    }
}

/// A page of quotes, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct QuotePage {
    #[oai(validator(max_items = 100))]
    items: Vec<QuoteView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum QuoteCreated {
    /// A draft, which only its talent sees
    #[oai(status = 201)]
    Created(Json<QuoteView>),
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct QuoteRejection {
    /// The talent reads it.
    #[oai(validator(min_length = 1, max_length = 1000))]
    reason: Text,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Contracts")]
impl QuotesApi {
    /// Write a quote
    ///
    /// A draft for a client with whom a mission, a booking or messages have brought one together, about a service or anything else.
    #[oai(path = "/quotes", method = "post", operation_id = "createQuote")]
    async fn create_quote(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        body: Json<QuoteRequest>,
    ) -> ApiResult<QuoteCreated> {
        let request = body.0;
        let new = NewQuote {
            client: UserId(request.client_id),
            site: request.establishment_id.map(EstablishmentId),
            service: request.service_id.map(ServiceId),
            title: request.title.0,
            notes: request.notes.map(Into::into),
            lines: request.lines.into_iter().map(Into::into).collect(),
            discount_cents: request.discount_cents,
        };
        let mut tx = app.db.begin().await?;
        let quote = quotes::create(&mut tx, new, caller.0.user, app.clock.now()).await?;
        tx.commit().await?;
        Ok(QuoteCreated::Created(Json(quote.into())))
    }

    /// List quotes
    ///
    /// Those that one wrote or received, newest first; an admin sees all. Drafts are their talent's alone.
    #[oai(path = "/quotes", method = "get", operation_id = "listQuotes")]
    async fn list_quotes(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        status: Query<Option<QuoteStatus>>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<QuotePage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) = quotes::list(&mut conn, caller.0, status.0.map(Into::into), page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(QuotePage { items, next_cursor: wire::next(next) }))
    }

    /// Read a quote
    ///
    /// The client's first look at it counts: the talent learns that it was viewed.
    #[oai(path = "/quotes/:id", method = "get", operation_id = "getQuote")]
    async fn get_quote(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<QuoteView>> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let (quote, viewed) = quotes::read(&mut tx, QuoteId(id.0), caller.0, now).await?;
        if let Some(viewed) = viewed {
            effects::quotes::moved(&mut tx, &viewed, now).await?;
        }
        tx.commit().await?;
        Ok(Json(quote.into()))
    }

    /// Change a draft
    ///
    /// Lines are replaced as a whole, and the totals follow. A quote that was sent is revised instead.
    #[oai(path = "/quotes/:id", method = "patch", operation_id = "updateQuote")]
    async fn update_quote(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveTalent>,
        id: Path<Uuid>,
        body: Json<QuoteChange>,
    ) -> ApiResult<Json<QuoteView>> {
        let patch = QuotePatch {
            title: body.0.title.map(Into::into),
            notes: body.0.notes.map(Into::into),
            lines: body.0.lines.map(|lines| lines.into_iter().map(Into::into).collect()),
            discount_cents: body.0.discount_cents,
        };
        let mut tx = app.db.begin().await?;
        let quote = quotes::change(&mut tx, QuoteId(id.0), caller.0, patch).await?;
        tx.commit().await?;
        Ok(Json(quote.into()))
    }

    /// Delete a draft
    ///
    /// A quote that was sent stays.
    #[oai(path = "/quotes/:id", method = "delete", operation_id = "deleteQuote")]
    async fn delete_quote(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveTalent>,
        id: Path<Uuid>,
    ) -> ApiResult<Done> {
        let mut tx = app.db.begin().await?;
        quotes::delete(&mut tx, QuoteId(id.0), caller.0).await?;
        tx.commit().await?;
        Ok(Done::NoContent)
    }

    /// Send a draft
    ///
    /// It gets its reference, stays as it is, with both parties as they are now, and can be accepted for 30 days.
    #[oai(path = "/quotes/:id/send", method = "post", operation_id = "sendQuote")]
    async fn send_quote(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<QuoteView>> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let sent = quotes::send(&mut tx, QuoteId(id.0), caller.0, now).await?;
        effects::quotes::moved(&mut tx, &sent, now).await?;
        tx.commit().await?;
        Ok(Json(sent.quote.into()))
    }

    /// Accept a quote
    ///
    /// Its contract is issued at once, for both to sign; `contractId` leads to it. Repeating it is harmless.
    #[oai(path = "/quotes/:id/accept", method = "post", operation_id = "acceptQuote")]
    async fn accept_quote(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedClient>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<QuoteView>> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let acceptance = quotes::accept(&mut tx, QuoteId(id.0), caller.0, now).await?;
        effects::quotes::accepted(&mut tx, &acceptance, now).await?;
        tx.commit().await?;
        Ok(Json(acceptance.into_quote().into()))
    }

    /// Reject a quote
    ///
    /// The talent reads why, and may write a new version.
    #[oai(path = "/quotes/:id/reject", method = "post", operation_id = "rejectQuote")]
    async fn reject_quote(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveClient>,
        id: Path<Uuid>,
        body: Json<QuoteRejection>,
    ) -> ApiResult<Json<QuoteView>> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let rejected = quotes::reject(&mut tx, QuoteId(id.0), caller.0, body.0.reason.as_ref(), now).await?;
        effects::quotes::moved(&mut tx, &rejected, now).await?;
        tx.commit().await?;
        Ok(Json(rejected.quote.into()))
    }

    /// Revise a quote
    ///
    /// The next version, a draft with the same reference. The one before cannot be answered any more.
    #[oai(path = "/quotes/:id/revise", method = "post", operation_id = "reviseQuote")]
    async fn revise_quote(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveTalent>,
        id: Path<Uuid>,
    ) -> ApiResult<QuoteCreated> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let revised = quotes::revise(&mut tx, QuoteId(id.0), caller.0, now).await?;
        effects::quotes::revised(&mut tx, &revised, now).await?;
        tx.commit().await?;
        Ok(QuoteCreated::Created(Json(revised.draft.into())))
    }

    /// Download a quote
    ///
    /// PDF/A, as it was sent. 409 `DOCUMENT_NOT_READY` in the moment after.
    #[oai(path = "/quotes/:id/pdf", method = "get", operation_id = "downloadQuote")]
    async fn download_quote(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<PdfFile> {
        let mut conn = app.db.conn().await?;
        let quote = quotes::get_sent(&mut conn, QuoteId(id.0), caller.0).await?;
        let document = documents::newest(&mut conn, DocumentKind::Quote, quote.id.0).await?;
        drop(conn);
        downloads::pdf(&app, &document.pdf, &quote.reference.unwrap_or_default()).await
    }
}
