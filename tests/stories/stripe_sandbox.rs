//! Our client of Stripe against the sandbox: what each is sure of, the other says too.

use std::time::Duration;

use domain::Clock;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{IntoEndpoint, Server, handler};
use serde_json::{Value, json};
use stripe_connect::{
    Fault, IntentStatus, NewAccount, NewCustomer, NewIntent, NewRefund, NewTransfer, Payments, RefundStatus,
    Stripe, signature,
};
use tests::stripe_sandbox::{Armed, Fault as Met, Sandbox, Settings, Verdict};
use time::OffsetDateTime;
use tokio::sync::mpsc;

async fn sandbox() -> (Sandbox, Stripe) {
    let sandbox = Sandbox::start(Settings::default()).await.unwrap();
    let stripe = client(&sandbox);
    (sandbox, stripe)
}

fn client(sandbox: &Sandbox) -> Stripe {
    Stripe::with_timeout("sk_test_sandbox_stories", Some(&sandbox.url), Duration::from_secs(2)).unwrap()
}

async fn customer(stripe: &Stripe) -> String {
    let new = NewCustomer {
        email: "claire@example.org".into(),
        name: "EHPAD Les Lilas & Cie".into(),
        user_id: "u-1".into(),
    };
    stripe.create_customer("customer-u-1", &new).await.unwrap()
}

fn intent(customer: &str) -> NewIntent {
    NewIntent {
        amount_cents: 20_000,
        customer: customer.into(),
        transfer_group: "mission-1".into(),
        description: "Renfort – Aide-soignant·e, 20 h à 8 h".into(),
        metadata: vec![("paymentId".into(), "p-1".into())],
    }
}

fn account() -> NewAccount {
    NewAccount { email: "nadia@example.org".into(), user_id: "u-2".into() }
}

fn transfer(destination: &str, amount_cents: i64, source_charge: Option<String>) -> NewTransfer {
    NewTransfer {
        amount_cents,
        destination: destination.into(),
        transfer_group: "mission-1".into(),
        source_charge,
        metadata: vec![("payoutId".into(), "o-1".into())],
    }
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, Fault>) -> String {
    match answer.unwrap_err() {
        Fault::Refused { code, .. } => code,
        other => panic!("{other:?} instead of a refusal"),
    }
}

fn is_unknown<T: std::fmt::Debug>(answer: Result<T, Fault>) -> bool {
    matches!(answer, Err(Fault::Unknown(_)))
}

