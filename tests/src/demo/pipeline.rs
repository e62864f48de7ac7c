//! The path of a push: event, rule, event filter, index generator.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::images::{MATCHING, NEXT, OTHER};
use crate::aws::{ACCOUNT, LocalAws, REGION};
use crate::interrupt::Interrupt;
use crate::process::Sink;
use crate::terraform::Terraform;
use crate::wait;

/// Time limit for the index.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) struct Pipeline<'a> {
    aws: &'a LocalAws,
    /// Number of pushes before the demo's own.
    before: usize,
    filter: String,
    generator: String,
}

impl<'a> Pipeline<'a> {
    pub(super) fn new(aws: &'a LocalAws, terraform: &Terraform) -> Result<Self> {
        let name = |output| -> Result<String> {
            let value = terraform.output(output)?;
            Ok(value
                .as_str()
                .context("want the name of a function")?
                .to_owned())
        };
        Ok(Self {
            aws,
            before: aws.pushes()?.len(),
            filter: name("filter")?,
            generator: name("generator")?,
        })
    }

    /// Prints what happens until the matching image has its index and the other one has been
    /// skipped.
    pub(super) fn watch(&self, line: &Sink, interrupt: &Interrupt) -> Result<()> {
        let (repository, tag) = MATCHING;
        let enabled = format!("{tag}-soci");
        let skipped = format!("skipped {}:{}", OTHER.0, OTHER.1);
        let mut printed = [0; 3];
        wait::until("the index", LIMIT, || {
            interrupt.check()?;
            let filter: Vec<_> = messages(&self.aws.function_log(&self.filter)?).collect();
            let generator: Vec<_> = messages(&self.aws.function_log(&self.generator)?).collect();
            let all = [
                self.events()?,
                prefixed("filter:    ", &filter),
                prefixed("generator: ", &generator),
            ];
            for (lines, printed) in all.iter().zip(&mut printed) {
                lines.iter().skip(*printed).for_each(|text| line(text));
                *printed = lines.len();
            }
            let failed = generator.iter().find(|message| message.contains("error"));
            if let Some(failed) = failed {
                bail!("the index generator: {failed}\n{}", self.aws.log());
            }
            let decided = filter.iter().any(|message| message.contains(&skipped));
            let indexed = generator
                .iter()
                .any(|message| message.starts_with("indexed"));
            let there = self.aws.tags(repository)?.contains(&enabled);
            Ok((decided && indexed && there).then_some(()))
        })
        .with_context(|| self.aws.log())
    }

    /// Waits until the next version has its index. Returns the index generator's response, which
    /// must say that it knew a layer.
    pub(super) fn wait_for_next(&self, interrupt: &Interrupt) -> Result<String> {
        let (repository, tag) = NEXT;
        let enabled = format!("{tag}-soci");
        wait::until("the next index", LIMIT, || {
            interrupt.check()?;
            let generator: Vec<_> = messages(&self.aws.function_log(&self.generator)?).collect();
            let mut answers = generator.into_iter().rev();
            let answer = answers.find(|message| message.contains("known from before"));
            let there = self.aws.tags(repository)?.contains(&enabled);
            Ok(answer.filter(|_| there))
        })
        .with_context(|| self.aws.log())
    }

    /// Invokes the event filter as a scheduled rule does. Returns its response.
    pub(super) fn sweep(&self, rule: &str) -> Result<String> {
        let event = json!({
            "version": "0",
            "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": "2026-01-02T03:04:05Z",
            "region": REGION,
            "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}")],
            "detail": {},
        });
        let answer = self.aws.invoke(&self.filter, &event)?;
        let said = answer["body"].as_str();
        Ok(said
            .with_context(|| format!("no answer: {answer}"))?
            .to_owned())
    }

    /// Waits for a tag.
    pub(super) fn wait_for_tag(
        &self,
        repository: &str,
        tag: &str,
        interrupt: &Interrupt,
    ) -> Result<()> {
        wait::until(tag, LIMIT, || {
            interrupt.check()?;
            let there = self.aws.tags(repository)?.iter().any(|its| its == tag);
            Ok(there.then_some(()))
        })
        .with_context(|| self.aws.log())
    }

    /// Describes the events of pushes with a tag.
    fn events(&self) -> Result<Vec<String>> {
        let pushes = self.aws.pushes()?;
        let pushes = pushes.iter().skip(self.before);
        let tagged = pushes.filter(|push| !push.tag.is_empty());
        Ok(tagged
            .map(|push| {
                let reached = match push.reached.as_slice() {
                    [] => "no rule matches".to_owned(),
                    functions => format!("the rule invokes {}", functions.join(", ")),
                };
                format!(
                    "event:     {}:{} pushed; {reached}",
                    push.repository, push.tag
                )
            })
            .collect())
    }
}

fn prefixed(prefix: &str, messages: &[String]) -> Vec<String> {
    // The index shows which layers are skipped.
    let lines = messages
        .iter()
        .filter(|message| *message != "layer skipped");
    let lines = lines.map(|message| format!("{prefix}{message}"));
    lines.collect()
}

/// Extracts the messages from the lines that a function logged.
fn messages(lines: &[String]) -> impl Iterator<Item = String> {
    let lines = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line["message"].as_str().map(str::to_owned))
}
