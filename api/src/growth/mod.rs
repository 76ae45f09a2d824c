//! Points, levels, tags and referrals: one's own, and the leaderboard of those who want to be seen.

pub mod admin;

use domain::growth::levels::Level;
use domain::growth::points::{self, Entry};
use domain::growth::referrals::{self, Referral};
use domain::growth::{self, leaderboard, tags};
use domain::ids::UserId;
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{Active, Anyone, Auth};
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct GrowthApi;

mirror! {
    /// How somebody works, with whom, and in what setting.
    TagTheme = domain::growth::tags::Theme { Manner, People, Setting }
    /// CONFIRME from 3 missions and 4 stars on, SUPER from 10 and 4.5.
    TalentLevel = domain::growth::levels::Level { Nouveau, Confirme, Super }
    /// What earned points.
    PointAction = domain::growth::points::Action {
        ProfilePhoto, TagsCompleted, FirstMission, MissionCompleted, ReviewGiven, ServicePublished, Referral, Adjustment,
    }
    /// PENDING until the invitee's identity document is approved; CAPPED when its referrer had fifty by then.
    ReferralStatus = domain::growth::referrals::ReferralStatus { Pending, Confirmed, Capped }
}

/// A tag of the reference.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct TagView {
    #[oai(validator(max_length = 60))]
    slug: String,
    /// In French.
    #[oai(validator(max_length = 120))]
    label: String,
    theme: TagTheme,
}

/// Every tag.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct TagList {
    #[oai(validator(max_items = 100))]
    items: Vec<TagView>,
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

/// Tags of the reference, by their slugs.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct TagChoice {
    #[oai(validator(max_items = 10, min_length = 1, max_length = 60))]
    tags: Vec<Text>,
}

/// Somebody's tags.
#[derive(Debug, Object)]
struct TagsView {
    #[oai(validator(max_items = 50, max_length = 60))]
    tags: Vec<String>,
}

/// What a level takes.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct LevelNeeds {
    level: TalentLevel,
    /// In all; missions whose work was accepted.
    missions: i32,
    /// At least; stars.
    average_rating: f64,
}

impl From<Level> for LevelNeeds {
    fn from(level: Level) -> Self {
        let needs = level.needs();
        Self {
            level: level.into(),
            missions: needs.missions,
            average_rating: f64::from(needs.rating) / 100.0,
        }
    }
}

/// Where the caller stands; only talents have levels.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct GrowthView {
    /// Sum of the points log.
    points: i32,
    level: Option<TalentLevel>,
    next_level: Option<LevelNeeds>,
    #[oai(validator(max_length = 8))]
    referral_code: String,
    pending_referrals: i64,
    confirmed_referrals: i64,
    #[oai(validator(max_items = 50, max_length = 60))]
    tags: Vec<String>,
    /// Whether the leaderboard shows the caller.
    on_leaderboard: bool,
}

/// A line of somebody's points log.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct PointEntryView {
    id: Uuid,
    action: PointAction,
    points: i32,
    /// What earned them: an assignment, a review, a service, a person.
    reference: Uuid,
    /// The line that this one takes back.
    reverses_id: Option<Uuid>,
    /// Of an adjustment.
    #[oai(validator(max_length = 500))]
    reason: Option<String>,
    created_at: OffsetDateTime,
}

impl From<Entry> for PointEntryView {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id.0,
            action: entry.action.into(),
            points: entry.points,
            reference: entry.reference,
            reverses_id: entry.reverses_id.map(|id| id.0),
            reason: entry.reason,
            created_at: entry.created_at,
        }
    }
}

/// A page of the points log, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct PointEntryPage {
    #[oai(validator(max_items = 100))]
    items: Vec<PointEntryView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

/// Somebody who registered with the caller's code.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ReferralView {
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 4))]
    last_initial: Option<String>,
    status: ReferralStatus,
    created_at: OffsetDateTime,
    /// When their identity was verified.
    decided_at: Option<OffsetDateTime>,
}

impl From<Referral> for ReferralView {
    fn from(referral: Referral) -> Self {
        Self {
            first_name: referral.first_name,
            last_initial: referral.last_initial,
            status: referral.status.into(),
            created_at: referral.created_at,
            decided_at: referral.decided_at,
        }
    }
}

/// A page of referrals, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ReferralPage {
    #[oai(validator(max_items = 100))]
    items: Vec<ReferralView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

/// A place of the leaderboard; only talents have levels.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct LeaderboardPlace {
    /// Who has as many points has the same.
    rank: i64,
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 4))]
    last_initial: Option<String>,
    points: i32,
    level: Option<TalentLevel>,
    is_me: bool,
}

