//! A small provider: notes kept as files.
//!
//! It shows each part of the framework once, and the crate's tests run it under
//! the real Terraform. The argument `fault` makes a create go wrong on purpose,
//! to see what Terraform does then.
//!
//! ```sh
//! cargo build -p tfplugin-sdk --example notes
//! target/debug/examples/notes -debug
//! ```

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tfplugin_sdk::{
    Attribute, AttributePath, Context, Create, DataSource, Diagnostic, Diagnostics, Failure, Field,
    Function, FunctionError, Nesting, Parameter, Plan, Provider, Resource, Schema, Serve,
    Signature, Type, Update, Value, async_trait, timeouts, validators,
};

fn main() -> ExitCode {
    Serve::new(Notes).log_target("notes").run()
}

struct Notes;

/// What the resources share: the folder that relative paths start from.
struct Shared {
    folder: PathBuf,
}

#[async_trait]
impl Provider for Notes {
    type Data = Shared;

    fn name(&self) -> &str {
        "notes"
    }

    fn address(&self) -> String {
        "registry.terraform.io/example/notes".to_owned()
    }

    fn schema(&self) -> Schema {
        Schema::new().description("Notes kept as files.").attribute(
            "folder",
            Attribute::string()
                .optional()
                .description("Where relative paths start. The working directory by default."),
        )
    }

    async fn configure(&self, _: &Context<()>, config: Value) -> Result<Shared, Diagnostics> {
        #[derive(Deserialize)]
        struct Config {
            folder: Field<PathBuf>,
        }
        let config: Config = config.to()?;
        Ok(Shared {
            // Unknown during some plans; nothing is written then.
            folder: config.folder.into_known().unwrap_or_default(),
        })
    }

    fn resources(&self) -> Vec<Box<dyn Resource<Shared>>> {
        vec![Box::new(Note)]
    }

    fn data_sources(&self) -> Vec<Box<dyn DataSource<Shared>>> {
        vec![Box::new(Lookup)]
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        vec![Box::new(Title)]
    }
}

/// The resource `notes_note`.
struct Note;

#[derive(Debug, Serialize, Deserialize)]
struct Heading {
    line: usize,
    text: String,
}

/// What the provider finds out about a note.
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
                    .description("The file.")
                    .validate(validators::length(1..=200)),
            )
            .attribute(
                "text",
                Attribute::string()
                    .required()
                    .description("What it says.")
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
                    .description("For ordering them.")
                    .validate(validators::each(validators::length(1..=20))),
            )
            .attribute(
                "weight",
                Attribute::number()
                    .optional()
                    .description("How much it matters."),
            )
            .attribute(
                "extra",
                Attribute::new(Type::Dynamic)
                    .optional()
                    .description("Anything else."),
            )
            .attribute(
                "fault",
                Attribute::string()
                    .optional()
                    .description("How a create goes wrong: `fail`, `panic` or `wait`.")
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
                    .description("How many lines it has."),
            )
            .attribute(
                "headings",
                Attribute::nested(
                    Nesting::List,
                    [
                        ("line", Attribute::number().computed().description("Where.")),
                        ("text", Attribute::string().computed().description("What.")),
                    ],
                )
                .computed()
                .description("Lines that begin with `# `."),
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
        // The text tells the rest already now, except which path it gets.
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
        // From here on the file exists: whatever happens, Terraform has to know.
        tracing::info!(path = %path.display(), "note written");
        cx.checkpoint(&state);
        match fault.as_str() {
            Some("fail") => {
                return Err(
                    Diagnostic::error("Note not finished", "As the fault asked for.").into(),
                );
            }
            Some("panic") => panic!("as the fault asked for"),
            Some("wait") => tokio::select! {
                () = cx.cancelled() => {
                    let detail = format!("{} was written, but not all was done. Apply again.", path.display());
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
            // Stored beside the state before, although the update fails.
            cx.set_private(*b"unfinished");
            let detail = "As the fault asked for.";
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

/// Writes a planned note; returns where, and the state.
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

/// The text of a note, or `None` when there is certainly none.
fn load(path: &Path) -> Result<Option<String>, Diagnostic> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(file_error(path, &e)),
    }
}

fn file_error(path: &Path, error: &std::io::Error) -> Diagnostic {
    let detail = format!(
        "{}: {error}. Check the path and its permissions.",
        path.display()
    );
    Diagnostic::error("File not accessible", detail).at("path")
}

/// The data source `notes_note`.
struct Lookup;

#[async_trait]
impl DataSource<Shared> for Lookup {
    fn type_name(&self) -> &str {
        "notes_note"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .description("A note that exists.")
            .attribute(
                "path",
                Attribute::string().required().description("The file."),
            )
            .attribute(
                "text",
                Attribute::string().computed().description("What it says."),
            )
    }

    async fn read(&self, cx: &Context<Shared>, mut config: Value) -> Result<Value, Diagnostics> {
        let path = cx
            .data()
            .folder
            .join(config.get("path").as_str().unwrap_or_default());
        match load(&path)? {
            Some(text) => config.set("text", text),
            None => {
                let detail = format!("{} does not exist.", path.display());
                return Err(Diagnostic::error("No such note", detail).at("path").into());
            }
        }
        Ok(config)
    }
}

/// The function `title`.
struct Title;

impl Function for Title {
    fn name(&self) -> &str {
        "title"
    }

    fn signature(&self) -> Signature {
        Signature::new(Type::String)
            .summary("The first line of a text")
            .parameter(Parameter::new("text", Type::String))
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let text = arguments
            .first()
            .and_then(Value::as_str)
            .unwrap_or_default();
        match text.lines().next() {
            Some(line) => Ok(line.trim_start_matches("# ").into()),
            None => Err(FunctionError::new("the text is empty").argument(0)),
        }
    }
}
