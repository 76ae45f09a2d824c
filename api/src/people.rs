//! Profiles, establishments, and the reference of professions.

use domain::establishments::{self, Establishment, EstablishmentPatch};
use domain::ids::UserId;
use domain::professions;
use domain::profiles::{self, Diploma, Profile, ProfilePatch};
use domain::users;
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{ActiveClient, ActiveTalent, AnyTalent, Anyone, Auth, ClientSide};
use crate::wire::{self, ComplianceStatus, Text, mirror};

#[derive(Debug)]
pub struct PeopleApi;

mirror! {
    StructureType = domain::establishments::StructureType { Mecs, Ehpad, Itep, Chrs, Ime, Other }
    OrganizationType = domain::establishments::OrganizationType { Public, Private, Association }
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

/// A diploma.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields, skip_serializing_if_is_none)]
pub struct DiplomaView {
    #[oai(validator(min_length = 1, max_length = 120))]
    name: Text,
    #[oai(validator(minimum(value = "1940"), maximum(value = "2100")))]
    year: i16,
    document_id: Option<Uuid>,
}

/// A profile, as its owner sees it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct ProfileView {
    user_id: Uuid,
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 80))]
    last_name: Option<String>,
    #[oai(validator(max_length = 500))]
    avatar_url: Option<String>,
    #[oai(validator(max_length = 300))]
    bio: Option<String>,
    #[oai(validator(max_length = 120))]
    headline: Option<String>,
    #[oai(validator(max_length = 40))]
    job_id: Option<String>,
    #[oai(validator(max_items = 20, max_length = 60))]
    specialties: Vec<String>,
    #[oai(validator(max_items = 20))]
    diplomas: Vec<DiplomaView>,
    hourly_rate_cents: Option<i32>,
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
    /// Kilometres that the talent likes to travel.
    radius_km: i32,
    has_driver_license: bool,
    can_do_night_shift: bool,
    is_video_enabled: bool,
    is_marketplace_visible: bool,
    compliance_status: ComplianceStatus,
    total_missions: i32,
    total_reviews: i32,
    /// 0–5.
    average_rating: f64,
}

impl From<Profile> for ProfileView {
    fn from(profile: Profile) -> Self {
        Self {
            user_id: profile.user_id.0,
            first_name: profile.first_name,
            last_name: profile.last_name,
            avatar_url: profile.avatar_url,
            bio: profile.bio,
            headline: profile.headline,
            job_id: profile.job_id,
            specialties: profile.specialties,
            diplomas: profile
                .diplomas
                .0
                .into_iter()
                .map(|d| DiplomaView { name: wire::Text(d.name), year: d.year, document_id: d.document_id })
                .collect(),
            hourly_rate_cents: profile.hourly_rate_cents,
            address: profile.address,
            city: profile.city,
            postal_code: profile.postal_code,
            latitude: profile.latitude,
            longitude: profile.longitude,
            radius_km: profile.radius_km,
            has_driver_license: profile.has_driver_license,
            can_do_night_shift: profile.can_do_night_shift,
            is_video_enabled: profile.is_video_enabled,
            is_marketplace_visible: profile.is_marketplace_visible,
            compliance_status: profile.compliance_status.into(),
            total_missions: profile.total_missions,
            total_reviews: profile.total_reviews,
            average_rating: f64::from(profile.average_rating) / 100.0,
        }
    }
}

/// Changes to a profile; what is absent stays. Latitude and longitude come together.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct ProfileChange {
    #[oai(validator(min_length = 1, max_length = 80))]
    first_name: Option<Text>,
    #[oai(validator(min_length = 1, max_length = 80))]
    last_name: Option<Text>,
    #[oai(validator(max_length = 500, custom = "wire::Like(&wire::HTTP_URL)"))]
    avatar_url: Option<Text>,
    #[oai(validator(max_length = 300))]
    bio: Option<Text>,
    #[oai(validator(max_length = 120))]
    headline: Option<Text>,
    /// A slug of `GET /api/v1/jobs`.
    #[oai(validator(min_length = 1, max_length = 40))]
    job_id: Option<Text>,
    #[oai(validator(max_items = 20, max_length = 60, min_length = 1))]
    specialties: Option<Vec<Text>>,
    #[oai(validator(max_items = 20))]
    diplomas: Option<Vec<DiplomaView>>,
    #[oai(validator(minimum(value = "1"), maximum(value = "100000")))]
    hourly_rate_cents: Option<i32>,
    #[oai(validator(max_length = 200))]
    address: Option<Text>,
    #[oai(validator(min_length = 1, max_length = 100))]
    city: Option<Text>,
    #[oai(validator(max_length = 5, custom = "wire::Like(&wire::POSTAL_CODE)"))]
    postal_code: Option<Text>,
    #[oai(validator(minimum(value = "-90"), maximum(value = "90")))]
    latitude: Option<f64>,
    #[oai(validator(minimum(value = "-180"), maximum(value = "180")))]
    longitude: Option<f64>,
    #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
    radius_km: Option<i32>,
    has_driver_license: Option<bool>,
    can_do_night_shift: Option<bool>,
    is_video_enabled: Option<bool>,
    is_marketplace_visible: Option<bool>,
}

