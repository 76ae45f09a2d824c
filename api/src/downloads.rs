//! Files of documents: authorised by whoever asks for them, read from where they rest, and never from anywhere else.

use bytes::Bytes;
use domain::documents::StoredFile;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};

use crate::App;
use crate::error::{ApiError, ApiResult};

macro_rules! files {
    ($($(#[$doc:meta])* $name:ident is $media:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(Bytes);

        impl Payload for $name {
            const CONTENT_TYPE: &'static str = $media;

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new(MetaSchema { format: Some("binary"), ..MetaSchema::new("string") }))
            }
        }

        impl IntoResponse for $name {
            fn into_response(self) -> Response {
                Response::builder().content_type(Self::CONTENT_TYPE).body(self.0)
            }
        }
    )+};
}

files! {
    /// A PDF file.
    Pdf is "application/pdf";
    /// An XML file.
    Xml is "application/xml";
}

/// A document as a file.
#[derive(ApiResponse)]
pub enum PdfFile {
    /// The file
    #[oai(status = 200)]
    Pdf(
        Pdf,
        /// The name to save it under
        #[oai(header = "Content-Disposition")]
        String,
        /// SHA-256 of the file
        #[oai(header = "ETag")]
        String,
        /// Whoever asks may keep it, nobody on the way
        #[oai(header = "Cache-Control")]
        String,
    ),
}

/// The XML of an e-invoice.
#[derive(ApiResponse)]
pub enum XmlFile {
    /// The file
    #[oai(status = 200)]
    Xml(
        Xml,
        /// The name to save it under
        #[oai(header = "Content-Disposition")]
        String,
        /// SHA-256 of the file
        #[oai(header = "ETag")]
        String,
        /// Whoever asks may keep it, nobody on the way
        #[oai(header = "Cache-Control")]
        String,
    ),
}

const PRIVATE: &str = "private, no-cache";

/// The PDF of a document, under its reference as a name.
pub async fn pdf(app: &App, file: &StoredFile, reference: &str) -> ApiResult<PdfFile> {
    let bytes = read(app, file).await?;
    Ok(PdfFile::Pdf(Pdf(bytes), disposition(reference, "pdf"), etag(file), PRIVATE.into()))
}

pub async fn xml(app: &App, file: &StoredFile, reference: &str) -> ApiResult<XmlFile> {
    let bytes = read(app, file).await?;
    Ok(XmlFile::Xml(Xml(bytes), disposition(reference, "xml"), etag(file), PRIVATE.into()))
}

async fn read(app: &App, file: &StoredFile) -> ApiResult<Bytes> {
    app.storage.get(&file.key).await.map_err(|error| match error {
        storage::Error::Away(cause) => {
            tracing::warn!(%cause, "the storage is away");
            ApiError::Unavailable { code: "STORAGE_UNAVAILABLE", message: "Try again in a moment" }
        }
        lost => ApiError::Internal(lost.to_string()),
    })
}

/// References are plain ASCII; anything else in one would not get into a header.
fn disposition(reference: &str, extension: &str) -> String {
    let name: String = reference.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("attachment; filename=\"{name}.{extension}\"")
}

fn etag(file: &StoredFile) -> String {
    let hash: String = file.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}\"")
}
