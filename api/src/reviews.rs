//! Reviews of finished work, by either side of it, and the answers to them.

use domain::ids::{AssignmentId, BookingId, EstablishmentId, MissionId, ReviewId, UserId};
use domain::page::Cursor;
use domain::reviews::{self, NewReview, Review};
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{Active, Anyone, Auth};
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct ReviewsApi;

mirror! {
    /// Of a piece of work.
    WorkSide = domain::standing::Side { Client, Talent }
}

/// Which way reviews go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
enum ReviewDirection {
    /// Of oneself, or of one's establishments.
    Received,
    /// Written by oneself.
    Given,
}

/// What to say of a talent's part in a mission.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct MissionReview {
    /// Stars.
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    rating: i16,
    /// Everybody can read it. No patient or resident may be named.
    #[oai(validator(min_length = 1, max_length = 1000))]
    comment: Option<Text>,
    /// Of the talent who is meant; needed only from the client's side, and where the mission has several.
    assignment_id: Option<Uuid>,
}

/// What to say of a session.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct BookingReview {
    /// Stars.
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    rating: i16,
    /// Everybody can read it. No patient or resident may be named.
    #[oai(validator(min_length = 1, max_length = 1000))]
    comment: Option<Text>,
}

/// The one answer to a review.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct ReviewResponse {
    /// Everybody can read it. No patient or resident may be named.
    #[oai(validator(min_length = 1, max_length = 1000))]
    response: Text,
}

/// A review, as everybody can read it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ReviewView {
    id: Uuid,
    /// An establishment's name, or a first name and an initial.
    #[oai(validator(max_length = 120))]
    author: String,
    /// Stars.
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    rating: i16,
    #[oai(validator(max_length = 1000))]
    comment: Option<String>,
    created_at: OffsetDateTime,
    /// Of the side that was reviewed.
    #[oai(validator(max_length = 1000))]
    response: Option<String>,
    responded_at: Option<OffsetDateTime>,
}

impl From<Review> for ReviewView {
    fn from(review: Review) -> Self {
        Self {
            id: review.id.0,
            author: review.author,
            rating: review.rating,
            comment: review.comment,
            created_at: review.created_at,
            response: review.response,
            responded_at: review.responded_at,
        }
    }
}

/// A review, as the two sides of the work read it: written by one side, about the other.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct OwnReview {
    id: Uuid,
    mission_id: Option<Uuid>,
    assignment_id: Option<Uuid>,
    booking_id: Option<Uuid>,
    side: WorkSide,
    /// An establishment's name, or a first name and an initial.
    #[oai(validator(max_length = 120))]
    author: String,
    /// Stars.
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    rating: i16,
    #[oai(validator(max_length = 1000))]
    comment: Option<String>,
    created_at: OffsetDateTime,
    /// Of the side that was reviewed.
    #[oai(validator(max_length = 1000))]
    response: Option<String>,
    responded_at: Option<OffsetDateTime>,
}

impl From<Review> for OwnReview {
    fn from(review: Review) -> Self {
        Self {
            id: review.id.0,
            mission_id: review.mission_id.map(|id| id.0),
            assignment_id: review.assignment_id.map(|id| id.0),
            booking_id: review.booking_id.map(|id| id.0),
            side: review.side.into(),
            author: review.author,
            rating: review.rating,
            comment: review.comment,
            created_at: review.created_at,
            response: review.response,
            responded_at: review.responded_at,
        }
    }
}

/// A page of reviews, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ReviewPage {
    #[oai(validator(max_items = 100))]
    items: Vec<ReviewView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

impl ReviewPage {
    fn of((items, next): (Vec<Review>, Option<Cursor>)) -> Self {
        Self { items: items.into_iter().map(Into::into).collect(), next_cursor: wire::next(next) }
    }
}

/// A page of reviews, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct OwnReviewPage {
    #[oai(validator(max_items = 100))]
    items: Vec<OwnReview>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum ReviewCreated {
    /// Written; the other side can answer it
    #[oai(status = 201)]
    Created(Json<OwnReview>),
}

#[derive(ApiResponse)]
enum ReviewAnswered {
    /// Answered
    #[oai(status = 201)]
    Answered(Json<OwnReview>),
}

/// Words that are more than blanks.
fn said(text: Text, field: &str) -> ApiResult<String> {
    match text.0.trim() {
        "" => Err(ApiError::invalid(field, "must say something")),
        said => Ok(said.to_owned()),
    }
}

