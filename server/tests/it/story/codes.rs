//! Approvals that take a one-time code beside the token.

use super::*;

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn where_the_policy_says_so_an_approval_takes_a_one_time_code(owner: PgPool) {
    let mut policy = policy("suggest");
    policy["otp"] = json!(true);
    let (story, _cluster) = Story::pretend(owner, policy).await;
    story.bad_release().await;
    let waiting = story.rollback("asked", state("awaiting_approval")).await;
    let path = format!("/rollbacks/{}/approvals", waiting["number"].as_str().unwrap());
    let approve = async |otp: Option<&str>| {
        let consent =
            json!({"plan_digest": waiting["plan"]["digest"], "decision": "approve", "otp": otp});
        story.post(&path, &story.engineer, consent).await
    };
    // Who has none set up approves nothing.
    let refused = approve(Some("123456")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    assert_eq!(refused.json()["errors"][0]["field"], "otp");

    let cookie = &story.browser;
    let stranger = story.post("/me/one-time-key", cookie, json!({"password": "guess"})).await;
    assert_eq!(stranger.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", stranger.body);
    let key = story.post("/me/one-time-key", cookie, json!({"password": "secret"})).await;
    assert_eq!(key.status, StatusCode::CREATED, "{}", key.body);
    let secret = totp_rs::Secret::try_from_base32(key.json()["secret"].as_str().unwrap()).unwrap();
    let totp =
        totp_rs::Builder::new().with_secret(secret).with_account_name("e".to_owned()).build();
    let totp = totp.unwrap();
    // Codes of three steps in a row are good now; each is good once.
    let now = clock::now().timestamp().cast_unsigned();
    let [before, code, after] = [now - 30, now, now + 30].map(|at| totp.generate(at).to_string());
    assert_eq!(
        approve(Some(&code)).await.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "not confirmed"
    );
    let confirmed = story.post("/me/one-time-key/confirm", cookie, json!({"otp": before})).await;
    assert_eq!(confirmed.status, StatusCode::NO_CONTENT, "{}", confirmed.body);
    for wrong in [None, Some(before.as_str()), Some("abcdef")] {
        let refused = approve(wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}: {}", refused.body);
    }
    assert_eq!(story.image().await, "app:2-bad", "nothing happens without it");
    let given = approve(Some(&after)).await;
    assert_eq!(given.status, StatusCode::CREATED, "{}", given.body);
    story.rollback("carried out", state("verifying")).await;
    assert_eq!(story.image().await, "app:1");
}
