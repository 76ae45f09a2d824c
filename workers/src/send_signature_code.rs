use domain::{paris, profiles, signatures, users};
use jobs::SendSignatureCode;
use minijinja::context;

use crate::App;
use crate::delivery;
use crate::engine::{JobResult, Run};
use crate::mailer::Letter;

/// Makes the code, of which only a hash is kept, and hands its mail to the mail server. Nothing when the code has expired
/// meanwhile, was replaced, or is on its way. A mail that is tried again carries another code, and only that one is good.
pub async fn run(job: SendSignatureCode, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let Some(code) = signatures::make_code(&mut tx, job.code_id, run.now()).await? else {
        return run.done_without_effects();
    };
    let user = users::get(&mut tx, code.signer).await?;
    let profile = profiles::get(&mut tx, code.signer).await?;
    // No other holder of this job may replace the code once its mail is under way.
    run.checkpoint(tx).await?;

    let link = format!("{}/contracts/{}", run.app.mailer.frontend_url(), code.contract);
    let letter = Letter {
        // Another code is another mail: a reader's program that shows one of two alike would show the one whose code is dead.
        id: format!("{}.{:08x}", run.id(), rand::random::<u32>()),
        to: user.email,
        template: "signature-code",
        facts: context! {
            first_name => profile.first_name,
            code => code.digits,
            reference => code.reference,
            expires => paris::time_of_day(code.expires_at, &user.locale),
            link => link.clone(),
        },
        locale: user.locale,
        link,
        calendar: None,
        unsubscribe: None,
    };
    delivery::hand_over(&run.app, letter).await?;
    let mut tx = run.begin().await?;
    signatures::mark_sent(&mut tx, job.code_id, run.now()).await?;
    run.done(tx).await
}