#[tokio::test]
async fn money_comes_is_passed_on_and_goes_back() {
    let (sandbox, stripe) = sandbox().await;
    let customer = customer(&stripe).await;
    let open = stripe.create_intent("intent-p-1", &intent(&customer)).await.unwrap();
    assert_eq!(open.status, IntentStatus::RequiresPaymentMethod);
    assert_eq!(open.metadata, [("paymentId".to_owned(), "p-1".to_owned())]);
    assert!(open.client_secret.as_ref().unwrap().starts_with(&format!("{}_secret_", open.id)));

    sandbox.decline(&open.id);
    let declined = stripe.get_intent(&open.id).await.unwrap();
    assert_eq!(declined.status, IntentStatus::RequiresPaymentMethod);
    sandbox.pay(&open.id);
    let paid = stripe.get_intent(&open.id).await.unwrap();
    assert_eq!((paid.status, paid.amount_received_cents), (IntentStatus::Succeeded, 20_000));
    assert_eq!(
        refusal(stripe.cancel_intent("cancel-p-1", &open.id).await),
        "payment_intent_unexpected_state"
    );

    let nadia = stripe.create_account("account-u-2", &account()).await.unwrap();
    assert!(!nadia.charges_enabled && !nadia.payouts_enabled && !nadia.currently_due.is_empty());
    let early = stripe.create_transfer("early", &transfer(&nadia.id, 17_000, None)).await;
    assert_eq!(refusal(early), "insufficient_capabilities_for_transfer");
    let link =
        stripe.create_account_link("link-1", &nadia.id, "http://app/back", "http://app/again").await.unwrap();
    assert!(link.expires_at > Clock::default().now());
    onboard_by_page(&link.url, "http://app/back").await;
    onboard_by_page(&link.url, "http://app/again").await;
    let nadia = stripe.get_account(&nadia.id).await.unwrap();
    assert!(nadia.charges_enabled && nadia.payouts_enabled && nadia.details_submitted);
    assert!(nadia.currently_due.is_empty());

    let new = transfer(&nadia.id, 17_000, paid.latest_charge.clone());
    let sent = stripe.create_transfer("payout-o-1", &new).await.unwrap();
    assert_eq!((sent.amount_cents, sent.reversed_cents), (17_000, 0));
    let too_much = transfer(&nadia.id, 3_001, paid.latest_charge.clone());
    assert_eq!(refusal(stripe.create_transfer("payout-o-2", &too_much).await), "balance_insufficient");
    let none = vec![];
    let back = stripe.reverse_transfer("reversal-1", &sent.id, 5_000, &none).await.unwrap();
    assert_eq!(back.amount_cents, 5_000);
    assert!(stripe.reverse_transfer("reversal-2", &sent.id, 12_001, &none).await.is_err());
    assert_eq!(stripe.get_transfer(&sent.id).await.unwrap().reversed_cents, 5_000);
    assert_eq!(stripe.list_transfers("mission-1").await.unwrap().len(), 1);
    assert_eq!(sandbox.balance_of(&nadia.id), 12_000);

    let new = NewRefund {
        intent: open.id.clone(),
        amount_cents: 8_000,
        metadata: vec![("refundId".into(), "r-1".into())],
    };
    let refund = stripe.create_refund("refund-r-1", &new).await.unwrap();
    assert_eq!((&refund.status, refund.amount_cents), (&RefundStatus::Succeeded, 8_000));
    assert_eq!(stripe.list_refunds(&open.id).await.unwrap(), std::slice::from_ref(&refund));
    assert_eq!(stripe.get_refund(&refund.id).await.unwrap(), refund);
    let more = NewRefund { amount_cents: 12_001, ..new };
    assert!(matches!(stripe.create_refund("refund-r-2", &more).await, Err(Fault::Refused { .. })));

    // 200.00 come, 3.25 are Stripe's, 170.00 go on, 50.00 come back, 80.00 go back.
    let page = stripe.list_movements(OffsetDateTime::UNIX_EPOCH, None).await.unwrap();
    let moved: Vec<_> = page
        .movements
        .iter()
        .map(|moved| (moved.kind.as_str(), moved.amount_cents, moved.fee_cents))
        .collect();
    assert_eq!(
        moved,
        [
            ("refund", -8_000, 0),
            ("transfer_refund", 5_000, 0),
            ("transfer", -17_000, 0),
            ("charge", 20_000, 325)
        ]
    );
    assert_eq!(page.movements[0].source.as_deref(), Some(refund.id.as_str()));
    let sum: i64 = page.movements.iter().map(|moved| moved.amount_cents - moved.fee_cents).sum();
    assert_eq!(sum, sandbox.balance());
}

/// What the account's owner does, and where that leads.
async fn onboard_by_page(url: &str, leads_to: &str) {
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = browser.post(url).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (303, leads_to));
}

