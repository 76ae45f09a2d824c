//! A platform that takes payments: beside it a sandbox that speaks Stripe, on the same clock.

use domain::Clock;
use jobs::{Notify, RenderDocument};
use serde_json::{Value, json};
use tests::Client;
use tests::stripe_sandbox::{KEY, Sandbox, Settings};
use time::Duration;
use uuid::Uuid;
use workers::engine::{Handlers, Run};

use crate::contracts::{assigned, newest, weekday};
use crate::signatures::sign;
use crate::world::World;

pub const SECRET: &str = "whsec_stories_stories_stories";
pub const WEBHOOKS: &str = "/api/v1/payments/webhooks";

pub struct Money {
    pub world: World,
    pub stripe: Sandbox,
    pub client: Client,
    pub nurse: Client,
    pub admin: Client,
}

impl Money {
    pub async fn new() -> Self {
        Self::with(&[], &[], |handlers| handlers).await
    }

    /// With settings of API and worker, and runs that are not quite as they come.
    pub async fn with(
        of_api: &[&str],
        of_worker: &[&str],
        shape: impl FnOnce(Handlers<workers::App>) -> Handlers<workers::App> + Send + 'static,
    ) -> Self {
        let clock = Clock::default();
        let settings =
            Settings { webhook_secrets: vec![SECRET.into()], clock: clock.clone(), ..Settings::default() };
        let stripe = Sandbox::start(settings).await.unwrap();
        let own = ["--stripe-secret-key", KEY, "--stripe-api-base", &stripe.url];
        let api = [own.as_slice(), &["--stripe-webhook-secret", SECRET], of_api].concat();
        let world = World::on_clock(clock, &api).await;
        stripe.send_to(&format!("{}{WEBHOOKS}", world.base));
        let (client, nurse) = (world.client("lilas").await, world.nurse("nadia", 1.0).await);
        let admin = world.admin().await;
        let mut money = Self { world, stripe, client, nurse, admin };
        money.start_worker(of_worker, shape);
        money
    }

    pub fn start_worker(
        &mut self,
        settings: &[&str],
        shape: impl FnOnce(Handlers<workers::App>) -> Handlers<workers::App> + Send + 'static,
    ) {
        let own = ["--stripe-secret-key", KEY, "--stripe-api-base", &self.stripe.url];
        let quiet = ["--worker-cron", "false", "--alert-email", "ops@example.org"];
        self.world.start_shaped_worker(&[&own, &quiet, settings].concat(), shape);
    }

    /// Without papers and notices: where only money counts, they would take most of the time.
    pub fn quiet(handlers: Handlers<workers::App>) -> Handlers<workers::App> {
        let no_papers = |_: RenderDocument, run: Run<workers::App>| async move { run.done_without_effects() };
        let no_notices = |_: Notify, run: Run<workers::App>| async move { run.done_without_effects() };
        handlers.on(no_papers).on(no_notices)
    }

    /// A mission whose contract both have signed; its id.
    pub async fn signed(&self) -> String {
        let mission = assigned(&self.world, &self.client, &self.nurse, weekday()).await;
        let contract = newest(&self.client).await;
        sign(&self.world, &self.client, &contract).await;
        sign(&self.world, &self.nurse, &contract).await;
        self.drain().await;
        mission
    }

    /// What the client is asked to pay for a mission.
    pub async fn intent(&self, mission: &str) -> Value {
        self.client.act(&format!("/api/v1/payments/missions/{mission}/intent")).await.expect(201)
    }

    /// Stripe's name of a payment.
    pub async fn intent_of(&self, payment: &Value) -> String {
        let id: Uuid = payment["paymentId"].as_str().unwrap().parse().unwrap();
        sqlx::query_scalar("select intent_id from payments where id = $1")
            .bind(id)
            .fetch_one(&self.world.pool)
            .await
            .unwrap()
    }

    /// A mission that is signed and paid; its id and its payment's.
    pub async fn paid(&self) -> (String, String) {
        let mission = self.signed().await;
        let payment = self.intent(&mission).await;
        self.stripe.pay(&self.intent_of(&payment).await);
        self.drain().await;
        (mission, payment["paymentId"].as_str().unwrap().to_owned())
    }

    /// The nurse has an account that can be paid.
    pub async fn onboarded(&self) {
        self.nurse.act("/api/v1/payments/connect/onboarding").await.expect(201);
        for account in self.stripe.objects("account") {
            self.stripe.onboard(account["id"].as_str().unwrap());
        }
        self.drain().await;
    }

    /// Lets everything end that Stripe tells and that follows from it.
    pub async fn drain(&self) {
        self.stripe.settled().await;
        self.world.drain().await;
    }

