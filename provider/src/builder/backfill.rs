//! The backfill: a sweep for images that were pushed before the builder existed.
//!
//! The event filter performs the sweep; an apply only starts it and does not wait. The private
//! state records that it still has to be started, so if an apply did not get to it (because it was
//! interrupted or lacked permission), the next plan shows it and the next apply starts it.

use tfplugin_sdk::{Context, Diagnostic};

use super::arguments::Arguments;
use super::private_state::{PrivateState, Requested};
use super::{names, sweep};
use crate::bundle::Function;
use crate::shared::{Session, Shared};

/// Returns whether an update changes which images match, or which index they get.
pub(super) fn is_needed(before: &Arguments, after: &Arguments) -> bool {
    let selection = |arguments: &Arguments| {
        (
            arguments.index_existing,
            arguments.repository_image_tag_filters.clone(),
            arguments.excluded_image_tag_filters.clone(),
            arguments.index_version.clone(),
            arguments.tag_suffix.clone(),
        )
    };
    selection(before) != selection(after)
}

/// Records that a sweep has to be started.
pub(super) fn request(cx: &Context<Shared>) {
    PrivateState::update(cx, |state| state.existing = Some(Requested {}));
}

/// Records that nothing is left to do.
pub(super) fn dismiss(cx: &Context<Shared>) {
    PrivateState::update(cx, |state| state.existing = None);
}

/// Returns a line of `drift` if a sweep still has to be started.
pub(super) fn outstanding(cx: &Context<Shared>, arguments: &Arguments) -> Option<String> {
    PrivateState::load(cx).existing?;
    let filter = names::function(&arguments.name, Function::EventFilter);
    Some(format!(
        "function {filter:?}: existing images not looked for yet"
    ))
}

/// Starts the requested sweep. The builder itself is complete by then, so a failure is only a
/// warning.
pub(super) async fn run(session: &Session<'_>, arguments: &Arguments) {
    let cx = session.call.cx;
    if PrivateState::load(cx).existing.is_none() {
        return;
    }
    let filter = names::function(&arguments.name, Function::EventFilter);
    match sweep::start(session, &filter, &[]).await {
        Ok(request) => {
            tracing::info!(filter, request, "sweep for existing images started");
            dismiss(cx);
        }
        Err(error) => {
            let diagnostic = error.diagnose("starting a sweep for existing images");
            let detail = format!(
                "{}\n\nThe builder is complete. The next plan shows that existing images were not \
                 looked for yet, and the next apply starts the sweep.",
                diagnostic.detail
            );
            let warning = Diagnostic::warning("Existing images not indexed yet", detail);
            cx.warn(warning.at("index_existing"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_selection_needs_another_sweep() {
        let before = Arguments {
            index_existing: true,
            ..Arguments::default()
        };
        assert!(!is_needed(&before, &before));
        let change = |change: fn(&mut Arguments)| {
            let mut after = before.clone();
            change(&mut after);
            is_needed(&before, &after)
        };
        assert!(change(|after| after.index_version = "V1".to_owned()));
        assert!(change(|after| after.tag_suffix = "_soci".to_owned()));
        assert!(change(|after| {
            after.repository_image_tag_filters = vec!["a:*".to_owned()];
        }));
        assert!(change(|after| {
            after.excluded_image_tag_filters = vec!["a:*".to_owned()];
        }));
        assert!(!change(|after| after.memory_size = 3008));
        assert!(is_needed(&Arguments::default(), &before));
    }

    #[test]
    fn what_an_earlier_version_left_to_do_is_still_to_be_done() {
        let text = r#"{"existing": {"repository": "a", "tag": "1"}, "owner": {"resource": "1"}}"#;
        let state: PrivateState = serde_json::from_str(text).unwrap();
        assert_eq!(state.existing, Some(Requested {}));
        assert!(state.owner.is_some());
        let written = serde_json::to_vec(&state).unwrap();
        let read: PrivateState = serde_json::from_slice(&written).unwrap();
        assert_eq!(read, state);
    }
}
