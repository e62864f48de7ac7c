//! Tokens of Amazon ECR that expire.

use anyhow::Result;
use tests::registry::NEXT_CREDENTIALS;

use crate::function::Function;
use crate::scenario::{ENABLED, Scenario, TAG, event, text};

/// Lets the registry refuse the token so far, and Amazon ECR hand out another.
fn expire(scenario: &Scenario, generator: &Function) -> Result<()> {
    scenario.registry.expire_credentials()?;
    generator.fake.renew(NEXT_CREDENTIALS);
    Ok(())
}

#[test]
fn a_token_that_expired_between_two_events_is_not_used_again() -> Result<()> {
    let scenario = Scenario::new()?;
    let first = scenario.push(TAG, 1)?;
    let second = scenario.push("1.5", 2)?;
    let generator = scenario.generator("V2")?;
    generator.expect(event(&first, Some(TAG)))?;
    expire(&scenario, &generator)?;
    // The same process, warm.
    generator.expect(event(&second, Some("1.5")))?;
    assert_eq!(generator.fake.tokens(), 2);
    scenario.expect_enabled(ENABLED, TAG)?;
    scenario.expect_enabled("1.5-soci", "1.5")?;
    Ok(())
}

#[test]
fn a_token_that_expires_within_an_event_is_renewed_by_the_next_attempt() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V2")?;
    let number = scenario.send_and_hold(&generator, &digest)?;
    expire(&scenario, &generator)?;
    scenario.proxy.heal();
    let error = generator.answer(number)?.expect_err("an error");
    // Not a final failure: Lambda tries again.
    assert_eq!(error["errorType"], "IndexingFailed", "{error}");
    let message = text(&error["errorMessage"])?;
    assert!(message.contains("401 Unauthorized"), "{message}");
    assert_eq!(scenario.tags()?, [TAG]);

    let answer = generator.retry(event(&digest, Some(TAG)))?;
    let answer = answer.expect("no error");
    assert!(text(&answer)?.starts_with("indexed"), "{answer}");
    scenario.expect_enabled(ENABLED, TAG)?;
    Ok(())
}
