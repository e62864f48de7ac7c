//! Logs in the format that Terraform reads from a plugin: one JSON object per line of standard
//! error, as hclog writes them.
//!
//! ```json
//! {"@level":"info","@message":"…","@module":"soci.push","@timestamp":"2026-01-02T15:04:05.000000Z","digest":"sha256:…"}
//! ```
//!
//! Terraform drops events below its own level and prints the others in its own format. It splits
//! lines longer than 64 KiB, so they are shortened here. Only the provider's own crates log below
//! `WARN`: others may print whole URLs and headers, including tokens.

use std::fmt;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value as Json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Scope};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Maximum length of a line in bytes, somewhat below the reader's 64 KiB.
const MOST: usize = 63 * 1024;
/// Maximum length of a field in a line that would otherwise be longer.
const MOST_OF_FIELD: usize = 4 * 1024;

/// Starts logging if the environment asks for it. Does nothing if the process already has a
/// subscriber.
pub(crate) fn init(provider: &str, own: &[String]) {
    let level = level(provider, |name| std::env::var(name).ok());
    if level == LevelFilter::OFF {
        return;
    }
    let others = level.min(LevelFilter::WARN);
    let targets = own.iter().map(|target| (target.clone(), level));
    let filter = Targets::new().with_default(others).with_targets(targets);
    let layer = Hclog.with_filter(filter);
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

/// Returns the level for a provider, from its own variable, the variable for all providers, or the
/// general one.
fn level(provider: &str, var: impl Fn(&str) -> Option<String>) -> LevelFilter {
    let name: String = provider
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    let own = format!("TF_LOG_PROVIDER_{name}");
    let set = [own.as_str(), "TF_LOG_PROVIDER", "TF_LOG"]
        .into_iter()
        .find_map(|name| var(name).filter(|value| !value.is_empty()));
    match set.map(|s| s.to_ascii_uppercase()).as_deref() {
        None | Some("OFF") => LevelFilter::OFF,
        Some("ERROR") => LevelFilter::ERROR,
        Some("WARN") => LevelFilter::WARN,
        Some("INFO") => LevelFilter::INFO,
        Some("DEBUG") => LevelFilter::DEBUG,
        // TRACE, JSON (which implies TRACE) and unknown levels, as in Terraform.
        Some(_) => LevelFilter::TRACE,
    }
}

/// Layer that writes each event as a line.
struct Hclog;

/// Fields of a span, kept for the events within it.
struct SpanFields(Map<String, Json>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Hclog {
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
        let metadata = event.metadata();
        let line = line(
            *metadata.level(),
            metadata.target(),
            SystemTime::now(),
            fields.0,
        );
        // Written in a single call, so that lines of several threads do not mix. A closed pipe is
        // ignored.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// Formats one line, newline included.
fn line(level: Level, target: &str, now: SystemTime, mut fields: Map<String, Json>) -> String {
    let message = match fields.remove("message") {
        Some(Json::String(message)) => message,
        _ => String::new(),
    };
    let mut line = Map::new();
    line.insert("@level".into(), level.as_str().to_ascii_lowercase().into());
    line.insert("@message".into(), message.into());
    line.insert("@module".into(), target.replace("::", ".").into());
    line.insert("@timestamp".into(), timestamp(now).into());
    let head = line.clone();
    line.extend(
        fields
            .into_iter()
            .filter(|(name, _)| !name.starts_with('@')),
    );

    let mut text = Json::Object(line.clone()).to_string();
    if text.len() > MOST {
        line.values_mut().for_each(shorten);
        text = Json::Object(line).to_string();
    }
    if text.len() > MOST {
        // Too many fields, or too many escaped characters: keep only the message.
        let mut head = head;
        head.values_mut().for_each(shorten);
        text = Json::Object(head).to_string();
    }
    text.push('\n');
    text
}

fn shorten(value: &mut Json) {
    if let Json::String(text) = value
        && text.len() > MOST_OF_FIELD
    {
        text.truncate(text.floor_char_boundary(MOST_OF_FIELD));
        text.push('…');
    }
}

/// Formats a time in UTC, such as `2006-01-02T15:04:05.000000Z`.
fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (seconds, micros) = (since.as_secs(), since.subsec_micros());
    let (mut days, of_day) = (seconds / 86_400, seconds % 86_400);

    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (day, hour, minute, second) = (days + 1, of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Visitor that collects fields as JSON.
#[derive(Default)]
struct Fields(Map<String, Json>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Json>) {
        self.0.insert(field.name().to_owned(), value.into());
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
        self.put(field, value);
    }
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, value.to_string());
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps() {
        let table = [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399, 1_999, "2000-02-28T23:59:59.000001Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000000Z"),
            (1_136_214_245, 500_000_000, "2006-01-02T15:04:05.500000Z"),
            (1_704_067_199, 999_999_999, "2023-12-31T23:59:59.999999Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000000Z"),
        ];
        for (seconds, nanos, want) in table {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::new(seconds, nanos)), want);
        }
    }

    #[test]
    fn levels() {
        let table: [(&[(&str, &str)], LevelFilter); 7] = [
            (&[], LevelFilter::OFF),
            (&[("TF_LOG", "debug")], LevelFilter::DEBUG),
            (&[("TF_LOG", "JSON")], LevelFilter::TRACE),
            (
                &[("TF_LOG", "DEBUG"), ("TF_LOG_PROVIDER", "ERROR")],
                LevelFilter::ERROR,
            ),
            (
                &[("TF_LOG", "DEBUG"), ("TF_LOG_PROVIDER_MY_CLOUD", "off")],
                LevelFilter::OFF,
            ),
            (
                &[("TF_LOG", "DEBUG"), ("TF_LOG_PROVIDER_MY_CLOUD", "")],
                LevelFilter::DEBUG,
            ),
            (&[("TF_LOG", "loud")], LevelFilter::TRACE),
        ];
        for (vars, want) in table {
            let var = |name: &str| {
                let found = vars.iter().find(|(n, _)| *n == name);
                found.map(|(_, v)| (*v).to_owned())
            };
            assert_eq!(level("my-cloud", var), want, "{vars:?}");
        }
    }

    fn line_of(fields: impl IntoIterator<Item = (&'static str, Json)>) -> Json {
        let fields = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let line = line(Level::WARN, "a::b", UNIX_EPOCH, fields);
        assert!(line.len() < 64 * 1024 && line.ends_with('\n'));
        assert_eq!(line.matches('\n').count(), 1);
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn a_line_is_hclog() {
        let line = line_of([
            ("message", "two\nlines".into()),
            ("n", 1.into()),
            ("@level", "no".into()),
        ]);
        let want = serde_json::json!({
            "@level": "warn", "@message": "two\nlines", "@module": "a.b",
            "@timestamp": "1970-01-01T00:00:00.000000Z", "n": 1,
        });
        assert_eq!(line, want);
    }

    #[test]
    fn a_long_line_is_cut() {
        let line = line_of([("message", "ä".repeat(100_000).into()), ("short", 1.into())]);
        assert_eq!(line["short"], 1);
        let many = (0..200).map(|i| {
            let name: &'static str = Box::leak(format!("f{i}").into_boxed_str());
            (name, Json::from("\u{1}".repeat(5_000)))
        });
        let line = line_of(many.chain([("message", "kept".into())]));
        assert_eq!(line["@message"], "kept");
    }
}