/// The first places.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct Leaderboard {
    #[oai(validator(max_items = 100))]
    items: Vec<LeaderboardPlace>,
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

/// Whether the leaderboard shows the caller.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct LeaderboardChoice {
    on_leaderboard: bool,
}

async fn mine(app: &App, user: UserId) -> ApiResult<Json<GrowthView>> {
    let growth = growth::get(&mut *app.db.conn().await?, user).await?;
    let level = growth.level();
    Ok(Json(GrowthView {
        points: growth.points,
        level: level.map(Into::into),
        next_level: level.and_then(Level::next).map(Into::into),
        referral_code: growth.referral_code,
        pending_referrals: growth.pending_referrals,
        confirmed_referrals: growth.confirmed_referrals,
        tags: growth.tags,
        on_leaderboard: growth.on_leaderboard,
    }))
}

#[OpenApi(prefix_path = "/api/v1/growth", tag = "wire::Tag::Growth")]
impl GrowthApi {
    /// List the tags
    ///
    /// Public, short and rarely changed.
    #[oai(path = "/tags", method = "get", operation_id = "listTags")]
    async fn list_tags(&self) -> ApiResult<Json<TagList>> {
        let items = tags::TAGS.iter().map(|tag| TagView {
            slug: tag.slug.to_owned(),
            label: tag.label.to_owned(),
            theme: tag.theme.into(),
        });
        Ok(Json(TagList { items: items.collect(), next_cursor: None }))
    }

    /// Read where one stands
    ///
    /// Points, level and what the next one takes, one's referral code and tags.
    #[oai(path = "/me", method = "get", operation_id = "getMyGrowth")]
    async fn get_my_growth(&self, app: Data<&App>, caller: Auth<Anyone>) -> ApiResult<Json<GrowthView>> {
        mine(&app, caller.0.user).await
    }

    /// Choose one's tags
    ///
    /// All of them: what is not named is dropped. The first three together are worth points, once.
    #[oai(path = "/me/tags", method = "put", operation_id = "replaceMyTags")]
    async fn replace_my_tags(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        body: Json<TagChoice>,
    ) -> ApiResult<Json<TagsView>> {
        let mut tx = app.db.begin().await?;
        let tags = tags::replace(&mut tx, caller.0.user, &wire::strings(body.0.tags)).await?;
        effects::growth::tags_set(&mut tx, caller.0.user, &tags).await?;
        tx.commit().await?;
        Ok(Json(TagsView { tags }))
    }

    /// List one's points log
    ///
    /// Newest first. What was taken back is a line of its own, which names the line that it takes back.
    #[oai(path = "/me/points", method = "get", operation_id = "listMyPoints")]
    async fn list_my_points(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<PointEntryPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let (items, next) = points::list(&mut *app.db.conn().await?, caller.0.user, page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(PointEntryPage { items, next_cursor: wire::next(next) }))
    }

    /// List who registered with one's code
    ///
    /// Newest first; first names and initials only.
    #[oai(path = "/me/referrals", method = "get", operation_id = "listMyReferrals")]
    async fn list_my_referrals(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<ReferralPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let (items, next) = referrals::list(&mut *app.db.conn().await?, caller.0.user, page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(ReferralPage { items, next_cursor: wire::next(next) }))
    }

    /// Show or hide oneself on the leaderboard
    ///
    /// Nobody is there without having asked for it.
    #[oai(path = "/me/leaderboard", method = "put", operation_id = "setMyLeaderboard")]
    async fn set_my_leaderboard(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        body: Json<LeaderboardChoice>,
    ) -> ApiResult<Json<GrowthView>> {
        let shown = body.0.on_leaderboard;
        leaderboard::show(&mut *app.db.conn().await?, caller.0.user, shown).await?;
        mine(&app, caller.0.user).await
    }

    /// Read the leaderboard
    ///
    /// The first places, of those who want to be seen: first names and initials only.
    #[oai(path = "/leaderboard", method = "get", operation_id = "getLeaderboard")]
    async fn get_leaderboard(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// Places; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<Leaderboard>> {
        let places = leaderboard::list(&mut *app.db.conn().await?, limit.0.unwrap_or(wire::LIMIT)).await?;
        let items = places.into_iter().map(|place| LeaderboardPlace {
            rank: place.rank,
            first_name: place.first_name,
            last_initial: place.last_initial,
            points: place.points,
            level: place.level.map(Into::into),
            is_me: place.user_id == caller.0.user,
        });
        Ok(Json(Leaderboard { items: items.collect(), next_cursor: None }))
    }
}
