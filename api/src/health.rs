//! For load balancers: is the process alive, and can it serve?

use std::time::Duration;

use poem::http::StatusCode;
use poem::web::{Data, Json};
use poem::{IntoResponse, Response, handler};
use serde_json::json;

use crate::App;

#[handler]
pub fn ok() -> Json<serde_json::Value> {
    Json(json!({ "name": "SocioPulse", "status": "ok", "docs": "/docs" }))
}

/// No dependencies: restarting this process would not bring PostgreSQL back.
#[handler]
pub fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

const PATIENCE: Duration = Duration::from_secs(2);

#[handler]
pub async fn ready(app: Data<&App>) -> Response {
    let redis = async {
        let mut redis = app.redis.clone();
        redis::cmd("PING").query_async::<String>(&mut redis).await.map_err(|error| error.to_string())
    };
    let (database, redis) = tokio::join!(
        tokio::time::timeout(PATIENCE, app.db.is_migrated()),
        tokio::time::timeout(PATIENCE, redis),
    );
    let state = |healthy: bool| if healthy { "ok" } else { "away" };
    let migrations = match &database {
        Ok(Ok(true)) => "ok",
        Ok(Ok(false)) => "behind",
        _ => "unknown",
    };
    let database = matches!(database, Ok(Ok(_)));
    let redis = matches!(redis, Ok(Ok(_)));
    let ready = database && redis && migrations == "ok";
    let body = json!({
        "status": if ready { "ok" } else { "unavailable" },
        "checks": { "postgresql": state(database), "redis": state(redis), "migrations": migrations },
        // For people: a queue that is behind does not make this replica unfit.
        "queues": app.pressure.ages().map(|(queue, age)| (queue.name().to_owned(), json!(age))).collect::<serde_json::Map<_, _>>(),
    });
    Json(body)
        .with_status(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE })
        .into_response()
}