#[tokio::test]
async fn a_key_has_its_effect_once_whatever_happens_to_the_answer() {
    let (sandbox, stripe) = sandbox().await;
    let customer = customer(&stripe).await;
    let new = intent(&customer);

    sandbox.arm(Armed::once("/v1/payment_intents", Met::DropAfter));
    assert!(is_unknown(stripe.create_intent("lost", &new).await));
    sandbox.arm(Armed::once("/v1/payment_intents", Met::DropBefore));
    assert!(is_unknown(stripe.create_intent("lost", &new).await));
    let found = stripe.create_intent("lost", &new).await.unwrap();
    assert_eq!(found, stripe.create_intent("lost", &new).await.unwrap());
    assert_eq!(sandbox.objects("payment_intent").len(), 1);

    let other = NewIntent { amount_cents: 20_001, ..new.clone() };
    assert!(is_unknown(stripe.create_intent("lost", &other).await), "the key was used");

    // A second one while the first is under way; and the first is finished although its caller gave up.
    sandbox.arm(Armed::once("/v1/payment_intents", Met::Slow(Duration::from_secs(3))));
    let (slow, second) = tokio::join!(stripe.create_intent("slow", &new), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stripe.create_intent("slow", &new).await
    });
    assert!(
        is_unknown(slow)
            && matches!(second, Err(Fault::Unknown(why)) if why.contains("idempotency_key_in_use"))
    );
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    stripe.create_intent("slow", &new).await.unwrap();
    assert_eq!(sandbox.objects("payment_intent").len(), 2);

    // What is refused stays refused under its key; a crowd and an accident keep nothing.
    sandbox
        .arm(Armed::once("/v1/payment_intents", Met::Refuse { status: 400, code: "account_invalid".into() }));
    for _ in 0..2 {
        assert_eq!(refusal(stripe.create_intent("refused", &new).await), "account_invalid");
    }
    sandbox.arm(Armed::once("/v1/payment_intents", Met::Busy));
    assert!(matches!(stripe.create_intent("busy", &new).await, Err(Fault::Busy(_))));
    sandbox.arm(Armed::once("/v1/payment_intents", Met::Fail));
    assert!(is_unknown(stripe.create_intent("busy", &new).await));
    stripe.create_intent("busy", &new).await.unwrap();

    let told = sandbox.told();
    let lost = told.iter().find(|call| call["key"] == "lost").unwrap();
    assert_eq!((&lost["count"], &lost["mismatches"]), (&json!(3), &json!(1)));
}

#[tokio::test]
async fn a_wrong_key_or_a_silent_host_decides_nothing() {
    let (sandbox, _) = sandbox().await;
    let stranger = Stripe::new("sk_test_of_somebody", Some(&sandbox.url)).unwrap();
    assert!(is_unknown(stranger.get_intent("pi_1").await));
    assert_eq!(refusal(client(&sandbox).get_intent("pi_1").await), "resource_missing");
    let nobody = Stripe::new("sk_test_sandbox", Some("http://127.0.0.1:9")).unwrap();
    assert!(is_unknown(nobody.get_intent("pi_1").await));
    assert!(Stripe::new("sk_test_sandbox", Some("not a url")).is_err());
    assert!(Stripe::new("sk_\n", None).is_err());
}

type Sent = (String, Vec<u8>);

#[handler]
async fn listen(
    signature: poem::web::TypedHeader<Signature>,
    body: Vec<u8>,
    heard: poem::web::Data<&mpsc::UnboundedSender<Sent>>,
) -> poem::http::StatusCode {
    heard.send((signature.0.0, body)).unwrap();
    poem::http::StatusCode::OK
}

struct Signature(String);

impl poem::web::headers::Header for Signature {
    fn name() -> &'static poem::http::HeaderName {
        static NAME: poem::http::HeaderName = poem::http::HeaderName::from_static("stripe-signature");
        &NAME
    }

    fn decode<'i, I: Iterator<Item = &'i poem::http::HeaderValue>>(
        values: &mut I,
    ) -> Result<Self, poem::web::headers::Error> {
        let text = values.next().and_then(|value| value.to_str().ok());
        text.map(|text| Self(text.to_owned())).ok_or_else(poem::web::headers::Error::invalid)
    }

    fn encode<E: Extend<poem::http::HeaderValue>>(&self, _: &mut E) {}
}

/// An endpoint for webhooks, and what it hears.
async fn endpoint() -> (String, mpsc::UnboundedReceiver<Sent>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let acceptor = TcpListener::bind(("127.0.0.1", 0)).into_acceptor().await.unwrap();
    let port = acceptor.local_addr()[0].as_socket_addr().unwrap().port();
    let routes = poem::EndpointExt::data(poem::Route::new().at("/hook", poem::post(listen)), sender);
    tokio::spawn(Server::new_with_acceptor(acceptor).run(routes.into_endpoint()));
    (format!("http://127.0.0.1:{port}/hook"), receiver)
}

