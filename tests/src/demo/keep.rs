//! Keeps the demo running.

use std::time::Duration;

use anyhow::Result;

use super::images::MATCHING;
use super::steps::Demo;
use crate::aws::{PASSWORD, USER};
use crate::process::Sink;
use crate::{binaries, wait};

/// Time limit of the demo.
const LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Prints what to try, and waits for Ctrl-C.
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
         Everything keeps running until you press Ctrl-C. Try in another terminal:\n\n\
         # push another image, which is indexed too\n  {}\n\
         # inspect the results\n  {inspect}:1.7-soci\n  {inspect}:{tag}-soci\n\
         # run terraform against this AWS: change the filters in main.tf, plan, apply\n  \
         . {directory}/env; cd {directory}; terraform plan\n\
         # read the logs of the functions with the AWS CLI\n  \
         . {directory}/env; aws logs tail /aws/lambda/soci-index-builder-generator\n",
        push(&format!("{repository}:1.7")),
    ))
}
