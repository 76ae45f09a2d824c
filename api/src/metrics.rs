//! `/metrics`, in the text format of Prometheus: what this process counted, and what the ledger holds.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use domain::Db;
use jobs::ledger;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use poem::http::header;
use poem::web::Data;
use poem::{IntoResponse, Response, handler};
use tokio::sync::Mutex;

use crate::App;

/// Installs the recorder once per process; what was counted before is lost.
pub fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Taken by another recorder, ours is empty and nothing else is wrong.
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}

/// Counting a long backlog takes a while: scrapers share an answer this long.
const FRESH: Duration = Duration::from_secs(5);

#[handler]
pub async fn render(app: Data<&App>) -> Response {
    let recorder = recorder();
    for (queue, age) in app.pressure.ages() {
        metrics::gauge!("queue_oldest_due_seconds", "queue" => queue.name()).set(age);
    }
    metrics::counter!("rate_limit_unlimited_total").absolute(app.limiter.unlimited());
    metrics::gauge!("websocket_connections").set(app.hub.connections() as f64);
    if let Err(error) = count_jobs(&app.db).await {
        tracing::warn!(%error, "cannot count the jobs");
    }
    recorder.run_upkeep();
    recorder.render().with_header(header::CONTENT_TYPE, "text/plain; version=0.0.4").into_response()
}

async fn count_jobs(db: &Db) -> domain::Result<()> {
    static COUNTED: Mutex<Option<Instant>> = Mutex::const_new(None);
    let mut counted = COUNTED.lock().await;
    if counted.is_some_and(|at| at.elapsed() < FRESH) {
        return Ok(());
    }
    let rows = ledger::kinds(&mut *db.conn().await?).await?;
    *counted = Some(Instant::now());
    // A kind whose last job has ended is not in the answer: it has none.
    for (kind, states) in jobs::KINDS.iter().map(|policy| (policy.kind, ["waiting", "running", "dead"])) {
        for state in states {
            let here = rows.iter().filter(|row| row.kind == kind && row.state.name() == state);
            let count: i64 = here.map(|row| row.count).sum();
            metrics::gauge!("jobs", "kind" => kind, "state" => state).set(count as f64);
        }
    }
    Ok(())
}
