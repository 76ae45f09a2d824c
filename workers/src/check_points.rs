use domain::growth::points::{self, Drift};
use jobs::CheckPoints;
use minijinja::context;

use crate::App;
use crate::alert_operations::tell_operations;
use crate::engine::{JobResult, Run};

/// Of one mail; who mends them asks again.
const SHOWN: i64 = 10;

/// Nobody here repairs it: which of the two is right, a person has to find out.
pub async fn run(_: CheckPoints, run: Run<App>) -> JobResult {
    let drift = points::list_drift(&mut *run.app.db.conn().await?, SHOWN).await?;
    if drift.is_empty() {
        return run.done_without_effects();
    }
    tracing::warn!(?drift, "points are not the sum of their log");
    let line =
        |Drift { user, points, logged }: &Drift| format!("{user} : {points} au compte, {logged} au relevé");
    let detail = drift.iter().map(line).collect::<Vec<_>>().join(" ; ");
    let link = format!("{}/admin/users", run.app.mailer.frontend_url());
    tell_operations(&run, "points-alert", link, context! { detail }).await
}
