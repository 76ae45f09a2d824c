//! Signing a contract: a code by mail, and its confirmation.

use domain::ids::ContractId;
use domain::signatures::{self, Confirmation, WRONG_CODE};
use jobs::effects;
use poem::Request;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::contracts::{ContractView, origin};
use crate::error::ApiResult;
use crate::guard::{Active, Auth};
use crate::wire::{self, Sha256, SixDigits};

#[derive(Debug)]
pub struct SignaturesApi;

/// A code is on its way.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct CodeOnItsWay {
    /// It is good until then, and for three tries.
    expires_at: OffsetDateTime,
}

#[derive(ApiResponse)]
enum CodeRequested {
    /// Sent to the caller's own address
    #[oai(status = 202)]
    Accepted(Json<CodeOnItsWay>),
}

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct SignatureConfirmation {
    /// As it stands in the mail.
    code: SixDigits,
    /// `termsSha256` of the text that was read.
    terms_sha256: Sha256,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Contracts")]
impl SignaturesApi {
    /// Ask for a signature code
    ///
    /// Six digits by mail, good for 15 minutes and three tries; an older code is good no longer. At most five an hour.
    #[oai(path = "/contracts/:id/sign/request-code", method = "post", operation_id = "requestSignatureCode")]
    async fn request_signature_code(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        id: Path<Uuid>,
        request: &Request,
    ) -> ApiResult<CodeRequested> {
        let origin = origin(request);
        let mut tx = app.db.begin().await?;
        let requested =
            signatures::request_code(&mut tx, ContractId(id.0), caller.0, &origin, app.clock.now()).await?;
        effects::contracts::code_requested(&mut tx, &requested).await?;
        tx.commit().await?;
        Ok(CodeRequested::Accepted(Json(CodeOnItsWay { expires_at: requested.expires_at })))
    }

    /// Sign a contract
    ///
    /// With the code, and the hash of the text as it was read: another text is refused (409). A wrong code is 400 and counts. With the
    /// second signature the contract is signed.
    #[oai(path = "/contracts/:id/sign/confirm", method = "post", operation_id = "confirmSignature")]
    async fn confirm_signature(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        id: Path<Uuid>,
        body: Json<SignatureConfirmation>,
        request: &Request,
    ) -> ApiResult<Json<ContractView>> {
        let SignatureConfirmation { code, terms_sha256 } = body.0;
        let (id, origin, now) = (ContractId(id.0), origin(request), app.clock.now());
        let mut tx = app.db.begin().await?;
        let confirmed =
            signatures::confirm(&mut tx, id, caller.0, code.as_ref(), terms_sha256.as_ref(), &origin, now);
        match confirmed.await? {
            Confirmation::Signed(signed) => {
                effects::contracts::signed(&mut tx, &signed, now).await?;
                tx.commit().await?;
                Ok(Json(signed.contract.into()))
            }
            Confirmation::Wrong => {
                // The try counts.
                tx.commit().await?;
                Err(WRONG_CODE.into())
            }
        }
    }
}
