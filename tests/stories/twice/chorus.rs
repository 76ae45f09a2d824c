//! The jobs of Chorus Pro: an invoice handed in, followed, dunned, paid; and one refused.

use jobs::PollChorus;
use jobs::ledger::NewJob;
use serde_json::json;
use time::Duration;

use super::Delivered;
use crate::chorus::Public;

pub(super) async fn play(twice: &mut Delivered) {
    let mut public = Public::new(100_000).await;
    let (mission, paid) = public.deferred().await;
    twice.again(&public.money.world).await;
    public.money.accepted(&mission, 480).await;
    for wait in [Duration::hours(34), Duration::seconds(10)] {
        pass(&mut public, twice, wait).await;
    }
    look(&public, twice).await;
    for wait in [Duration::days(30), Duration::days(15)] {
        pass(&mut public, twice, wait).await;
    }
    public.chorus.say("MISE_EN_PAIEMENT", None);
    look(&public, twice).await;
    assert_eq!(public.submission(&paid).await["status"], "PAID");
    let part = json!({ "amountCents": 5_000, "reason": "Geste commercial" });
    public.money.admin.post(&format!("/api/v1/payments/{paid}/refund"), part).await.expect(201);
    twice.again(&public.money.world).await;
    pass(&mut public, twice, Duration::seconds(10)).await;
    look(&public, twice).await;
    let taken = "select count(*) from chorus_credits where status = 'PAID'";
    assert_eq!(public.money.world.count(taken).await, 1);
    public.money.transfer(&public.money.transfers(false).await[0], "VIR-1").await.expect(200);
    twice.again(&public.money.world).await;
    public.money.world.end().await;

    // The contract of a quote, which nobody confirms.
    let mut public = Public::new(100_000).await;
    let (_, quoted) = public.quoted().await;
    for wait in [Duration::days(14), Duration::seconds(10)] {
        pass(&mut public, twice, wait).await;
    }
    assert_eq!(public.submission(&quoted).await["status"], "SENT");
    public.money.world.end().await;

    let mut public = Public::new(100_000).await;
    let (mission, refused) = public.deferred().await;
    public.money.accepted(&mission, 480).await;
    for wait in [Duration::hours(34), Duration::seconds(10)] {
        pass(&mut public, twice, wait).await;
    }
    public.chorus.say("REJETEE", Some("Engagement inconnu"));
    look(&public, twice).await;
    assert_eq!(public.submission(&refused).await["status"], "REJECTED");
    public.money.world.end().await;
}

async fn pass(public: &mut Public, twice: &mut Delivered, wait: Duration) {
    public.money.advance(wait);
    public.money.return_all().await;
    twice.again(&public.money.world).await;
}

async fn look(public: &Public, twice: &mut Delivered) {
    public.money.world.enqueue(NewJob::of(&PollChorus { payment_id: None, credit_note_id: None })).await;
    twice.again(&public.money.world).await;
}
