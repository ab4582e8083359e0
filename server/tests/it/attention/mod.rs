//! What needs somebody now: who is shown what, on the first page and by the API, and what is kept from whom. And the
//! pages on which some of it is done.

mod consents;
mod queue;
mod records;

use serde_json::Value;

use crate::world::World;

/// Everything that the queue of this session or token holds.
async fn items(world: &World, who: &str) -> Vec<Value> {
    let answer = world.call("GET", "/attention", who, Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["items"].as_array().unwrap().clone()
}

/// The kinds of it, in its order.
async fn kinds(world: &World, who: &str) -> Vec<String> {
    let kind = |it: &Value| it["kind"].as_str().unwrap().to_owned();
    items(world, who).await.iter().map(kind).collect()
}
