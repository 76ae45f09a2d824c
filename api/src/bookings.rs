//! Bookings of services: asked for, answered, cancelled at a price that is shown before.

use domain::bookings::{self, Booking, NewBooking, Price};
use domain::ids::{BookingId, EstablishmentId, ServiceId};
use domain::sessions::Viewer;
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{Active, Anyone, Auth, Buyer, VerifiedTalent};
use crate::services::ServiceType;
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct BookingsApi;

mirror! {
    BookingStatus = domain::bookings::BookingStatus {
        Pending, Confirmed, Paid, InProgress, Completed, Rejected, Expired, Cancelled, Refunded, NoShow, Disputed,
    }
    /// Who or what ended a booking that did not take place.
    EndCause = domain::bookings::EndCause {
        Client, Talent, Admin, Account, Unanswered, Unpaid, ClientAbsent, TalentAbsent, BothAbsent,
    }
}

/// What to book, and when.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct BookingRequest {
    service_id: Uuid,
    /// Name of one of the service's options.
    #[oai(validator(min_length = 1, max_length = 80))]
    option: Text,
    /// At least three hours and at most a year ahead.
    starts_at: OffsetDateTime,
    /// People who take part; 1 when absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    participants: Option<i16>,
    /// One of the sites that the client manages; the first when absent. A private person has none.
    establishment_id: Option<Uuid>,
    /// For the talent.
    #[oai(validator(min_length = 1, max_length = 1000))]
    message: Option<Text>,
}

/// A booking, as the two of it see it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct BookingView {
    id: Uuid,
    service_id: Uuid,
    client_id: Uuid,
    talent_id: Uuid,
    establishment_id: Option<Uuid>,
    conversation_id: Uuid,
    /// Of the service, when it was booked; price and option too.
    #[oai(validator(max_length = 120))]
    title: String,
    #[oai(validator(max_length = 80))]
    option: String,
    #[oai(rename = "type")]
    kind: ServiceType,
    price_cents: i64,
    /// The platform's part of the price; for the talent and admins.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    commission_bps: Option<i32>,
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    participants: i16,
    #[oai(validator(max_length = 1000))]
    message: Option<String>,
    starts_at: OffsetDateTime,
    ends_at: OffsetDateTime,
    status: BookingStatus,
    created_at: OffsetDateTime,
    /// Until when the talent may accept.
    answer_by: OffsetDateTime,
    /// Until when the client may pay; once accepted.
    pay_by: Option<OffsetDateTime>,
    paid_at: Option<OffsetDateTime>,
    started_at: Option<OffsetDateTime>,
    /// Completed, or known not to take place.
    ended_at: Option<OffsetDateTime>,
    end_cause: Option<EndCause>,
    #[oai(validator(max_length = 500))]
    end_reason: Option<String>,
    /// Of the price of a paid booking that ended before its time: what stays due.
    due_cents: Option<i64>,
    /// And what goes back.
    refund_cents: Option<i64>,
    refunded_at: Option<OffsetDateTime>,
}

impl BookingView {
    pub(crate) fn of(booking: Booking, viewer: Viewer) -> Self {
        Self {
            id: booking.id.0,
            service_id: booking.service_id.0,
            client_id: booking.client_id.0,
            talent_id: booking.talent_id.0,
            establishment_id: booking.establishment_id.map(|site| site.0),
            conversation_id: booking.conversation_id.0,
            title: booking.title,
            option: booking.option_name,
            kind: booking.kind.into(),
            price_cents: booking.price_cents,
            commission_bps: (viewer.user != booking.client_id).then_some(booking.commission_bps),
            participants: booking.participants,
            message: booking.message,
            starts_at: booking.starts_at,
            ends_at: booking.ends_at,
            status: booking.status.into(),
            created_at: booking.created_at,
            answer_by: booking.answer_by,
            pay_by: booking.pay_by,
            paid_at: booking.paid_at,
            started_at: booking.started_at,
            ended_at: booking.ended_at,
            end_cause: booking.end_cause.map(Into::into),
            end_reason: booking.end_reason,
            due_cents: booking.due_cents,
            refund_cents: booking.refund_cents,
            refunded_at: booking.refunded_at,
        }
    }
}

