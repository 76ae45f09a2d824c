//! In-app notifications, from the reader's side.

use domain::ids::NotificationId;
use domain::notifications::{self, Notification};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{Anyone, Auth};
use crate::wire::{self, Done, Text};

#[derive(Debug)]
pub struct NotificationsApi;

/// What a notification is about: ids to link to.
#[derive(Debug, Default, Object, Deserialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase", default)]
struct NotificationLinks {
    mission_id: Option<Uuid>,
    invitation_id: Option<Uuid>,
    application_id: Option<Uuid>,
    booking_id: Option<Uuid>,
    conversation_id: Option<Uuid>,
    message_id: Option<Uuid>,
    establishment_id: Option<Uuid>,
    invoice_id: Option<Uuid>,
    review_id: Option<Uuid>,
    document_id: Option<Uuid>,
    quote_id: Option<Uuid>,
    contract_id: Option<Uuid>,
    payment_id: Option<Uuid>,
    report_id: Option<Uuid>,
}

/// A notification, in the reader's language.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct NotificationView {
    id: Uuid,
    /// Stable; for programs.
    #[oai(rename = "type", validator(max_length = 60))]
    kind: String,
    #[oai(validator(max_length = 100))]
    title: String,
    #[oai(validator(max_length = 300))]
    body: String,
    data: NotificationLinks,
    created_at: OffsetDateTime,
    /// Absent while unread.
    read_at: Option<OffsetDateTime>,
}

impl From<Notification> for NotificationView {
    fn from(notification: Notification) -> Self {
        let words = notification.words();
        Self {
            id: notification.id.0,
            title: words.map_or_else(String::new, |words| words.title.into()),
            body: words.map_or_else(String::new, |words| words.body.into()),
            kind: notification.code,
            data: serde_json::from_value(notification.data).unwrap_or_default(),
            created_at: notification.created_at,
            read_at: notification.read_at,
        }
    }
}

/// A page of notifications, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct NotificationPage {
    #[oai(validator(max_items = 100))]
    items: Vec<NotificationView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

/// How many notifications are unread.
#[derive(Debug, Object)]
struct UnreadCount {
    #[oai(validator(minimum(value = "0")))]
    unread: i32,
}

#[OpenApi(prefix_path = "/api/v1/notifications", tag = "wire::Tag::Notifications")]
impl NotificationsApi {
    /// List one's own notifications
    ///
    /// Newest first; the same come live over the WebSocket.
    #[oai(path = "/", method = "get", operation_id = "listNotifications")]
    async fn list_notifications(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// Leaves out what was read; false when absent.
        #[oai(name = "unreadOnly")]
        unread_only: Query<Option<bool>>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<NotificationPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) =
            notifications::list(&mut conn, caller.0.user, unread_only.0.unwrap_or(false), page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(NotificationPage { items, next_cursor: wire::next(next) }))
    }

    /// Count what is unread
    ///
    /// For a badge; cheaper than the list.
    #[oai(path = "/unread-count", method = "get", operation_id = "countUnreadNotifications")]
    async fn count_unread_notifications(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
    ) -> ApiResult<Json<UnreadCount>> {
        let unread = notifications::count_unread(&mut *app.db.conn().await?, caller.0.user).await?;
        Ok(Json(UnreadCount { unread }))
    }

    /// Mark a notification as read
    ///
    /// Only one's own; reading it twice keeps the first time.
    #[oai(path = "/:id/read", method = "post", operation_id = "readNotification")]
    async fn read_notification(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<NotificationView>> {
        let mut tx = app.db.begin().await?;
        let read =
            notifications::mark_read(&mut tx, caller.0.user, NotificationId(id.0), app.clock.now()).await?;
        tx.commit().await?;
        Ok(Json(read.into()))
    }

    /// Mark all notifications as read
    ///
    /// Up to this moment; what comes later is unread. Answers with what is left.
    #[oai(path = "/mark-all-read", method = "post", operation_id = "readAllNotifications")]
    async fn read_all_notifications(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
    ) -> ApiResult<Json<UnreadCount>> {
        let mut tx = app.db.begin().await?;
        let unread = notifications::mark_all_read(&mut tx, caller.0.user, app.clock.now()).await?;
        tx.commit().await?;
        Ok(Json(UnreadCount { unread }))
    }

    /// Unsubscribe from a kind of mail
    ///
    /// By the link of a mail, without signing in: the token holds for its reader and its kind, and for ever. Mail programs send it
    /// themselves with a form (RFC 8058), whose content does not matter. Doing it twice is harmless.
    #[oai(path = "/unsubscribe", method = "post", operation_id = "unsubscribeFromMails")]
    async fn unsubscribe_from_mails(
        &self,
        app: Data<&App>,
        /// Of the link.
        #[oai(validator(min_length = 1, max_length = 200))]
        token: Query<Text>,
    ) -> ApiResult<Done> {
        let mut tx = app.db.begin().await?;
        notifications::unsubscribe(&mut tx, &token.0.0).await?;
        tx.commit().await?;
        Ok(Done::NoContent)
    }
}
