//! Invoices and credit notes: one's own, issued to or in the name of whoever asks.

use domain::documents::{self, Document, DocumentOf};
use domain::ids::InvoiceId;
use domain::invoices::{self, Invoice};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::downloads::{self, PdfFile, XmlFile};
use crate::error::{ApiError, ApiResult};
use crate::guard::{Anyone, Auth};
use crate::wire::{self, Day, Text, mirror};

#[derive(Debug)]
pub struct InvoicesApi;

mirror! {
    InvoiceKind = domain::invoices::InvoiceKind { Invoice, CreditNote }
    InvoiceUnit = domain::invoices::Unit { Piece, Minute, Hour, Day, LumpSum }
}

/// Whose invoice it is to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
enum InvoiceRole {
    /// Issued in the reader's name.
    Issuer,
    /// To be paid, or paid, by the reader or the reader's establishment.
    Recipient,
    /// Neither: an admin's.
    Reader,
}

/// A party of an invoice, as it was named.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct InvoiceParty {
    #[oai(validator(max_length = 300))]
    name: String,
    #[oai(validator(max_length = 14))]
    siret: Option<String>,
    #[oai(validator(max_length = 20))]
    vat_number: Option<String>,
    #[oai(validator(max_length = 300))]
    address: Option<String>,
    #[oai(validator(max_length = 5))]
    postal_code: Option<String>,
    #[oai(validator(max_length = 100))]
    city: Option<String>,
}

impl From<domain::parties::Party> for InvoiceParty {
    fn from(party: domain::parties::Party) -> Self {
        Self {
            name: party.name,
            siret: party.siret,
            vat_number: party.vat_number,
            address: party.address,
            postal_code: party.postal_code,
            city: party.city,
        }
    }
}

/// A line of an invoice, without VAT.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct InvoiceLine {
    #[oai(validator(max_length = 1000))]
    description: String,
    /// Thousandths; negative for a discount.
    #[oai(validator(minimum(value = "-9007199254740991")))]
    quantity_milli: i64,
    unit: InvoiceUnit,
    /// Units that the price is for.
    base_quantity: i64,
    /// Millionths of a euro.
    unit_price_micros: i64,
    #[oai(validator(minimum(value = "-9007199254740991")))]
    net_cents: i64,
    vat_bps: i32,
}

/// What a rate applies to.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct InvoiceVat {
    vat_bps: i32,
    net_cents: i64,
    vat_cents: i64,
}

/// An invoice or a credit note; a credit note's amounts are what goes back.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct InvoiceView {
    id: Uuid,
    kind: InvoiceKind,
    /// Without a gap for each issuer and year.
    #[oai(validator(max_length = 40))]
    reference: String,
    role: InvoiceRole,
    #[oai(validator(max_length = 500))]
    subject: String,
    issuer: InvoiceParty,
    recipient: InvoiceParty,
    #[oai(validator(max_items = 1000))]
    lines: Vec<InvoiceLine>,
    #[oai(validator(max_items = 10))]
    vat: Vec<InvoiceVat>,
    /// Why there is no VAT, where there is none.
    #[oai(validator(max_length = 200))]
    vat_mention: Option<String>,
    net_cents: i64,
    vat_cents: i64,
    total_cents: i64,
    issued_at: OffsetDateTime,
    due_on: Day,
    /// Absent as long as it is not paid.
    paid_at: Option<OffsetDateTime>,
    /// First day of what was delivered.
    delivered_from: Day,
    /// Last day of what was delivered.
    delivered_to: Day,
    /// The invoice that a credit note takes back.
    corrects_id: Option<Uuid>,
    /// The payment that it is for.
    payment_id: Option<Uuid>,
}

impl InvoiceView {
    fn of(invoice: Invoice, reader: domain::ids::UserId, admin: bool) -> Self {
        let role = match () {
            () if invoice.issuer_id == Some(reader) => InvoiceRole::Issuer,
            () if admin && invoice.recipient_id != reader => InvoiceRole::Reader,
            () => InvoiceRole::Recipient,
        };
        let reference = invoice.reference();
        let content = invoice.content.0;
        Self {
            id: invoice.id.0,
            kind: invoice.kind.into(),
            reference,
            role,
            subject: content.subject,
            issuer: content.issuer.into(),
            recipient: content.recipient.into(),
            lines: content.lines.into_iter().map(Into::into).collect(),
            vat: content.vat.into_iter().map(Into::into).collect(),
            vat_mention: content.exemption.and_then(|vat| vat.mention()).map(str::to_owned),
            net_cents: invoice.net_cents,
            vat_cents: invoice.vat_cents,
            total_cents: invoice.total_cents,
            issued_at: invoice.issued_at,
            due_on: Day(invoice.due_on),
            paid_at: invoice.paid_at,
            delivered_from: Day(content.delivered_from),
            delivered_to: Day(content.delivered_to),
            corrects_id: invoice.corrects_id.map(|id| id.0),
            payment_id: invoice.payment_id.map(|id| id.0),
        }
    }
}

