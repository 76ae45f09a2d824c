//! Establishments.

use domain::establishments::{self, Establishment, EstablishmentPatch};
use domain::users;
use jobs::{AddressOf, effects};
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{ActiveClient, Auth, ClientSide};
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct EstablishmentsApi;

mirror! {
    StructureType = domain::establishments::StructureType { Mecs, Ehpad, Itep, Chrs, Ime, Other }
    OrganizationType = domain::establishments::OrganizationType { Public, Private, Association }
}

/// An establishment, as its members see it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct EstablishmentView {
    id: Uuid,
    #[oai(validator(max_length = 120))]
    name: String,
    structure_type: StructureType,
    organization_type: Option<OrganizationType>,
    #[oai(validator(max_length = 14))]
    siret: Option<String>,
    #[oai(validator(max_length = 120))]
    contact_name: Option<String>,
    #[oai(validator(max_length = 20))]
    contact_phone: Option<String>,
    #[oai(validator(max_length = 200))]
    address: Option<String>,
    #[oai(validator(max_length = 100))]
    city: Option<String>,
    #[oai(validator(max_length = 5))]
    postal_code: Option<String>,
    /// Degrees.
    latitude: Option<f64>,
    /// Degrees.
    longitude: Option<f64>,
    credit_limit_cents: i64,
    #[oai(validator(max_length = 120))]
    billing_name: Option<String>,
    #[oai(validator(max_length = 300))]
    billing_address: Option<String>,
    #[oai(validator(max_length = 254))]
    billing_email: Option<String>,
    #[oai(validator(max_length = 20))]
    vat_number: Option<String>,
    /// The service that Chorus Pro asks public bodies' invoices for.
    #[oai(validator(max_length = 100))]
    chorus_service_code: Option<String>,
    /// The order (numéro d’engagement) that they name where a payment names none of its own.
    #[oai(validator(max_length = 50))]
    chorus_order_reference: Option<String>,
    /// By talents who worked there.
    total_reviews: i32,
    average_rating: f64,
}

impl From<Establishment> for EstablishmentView {
    fn from(site: Establishment) -> Self {
        Self {
            id: site.id.0,
            name: site.name,
            structure_type: site.structure_type.into(),
            organization_type: site.organization_type.map(Into::into),
            siret: site.siret,
            contact_name: site.contact_name,
            contact_phone: site.contact_phone,
            address: site.address,
            city: site.city,
            postal_code: site.postal_code,
            latitude: site.latitude,
            longitude: site.longitude,
            credit_limit_cents: site.credit_limit_cents,
            billing_name: site.billing_name,
            billing_address: site.billing_address,
            billing_email: site.billing_email,
            vat_number: site.vat_number,
            chorus_service_code: site.chorus_service_code,
            chorus_order_reference: site.chorus_order_reference,
            total_reviews: site.total_reviews,
            average_rating: f64::from(site.average_rating) / 100.0,
        }
    }
}

/// Changes to an establishment; what is absent stays. A client without one creates it, and then needs a name.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct EstablishmentChange {
    #[oai(validator(min_length = 1, max_length = 120))]
    name: Option<Text>,
    structure_type: Option<StructureType>,
    organization_type: Option<OrganizationType>,
    /// 14 digits that satisfy Luhn's sum.
    siret: Option<wire::Siret>,
    #[oai(validator(max_length = 120))]
    contact_name: Option<Text>,
    contact_phone: Option<wire::Phone>,
    #[oai(validator(max_length = 200))]
    address: Option<Text>,
    #[oai(validator(min_length = 1, max_length = 100))]
    city: Option<Text>,
    postal_code: Option<wire::PostalCode>,
    #[oai(validator(minimum(value = "-90"), maximum(value = "90")))]
    latitude: Option<f64>,
    #[oai(validator(minimum(value = "-180"), maximum(value = "180")))]
    longitude: Option<f64>,
    #[oai(validator(max_length = 120))]
    billing_name: Option<Text>,
    #[oai(validator(max_length = 300))]
    billing_address: Option<Text>,
    billing_email: Option<wire::Email>,
    vat_number: Option<wire::VatNumber>,
    /// The service that Chorus Pro asks public bodies' invoices for.
    #[oai(validator(min_length = 1, max_length = 100))]
    chorus_service_code: Option<Text>,
    /// The order (numéro d’engagement) that they name where a payment names none of its own.
    #[oai(validator(min_length = 1, max_length = 50))]
    chorus_order_reference: Option<Text>,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::People")]
impl EstablishmentsApi {
    /// Read one's own establishment
    ///
    /// The one that belongs to the caller; 404 as long as there is none.
    #[oai(path = "/me/establishment", method = "get", operation_id = "getMyEstablishment")]
    async fn get_my_establishment(
        &self,
        app: Data<&App>,
        caller: Auth<ClientSide>,
    ) -> ApiResult<Json<EstablishmentView>> {
        let site = establishments::find_own(&mut *app.db.conn().await?, caller.0.user).await?;
        site.map(|site| Json(site.into())).ok_or(ApiError::NotFound { what: "establishment" })
    }

    /// Change, or create, one's own establishment
    ///
    /// What is absent stays. The first change needs a name; a SIRET is checked to its last digit.
    #[oai(path = "/me/establishment", method = "patch", operation_id = "updateMyEstablishment")]
    async fn update_my_establishment(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveClient>,
        body: Json<EstablishmentChange>,
    ) -> ApiResult<Json<EstablishmentView>> {
        let change = body.0;
        if change.siret.as_ref().is_some_and(|siret| !establishments::is_siret(siret.as_ref())) {
            return Err(ApiError::invalid("siret", "not a SIRET: the check digit is wrong"));
        }
        let mut tx = app.db.begin().await?;
        // Two first names at once would make two first establishments.
        users::lock(&mut tx, caller.0.user).await?;
        let site = match (establishments::find_own(&mut tx, caller.0.user).await?, &change.name) {
            (Some(site), _) => site.id,
            (None, Some(name)) => {
                establishments::insert(&mut tx, caller.0.user, name.as_ref(), app.clock.now()).await?
            }
            (None, None) => return Err(ApiError::invalid("name", "needed to create an establishment")),
        };
        let patch = EstablishmentPatch {
            name: change.name.map(Into::into),
            structure_type: change.structure_type.map(Into::into),
            organization_type: change.organization_type.map(Into::into),
            siret: change.siret.map(Into::into),
            contact_name: change.contact_name.map(Into::into),
            contact_phone: change.contact_phone.map(Into::into),
            address: change.address.map(Into::into),
            city: change.city.map(Into::into),
            postal_code: change.postal_code.map(Into::into),
            latitude: change.latitude,
            longitude: change.longitude,
            billing_name: change.billing_name.map(Into::into),
            billing_address: change.billing_address.map(Into::into),
            billing_email: change.billing_email.map(Into::into),
            vat_number: change.vat_number.map(Into::into),
            chorus_service_code: change.chorus_service_code.map(Into::into),
            chorus_order_reference: change.chorus_order_reference.map(Into::into),
        };
        let names_address_alone = patch.names_address_alone();
        establishments::update(&mut tx, site, caller.0.user, patch).await?;
        if names_address_alone {
            effects::missions::address_named(&mut tx, AddressOf::Establishment(site)).await?;
        }
        let site = establishments::find_own(&mut tx, caller.0.user).await?;
        tx.commit().await?;
        site.map(|site| Json(site.into())).ok_or(ApiError::NotFound { what: "establishment" })
    }
}