/// A page of bookings, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct BookingPage {
    #[oai(validator(max_items = 100))]
    items: Vec<BookingView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum BookingCreated {
    /// Asked for; the talent answers
    #[oai(status = 201)]
    Created(Json<BookingView>),
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct BookingRefusal {
    /// For the client.
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: Option<Text>,
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct BookingCancellation {
    /// For the other party.
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: Text,
}

/// What cancelling a booking costs the caller at this moment.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct BookingCancellationPrice {
    price_cents: i64,
    /// Share of it that stays due: 0, 5000 or 10000.
    share_bps: i32,
    due_cents: i64,
    /// What of a paid booking goes back.
    refund_cents: i64,
    /// 48 hours before the start; free for the client until then.
    free_until: OffsetDateTime,
    /// 24 hours before the start; half for the client until then.
    half_until: OffsetDateTime,
}

impl From<Price> for BookingCancellationPrice {
    fn from(price: Price) -> Self {
        Self {
            price_cents: price.price_cents,
            share_bps: price.share_bps,
            due_cents: price.due_cents,
            refund_cents: price.refund_cents,
            free_until: price.free_until,
            half_until: price.half_until,
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/bookings", tag = "wire::Tag::Bookings")]
impl BookingsApi {
    /// Book a service
    ///
    /// A request, at the price of this moment: the talent has 48 hours at most to answer, and nothing is paid before.
    #[oai(path = "/", method = "post", operation_id = "createBooking")]
    async fn create_booking(
        &self,
        app: Data<&App>,
        caller: Auth<Buyer>,
        body: Json<BookingRequest>,
    ) -> ApiResult<BookingCreated> {
        let new = NewBooking {
            client_id: caller.0.user,
            service_id: ServiceId(body.0.service_id),
            option: body.0.option.into(),
            starts_at: body.0.starts_at,
            participants: body.0.participants.unwrap_or(1),
            establishment_id: body.0.establishment_id.map(EstablishmentId),
            message: body.0.message.map(Into::into),
        };
        let mut tx = app.db.begin().await?;
        let booking = bookings::ask(&mut tx, new, app.clock.now()).await?;
        effects::bookings::asked(&mut tx, &booking).await?;
        tx.commit().await?;
        Ok(BookingCreated::Created(Json(BookingView::of(booking, caller.0))))
    }

    /// List one's own bookings
    ///
    /// As client or as talent, newest first; an admin sees everybody's.
    #[oai(path = "/", method = "get", operation_id = "listBookings")]
    async fn list_bookings(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// Only in this state.
        status: Query<Option<BookingStatus>>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<BookingPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) = bookings::list(&mut conn, caller.0, status.0.map(Into::into), page).await?;
        let items = items.into_iter().map(|booking| BookingView::of(booking, caller.0)).collect();
        Ok(Json(BookingPage { items, next_cursor: wire::next(next) }))
    }

    /// Read a booking
    ///
    /// For the two of it, and admins.
    #[oai(path = "/:id", method = "get", operation_id = "getBooking")]
    async fn get_booking(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<BookingView>> {
        let booking = bookings::get_for(&mut *app.db.conn().await?, BookingId(id.0), caller.0).await?;
        Ok(Json(BookingView::of(booking, caller.0)))
    }

    /// Accept a booking
    ///
    /// From now on the talent's time is taken, and the client may pay. 409 when the talent has other work at that time or it
    /// would break the limits of working time, 410 when the time to answer is over.
    #[oai(path = "/:id/accept", method = "post", operation_id = "acceptBooking")]
    async fn accept_booking(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<BookingView>> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let booking = bookings::accept(&mut tx, BookingId(id.0), caller.0.user, now).await?;
        effects::bookings::accepted(&mut tx, &booking, now).await?;
        tx.commit().await?;
        Ok(Json(BookingView::of(booking, caller.0)))
    }

    /// Refuse a booking
    ///
    /// Nothing was paid, and nothing is owed.
    #[oai(path = "/:id/refuse", method = "post", operation_id = "refuseBooking")]
    async fn refuse_booking(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        id: Path<Uuid>,
        body: Json<BookingRefusal>,
    ) -> ApiResult<Json<BookingView>> {
        let now = app.clock.now();
        let reason = body.reason.as_ref().map(AsRef::as_ref);
        let mut tx = app.db.begin().await?;
        let refused = bookings::refuse(&mut tx, BookingId(id.0), caller.0.user, reason, now).await?;
        effects::bookings::cancelled(&mut tx, &refused, now).await?;
        tx.commit().await?;
        Ok(Json(BookingView::of(refused.booking, caller.0)))
    }

    /// What cancelling a booking would cost now
    ///
    /// For whoever asks: the client pays nothing until 48 hours before the start, half until 24, everything after; where the talent
    /// or the platform cancels, everything goes back.
    #[oai(path = "/:id/cancellation", method = "get", operation_id = "getBookingCancellation")]
    async fn get_booking_cancellation(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<BookingCancellationPrice>> {
        let mut conn = app.db.conn().await?;
        let price = bookings::get_price(&mut conn, BookingId(id.0), caller.0, app.clock.now()).await?;
        Ok(Json(price.into()))
    }

    /// Cancel a booking
    ///
    /// Before its start, at the price of this moment. An admin cancels in the platform's name, and everything goes back.
    #[oai(path = "/:id/cancel", method = "post", operation_id = "cancelBooking")]
    async fn cancel_booking(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        id: Path<Uuid>,
        body: Json<BookingCancellation>,
    ) -> ApiResult<Json<BookingView>> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let cancelled =
            bookings::cancel(&mut tx, BookingId(id.0), caller.0, body.reason.as_ref(), now).await?;
        effects::bookings::cancelled(&mut tx, &cancelled, now).await?;
        tx.commit().await?;
        Ok(Json(BookingView::of(cancelled.booking, caller.0)))
    }
}
