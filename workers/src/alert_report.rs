use domain::message_reports;
use jobs::AlertReport;
use minijinja::context;

use crate::App;
use crate::alert_operations::tell_operations;
use crate::engine::{JobResult, Run};

/// To the operations address, when there is one. It leads to the conversation and says nothing of what stands there.
pub async fn run(job: AlertReport, run: Run<App>) -> JobResult {
    let report = message_reports::get(&mut *run.app.db.conn().await?, job.report_id).await?;
    let link = format!("{}/conversations/{}", run.app.mailer.frontend_url(), report.conversation_id);
    tell_operations(&run, "message-reported", link, context! { report => report.id.to_string() }).await
}