fn comment(comment: Option<Text>) -> ApiResult<Option<String>> {
    comment.map(|comment| said(comment, "comment")).transpose()
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::People")]
impl ReviewsApi {
    /// Review a mission
    ///
    /// Once for each side and talent, when the talent's work is completed: the client's side reviews the talent, the talent the
    /// establishment. What was said stays said.
    #[oai(path = "/missions/:id/reviews", method = "post", operation_id = "reviewMission")]
    async fn review_mission(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        id: Path<Uuid>,
        body: Json<MissionReview>,
    ) -> ApiResult<ReviewCreated> {
        let new = NewReview { rating: body.0.rating, comment: comment(body.0.comment)? };
        let (of, now) = (body.0.assignment_id.map(AssignmentId), app.clock.now());
        let mut tx = app.db.begin().await?;
        let review = reviews::write_of_mission(&mut tx, MissionId(id.0), of, caller.0, &new, now).await?;
        effects::reviews::written(&mut tx, &review, now).await?;
        tx.commit().await?;
        Ok(ReviewCreated::Created(Json(review.into())))
    }

    /// Review a booking
    ///
    /// Once for each side, when the session is completed. What was said stays said.
    #[oai(path = "/bookings/:id/reviews", method = "post", operation_id = "reviewBooking")]
    async fn review_booking(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        id: Path<Uuid>,
        body: Json<BookingReview>,
    ) -> ApiResult<ReviewCreated> {
        let new = NewReview { rating: body.0.rating, comment: comment(body.0.comment)? };
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let review = reviews::write_of_booking(&mut tx, BookingId(id.0), caller.0, &new, now).await?;
        effects::reviews::written(&mut tx, &review, now).await?;
        tx.commit().await?;
        Ok(ReviewCreated::Created(Json(review.into())))
    }

    /// Answer a review
    ///
    /// For the side that was reviewed: the talent, or whoever manages the establishment. Once.
    #[oai(path = "/reviews/:id/response", method = "post", operation_id = "answerReview")]
    async fn answer_review(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        id: Path<Uuid>,
        body: Json<ReviewResponse>,
    ) -> ApiResult<ReviewAnswered> {
        let (response, now) = (said(body.0.response, "response")?, app.clock.now());
        let mut tx = app.db.begin().await?;
        let review = reviews::answer(&mut tx, ReviewId(id.0), caller.0, &response, now).await?;
        effects::reviews::answered(&mut tx, &review).await?;
        tx.commit().await?;
        Ok(ReviewAnswered::Answered(Json(review.into())))
    }

    /// List the reviews of a talent
    ///
    /// By clients, newest first; of a talent whom `getTalent` shows.
    #[oai(path = "/talents/:id/reviews", method = "get", operation_id = "listTalentReviews")]
    async fn list_talent_reviews(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<Anyone>,
        id: Path<Uuid>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<ReviewPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let found = reviews::list_of_talent(&mut *app.db.conn().await?, UserId(id.0), page).await?;
        Ok(Json(ReviewPage::of(found)))
    }

    /// List the reviews of an establishment
    ///
    /// By talents who worked there, newest first.
    #[oai(path = "/establishments/:id/reviews", method = "get", operation_id = "listEstablishmentReviews")]
    async fn list_establishment_reviews(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<Anyone>,
        id: Path<Uuid>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<ReviewPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let found = reviews::list_of_site(&mut *app.db.conn().await?, EstablishmentId(id.0), page).await?;
        Ok(Json(ReviewPage::of(found)))
    }

    /// List one's own reviews
    ///
    /// Received, by oneself or one's establishments, or given; newest first.
    #[oai(path = "/me/reviews", method = "get", operation_id = "listMyReviews")]
    async fn list_my_reviews(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// RECEIVED when absent.
        direction: Query<Option<ReviewDirection>>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<OwnReviewPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let direction = match direction.0 {
            Some(ReviewDirection::Given) => reviews::Direction::Given,
            Some(ReviewDirection::Received) | None => reviews::Direction::Received,
        };
        let mut conn = app.db.conn().await?;
        let (items, next) = reviews::list_mine(&mut conn, caller.0.user, direction, page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(OwnReviewPage { items, next_cursor: wire::next(next) }))
    }
}
