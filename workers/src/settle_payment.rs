use domain::chorus::References;
use domain::payments::{self, events, invoicing, settling};
use jobs::effects;
use jobs::settle_payment::{SettleCause, SettlePayment};

use crate::App;
use crate::engine::{JobResult, Run};

/// Asks nobody: what Stripe said is stored, and everything that follows from it is rows of one transaction.
pub async fn run(job: SettlePayment, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let payment = match job.cause {
        SettleCause::Payment(id) => Some(payments::lock(&mut tx, id).await?),
        SettleCause::Event(id) => match events::find(&mut tx, &id).await? {
            Some(event) => events::learn(&mut tx, &event).await?,
            None => None,
        },
    };
    let Some(payment) = payment else { return run.done_without_effects() };
    let settled = settling::settle(&mut tx, payment, now).await?;
    if settled.paid {
        let issued =
            invoicing::issue(&mut tx, &settled.payment, References::default(), &run.app.platform, now)
                .await?;
        for invoice in &issued {
            effects::papers::issued(&mut tx, invoice).await?;
        }
    }
    effects::payments::settled(&mut tx, &settled, now).await?;
    run.done(tx).await
}
