//! What other services tell us unasked: believed by a signature that covers every byte of the body.

use std::marker::PhantomData;

use bytes::Bytes;
use poem::http::HeaderMap;
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};

/// Who tells us something.
pub trait Sender {
    /// Where its signature stands.
    const HEADER: &'static str;
    const CONTENT_TYPE: &'static str;
    const DESCRIPTION: &'static str;
}

/// A webhook as it came, not yet believed.
#[derive(Debug)]
pub struct Signed<S> {
    pub signature: Option<String>,
    pub body: Bytes,
    headers: HeaderMap,
    sender: PhantomData<S>,
}

impl<S> Signed<S> {
    /// What else a signature covers.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl<'a, S: Sender + Send + Sync> ApiExtractor<'a> for Signed<S> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchema { description: Some(S::DESCRIPTION), ..MetaSchema::new("object") };
        let schema = MetaSchemaRef::Inline(Box::new(schema));
        let media = MetaMediaType { content_type: S::CONTENT_TYPE, schema };
        Some(MetaRequest { description: None, content: vec![media], required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let header = request.headers().get(S::HEADER).and_then(|value| value.to_str().ok());
        let signature = header.map(str::to_owned);
        let body = <Bytes as FromRequest>::from_request(request, body).await?;
        Ok(Self { signature, body, headers: request.headers().clone(), sender: PhantomData })
    }
}

/// The sender wants to know no more.
#[derive(Debug, ApiResponse)]
pub enum Received {
    /// Kept, or known already, or none of ours
    #[oai(status = 200)]
    Ok,
}
