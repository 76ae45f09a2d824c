//! One's own sessions: where one is signed in, and the end of it.

use domain::ids::SessionId;
use domain::sessions;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{Anyone, Auth};
use crate::wire::{self, Text};

#[derive(Debug)]
pub struct SessionsApi;

/// A place where the caller is signed in.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct SignedInDevice {
    id: Uuid,
    /// The user agent that signed in.
    #[oai(validator(max_length = 300))]
    device: Option<String>,
    #[oai(validator(max_length = 45))]
    ip: Option<String>,
    created_at: OffsetDateTime,
    /// The last sign-in or refresh.
    last_used_at: OffsetDateTime,
    /// The session that asks.
    is_current: bool,
}

/// A page of sessions, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct SessionPage {
    #[oai(validator(max_items = 100))]
    items: Vec<SignedInDevice>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum Ended {
    /// It has ended, and its sockets with it
    #[oai(status = 204)]
    Done,
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "wire::Tag::Auth")]
impl SessionsApi {
    /// List one's sessions
    ///
    /// Living ones only, the latest sign-in first, with device and address.
    #[oai(path = "/sessions", method = "get", operation_id = "listSessions")]
    async fn list_sessions(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<SessionPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let (sessions, next) =
            sessions::list(&mut *app.db.conn().await?, caller.0.user, page, app.clock.now()).await?;
        let items = sessions.into_iter().map(|session| SignedInDevice {
            id: session.id.0,
            device: session.user_agent,
            ip: session.ip,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            is_current: session.id == caller.0.session,
        });
        Ok(Json(SessionPage { items: items.collect(), next_cursor: wire::next(next) }))
    }

    /// End one of one's sessions
    ///
    /// Its tokens stop working at once and its live connections are closed; one that has ended already is 404.
    #[oai(path = "/sessions/:id", method = "delete", operation_id = "endSession")]
    async fn end_session(&self, app: Data<&App>, caller: Auth<Anyone>, id: Path<Uuid>) -> ApiResult<Ended> {
        let mut tx = app.db.begin().await?;
        sessions::revoke(&mut tx, caller.0.user, SessionId(id.0), app.clock.now()).await?;
        tx.commit().await?;
        Ok(Ended::Done)
    }

    /// End all of one's sessions
    ///
    /// The one that asks too; all of one's live connections are closed.
    #[oai(path = "/logout-all", method = "post", operation_id = "logoutAll")]
    async fn logout_all(&self, app: Data<&App>, caller: Auth<Anyone>) -> ApiResult<Ended> {
        let mut tx = app.db.begin().await?;
        sessions::revoke_all(&mut tx, caller.0.user, app.clock.now()).await?;
        tx.commit().await?;
        Ok(Ended::Done)
    }
}