    pub async fn payment(&self, id: &str) -> Value {
        self.client.get(&format!("/api/v1/payments/{id}")).await.expect(200)
    }

    /// The work of a mission was accepted, without the days until then; `hub` tells it by the routes.
    pub async fn accepted(&self, mission: &str, minutes: i64) {
        let mut tx = self.world.db().begin().await.unwrap();
        let now = self.world.clock.now();
        let report = "with done as (update assignments set status = 'COMPLETED' where mission_id = $1::uuid returning *),
                           accepted as (
                               insert into reports (id, assignment_id, mission_id, talent_id, status, content, minutes_worked,
                                                    planned_minutes, submitted_at, accepted_minutes, validated_at, validated_by)
                               select gen_random_uuid(), id, mission_id, talent_id, 'VALIDATED', 'Tour du matin.', $2, 480, $3, $2, $3,
                                      'CLIENT' from done
                               on conflict do nothing)
                      update contracts set status = 'COMPLETED' where mission_id = $1::uuid returning id";
        let contract: Uuid = sqlx::query_scalar(report)
            .bind(mission)
            .bind(i32::try_from(minutes).unwrap())
            .bind(now)
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        let closed = domain::payments::closing::work_accepted(&mut tx, contract.into(), now).await.unwrap();
        jobs::effects::payments::closed(&mut tx, &closed).await.unwrap();
        tx.commit().await.unwrap();
        self.drain().await;
    }

    /// By somebody on Stripe's own pages.
    pub async fn refund_at_stripe(&self, charge: &str, cents: i64) {
        let request = reqwest::Client::new()
            .post(format!("{}/v1/refunds", self.stripe.url))
            .bearer_auth(KEY)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("charge={charge}&amount={cents}"));
        request.send().await.unwrap().error_for_status().unwrap();
    }

    pub fn advance(&self, by: Duration) {
        self.world.clock.advance(by);
    }

    /// Everybody signed in again: tokens do not outlive an advanced clock.
    pub async fn return_all(&mut self) {
        for person in [&mut self.client, &mut self.nurse, &mut self.admin] {
            *person = self.world.returning(person).await;
        }
    }

    pub async fn cents(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.world.pool).await.unwrap()
    }

    /// What each account holds.
    pub async fn ledger(&self) -> Value {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "select account::text, sum(amount_cents)::bigint from ledger_postings group by account
             having sum(amount_cents) <> 0 order by account",
        )
        .fetch_all(&self.world.pool)
        .await
        .unwrap();
        rows.into_iter()
            .map(|(account, cents)| (account, json!(cents)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// Every entry of the ledger sums to zero.
    pub async fn check_entries(&self) {
        let uneven = "select count(*) from (select from ledger_postings group by entry_id having sum(amount_cents) <> 0) as uneven";
        assert_eq!(self.world.count(uneven).await, 0, "an entry does not sum to zero");
    }

    /// What may never be otherwise: every entry sums to zero, ours at Stripe is what Stripe says, nobody was paid twice, and paper
    /// says what the ledger says.
    pub async fn check(&self) {
        self.check_entries().await;
        let ours = "select coalesce(sum(p.amount_cents), 0)::bigint from ledger_postings p join ledger_entries e on e.id = p.entry_id
                     where account = 'STRIPE' and event <> 'FEE'";
        let fees: i64 =
            self.stripe.objects("balance_transaction").iter().filter_map(|t| t["fee"].as_i64()).sum();
        assert_eq!(self.cents(ours).await, self.stripe.balance() + fees, "the ledger and Stripe differ");
        let paid = "select coalesce(-sum(p.amount_cents), 0)::bigint from ledger_postings p join ledger_entries e on e.id = p.entry_id
                     where p.account in ('TALENT', 'COMMISSION', 'VAT') and e.event in ('PAID', 'CHORUS_ACCEPTED', 'CHORUS_REJECTED', 'REFUNDED', 'DISPUTE_LOST')";
        let invoiced = "select coalesce(sum(case when kind = 'INVOICE' then total_cents else -total_cents end), 0)::bigint
                          from invoices where issuer_id is not null";
        assert_eq!(self.cents(paid).await, self.cents(invoiced).await, "paper and ledger differ");
        let earned = "select coalesce(-sum(amount_cents), 0)::bigint from ledger_postings where account in ('COMMISSION', 'VAT')";
        let commission = "select coalesce(sum(case when kind = 'INVOICE' then total_cents else -total_cents end), 0)::bigint
                            from invoices where issuer_id is null";
        assert_eq!(self.cents(earned).await, self.cents(commission).await, "commissions on paper differ");
    }
}
