//! What one's invoices say of oneself.

use domain::billing::{self, Billing, BillingPatch};
use domain::establishments;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{Active, Anyone, Auth};
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct BillingApi;

mirror! {
    VatRegime = domain::billing::VatRegime { SmallBusiness, Standard }
}

/// What invoices say of a person, as far as it is known.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct BillingView {
    #[oai(validator(max_length = 120))]
    legal_name: Option<String>,
    #[oai(validator(max_length = 14))]
    siret: Option<String>,
    #[oai(validator(max_length = 20))]
    vat_number: Option<String>,
    vat_regime: VatRegime,
    #[oai(validator(max_length = 200))]
    address: Option<String>,
    #[oai(validator(max_length = 5))]
    postal_code: Option<String>,
    #[oai(validator(max_length = 100))]
    city: Option<String>,
}

impl From<Billing> for BillingView {
    fn from(billing: Billing) -> Self {
        Self {
            legal_name: billing.legal_name,
            siret: billing.siret,
            vat_number: billing.vat_number,
            vat_regime: billing.vat_regime.into(),
            address: billing.address,
            postal_code: billing.postal_code,
            city: billing.city,
        }
    }
}

/// Changes to what invoices say; what is absent stays.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct BillingChange {
    #[oai(validator(min_length = 1, max_length = 120))]
    legal_name: Option<Text>,
    /// 14 digits that satisfy Luhn's sum.
    siret: Option<wire::Siret>,
    vat_number: Option<wire::VatNumber>,
    vat_regime: Option<VatRegime>,
    #[oai(validator(min_length = 1, max_length = 200))]
    address: Option<Text>,
    postal_code: Option<wire::PostalCode>,
    #[oai(validator(min_length = 1, max_length = 100))]
    city: Option<Text>,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Payments")]
impl BillingApi {
    /// Read what one's invoices say of oneself
    ///
    /// For talents, and for clients who are private persons; an establishment has its own in `me/establishment`.
    #[oai(path = "/me/billing", method = "get", operation_id = "getMyBilling")]
    async fn get_my_billing(&self, app: Data<&App>, caller: Auth<Anyone>) -> ApiResult<Json<BillingView>> {
        Ok(Json(billing::get(&mut *app.db.conn().await?, caller.0.user).await?.into()))
    }

    /// Change what one's invoices say of oneself
    ///
    /// Counts for what is issued from now on; what was issued stays as it is. A SIRET is checked to its last digit. Talents are taken
    /// for small businesses (art. 293 B CGI) until they say otherwise; care by a regulated profession bears no VAT in either case.
    #[oai(path = "/me/billing", method = "patch", operation_id = "updateMyBilling")]
    async fn update_my_billing(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        body: Json<BillingChange>,
    ) -> ApiResult<Json<BillingView>> {
        let change = body.0;
        if change.siret.as_ref().is_some_and(|siret| !establishments::is_siret(siret.as_ref())) {
            return Err(ApiError::invalid("siret", "not a SIRET: the check digit is wrong"));
        }
        let patch = BillingPatch {
            legal_name: change.legal_name.map(Into::into),
            siret: change.siret.map(Into::into),
            vat_number: change.vat_number.map(Into::into),
            vat_regime: change.vat_regime.map(Into::into),
            address: change.address.map(Into::into),
            postal_code: change.postal_code.map(Into::into),
            city: change.city.map(Into::into),
        };
        let mut tx = app.db.begin().await?;
        let billing = billing::update(&mut tx, caller.0.user, patch, app.clock.now()).await?;
        tx.commit().await?;
        Ok(Json(billing.into()))
    }
}
