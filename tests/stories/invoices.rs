//! Invoices: no number is missing and none is there twice, what was issued stays, and what goes back is never more.

use std::collections::BTreeMap;

use domain::ids::{InvoiceId, UserId};
use domain::invoices::{self, Invoice, InvoiceKind, Issuer, NewInvoice, NewLine, Prices, Terms};
use domain::parties::{self, Party, Vat};
use jobs::effects;
use sqlx::{PgConnection, PgPool};
use tests::Client;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use crate::world::World;

pub fn user(person: &Client) -> UserId {
    UserId(person.id.parse().unwrap())
}

/// Of a talent to a client, by card; the cause makes it one.
pub async fn of_talent(conn: &mut PgConnection, talent: &Client, client: &Client, cause: &str) -> NewInvoice {
    let recipient = parties::of_person(conn, user(client)).await.unwrap();
    let issuer = Issuer::Talent(parties::of_person(conn, user(talent)).await.unwrap());
    new(issuer, recipient, cause)
}

fn new(issuer: Issuer, recipient: Party, cause: &str) -> NewInvoice {
    let day = time::macros::date!(2026 - 03 - 02);
    NewInvoice {
        issuer,
        recipient,
        site: None,
        cause: cause.to_owned(),
        subject: "Mission du 2 mars 2026".to_owned(),
        lines: vec![NewLine::flat("Renfort de nuit", 24_000, 2_000)],
        prices: Prices::Gross,
        exemption: None::<Vat>,
        delivery: (day, day),
        terms: Terms::Paid { at: datetime!(2026-03-02 09:00 UTC) },
        payment_id: None,
        buyer_reference: None,
        order_reference: None,
    }
}

fn platform() -> Party {
    Party {
        user_id: UserId(Uuid::nil()),
        name: "SocioPulse".to_owned(),
        email: "compta@sociopulse.test".to_owned(),
        siret: Some("73282932000074".to_owned()),
        vat_number: Some("FR44732829320".to_owned()),
        address: None,
        postal_code: None,
        city: None,
    }
}