/// A talent, as others see it: surname initial, city only.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct TalentView {
    id: Uuid,
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 4))]
    last_initial: Option<String>,
    #[oai(validator(max_length = 500))]
    avatar_url: Option<String>,
    #[oai(validator(max_length = 300))]
    bio: Option<String>,
    #[oai(validator(max_length = 120))]
    headline: Option<String>,
    #[oai(validator(max_length = 40))]
    job_id: Option<String>,
    #[oai(validator(max_items = 20, max_length = 60))]
    specialties: Vec<String>,
    #[oai(validator(max_length = 100))]
    city: Option<String>,
    hourly_rate_cents: Option<i32>,
    is_video_enabled: bool,
    total_missions: i32,
    total_reviews: i32,
    /// 0–5.
    average_rating: f64,
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
    #[oai(validator(max_length = 14, custom = "wire::Like(&wire::SIRET)"))]
    siret: Option<Text>,
    #[oai(validator(max_length = 120))]
    contact_name: Option<Text>,
    #[oai(validator(max_length = 20, custom = "wire::Like(&wire::PHONE)"))]
    contact_phone: Option<Text>,
    #[oai(validator(max_length = 200))]
    address: Option<Text>,
    #[oai(validator(min_length = 1, max_length = 100))]
    city: Option<Text>,
    #[oai(validator(max_length = 5, custom = "wire::Like(&wire::POSTAL_CODE)"))]
    postal_code: Option<Text>,
    #[oai(validator(minimum(value = "-90"), maximum(value = "90")))]
    latitude: Option<f64>,
    #[oai(validator(minimum(value = "-180"), maximum(value = "180")))]
    longitude: Option<f64>,
    #[oai(validator(max_length = 120))]
    billing_name: Option<Text>,
    #[oai(validator(max_length = 300))]
    billing_address: Option<Text>,
    #[oai(validator(max_length = 254, custom = "wire::Like(&wire::EMAIL)"))]
    billing_email: Option<Text>,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::People")]
impl PeopleApi {
    /// List the professions
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

    /// Read one's own profile
    #[oai(path = "/me/profile", method = "get", operation_id = "getMyProfile")]
    async fn get_my_profile(&self, app: Data<&App>, caller: Auth<AnyTalent>) -> ApiResult<Json<ProfileView>> {
        Ok(Json(profiles::get(&mut *app.db.conn().await?, caller.0.user).await?.into()))
    }

    /// Change one's own profile
    #[oai(path = "/me/profile", method = "patch", operation_id = "updateMyProfile")]
    async fn update_my_profile(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveTalent>,
        body: Json<ProfileChange>,
    ) -> ApiResult<Json<ProfileView>> {
        let change = body.0;
        let mut tx = app.db.begin().await?;
        let profession_id = match &change.job_id {
            Some(slug) => Some(professions::get(&mut tx, slug.as_ref()).await?.id),
            None => None,
        };
        let patch = ProfilePatch {
            first_name: change.first_name.map(Into::into),
            last_name: change.last_name.map(Into::into),
            avatar_url: change.avatar_url.map(Into::into),
            bio: change.bio.map(Into::into),
            headline: change.headline.map(Into::into),
            profession_id,
            specialties: change.specialties.map(wire::strings),
            diplomas: change.diplomas.map(|diplomas| {
                diplomas
                    .into_iter()
                    .map(|d| Diploma { name: d.name.0, year: d.year, document_id: d.document_id })
                    .collect()
            }),
            hourly_rate_cents: change.hourly_rate_cents,
            address: change.address.map(Into::into),
            city: change.city.map(Into::into),
            postal_code: change.postal_code.map(Into::into),
            latitude: change.latitude,
            longitude: change.longitude,
            radius_km: change.radius_km,
            has_driver_license: change.has_driver_license,
            can_do_night_shift: change.can_do_night_shift,
            is_video_enabled: change.is_video_enabled,
            is_marketplace_visible: change.is_marketplace_visible,
        };
        let concerns_matching = patch.concerns_matching();
        let profile = profiles::update(&mut tx, caller.0.user, patch).await?;
        if concerns_matching {
            effects::talent_changed(&mut tx, caller.0.user, app.clock.now()).await?;
        }
        tx.commit().await?;
        Ok(Json(profile.into()))
    }

    /// Look at a talent
    #[oai(path = "/talents/:id", method = "get", operation_id = "getTalent")]
    async fn get_talent(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<TalentView>> {
        let profile = profiles::get_public(&mut *app.db.conn().await?, UserId(id.0)).await?;
        Ok(Json(TalentView {
            id: profile.user_id.0,
            first_name: profile.first_name,
            last_initial: profile.last_name.and_then(|name| name.chars().next()).map(String::from),
            avatar_url: profile.avatar_url,
            bio: profile.bio,
            headline: profile.headline,
            job_id: profile.job_id,
            specialties: profile.specialties,
            city: profile.city,
            hourly_rate_cents: profile.hourly_rate_cents,
            is_video_enabled: profile.is_video_enabled,
            total_missions: profile.total_missions,
            total_reviews: profile.total_reviews,
            average_rating: f64::from(profile.average_rating) / 100.0,
        }))
    }

    /// Read one's own establishment
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
        };
        establishments::update(&mut tx, site, caller.0.user, patch).await?;
        let site = establishments::find_own(&mut tx, caller.0.user).await?;
        tx.commit().await?;
        site.map(|site| Json(site.into())).ok_or(ApiError::NotFound { what: "establishment" })
    }
}
