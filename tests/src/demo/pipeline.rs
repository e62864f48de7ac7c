//! What becomes of a push: event, rule, event filter, index generator.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{MATCHING, OTHER, messages};
use crate::aws::LocalAws;
use crate::interrupt::Interrupt;
use crate::process::Sink;
use crate::terraform::Terraform;
use crate::wait;

/// No image of the demo takes longer.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) struct Pipeline<'a> {
    aws: &'a LocalAws,
    /// How many pushes there were before.
    before: usize,
    filter: String,
    generator: String,
}

impl<'a> Pipeline<'a> {
    pub(super) fn new(aws: &'a LocalAws, terraform: &Terraform) -> Result<Self> {
        let name = |output| -> Result<String> {
            let value = terraform.output(output)?;
            Ok(value.as_str().context("no name of a function")?.to_owned())
        };
        Ok(Self {
            aws,
            before: aws.pushes()?.len(),
            filter: name("filter")?,
            generator: name("generator")?,
        })
    }

    /// Tells what happens, until the matching image has its index and of the other it is known
    /// that it gets none.
    pub(super) fn watch(&self, line: &Sink, interrupt: &Interrupt) -> Result<()> {
        let (repository, tag) = MATCHING;
        let enabled = format!("{tag}-soci");
        let left_out = format!("left out {}:{}", OTHER.0, OTHER.1);
        let mut told = [0; 3];
        wait::until("the index", LIMIT, || {
            interrupt.check()?;
            let filter: Vec<_> = messages(&self.aws.function_log(&self.filter)?).collect();
            let generator: Vec<_> = messages(&self.aws.function_log(&self.generator)?).collect();
            let all = [
                self.events()?,
                prefixed("filter:    ", &filter),
                prefixed("generator: ", &generator),
            ];
            for (lines, told) in all.iter().zip(&mut told) {
                lines.iter().skip(*told).for_each(|text| line(text));
                *told = lines.len();
            }
            let failed = generator.iter().find(|message| message.contains("error"));
            if let Some(failed) = failed {
                bail!("the index generator: {failed}\n{}", self.aws.log());
            }
            let decided = filter.iter().any(|message| message.contains(&left_out));
            let indexed = generator
                .iter()
                .any(|message| message.starts_with("indexed"));
            let there = self.aws.tags(repository)?.contains(&enabled);
            Ok((decided && indexed && there).then_some(()))
        })
        .with_context(|| self.aws.log())
    }

    /// The events of pushes with a tag, in words.
    fn events(&self) -> Result<Vec<String>> {
        let pushes = self.aws.pushes()?;
        let pushes = pushes.iter().skip(self.before);
        let tagged = pushes.filter(|push| !push.tag.is_empty());
        Ok(tagged
            .map(|push| {
                let reached = match push.reached.as_slice() {
                    [] => "no rule matches".to_owned(),
                    functions => format!("its rule passes it to {}", functions.join(", ")),
                };
                format!(
                    "event:     {}:{} was pushed; {reached}",
                    push.repository, push.tag
                )
            })
            .collect())
    }
}

fn prefixed(prefix: &str, messages: &[String]) -> Vec<String> {
    // Which layers are left out is to be seen in the index.
    let lines = messages
        .iter()
        .filter(|message| *message != "layer left out");
    let lines = lines.map(|message| format!("{prefix}{message}"));
    lines.collect()
}
