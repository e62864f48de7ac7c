//! Leaves the demo running for a person to play with.

use std::time::Duration;

use anyhow::Result;

use super::{Demo, MATCHING};
use crate::aws::{PASSWORD, USER};
use crate::process::Sink;
use crate::{binaries, wait};

/// Nobody plays longer.
const LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Says what to try, and waits until somebody asks to stop.
pub(super) fn until_interrupted(demo: &Demo, print: &Sink) -> Result<()> {
    for line in hints(demo)?.lines() {
        print(line);
    }
    wait::until("Ctrl-C", LIMIT, || {
        Ok((demo.interrupt.count() > 0).then_some(()))
    })
}

fn hints(demo: &Demo) -> Result<String> {
    let directory = demo.terraform.directory();
    let directory = directory.display();
    demo.terraform.write("env", &demo.terraform.exports())?;
    let (repository, tag) = MATCHING;
    let layout = demo.images.path().display();
    let push = |name: &str| {
        format!(
            "skopeo copy --all --dest-tls-verify=false --dest-creds={USER}:{PASSWORD} \\\n      \
             oci:{layout} docker://{}",
            demo.aws.reference(name)
        )
    };
    let soci = binaries::built("soci")?;
    let inspect = format!(
        "{} inspect {}",
        soci.display(),
        demo.aws.reference(repository)
    );
    Ok(format!(
        "\n\
         It all keeps running until you press Ctrl-C. Try, in another terminal:\n\n\
         # another push, which gets its index as well\n  {}\n\
         # what came of it\n  {inspect}:1.5-soci\n  {inspect}:{tag}-soci\n\
         # terraform, in this AWS: change the filters in main.tf, plan, apply\n  \
         . {directory}/env; cd {directory}; terraform plan\n\
         # the logs of the functions, with the AWS CLI and the same environment\n  \
         . {directory}/env; aws logs tail /aws/lambda/soci-index-builder-generator\n",
        push(&format!("{repository}:1.5")),
    ))
}
