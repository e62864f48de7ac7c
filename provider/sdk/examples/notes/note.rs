//! The resource `notes_note`.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tfplugin_sdk::{
    Attribute, AttributePath, Context, Create, Diagnostic, Diagnostics, Failure, Nesting, Plan,
    Resource, Schema, Type, Update, Value, async_trait, timeouts, validators,
};

use crate::file::{file_error, load};
use crate::shared::Shared;

/// The resource `notes_note`.
pub(crate) struct Note;

#[derive(Debug, Serialize, Deserialize)]
struct Heading {
    line: usize,
    text: String,
}

/// Computed attributes of a note.
#[derive(Debug, Serialize)]
struct Computed {
    lines: usize,
    headings: Vec<Heading>,
}

impl Computed {
    fn of(text: &str) -> Self {
        let headings = text.lines().enumerate().filter_map(|(index, line)| {
            let text = line.strip_prefix("# ")?.to_owned();
            let line = index + 1;
            Some(Heading { line, text })
        });
        Self {
            lines: text.lines().count(),
            headings: headings.collect(),
        }
    }

    fn add_to(&self, state: &mut Value) -> Result<(), Diagnostics> {
        state.set("lines", u64::try_from(self.lines).unwrap_or(u64::MAX));
        state.set("headings", Value::from_serialize(&self.headings)?);
        Ok(())
    }
}

#[async_trait]
impl Resource<Shared> for Note {
    fn type_name(&self) -> &str {
        "notes_note"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .description("A note.")
            // Version 0 had a `color`: one that is stored is dropped.
            .version(1)
            .identity(["path"])
            .attribute(
                "path",
                Attribute::string()
                    .required()
                    .requires_replace()
                    .description("Path of the file.")
                    .validate(validators::length(1..=200)),
            )
            .attribute(
                "text",
                Attribute::string()
                    .required()
                    .description("Text of the note.")
                    .validate(validators::length(0..=10_000)),
            )
            .attribute(
                "kind",
                Attribute::string()
                    .default("plain")
                    .description("`plain` or `markdown`.")
                    .validate(validators::one_of(["plain", "markdown"])),
            )
            .attribute(
                "labels",
                Attribute::set(Type::String)
                    .optional()
                    .description("Labels to sort notes by.")
                    .validate(validators::each(validators::length(1..=20))),
            )
            .attribute(
                "weight",
                Attribute::number()
                    .optional()
                    .description("Weight of the note."),
            )
            .attribute(
                "extra",
                Attribute::new(Type::Dynamic)
                    .optional()
                    .description("Further data of any type."),
            )
            .attribute(
                "fault",
                Attribute::string()
                    .optional()
                    .description("How a create fails: `fail`, `panic` or `wait`.")
                    .validate(validators::one_of(["fail", "panic", "wait"])),
            )
            .attribute(
                "id",
                Attribute::string()
                    .computed()
                    .use_state_for_unknown()
                    .description("The path."),
            )
            .attribute(
                "lines",
                Attribute::number()
                    .computed()
                    .description("Number of lines."),
            )
            .attribute(
                "headings",
                Attribute::nested(
                    Nesting::List,
                    [
                        ("line", Attribute::number().computed().description("Number of the line.")),
                        ("text", Attribute::string().computed().description("Text of the heading.")),
                    ],
                )
                .computed()
                .description("Headings: lines that begin with `# `."),
            )
            .block("timeouts", timeouts::block(["create"]))
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = Diagnostics::new();
        let (kind, text) = (config.get("kind").as_str(), config.get("text").as_str());
        if kind == Some("markdown") && text.is_some_and(|text| !text.contains("# ")) {
            let detail =
                "A note of the kind \"markdown\" needs a heading: a line beginning with \"# \".";
            found.push(Diagnostic::error("Heading missing", detail).at("text"));
        }
        found
    }