impl From<invoices::Line> for InvoiceLine {
    fn from(line: invoices::Line) -> Self {
        Self {
            description: line.description,
            quantity_milli: line.quantity_milli,
            unit: line.unit.into(),
            base_quantity: line.base_quantity,
            unit_price_micros: line.unit_price_micros,
            net_cents: line.net_cents,
            vat_bps: line.vat_bps,
        }
    }
}

impl From<invoices::VatLine> for InvoiceVat {
    fn from(line: invoices::VatLine) -> Self {
        Self { vat_bps: line.bps, net_cents: line.base_cents, vat_cents: line.vat_cents }
    }
}

/// A page of invoices, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct InvoicePage {
    #[oai(validator(max_items = 100))]
    items: Vec<InvoiceView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Payments")]
impl InvoicesApi {
    /// List one's own invoices
    ///
    /// Invoices and credit notes issued in one's name, to oneself, or to an establishment that one is a member of; newest first.
    #[oai(path = "/me/invoices", method = "get", operation_id = "listMyInvoices")]
    async fn list_my_invoices(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<InvoicePage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let user = caller.0.user;
        let (items, next) = invoices::list(&mut *app.db.conn().await?, user, page).await?;
        let items = items.into_iter().map(|invoice| InvoiceView::of(invoice, user, false)).collect();
        Ok(Json(InvoicePage { items, next_cursor: wire::next(next) }))
    }

    /// Read an invoice
    ///
    /// For those in whose name it is, those that it is for, and admins.
    #[oai(path = "/invoices/:id", method = "get", operation_id = "getInvoice")]
    async fn get_invoice(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<InvoiceView>> {
        let invoice = readable(&mut *app.db.conn().await?, &caller, id.0).await?;
        Ok(Json(InvoiceView::of(invoice, caller.0.user, caller.0.is_admin())))
    }

    /// Download an invoice
    ///
    /// PDF/A-3; with the XML of Factur-X (EN 16931) inside it where its issuer has a SIRET. 409 `DOCUMENT_NOT_READY` in the moment
    /// after it was issued.
    #[oai(path = "/invoices/:id/pdf", method = "get", operation_id = "downloadInvoice")]
    async fn download_invoice(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<PdfFile> {
        let (invoice, document) = file(&app, &caller, id.0).await?;
        downloads::pdf(&app, &document.pdf, &invoice.reference()).await
    }

    /// Download the XML of an e-invoice
    ///
    /// Cross Industry Invoice in the profile of EN 16931, the same as in the PDF; 404 where its issuer has no SIRET.
    #[oai(path = "/invoices/:id/xml", method = "get", operation_id = "downloadInvoiceXml")]
    async fn download_invoice_xml(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<XmlFile> {
        let (invoice, document) = file(&app, &caller, id.0).await?;
        let xml = document.xml.ok_or(ApiError::NotFound { what: "XML" })?;
        downloads::xml(&app, &xml, &invoice.reference()).await
    }
}

/// To whom it is nothing, it does not exist.
async fn readable(conn: &mut PgConnection, caller: &Auth<Anyone>, id: Uuid) -> ApiResult<Invoice> {
    let found = match caller.0.is_admin() {
        true => invoices::find(conn, InvoiceId(id)).await?,
        false => invoices::find_for(conn, caller.0.user, InvoiceId(id)).await?,
    };
    found.ok_or(ApiError::NotFound { what: "invoice" })
}

async fn file(app: &App, caller: &Auth<Anyone>, id: Uuid) -> ApiResult<(Invoice, Document)> {
    let mut conn = app.db.conn().await?;
    let invoice = readable(&mut conn, caller, id).await?;
    let document = documents::newest(&mut conn, DocumentOf::invoice(&invoice).kind, invoice.id.0).await?;
    Ok((invoice, document))
}