/// The numbers of each series, in order.
async fn numbers(pool: &PgPool) -> BTreeMap<(Uuid, i16, bool), Vec<i32>> {
    let rows: Vec<(Uuid, i16, bool, i32)> = sqlx::query_as(
        "select series, year, kind = 'INVOICE', number from invoices order by series, kind, year, number",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut series = BTreeMap::<_, Vec<_>>::new();
    for (issuer, year, kind, number) in rows {
        series.entry((issuer, year, kind)).or_default().push(number);
    }
    series
}

#[tokio::test]
async fn a_thousand_invoices_at_once_have_no_gap_and_no_double() {
    let world = World::without_worker().await;
    let (zoe, lea) = (world.nurse("zoe", 1.0).await, world.nurse("lea", 2.0).await);
    let client = world.client("lilas").await;
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(24)
        .acquire_timeout(std::time::Duration::from_secs(60))
        .connect(&world.database_url)
        .await
        .unwrap();
    let mut conn = pool.acquire().await.unwrap();
    let (a, b) =
        (of_talent(&mut conn, &zoe, &client, "").await, of_talent(&mut conn, &lea, &client, "").await);
    let c = new(Issuer::Platform(platform()), a.recipient.clone(), "");
    drop(conn);
    let templates = [a, b, c];
    let now = datetime!(2026-03-02 10:00 UTC);
    let issued = (0..1_200_usize).map(|n| {
        let (pool, mut new) = (pool.clone(), templates[n % 3].clone());
        // Each sixth is asked for twice, another sixth is rolled back.
        new.cause = format!("cause:{}", if n % 6 == 1 { n + 3 } else { n });
        tokio::spawn(async move {
            let mut tx = pool.begin().await.unwrap();
            invoices::issue(&mut tx, new, now).await.unwrap();
            match n % 6 {
                5 => tx.rollback().await.unwrap(),
                _ => tx.commit().await.unwrap(),
            }
        })
    });
    for task in issued.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let series = numbers(&world.pool).await;
    assert_eq!(series.len(), 3);
    let count: usize = series.values().map(Vec::len).sum();
    assert_eq!(count, 1_200 - 200 - 200, "asked for, less what was the same, less what was rolled back");
    for (issuer, numbers) in series {
        let dense: Vec<i32> = (1..=i32::try_from(numbers.len()).unwrap()).collect();
        assert_eq!(numbers, dense, "{issuer:?}");
    }
    world.end().await;
}

async fn issue(world: &World, new: NewInvoice, now: OffsetDateTime) -> Invoice {
    let mut tx = world.pool.begin().await.unwrap();
    let invoice = invoices::issue(&mut tx, new, now).await.unwrap();
    tx.commit().await.unwrap();
    invoice
}

#[tokio::test]
async fn numbers_begin_anew_on_1_january_in_paris() {
    let world = World::without_worker().await;
    let (talent, client) = (world.nurse("zoe", 1.0).await, world.client("lilas").await);
    let mut conn = world.pool.acquire().await.unwrap();
    let mut references = Vec::new();
    for (n, at) in [
        datetime!(2026-12-31 22:59:58 UTC),
        datetime!(2026-12-31 22:59:59 UTC),
        datetime!(2026-12-31 23:00 UTC),
        datetime!(2027-01-01 00:00 UTC),
    ]
    .into_iter()
    .enumerate()
    {
        let new = of_talent(&mut conn, &talent, &client, &format!("cause:{n}")).await;
        let invoice = issue(&world, new, at).await;
        references.push(invoice.reference());
        let credit =
            invoices::credit(&mut conn, invoice.id, 1_000, &format!("credit:{n}"), at).await.unwrap();
        references.push(credit.reference());
    }
    let expected = [
        "FAC-2026-00001",
        "AV-2026-00001",
        "FAC-2026-00002",
        "AV-2026-00002",
        "FAC-2027-00001",
        "AV-2027-00001",
        "FAC-2027-00002",
        "AV-2027-00002",
    ];
    assert_eq!(references, expected);
    drop(conn);
    world.end().await;
}

#[tokio::test]
async fn what_was_issued_stays() {
    let world = World::without_worker().await;
    let (talent, client) = (world.nurse("zoe", 1.0).await, world.client("lilas").await);
    let mut conn = world.pool.acquire().await.unwrap();
    let mut new = of_talent(&mut conn, &talent, &client, "cause").await;
    new.terms = Terms::Days(30);
    let now = datetime!(2026-03-02 10:00 UTC);
    let invoice = issue(&world, new.clone(), now).await;
    assert_eq!((invoice.net_cents, invoice.vat_cents, invoice.total_cents), (20_000, 4_000, 24_000));
    assert_eq!(invoice.due_on, time::macros::date!(2026 - 04 - 01));
    let again = issue(&world, new, now).await;
    assert_eq!(
        (again.id, again.reference()),
        (invoice.id, invoice.reference()),
        "the same fact, the same invoice"
    );
    let refused = [
        "update invoices set total_cents = 1, net_cents = 1, vat_cents = 0",
        "update invoices set number = 2",
        "update invoices set content = content || '{\"subject\": \"x\"}'",
        "update invoices set paid_at = now(), due_on = now()",
        "delete from invoices",
        "truncate invoices cascade",
        "insert into invoices select gen_random_uuid(), kind, issuer_id, default, year, 3, recipient_id, null, 'x', null, null, issued_at,
                due_on, null, net_cents, vat_cents, total_cents, content from invoices",
    ];
    for sql in refused {
        let sql = sql.replace("issuer_id, default, year", "issuer_id, year");
        let sql = sql.replace(
            "insert into invoices select",
            "insert into invoices (id, kind, issuer_id, year, number, recipient_id, establishment_id, cause, corrects_id, payment_id,
                                   issued_at, due_on, paid_at, net_cents, vat_cents, total_cents, content) select",
        );
        let refusal = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(&mut *conn).await;
        let code =
            refusal.unwrap_err().into_database_error().and_then(|error| error.code().map(|c| c.into_owned()));
        assert_eq!(code.as_deref(), Some("23514"), "{sql}");
    }
    assert!(invoices::mark_paid(&mut conn, invoice.id, now).await.unwrap());
    assert!(!invoices::mark_paid(&mut conn, invoice.id, now).await.unwrap(), "once");
    assert!(sqlx::query("update invoices set paid_at = null").execute(&mut *conn).await.is_err());
    drop(conn);
    world.end().await;
}

#[tokio::test]
async fn no_more_goes_back_than_was_invoiced() {
    let world = World::without_worker().await;
    let (talent, client) = (world.nurse("zoe", 1.0).await, world.client("lilas").await);
    let mut conn = world.pool.acquire().await.unwrap();
    let new = of_talent(&mut conn, &talent, &client, "cause").await;
    let now = datetime!(2026-03-02 10:00 UTC);
    let invoice = issue(&world, new, now).await;
    let part = invoices::credit(&mut conn, invoice.id, 10_000, "refund:1", now).await.unwrap();
    assert_eq!((part.kind, part.net_cents, part.vat_cents), (InvoiceKind::CreditNote, 8_333, 1_667));
    assert_eq!(part.content.corrects.as_ref().unwrap().reference, invoice.reference());
    let again = invoices::credit(&mut conn, invoice.id, 10_000, "refund:1", now).await.unwrap();
    assert_eq!(again.id, part.id, "the same refund, the same credit note");
    for (of, cents) in [(invoice.id, 14_001), (invoice.id, 0), (invoice.id, -1), (part.id, 1)] {
        let refused = invoices::credit(&mut conn, of, cents, "refund:2", now).await;
        assert!(
            matches!(refused, Err(domain::Error::Conflict { code: "CREDIT_EXCEEDS_INVOICE", .. })),
            "{cents}: {refused:?}"
        );
    }
    let rest = invoices::credit(&mut conn, invoice.id, 14_000, "refund:3", now).await.unwrap();
    assert_eq!(part.net_cents + rest.net_cents, invoice.net_cents);
    assert_eq!(part.vat_cents + rest.vat_cents, invoice.vat_cents);
    let unknown = invoices::credit(&mut conn, InvoiceId::new(), 1, "refund:4", now).await;
    assert!(matches!(unknown, Err(domain::Error::NotFound("invoice"))));

    // Twenty at once want a tenth more than half each.
    let new = of_talent(&mut conn, &talent, &client, "another").await;
    let invoice = issue(&world, new, now).await;
    let refunds = (0..20).map(|n| {
        let (pool, id) = (world.pool.clone(), invoice.id);
        tokio::spawn(async move {
            let mut tx = pool.begin().await.unwrap();
            let credit = invoices::credit(&mut tx, id, 13_000, &format!("race:{n}"), now).await;
            tx.commit().await.unwrap();
            credit.is_ok()
        })
    });
    let mut won = 0;
    for refund in refunds.collect::<Vec<_>>() {
        won += usize::from(refund.await.unwrap());
    }
    assert_eq!(won, 1);
    drop(conn);
    world.end().await;
}

