use jobs::alert_money::AlertMoney;
use minijinja::context;

use crate::App;
use crate::alert_operations::tell_operations;
use crate::engine::{JobResult, Run};

/// To the operations address, when there is one.
pub async fn run(job: AlertMoney, run: Run<App>) -> JobResult {
    tracing::warn!(what = ?job.what, cause = job.cause, detail = job.detail, "money needs a person");
    let link = format!("{}/admin/payments", run.app.mailer.frontend_url());
    let facts = context! { what => job.what.in_words(), detail => job.detail, cause => job.cause };
    tell_operations(&run, "money-alert", link, facts).await
}