async fn next(heard: &mut mpsc::UnboundedReceiver<Sent>) -> (String, Value) {
    let (header, body) = tokio::time::timeout(tests::PATIENCE, heard.recv()).await.unwrap().unwrap();
    let now = Clock::default().now().unix_timestamp();
    for secrets in [["whsec_a".to_owned()], ["whsec_b".to_owned()]] {
        signature::verify(&header, &body, &secrets, now).unwrap();
    }
    let event: Value = serde_json::from_slice(&body).unwrap();
    (event["type"].as_str().unwrap().to_owned(), event)
}

#[tokio::test]
async fn events_are_signed_come_in_order_and_can_be_listed() {
    let (url, mut heard) = endpoint().await;
    let settings = Settings {
        webhook_url: Some(url),
        webhook_secrets: vec!["whsec_a".into(), "whsec_b".into()],
        ..Settings::default()
    };
    let sandbox = Sandbox::start(settings).await.unwrap();
    let stripe = client(&sandbox);
    let customer = customer(&stripe).await;
    let paid = stripe.create_intent("1", &intent(&customer)).await.unwrap();
    sandbox.pay_later(&paid.id);
    let paid = sandbox.arrive(&paid.id, true);
    let charge = paid["latest_charge"].as_str().unwrap();
    let dispute = sandbox.dispute(charge);
    sandbox.close_dispute(&dispute, Verdict::Won);
    let new = NewRefund { intent: paid["id"].as_str().unwrap().into(), amount_cents: 100, metadata: vec![] };
    stripe.create_refund("2", &new).await.unwrap();
    let nadia = stripe.create_account("3", &account()).await.unwrap();
    sandbox.onboard(&nadia.id);
    let sent = stripe.create_transfer("4", &transfer(&nadia.id, 10_000, Some(charge.into()))).await.unwrap();
    stripe.reverse_transfer("5", &sent.id, 1, &vec![]).await.unwrap();
    sandbox.pay_out(&nadia.id, false);
    sandbox.pay_out(&nadia.id, true);
    let open = stripe.create_intent("6", &intent(&customer)).await.unwrap();
    sandbox.decline(&open.id);
    stripe.cancel_intent("7", &open.id).await.unwrap();
    sandbox.settled().await;

    let mut types = Vec::new();
    for _ in 0..sandbox.objects("event").len() {
        let (kind, event) = next(&mut heard).await;
        if kind == "account.updated" || kind.starts_with("payout.") {
            assert_eq!(event["account"], nadia.id);
        }
        types.push((kind, event["id"].clone()));
    }
    let names: Vec<&str> = types.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        names,
        [
            "customer.created",
            "payment_intent.created",
            "charge.pending",
            "payment_intent.processing",
            "charge.succeeded",
            "payment_intent.succeeded",
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
            "charge.dispute.closed",
            "charge.refunded",
            "refund.created",
            "account.updated",
            "transfer.created",
            "transfer.reversed",
            "payout.failed",
            "payout.paid",
            "payment_intent.created",
            "charge.failed",
            "payment_intent.payment_failed",
            "payment_intent.canceled"
        ]
    );
    let page = stripe.list_events(OffsetDateTime::UNIX_EPOCH, None).await.unwrap();
    assert!(!page.more);
    let listed: Vec<Value> = page.events.iter().rev().map(|event| event["id"].clone()).collect();
    assert_eq!(listed, types.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>());
    let last = listed.last().unwrap().as_str().unwrap();
    let rest = stripe.list_events(OffsetDateTime::UNIX_EPOCH, Some(last)).await.unwrap();
    assert_eq!(rest.events.len(), listed.len() - 1);
    assert!(rest.events[0]["data"]["object"]["id"].is_string());
    let later = Clock::default().now() + time::Duration::HOUR;
    assert!(stripe.list_events(later, None).await.unwrap().events.is_empty());
}

