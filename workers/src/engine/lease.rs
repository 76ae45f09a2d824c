//! The lease of this process, and the sweep of those that lost theirs.

use std::sync::Arc;
use std::time::Duration;

use jobs::ledger;
use sqlx::PgPool;
use tokio::time::Instant;

use super::Shared;

/// Sessions for claims, dispatch and beats. Their commits may be lost with the server, never their order.
///
/// Their statements differ in nothing but the length of arrays, which makes PostgreSQL plan a claim anew each time, 150 µs;
/// and a plan made while the ledger was empty must not read the whole of it later.
pub(super) const QUICK: [(&str, &str); 8] = [
    ("synchronous_commit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("jit", "off"),
    ("idle_in_transaction_session_timeout", "3s"),
    ("lock_timeout", "3s"),
    ("client_connection_check_interval", "1s"),
    ("statement_timeout", "15s"),
];

const BEAT: Duration = Duration::from_secs(1);
/// Others may be judged only after our own beats have arrived for a whole lease: after an outage everybody is late.
const FRESH: Duration = Duration::from_secs(4);

/// Beats each second on connections of its own, drops what is no longer held, and sweeps, until all runs are dropped.
pub(super) async fn hold<C>(pool: PgPool, shared: Arc<Shared<C>>, name: String) {
    let mut fresh_since: Option<Instant> = None;
    let mut last_beat = Instant::now();
    loop {
        match async { ledger::beat(&mut *pool.acquire().await?, shared.worker, &name).await }.await {
            Ok(()) => {
                // A process that was stopped has missed beats without an error.
                if last_beat.elapsed() > FRESH {
                    fresh_since = None;
                }
                last_beat = Instant::now();
                fresh_since.get_or_insert(last_beat);
            }
            Err(error) => {
                tracing::warn!(%error, "beat failed");
                fresh_since = None;
            }
        }
        let seen = shared.running.tokens();
        if !seen.is_empty() {
            match async { ledger::held(&mut *pool.acquire().await?, shared.worker).await }.await {
                Ok(held) => shared.running.drop_lost(&seen, &held),
                Err(error) => tracing::warn!(%error, "cannot compare what runs with what is held"),
            }
        }
        if fresh_since.is_some_and(|since| since.elapsed() >= FRESH) {
            match async { ledger::sweep(&mut *pool.acquire().await?).await }.await {
                Ok(swept) => {
                    for job in swept {
                        tracing::warn!(id = %job.id, kind = job.kind, dead = job.dead, "job taken from a worker that lost it");
                    }
                }
                Err(error) => tracing::warn!(%error, "sweep failed"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = shared.abort.cancelled() => return,
        }
    }
}