#[tokio::test]
async fn everybody_reads_their_own() {
    let world = World::without_worker().await;
    let (talent, client, other) =
        (world.nurse("zoe", 1.0).await, world.client("lilas").await, world.client("other").await);
    let site = client.get("/api/v1/me/establishment").await.expect(200)["id"].as_str().unwrap().to_owned();
    let public = serde_json::json!({ "organizationType": "PUBLIC", "chorusServiceCode": "ACHATS" });
    client.patch("/api/v1/me/establishment", public).await.expect(200);
    let mut conn = world.pool.acquire().await.unwrap();
    for n in 0..3 {
        let mut new = of_talent(&mut conn, &talent, &client, &format!("cause:{n}")).await;
        new.site = Some(domain::ids::EstablishmentId(site.parse().unwrap()));
        let issued = issue(&world, new, datetime!(2026-03-02 10:00 UTC) + time::Duration::minutes(n)).await;
        assert_eq!(issued.content.buyer_reference.as_deref(), Some("ACHATS"));
    }
    let to_talent = parties::of_person(&mut conn, user(&talent)).await.unwrap();
    let mut commission = new(Issuer::Platform(platform()), to_talent, "commission");
    commission.lines = vec![NewLine::flat("Commission", 3_600, 2_000)];
    issue(&world, commission, datetime!(2026-03-02 11:00 UTC)).await;
    drop(conn);

    let path = "/api/v1/me/invoices";
    let all = talent.get(path).await.expect(200);
    let roles: Vec<_> = all["items"].as_array().unwrap().iter().map(|item| item["role"].clone()).collect();
    assert_eq!(roles, ["RECIPIENT", "ISSUER", "ISSUER", "ISSUER"], "the newest first");
    let first = client.get(&format!("{path}?limit=2")).await.expect(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = client.get(&format!("{path}?limit=2&cursor={cursor}")).await.expect(200);
    let references = |page: &serde_json::Value| {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["reference"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        [references(&first), references(&rest)].concat(),
        ["FAC-2026-00003", "FAC-2026-00002", "FAC-2026-00001"]
    );
    assert!(rest.get("nextCursor").is_none());
    assert_eq!(other.get(path).await.expect(200)["items"].as_array().unwrap().len(), 0);

    let invoice = &first["items"][0];
    assert_eq!((&invoice["kind"], &invoice["role"]), (&"INVOICE".into(), &"RECIPIENT".into()));
    assert_eq!((invoice["netCents"].as_i64(), invoice["vatCents"].as_i64()), (Some(20_000), Some(4_000)));
    assert_eq!((&invoice["dueOn"], &invoice["deliveredFrom"]), (&"2026-03-02".into(), &"2026-03-02".into()));
    let own = format!("/api/v1/invoices/{}", invoice["id"].as_str().unwrap());
    other.get(&own).await.expect_error(404, "NOT_FOUND");
    talent.get(&own).await.expect(200);
    // A colleague of the site.
    let colleague = format!(
        "insert into establishment_members (establishment_id, user_id, role, joined_at) values ('{site}', '{}', 'VIEWER', now())",
        other.id
    );
    sqlx::query(sqlx::AssertSqlSafe(colleague)).execute(&world.pool).await.unwrap();
    other.get(&own).await.expect(200);
    assert_eq!(other.get(path).await.expect(200)["items"].as_array().unwrap().len(), 3);
    world.admin().await.get(&own).await.expect(200);
    world.end().await;
}

/// Issues an invoice of a talent to a client, and asks for its file.
pub async fn issued(world: &World, talent: &Client, client: &Client, cause: &str) -> Invoice {
    let db = world.db();
    let now = world.clock.now();
    let mut tx = db.begin().await.unwrap();
    let new = of_talent(&mut tx, talent, client, cause).await;
    let invoice = invoices::issue(&mut tx, new, now).await.unwrap();
    effects::papers::issued(&mut tx, &invoice).await.unwrap();
    tx.commit().await.unwrap();
    invoice
}
