//! Messages that stay unread: a mail says how many, once.

use jobs::DigestUnread;
use jobs::ledger::NewJob;
use serde_json::json;
use tests::Client;
use time::Duration;

use crate::chat::assigned;
use crate::world::World;

/// A quarter of an hour goes by, and the clock comes round.
async fn a_while(world: &World) {
    world.clock.advance(Duration::minutes(15));
    let redis = domain::bus::connect(&world.redis_url).unwrap();
    let db = domain::Db::connect(&world.database_url, 1, domain::Bus::new(redis, &world.prefix)).unwrap();
    let mut tx = db.begin().await.unwrap();
    jobs::ledger::enqueue(&mut tx, [NewJob::of(&DigestUnread {})]).await.unwrap();
    tx.commit().await.unwrap();
    let digests = "select count(*) from jobs where kind = 'digest-unread' and state <> 'done'";
    while world.count(digests).await > 0 {
        tokio::task::yield_now().await;
    }
}

/// The digests that were mailed: to whom, and the mail.
fn digests(world: &World) -> Vec<String> {
    let mails = world.mails().into_iter();
    mails.filter(|mail| mail.contains("vous attend")).collect()
}

async fn verify_addresses(world: &World) {
    sqlx::query("update users set email_verified_at = created_at").execute(&world.pool).await.unwrap();
}

async fn say(world: &World, who: &Client, conversation: &str, content: &str) {
    let path = format!("/api/v1/conversations/{conversation}/messages");
    world.returning(who).await.post(&path, json!({ "content": content })).await.expect(201);
}

async fn read(world: &World, who: &Client, conversation: &str) {
    let path = format!("/api/v1/conversations/{conversation}/read");
    world.returning(who).await.post(&path, json!({ "seq": 999 })).await.expect(204);
}

async fn conversation(who: &Client) -> String {
    let list = who.get("/api/v1/conversations").await.expect(200);
    list["items"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_leaves_messages_unread_is_told_once_and_of_no_content() {
    let world = World::new().await;
    let (client, nurse, _) = assigned(&world).await;
    verify_addresses(&world).await;
    let conversation = conversation(&nurse).await;
    a_while(&world).await;
    world.drain().await;
    assert_eq!(digests(&world).len(), 0, "what the platform says alone is not worth a mail");

    say(&world, &client, &conversation, "Mme Roux est diabétique.").await;
    say(&world, &client, &conversation, "Le code est le 12A.").await;
    a_while(&world).await;
    world.drain().await;
    let [digest] = &digests(&world)[..] else { panic!("one digest: {:?}", world.mails()) };
    assert!(
        digest.contains("To: nurse@example.org") && digest.contains("2 messages vous attendent"),
        "{digest}"
    );
    assert!(
        digest.contains(&conversation) && !digest.contains("Roux") && !digest.contains("12A"),
        "{digest}"
    );

    // More of it, and still unread: she knows. A second run of the same finds nothing.
    say(&world, &client, &conversation, "Êtes-vous là ?").await;
    a_while(&world).await;
    sqlx::query("update jobs set state = 'waiting', attempt = 0 where kind = 'digest-unread'")
        .execute(&world.pool)
        .await
        .unwrap();
    world.drain().await;
    assert_eq!(digests(&world).len(), 1);

    // Read, and then something new; her answer is unread at the other side.
    read(&world, &nurse, &conversation).await;
    a_while(&world).await;
    say(&world, &client, &conversation, "Merci !").await;
    say(&world, &nurse, &conversation, "Avec plaisir.").await;
    say(&world, &client, &conversation, "À demain.").await;
    a_while(&world).await;
    world.drain().await;
    let digests = digests(&world);
    assert_eq!(digests.len(), 2, "the client has read what came before its own message");
    assert!(digests.iter().all(|mail| mail.contains("To: nurse@example.org")));
    assert!(digests.iter().any(|mail| mail.contains("Un message vous attend")));
    world.end().await;
}

#[tokio::test]
async fn who_cannot_or_need_not_be_told_gets_no_mail() {
    let world = World::new().await;
    let (client, nurse, _) = assigned(&world).await;
    let conversation = conversation(&nurse).await;
    say(&world, &client, &conversation, "À une adresse que personne n’a confirmée").await;
    a_while(&world).await;
    assert_eq!(world.count("select count(*) from unread_digests").await, 0);

    verify_addresses(&world).await;
    world.set_status(&nurse, "SUSPENDED").await;
    say(&world, &client, &conversation, "À un compte suspendu").await;
    a_while(&world).await;
    assert_eq!(world.count("select count(*) from unread_digests").await, 0);

    // Read before the mail's turn comes, or wanted no more.
    world.set_status(&nurse, "VERIFIED").await;
    let admin = world.admin().await;
    let switch = async |to: &str| {
        let path = format!("/api/v1/admin/queues/bulk/{to}");
        world.returning(&admin).await.act(&path).await.expect(200);
    };
    switch("pause").await;
    say(&world, &client, &conversation, "Lu entre-temps").await;
    a_while(&world).await;
    assert_eq!(world.count("select count(*) from unread_digests").await, 1);
    read(&world, &nurse, &conversation).await;
    switch("resume").await;
    world.drain().await;
    assert_eq!(digests(&world).len(), 0);
    switch("pause").await;
    say(&world, &client, &conversation, "Plus par courriel").await;
    a_while(&world).await;
    assert_eq!(
        world.count("select count(*) from jobs where kind = 'send-mail' and state = 'waiting'").await,
        1
    );
    let off = json!({
        "quietHours": { "enabled": true, "from": 22, "to": 7 },
        "types": [{ "type": "MESSAGE_RECEIVED", "inApp": false, "push": true, "mail": false }],
    });
    world.returning(&nurse).await.put("/api/v1/notifications/preferences", off).await.expect(200);
    switch("resume").await;
    world.drain().await;
    assert_eq!(digests(&world).len(), 0);
    world.end().await;
}

#[tokio::test]
async fn batches_leave_nobody_out() {
    let world = World::new().await;
    let (client, nurse, _) = assigned(&world).await;
    verify_addresses(&world).await;
    let conversation = conversation(&nurse).await;
    for n in 0..5 {
        say(&world, &client, &conversation, &format!("message {n}")).await;
    }
    let mut conn = world.pool.acquire().await.unwrap();
    let until = world.clock.now();
    let mut told = Vec::new();
    // One message besides the bound's own at a time.
    while let Some(unread) = domain::unread_digests::mark_next(&mut conn, until, 1).await.unwrap() {
        told.extend(unread);
    }
    assert_eq!(told.len(), 1, "once for all five: {told:?}");
    assert_eq!(told[0].user.to_string(), nurse.id);
    assert!(domain::unread_digests::mark_next(&mut conn, until, 1).await.unwrap().is_none());
    world.end().await;
}