    async fn modify_plan(&self, _: &Context<Shared>, plan: &mut Plan) -> Result<(), Diagnostics> {
        // The text determines the rest, except the id.
        if plan.has_changes()
            && let Some(text) = plan.planned().get("text").as_str()
        {
            let mut planned = plan.planned().clone();
            Computed::of(text).add_to(&mut planned)?;
            plan.set("lines", planned.get("lines").clone());
            plan.set("headings", planned.get("headings").clone());
        }
        Ok(())
    }

    async fn create(&self, cx: &Context<Shared>, request: Create) -> Result<Value, Failure> {
        let limit = timeouts::get(&request.planned, "create", Duration::from_secs(60))?;
        let fault = request.planned.get("fault").clone();
        let (path, state) = write(cx, request.planned)?;
        // From here on the file exists, and Terraform must know whatever happens.
        tracing::info!(path = %path.display(), "note written");
        cx.checkpoint(&state);
        match fault.as_str() {
            Some("fail") => {
                return Err(Diagnostic::error(
                    "Note not finished",
                    "Caused by the argument fault.",
                )
                .into());
            }
            Some("panic") => panic!("caused by the argument fault"),
            Some("wait") => tokio::select! {
                () = cx.cancelled() => {
                    let detail = format!("{} was written, but the rest was interrupted. Apply again.", path.display());
                    return Err(Diagnostic::error("Interrupted", detail).into());
                }
                () = tokio::time::sleep(limit) => {
                    let detail = format!("Waited {limit:?} for {}; raise timeouts.create.", path.display());
                    let at = AttributePath::from("timeouts").attribute("create");
                    return Err(Diagnostic::error("Timeout", detail).at(at).into());
                }
            },
            _ => {}
        }
        Ok(state)
    }

    async fn read(
        &self,
        cx: &Context<Shared>,
        mut state: Value,
    ) -> Result<Option<Value>, Diagnostics> {
        let path = state.get("path").as_str().unwrap_or_default();
        let Some(text) = load(&cx.data().folder.join(path))? else {
            return Ok(None);
        };
        Computed::of(&text).add_to(&mut state)?;
        state.set("text", text);
        state.set("id", state.get("path").clone());
        if state.get("kind").is_null() {
            state.set("kind", "plain");
        }
        Ok(Some(state))
    }

    async fn update(&self, cx: &Context<Shared>, request: Update) -> Result<Value, Failure> {
        if request.planned.get("fault").as_str() == Some("fail") {
            // Stored with the prior state, although the update fails.
            cx.set_private(*b"unfinished");
            let detail = "Caused by the argument fault.";
            return Err(Diagnostic::error("Note not updated", detail).into());
        }
        let (_, state) = write(cx, request.planned)?;
        cx.set_private([]);
        Ok(state)
    }

    async fn delete(&self, cx: &Context<Shared>, state: Value) -> Result<(), Failure> {
        let path = cx
            .data()
            .folder
            .join(state.get("path").as_str().unwrap_or_default());
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(file_error(&path, &e).into()),
            _ => Ok(()),
        }
    }

    async fn import_state(&self, _: &Context<Shared>, id: &str) -> Result<Value, Diagnostics> {
        if id.is_empty() {
            let detail = "The id of a note is its path, such as \"todo.txt\".";
            return Err(Diagnostic::error("Invalid import id", detail).into());
        }
        Ok(Value::object([("path", id.into())]))
    }
}

/// Writes a planned note. Returns its path and the state.
fn write(cx: &Context<Shared>, planned: Value) -> Result<(PathBuf, Value), Diagnostics> {
    #[derive(Deserialize)]
    struct Planned {
        path: String,
        text: String,
    }
    let Planned { path, text } = planned.to()?;
    let file = cx.data().folder.join(&path);
    std::fs::write(&file, &text).map_err(|e| file_error(&file, &e))?;
    let mut state = planned;
    Computed::of(&text).add_to(&mut state)?;
    state.set("id", path);
    Ok((file, state))
}
