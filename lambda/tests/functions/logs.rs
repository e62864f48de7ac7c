//! The log as Lambda passes it on to CloudWatch.

use anyhow::Result;
use serde_json::{Value, json};
use tests::fake::lambda::FakeLambda;

use crate::function::{Function, Kind};
use crate::scenario::{TAG, event};

/// Lambda's log levels, the most detailed first.
const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

fn severity(level: &str) -> Option<usize> {
    LEVELS
        .iter()
        .position(|known| known.eq_ignore_ascii_case(level))
}

/// Whether Lambda passes a line on: one without a valid level or timestamp counts as `INFO`.
fn passes(line: &Value, level: &str) -> bool {
    let timed = line["timestamp"].as_str().is_some_and(|t| t.ends_with('Z'));
    let own = line["level"].as_str().filter(|_| timed).and_then(severity);
    own.or(severity("INFO")) >= severity(level)
}

#[test]
fn metrics_survive_every_log_level() -> Result<()> {
    for level in LEVELS {
        let lambda = FakeLambda::start("http://127.0.0.1:1")?;
        let variables = [("AWS_LAMBDA_LOG_LEVEL", level)];
        let generator = Function::start(Kind::Generator, lambda, &variables)?;
        let digest = format!("sha256:{}", "0".repeat(64));
        generator.expect(event(&digest, None))?;
        let mut foreign = event(&digest, Some(TAG));
        foreign["source"] = json!("aws.ec2");
        generator.expect_error(foreign, "InvalidEvent")?;
        let log = generator.log()?;
        let kept: Vec<_> = log.iter().filter(|line| passes(line, level)).collect();
        let count =
            |metric: &str| -> u64 { kept.iter().filter_map(|line| line[metric].as_u64()).sum() };
        assert_eq!(
            (count("ImagesSkipped"), count("ImagesFailed")),
            (1, 1),
            "{level}: {log:?}"
        );
        // Only errors are written in vain, and only if even they are not wanted.
        assert_eq!(
            log.len() - kept.len(),
            usize::from(level == "FATAL"),
            "{level}: {log:?}"
        );
        let errors = kept
            .iter()
            .filter(|line| line["level"] == "ERROR" && line["_aws"].is_null());
        assert_eq!(errors.count(), usize::from(level != "FATAL"), "{level}");
    }
    Ok(())
}

#[test]
fn lambda_takes_a_line_without_a_level_for_information() {
    let line = json!({"timestamp": "2026-01-02T15:04:05Z"});
    assert!(passes(&line, "INFO") && !passes(&line, "WARN"));
    let untimed = json!({"level": "ERROR"});
    assert!(!passes(&untimed, "WARN"));
}
