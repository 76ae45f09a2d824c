//! Documents as files: rendered once, told of, and read by those whom they concern and nobody else.

use domain::invoices::{self, Invoice};
use jobs::effects;
use reqwest::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::Client;

use crate::invoices::issued;
use crate::world::World;

/// Status, headers and the bytes as they came.
pub async fn download(person: &Client, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    let answer = person.request(Method::GET, path).send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.unwrap().to_vec())
}

fn contains(file: &[u8], text: &str) -> bool {
    file.windows(text.len()).any(|window| window == text.as_bytes())
}

fn path(invoice: &Invoice, file: &str) -> String {
    format!("/api/v1/invoices/{}/{file}", invoice.id)
}

#[tokio::test]
async fn an_invoice_is_a_file_for_those_whom_it_concerns() {
    let mut world = World::without_worker().await;
    let (talent, client, other) =
        (world.nurse("zoe", 1.0).await, world.client("lilas").await, world.client("other").await);
    let billing = json!({ "legalName": "Zoé Martin EI", "siret": "73282932000074", "address": "1 rue Noël", "postalCode": "75004", "city": "Paris" });
    talent.patch("/api/v1/me/billing", billing).await.expect(200);
    let invoice = issued(&world, &talent, &client, "cause").await;
    client.get(&path(&invoice, "pdf")).await.expect_error(409, "DOCUMENT_NOT_READY");
    client.get(&path(&invoice, "xml")).await.expect_error(409, "DOCUMENT_NOT_READY");
    world.start_worker();
    world.drain().await;

    let (status, headers, pdf) = download(&client, &path(&invoice, "pdf")).await;
    assert_eq!(status, 200);
    assert_eq!(headers[CONTENT_TYPE], "application/pdf");
    let year = invoice.year;
    assert_eq!(headers[CONTENT_DISPOSITION], format!("attachment; filename=\"FAC-{year}-00001.pdf\""));
    assert_eq!(headers[CACHE_CONTROL], "private, no-cache");
    let hash: String = sqlx::query_scalar("select encode(sha256($1), 'hex')")
        .bind(&pdf)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(headers[ETAG], format!("\"{hash}\""));
    assert!(pdf.starts_with(b"%PDF-1.7") && pdf.ends_with(b"%%EOF"));
    assert!(contains(&pdf, "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>"));
    assert!(contains(&pdf, "<pdfaid:part>3</pdfaid:part>"));
    let (status, headers, xml) = download(&talent, &path(&invoice, "xml")).await;
    assert_eq!((status.as_u16(), &headers[CONTENT_TYPE]), (200, &"application/xml".parse().unwrap()));
    assert!(contains(&xml, &format!("<ram:ID>FAC-{year}-00001</ram:ID>")));
    assert!(contains(&xml, "<ram:GrandTotalAmount>240.00</ram:GrandTotalAmount>"));
    assert!(contains(&xml, "<ram:Name>Zoé Martin EI</ram:Name>"));

    assert_eq!(download(&talent, &path(&invoice, "pdf")).await.2, pdf);
    assert_eq!(download(&world.admin().await, &path(&invoice, "pdf")).await.2, pdf);
    other.get(&path(&invoice, "pdf")).await.expect(404);
    other.get(&path(&invoice, "xml")).await.expect(404);
    world.anonymous().get(&path(&invoice, "pdf")).await.expect(401);

    let told = |person: Client| async move {
        let page = person.get("/api/v1/notifications").await.expect(200);
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(told(client).await, ["INVOICE_RECEIVED"]);
    assert_eq!(told(talent).await, ["INVOICE_ISSUED"]);
    assert_eq!(world.mails().len(), 2);
    world.end().await;
}

#[tokio::test]
async fn the_same_invoice_is_the_same_file() {
    let world = World::new().await;
    let (talent, client) = (world.nurse("zoe", 1.0).await, world.client("lilas").await);
    let invoice = issued(&world, &talent, &client, "cause").await;
    world.drain().await;
    let (_, _, first) = download(&client, &path(&invoice, "pdf")).await;
    // Without a SIRET of its issuer it is no e-invoice.
    client.get(&path(&invoice, "xml")).await.expect(404);
    assert!(!contains(&first, "fx:ConformanceLevel"));
    // As if the row had been lost after the file was stored.
    let mut tx = world.pool.begin().await.unwrap();
    sqlx::query("set local session_replication_role = replica").execute(&mut *tx).await.unwrap();
    sqlx::query("delete from documents").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    sqlx::query("delete from jobs where kind = 'render-document'").execute(&world.pool).await.unwrap();
    let mut tx = world.db().begin().await.unwrap();
    effects::papers::issued(&mut tx, &invoice).await.unwrap();
    tx.commit().await.unwrap();
    world.drain().await;
    assert_eq!(download(&client, &path(&invoice, "pdf")).await.2, first);
    let stored: Vec<_> =
        std::fs::read_dir(world.files().join("invoices").join(invoice.id.to_string())).unwrap().collect();
    assert_eq!(stored.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_credit_note_names_what_it_takes_back() {
    let world = World::new().await;
    let (talent, client) = (world.nurse("zoe", 1.0).await, world.client("lilas").await);
    talent.patch("/api/v1/me/billing", json!({ "siret": "73282932000074" })).await.expect(200);
    let invoice = issued(&world, &talent, &client, "cause").await;
    let mut tx = world.db().begin().await.unwrap();
    let credit = invoices::credit(&mut tx, invoice.id, 12_000, "refund", world.clock.now()).await.unwrap();
    effects::papers::issued(&mut tx, &credit).await.unwrap();
    tx.commit().await.unwrap();
    world.drain().await;
    let (status, _, xml) = download(&client, &path(&credit, "xml")).await;
    assert_eq!(status, 200);
    assert!(contains(&xml, "<ram:TypeCode>381</ram:TypeCode>"));
    assert!(contains(&xml, &format!("<ram:IssuerAssignedID>{}</ram:IssuerAssignedID>", invoice.reference())));
    let page = client.get("/api/v1/me/invoices").await.expect(200);
    assert_eq!(page["items"][0]["correctsId"], invoice.id.to_string());
    world.end().await;
}

#[tokio::test]
async fn billing_says_who_one_is() {
    let world = World::without_worker().await;
    let talent = world.nurse("zoe", 1.0).await;
    let path = "/api/v1/me/billing";
    assert_eq!(talent.get(path).await.expect(200), json!({ "vatRegime": "SMALL_BUSINESS" }));
    for (field, wrong) in [
        ("siret", "73282932000075"),
        ("siret", "7328293200007"),
        ("vatNumber", "44732829320"),
        ("vatNumber", "DE44732829320"),
        ("postalCode", "7501"),
        ("legalName", ""),
        ("iban", "FR76"),
    ] {
        let refusal = talent.patch(path, json!({ field: wrong })).await.expect(400);
        assert_eq!(refusal["errors"][0]["field"], field, "{refusal}");
    }
    let change = json!({ "legalName": "Zoé Martin EI", "siret": "73282932000074", "vatRegime": "STANDARD", "vatNumber": "FR44732829320" });
    assert_eq!(talent.patch(path, change.clone()).await.expect(200), change);
    let moved = json!({ "address": "1 rue Noël", "postalCode": "75004", "city": "Paris" });
    let all = talent.patch(path, moved).await.expect(200);
    assert_eq!((&all["siret"], &all["city"]), (&change["siret"], &"Paris".into()));
    assert_eq!(talent.get(path).await.expect(200), all);
    let client = world.client("lilas").await;
    let site = json!({ "vatNumber": "FR44732829320", "chorusServiceCode": "ACHATS" });
    let changed = client.patch("/api/v1/me/establishment", site.clone()).await.expect(200);
    assert_eq!(
        (&changed["vatNumber"], &changed["chorusServiceCode"]),
        (&site["vatNumber"], &site["chorusServiceCode"])
    );
    assert_eq!(
        client.get("/api/v1/auth/me").await.expect(200)["establishment"]["chorusServiceCode"],
        "ACHATS"
    );
    client.patch("/api/v1/me/establishment", json!({ "vatNumber": "FR" })).await.expect(400);
    world.end().await;
}
