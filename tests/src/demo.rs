//! The demo: a local AWS, the real terraform, and real images built from files of this machine.
//!
//! The functions index every image that is pushed to a matching repository; then a file is read
//! back through the index. An image whose event is lost is found by a sweep, while its deployment
//! is waiting.

mod images;
mod index;
mod keep;
mod pipeline;
mod progress;
mod release;
mod steps;

use anyhow::Result;
use tokio::runtime::Handle;

use crate::interrupt::Interrupt;
use crate::process::Sink;
use progress::Progress;
use steps::Demo;

const STEPS: usize = 18;

/// Options of the demo.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Minimum size of the large layer before compression, in bytes.
    pub layer_bytes: u64,
    /// Whether to keep everything running until Ctrl-C.
    pub keep: bool,
}

/// Runs the demo. `print` receives every line.
pub fn run(
    runtime: &Handle,
    settings: &Settings,
    print: &Sink,
    interrupt: &Interrupt,
) -> Result<()> {
    let mut progress = Progress::new(STEPS, print);
    let mut demo = Demo::prepare(settings.layer_bytes, &mut progress, interrupt)?;
    demo.apply(&mut progress)?;
    demo.push(&mut progress)?;
    demo.inspect(runtime, &mut progress)?;
    demo.push_next(&mut progress)?;
    demo.lose_event(&mut progress)?;
    demo.deploy(&mut progress)?;
    demo.plan(&mut progress)?;
    if settings.keep {
        keep::until_interrupted(&demo, print)?;
        drop(demo);
        print("\nStopped; nothing remains.");
        return Ok(());
    }
    demo.destroy(&mut progress)?;
    progress.step("Clean up");
    drop(demo);
    progress.done("nothing remains");
    progress.end();
    Ok(())
}