/// async-stripe's own types want every field that Stripe's specification calls required, and nothing of another type.
fn strictly<T: miniserde::Deserialize>(sandbox: &Sandbox, kind: &str) {
    let objects = sandbox.objects(kind);
    assert!(!objects.is_empty(), "no {kind}");
    for object in objects {
        assert!(miniserde::json::from_str::<T>(&object.to_string()).is_ok(), "{kind}: {object:#}");
    }
}

#[tokio::test]
async fn its_bodies_are_those_of_stripes_specification() {
    let (sandbox, stripe) = sandbox().await;
    let customer = customer(&stripe).await;
    let open = stripe.create_intent("1", &intent(&customer)).await.unwrap();
    sandbox.decline(&open.id);
    strictly::<stripe_shared::PaymentIntent>(&sandbox, "payment_intent");
    let paid = sandbox.pay(&open.id);
    let new = NewRefund { intent: open.id, amount_cents: 100, metadata: vec![] };
    stripe.create_refund("2", &new).await.unwrap();
    let charge = paid["latest_charge"].as_str().unwrap();
    let dispute = sandbox.dispute(charge);
    strictly::<stripe_shared::Dispute>(&sandbox, "dispute");
    sandbox.close_dispute(&dispute, Verdict::Won);
    let nadia = stripe.create_account("3", &account()).await.unwrap();
    strictly::<stripe_shared::Account>(&sandbox, "account");
    sandbox.onboard(&nadia.id);
    let sent = stripe.create_transfer("4", &transfer(&nadia.id, 10_000, Some(charge.into()))).await.unwrap();
    stripe.reverse_transfer("5", &sent.id, 1, &vec![]).await.unwrap();
    sandbox.pay_out(&nadia.id, false);
    sandbox.pay_out(&nadia.id, true);

    strictly::<stripe_shared::Account>(&sandbox, "account");
    strictly::<stripe_shared::BalanceTransaction>(&sandbox, "balance_transaction");
    strictly::<stripe_shared::Charge>(&sandbox, "charge");
    strictly::<stripe_shared::Customer>(&sandbox, "customer");
    strictly::<stripe_shared::Dispute>(&sandbox, "dispute");
    strictly::<stripe_shared::Event>(&sandbox, "event");
    strictly::<stripe_shared::PaymentIntent>(&sandbox, "payment_intent");
    strictly::<stripe_shared::Payout>(&sandbox, "payout");
    strictly::<stripe_shared::Refund>(&sandbox, "refund");
    strictly::<stripe_shared::Transfer>(&sandbox, "transfer");
    strictly::<stripe_shared::TransferReversal>(&sandbox, "transfer_reversal");
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let file = std::env::temp_dir().join(format!("sandbox-{}.jsonl", uuid::Uuid::new_v4()));
    let settings = || Settings { state: Some(file.clone()), ..Settings::default() };
    let sandbox = Sandbox::start(settings()).await.unwrap();
    let stripe = client(&sandbox);
    let customer = customer(&stripe).await;
    let paid = stripe.create_intent("1", &intent(&customer)).await.unwrap();
    sandbox.pay(&paid.id);
    let (objects, balance) = (sandbox.objects("event"), sandbox.balance());
    drop(sandbox);
    // As after a kill in the middle of a line.
    std::fs::OpenOptions::new()
        .append(true)
        .open(&file)
        .and_then(|mut journal| std::io::Write::write_all(&mut journal, br#"{"id":"ch_half","object":"char"#))
        .unwrap();

    let (url, mut heard) = endpoint().await;
    let secrets = vec!["whsec_a".into(), "whsec_b".into()];
    let sandbox = Sandbox::start(Settings { webhook_url: Some(url), webhook_secrets: secrets, ..settings() });
    let sandbox = sandbox.await.unwrap();
    let stripe = client(&sandbox);
    assert_eq!(sandbox.objects("event").len(), objects.len());
    assert_eq!((sandbox.balance(), sandbox.objects("charge").len()), (balance, 1));
    assert_eq!(stripe.create_intent("1", &intent(&customer)).await.unwrap().id, paid.id);
    for event in objects {
        assert_eq!(next(&mut heard).await.1["id"], event["id"]);
    }
    sandbox.settled().await;
    std::fs::remove_file(file).unwrap();
}
