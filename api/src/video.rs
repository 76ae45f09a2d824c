//! Video sessions: who may enter which room when, and what the video server tells of them.

use domain::bookings::{self, Booking, Side};
use domain::ids::BookingId;
use domain::profiles;
use domain::services::ServiceType;
use domain::sessions::Viewer;
use domain::video_events::{self, NewVideoEvent};
use jobs::effects;
use livekit::webhook::{Event, Invalid};
use livekit::{Grant, LiveKit};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::App;
use crate::bookings::BookingStatus;
use crate::error::{ApiError, ApiResult};
use crate::guard::{Active, Anyone, Auth};
use crate::webhooks::{Received, Sender, Signed};
use crate::wire::{self, Text};

#[derive(Debug)]
pub struct VideoApi;

/// No token outlives this †; who stays longer is not sent away, and who comes back asks again.
const LIFETIME: Duration = Duration::hours(2);

/// The way into a room.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct VideoAccess {
    booking_id: Uuid,
    /// Of the video server.
    #[oai(validator(max_length = 500))]
    url: String,
    /// For this room and person only.
    #[oai(validator(max_length = 2000))]
    token: String,
    #[oai(validator(max_length = 60))]
    room: String,
    /// As the others read it: first name and initial.
    #[oai(validator(max_length = 100))]
    name: String,
    /// The talent is the host.
    is_host: bool,
    /// Of the token.
    expires_at: OffsetDateTime,
    closes_at: OffsetDateTime,
}

/// A session that is paid and not over.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct VideoSession {
    booking_id: Uuid,
    #[oai(validator(max_length = 120))]
    title: String,
    status: BookingStatus,
    is_host: bool,
    starts_at: OffsetDateTime,
    ends_at: OffsetDateTime,
    /// Ten minutes before the start.
    opens_at: OffsetDateTime,
    /// Half an hour after the end.
    closes_at: OffsetDateTime,
    /// Whether it may be joined now.
    is_open: bool,
}

/// A page of sessions, the next one first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct VideoSessionPage {
    #[oai(validator(max_items = 100))]
    items: Vec<VideoSession>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

/// The video server.
#[derive(Debug)]
enum VideoServer {}

impl Sender for VideoServer {
    const HEADER: &'static str = "authorization";
    const CONTENT_TYPE: &'static str = "application/webhook+json";
    const DESCRIPTION: &'static str = "An event as LiveKit sends it; the signature covers every byte.";
}

fn configured(app: &App) -> ApiResult<&LiveKit> {
    app.livekit.as_ref().ok_or(ApiError::Unavailable {
        code: "VIDEO_NOT_CONFIGURED",
        message: "There is no video server on this platform",
    })
}

fn session(booking: Booking, viewer: Viewer, now: OffsetDateTime) -> VideoSession {
    VideoSession {
        opens_at: booking.opens_at(),
        closes_at: booking.closes_at(),
        is_open: booking.is_open(now),
        is_host: booking.side(viewer.user) == Some(Side::Talent),
        booking_id: booking.id.0,
        title: booking.title,
        status: booking.status.into(),
        starts_at: booking.starts_at,
        ends_at: booking.ends_at,
    }
}

fn kept(event: Event) -> NewVideoEvent {
    NewVideoEvent {
        booking_id: event.room.as_deref().and_then(bookings::of_room),
        id: event.id,
        event: event.event,
        participant: event.participant,
        occurred_at: event.occurred_at,
    }
}

#[OpenApi(prefix_path = "/api/v1/video", tag = "wire::Tag::Bookings")]
impl VideoApi {
    /// Enter a video session
    ///
    /// For the two of a paid booking, from ten minutes before the start until half an hour after the end; else 403
    /// `SESSION_NOT_OPEN`, whose `errors` name `opensAt`. The token is made for this call, and kept nowhere.
    #[oai(path = "/join/:bookingId", method = "get", operation_id = "joinVideoSession")]
    async fn join_video_session(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        #[oai(name = "bookingId")] booking_id: Path<Uuid>,
    ) -> ApiResult<Json<VideoAccess>> {
        let now = app.clock.now();
        let mut conn = app.db.conn().await?;
        let (booking, side) = bookings::get_own(&mut conn, BookingId(booking_id.0), caller.0.user).await?;
        let livekit = configured(&app)?;
        if booking.kind != ServiceType::CoachingVideo {
            let message = "This service takes place on site";
            return Err(ApiError::Conflict { code: "NOT_A_VIDEO_SESSION", message });
        }
        if !booking.is_open(now) {
            return Err(ApiError::NotOpen { opens_at: booking.opens_at() });
        }
        let name = profiles::get_short_name(&mut conn, caller.0.user).await?;
        let (room, identity) = (booking.room(), caller.0.user.to_string());
        let expires_at = booking.closes_at().min(now + LIFETIME);
        let is_host = side == Side::Talent;
        let grant = Grant { room: &room, identity: &identity, name: &name, is_host, expires_at };
        Ok(Json(VideoAccess {
            booking_id: booking.id.0,
            url: livekit.url().to_owned(),
            token: livekit.token(&grant, now),
            closes_at: booking.closes_at(),
            room,
            name,
            is_host,
            expires_at,
        }))
    }

    /// List one's own video sessions to come
    ///
    /// Paid and not over, the next one first.
    #[oai(path = "/upcoming", method = "get", operation_id = "listUpcomingVideoSessions")]
    async fn list_upcoming_video_sessions(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<VideoSessionPage>> {
        let now = app.clock.now();
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) = bookings::list_upcoming(&mut conn, caller.0, page, now).await?;
        let items = items.into_iter().map(|booking| session(booking, caller.0, now));
        Ok(Json(VideoSessionPage { items: items.collect(), next_cursor: wire::next(next) }))
    }

    /// Tell what happens in a room
    ///
    /// For LiveKit alone: the `Authorization` header is its JWT over the SHA-256 of the body, believed for five minutes. An event
    /// counts once, however often it comes; 400 when the signature is not one.
    #[oai(path = "/webhooks", method = "post", operation_id = "receiveVideoEvent")]
    async fn receive_video_event(&self, app: Data<&App>, signed: Signed<VideoServer>) -> ApiResult<Received> {
        let now = app.clock.now();
        let event = configured(&app)?.read_webhook(signed.signature.as_deref(), &signed.body, now).map_err(
            |invalid| match invalid {
                Invalid::Signature => ApiError::Unusable {
                    code: "BAD_SIGNATURE",
                    message: "This was not signed for this body within the last five minutes",
                },
                Invalid::Body(_) => ApiError::invalid("", invalid.to_string()),
            },
        )?;
        let mut tx = app.db.begin().await?;
        let received = video_events::insert(&mut tx, kept(event), now).await?;
        effects::bookings::told(&mut tx, received).await?;
        tx.commit().await?;
        Ok(Received::Ok)
    }
}
