//! The committed document is the served one.

use crate::world::World;

#[tokio::test]
async fn the_committed_document_is_served_byte_for_byte() {
    let world = World::without_worker().await;
    for (path, committed) in [
        ("/openapi.json", include_str!("../../openapi/openapi.json")),
        ("/openapi.yaml", include_str!("../../openapi/openapi.yaml")),
    ] {
        let client = world.anonymous();
        let served = client.request(reqwest::Method::GET, path).send().await.unwrap().text().await.unwrap();
        assert!(served == committed, "{path} differs from what is committed: run `make openapi`");
    }
    let docs = world.anonymous().get("/docs").await;
    assert!(docs.body.as_str().unwrap().contains("createMission"));
    world.end().await;
}
