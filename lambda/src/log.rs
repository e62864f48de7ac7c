//! Logs in the format that AWS Lambda reads from a custom runtime: one JSON object per line.
//!
//! ```json
//! {"level":"INFO","timestamp":"2026-01-02T15:04:05.123456Z","message":"…","requestId":"…","repository":"shop/web"}
//! ```
//!
//! The fields of the spans around an event are part of its line. Lambda passes the function's log
//! level in `AWS_LAMBDA_LOG_LEVEL`, and drops lines below it. Only this workspace's crates log
//! below `WARN`: others may print whole URLs, headers and events.

use std::fmt;
use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Scope};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Maximum length of a field's text in bytes.
const MAX_TEXT: usize = 8 << 10;

/// The variable in which Lambda passes the function's log level.
const LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";

/// Starts logging, including panics.
pub(crate) fn init() {
    let level = level(std::env::var(LEVEL).ok().as_deref());
    let others = level.min(LevelFilter::WARN);
    let filter = Targets::new()
        .with_default(others)
        .with_target("lambda", level)
        .with_target("soci", level)
        .with_target("lambda_runtime", others)
        // This target repeats what the functions and the panic hook have already logged.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF);
    let subscriber = tracing_subscriber::registry().with(Lines.with_filter(filter));
    // A subscriber already exists only if tests run in one process.
    let _ = subscriber.try_init();
    std::panic::set_hook(Box::new(log_panic));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let what = panic.payload_as_str().unwrap_or("no message");
    tracing::error!(location = location.as_deref(), "panic: {what}");
}

fn level(wanted: Option<&str>) -> LevelFilter {
    match wanted {
        Some("TRACE") => LevelFilter::TRACE,
        Some("DEBUG") => LevelFilter::DEBUG,
        Some("WARN") => LevelFilter::WARN,
        // The functions log nothing above error.
        Some("ERROR" | "FATAL") => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    }
}

/// Returns the least severe level, starting at `INFO`, that Lambda does not drop.
pub(crate) fn surviving_level() -> &'static str {
    surviving(std::env::var(LEVEL).ok().as_deref())
}

fn surviving(wanted: Option<&str>) -> &'static str {
    match wanted {
        Some("WARN") => "WARN",
        Some("ERROR") => "ERROR",
        Some("FATAL") => "FATAL",
        _ => "INFO",
    }
}

/// Writes a JSON object as a line.
pub(crate) fn write(line: &Value) {
    let line = format!("{line}\n");
    // Written in a single call, so that lines of several threads do not mix. A failure cannot be
    // reported.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

/// Formats a time as RFC 3339, in UTC.
pub(crate) fn timestamp(now: SystemTime) -> String {
    DateTime::from(now)
        .fmt(Format::DateTime)
        .unwrap_or_default()
}

/// Writes each event as a line.
struct Lines;

/// The fields of a span, kept for the events within it.
struct SpanFields(Map<String, Value>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = cx.span(id) {
            span.extensions_mut().insert(SpanFields(fields.0));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id)
            && let Some(SpanFields(known)) = span.extensions_mut().get_mut()
        {
            let mut fields = Fields(std::mem::take(known));
            values.record(&mut fields);
            *known = fields.0;
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut fields = Fields::default();
        // Inner spans and the event itself come later and take precedence.
        for span in cx.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(SpanFields(known)) = span.extensions().get() {
                fields.0.extend(known.clone());
            }
        }
        event.record(&mut fields);
        write(&line(
            *event.metadata().level(),
            SystemTime::now(),
            fields.0,
        ));
    }
}

fn line(level: Level, now: SystemTime, mut fields: Map<String, Value>) -> Value {
    fields.entry("message").or_insert_with(|| "".into());
    fields.insert("level".into(), level.as_str().into());
    fields.insert("timestamp".into(), timestamp(now).into());
    Value::Object(fields)
}

/// Collects fields as JSON.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn put_text(&mut self, field: &Field, mut text: String) {
        if text.len() > MAX_TEXT {
            text.truncate(text.floor_char_boundary(MAX_TEXT));
            text.push('…');
        }
        self.put(field, text);
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value.to_owned());
    }
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put_text(field, value.to_string());
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_line_is_what_lambda_reads() {
        let fields = [("message", "two\nlines"), ("level", "no"), ("digest", "d")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.into()));
        let now = UNIX_EPOCH + Duration::new(1_136_214_245, 500_000_000);
        let line = line(Level::WARN, now, Map::from_iter(fields));
        let want = serde_json::json!({
            "level": "WARN", "timestamp": "2006-01-02T15:04:05.5Z", "message": "two\nlines",
            "digest": "d",
        });
        assert_eq!(line, want);
        assert!(!line.to_string().contains('\n'));
    }

    #[test]
    fn levels() {
        for (wanted, want) in [
            (None, LevelFilter::INFO),
            (Some("DEBUG"), LevelFilter::DEBUG),
            (Some("FATAL"), LevelFilter::ERROR),
            (Some("loud"), LevelFilter::INFO),
        ] {
            assert_eq!(level(wanted), want, "{wanted:?}");
        }
        for (wanted, want) in [
            (None, "INFO"),
            (Some("TRACE"), "INFO"),
            (Some("WARN"), "WARN"),
            (Some("FATAL"), "FATAL"),
        ] {
            assert_eq!(surviving(wanted), want, "{wanted:?}");
        }
    }
}
