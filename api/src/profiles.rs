//! Profiles: one's own, and what others may see of a talent.

use domain::ids::UserId;
use domain::professions;
use domain::profiles::{self, Diploma, Profile, ProfilePatch};
use jobs::{AddressOf, effects};
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{ActiveTalent, AnyTalent, Anyone, Auth};
use crate::wire::{self, ComplianceStatus, Text};

#[derive(Debug)]
pub struct ProfilesApi;

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
    avatar_url: Option<wire::HttpUrl>,
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
    postal_code: Option<wire::PostalCode>,
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

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::People")]
impl ProfilesApi {
    /// Read one's own profile
    ///
    /// As the talent fills it in; the rating and the counters are the platform's.
    #[oai(path = "/me/profile", method = "get", operation_id = "getMyProfile")]
    async fn get_my_profile(&self, app: Data<&App>, caller: Auth<AnyTalent>) -> ApiResult<Json<ProfileView>> {
        Ok(Json(profiles::get(&mut *app.db.conn().await?, caller.0.user).await?.into()))
    }

    /// Change one's own profile
    ///
    /// What is absent stays. Place, profession, specialties and radius decide which missions are offered, from the next matching on.
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
        let (concerns_matching, shows_face) = (patch.concerns_matching(), patch.avatar_url.is_some());
        let names_address_alone = patch.names_address_alone();
        let profile = profiles::update(&mut tx, caller.0.user, patch).await?;
        if concerns_matching {
            effects::missions::talent_changed(&mut tx, caller.0.user, app.clock.now()).await?;
        }
        if shows_face {
            effects::growth::photo_set(&mut tx, caller.0.user).await?;
        }
        if names_address_alone {
            effects::missions::address_named(&mut tx, AddressOf::Profile(caller.0.user)).await?;
        }
        tx.commit().await?;
        Ok(Json(profile.into()))
    }

    /// Look at a talent
    ///
    /// Surname initial and town only; contact data are shared once somebody is assigned.
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
}
