//! Results of `make bench`: tables that are printed and stored for docs/benchmarks.md.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Environment variable that names the directory where results are stored.
pub const DIRECTORY_VARIABLE: &str = "SOCI_BENCH_RESULTS";

/// Measurements of a benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Heading of its section.
    pub title: String,
    /// Sentences about the measurements and their targets.
    pub note: String,
    /// Headings of the columns. The first column names the subject, the others have numbers.
    pub columns: Vec<String>,
    /// Cells, row by row.
    pub rows: Vec<Vec<String>>,
    /// The same data as bars.
    pub chart: Option<Chart>,
}

/// A bar chart with one group per label, and one bar per series in each group.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Caption, with the unit.
    pub title: String,
    /// Names of the groups.
    pub labels: Vec<String>,
    /// A name and a number for each group.
    pub series: Vec<(String, Vec<f64>)>,
}

/// Tracks whether all targets of measurements have been met so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Targets {
    met: bool,
}

impl Default for Targets {
    fn default() -> Self {
        Self { met: true }
    }
}

impl Targets {
    /// Records a target. Returns the mark for its number, which is empty if the target is met.
    pub fn mark(&mut self, met: bool) -> &'static str {
        self.met &= met;
        if met { "" } else { "!" }
    }

    /// Returns whether every target was met.
    pub fn met(self) -> bool {
        self.met
    }
}

impl Table {
    /// Creates a table without rows.
    pub fn new(title: &str, note: &str, columns: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            note: note.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
            chart: None,
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Returns the table in Markdown with aligned columns.
    pub fn markdown(&self) -> String {
        let width = |column: usize| {
            let cells = std::iter::once(&self.columns).chain(&self.rows);
            let cells = cells.filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cells: &[String]| {
            let cells = cells.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, &width))| match column {
                0 => format!(" {cell:<width$} |"),
                _ => format!(" {cell:>width$} |"),
            });
            format!("|{}\n", cells.collect::<String>())
        };
        let rule = widths
            .iter()
            .enumerate()
            .map(|(column, &width)| match column {
                0 => format!(" {} |", "-".repeat(width)),
                _ => format!(" {}: |", "-".repeat(width.saturating_sub(1))),
            });
        let rule = format!("|{}\n", rule.collect::<String>());
        let rows = self.rows.iter().map(|row| line(row));
        format!("{}{rule}{}", line(&self.columns), rows.collect::<String>())
    }

    /// Prints the table, and stores it as `name` if results are stored.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn publish(&self, name: &str) -> io::Result<()> {
        println!("\n{}\n\n{}", self.title, self.markdown());
        match std::env::var_os(DIRECTORY_VARIABLE) {
            Some(directory) => {
                let path = PathBuf::from(directory).join(name).with_extension("json");
                std::fs::write(path, self.to_json().to_string())
            }
            None => Ok(()),
        }
    }

    /// Reads a stored table.
    ///
    /// # Errors
    /// If it does not exist.
    pub fn read(directory: &Path, name: &str) -> io::Result<Self> {
        let path = directory.join(name).with_extension("json");
        let error = |error: String| io::Error::other(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|cause| error(cause.to_string()))?;
        let json = serde_json::from_str(&text).map_err(|cause| error(cause.to_string()))?;
        Self::from_json(&json).ok_or_else(|| error("no table".to_owned()))
    }

    fn to_json(&self) -> Value {
        let chart = self.chart.as_ref().map(
            |chart| json!({"title": chart.title, "labels": chart.labels, "series": chart.series}),
        );
        json!({
            "title": self.title,
            "note": self.note,
            "columns": self.columns,
            "rows": self.rows,
            "chart": chart,
        })
    }

    fn from_json(json: &Value) -> Option<Self> {
        let chart = match &json["chart"] {
            Value::Null => None,
            chart => Some(Chart {
                title: chart["title"].as_str()?.to_owned(),
                labels: strings(&chart["labels"])?,
                series: each(&chart["series"], |series| {
                    let numbers = each(&series[1], Value::as_f64)?;
                    Some((series[0].as_str()?.to_owned(), numbers))
                })?,
            }),
        };
        Some(Self {
            title: json["title"].as_str()?.to_owned(),
            note: json["note"].as_str()?.to_owned(),
            columns: strings(&json["columns"])?,
            rows: each(&json["rows"], strings)?,
            chart,
        })
    }
}

fn each<T>(list: &Value, read: impl FnMut(&Value) -> Option<T>) -> Option<Vec<T>> {
    list.as_array()?.iter().map(read).collect()
}

fn strings(list: &Value) -> Option<Vec<String>> {
    each(list, |text| text.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_missed_target_is_enough() {
        let mut targets = Targets::default();
        assert_eq!(targets.mark(true), "");
        assert!(targets.met());
        assert_eq!(targets.mark(false), "!");
        assert_eq!(targets.mark(true), "");
        assert!(!targets.met());
    }

    #[test]
    fn a_table_is_read_as_it_was_kept() {
        let mut table = Table::new("Speed", "Of things.", &["thing", "time"]);
        table.row(["a longer one", "1.25 s"].map(str::to_owned));
        table.row(["b", "0.5 s"].map(str::to_owned));
        assert_eq!(Table::from_json(&table.to_json()), Some(table.clone()));
        table.chart = Some(Chart {
            title: "Seconds".to_owned(),
            labels: vec!["a".to_owned(), "b".to_owned()],
            series: vec![("time".to_owned(), vec![1.25, 0.5])],
        });
        assert_eq!(Table::from_json(&table.to_json()), Some(table.clone()));
        let want = "\
| thing        |   time |
| ------------ | -----: |
| a longer one | 1.25 s |
| b            |  0.5 s |
";
        assert_eq!(table.markdown(), want);
    }
}
