//! Writes docs/benchmarks.md and its charts out of what `make bench` measured.
//!
//! `page RESULTS`: the directory where the benchmarks kept their tables.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use tests::results::{Chart, Table};
use tests::workspace;

/// The tables, in the order of the page. The reference's is there if `make interop` built it before.
const TABLES: [(&str, bool); 7] = [
    ("image", true),
    ("cores", true),
    ("starts", true),
    ("ztoc", true),
    ("reference", false),
    ("memory", true),
    ("hostile", true),
];
/// Output of the benchmark of the provider's start.
const PROVIDER: &str = "provider.txt";

const WIDTH: u32 = 860;
/// Height of a bar with the space around it, in pixels.
const BAR: u32 = 17;
/// Height of what is no bar, in pixels.
const REST: u32 = 90;
/// Width of the names of the groups, in pixels.
const LABELS: u32 = 250;
const COLOURS: [RGBColor; 4] = [
    RGBColor(0x0b, 0x6e, 0x99),
    RGBColor(0xd9, 0x8b, 0x2b),
    RGBColor(0x7a, 0x9e, 0x4d),
    RGBColor(0x8a, 0x8a, 0x8a),
];

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let results = std::env::args_os().skip(1).find(|a| a != "--bench");
    let results = PathBuf::from(results.context("want the directory of the results")?);
    let docs = workspace::root().join("docs");
    let charts = docs.join("benchmarks");
    std::fs::create_dir_all(&charts)?;
    let mut page = head()?;
    for (name, required) in TABLES {
        let table = match Table::read(&results, name) {
            Err(_) if !required => continue,
            table => table?,
        };
        page += &format!("\n## {}\n\n{}\n\n", table.title, table.note);
        if let Some(chart) = &table.chart {
            let file = charts.join(name).with_extension("svg");
            draw(chart, &file).with_context(|| file.display().to_string())?;
            page += &format!("![{}](benchmarks/{name}.svg)\n\n", chart.title);
        }
        page += &table.markdown();
    }
    let provider = std::fs::read_to_string(results.join(PROVIDER))?;
    page += &format!("\n## Start of the provider\n\n{provider}");
    std::fs::write(docs.join("benchmarks.md"), page)?;
    Ok(())
}

/// Returns the head of the page: what was measured, where and when.
fn head() -> Result<String> {
    let printed = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        let output = output.with_context(|| format!("{program}: cannot run"))?;
        ensure!(output.status.success(), "{program}: {}", output.status);
        anyhow::Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let root = workspace::root().display().to_string();
    let commit = printed("git", &["-C", &root, "rev-parse", "--short=10", "HEAD"])?;
    let date = printed("date", &["--utc", "+%Y-%m-%d"])?;
    let cpus = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |model| {
        model.trim_start_matches([' ', '\t', ':'])
    });
    let cores = std::thread::available_parallelism()?;
    Ok(format!(
        "# Benchmarks\n\n\
         `make bench` wrote this page: commit {commit}, {date}, {cores} cores ({model}). Everything was \
         measured in one run on one machine, and so was what it is compared with. Times depend on the \
         machine; the ratios between them do much less.\n"
    ))
}

/// Draws horizontal bars, a group for each label.
fn draw(chart: &Chart, file: &Path) -> Result<()> {
    let bars = chart.labels.len() * (chart.series.len() + 1);
    let height = REST + BAR * u32::try_from(bars)?;
    let values = chart
        .series
        .iter()
        .flat_map(|(_, values)| values.iter().copied());
    let most = values.fold(0.0, f64::max) * 1.25;
    let bars = u32::try_from(bars)?;
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut context = ChartBuilder::on(&area)
        .caption(&chart.title, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(LABELS)
        .build_cartesian_2d(0.0..most, 0.0..f64::from(bars))?;
    // Labels are drawn by hand: each belongs to a group of bars.
    context
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .y_labels(0)
        .x_max_light_lines(0)
        .draw()?;
    let each = u32::try_from(chart.series.len())? + 1;
    // Groups and their bars from the top down.
    let bar = |group: usize, number: usize| -> Result<f64> {
        let above = u32::try_from(group)? * each + u32::try_from(number)?;
        Ok(f64::from(bars) - f64::from(above))
    };
    for (number, (name, values)) in chart.series.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let mut rectangles = Vec::new();
        for (group, value) in values.iter().enumerate() {
            let top = bar(group, number)?;
            rectangles.push(Rectangle::new(
                [(0.0, top - 0.9), (*value, top - 0.1)],
                colour.filled(),
            ));
        }
        context
            .draw_series(rectangles)?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    let style = ("sans-serif", 13).into_text_style(&area);
    let style = style.pos(Pos::new(HPos::Right, VPos::Center));
    let middle = f64::from(each - 1) / 2.0;
    for (group, label) in chart.labels.iter().enumerate() {
        let (x, y) = context.backend_coord(&(0.0, bar(group, 0)? - middle));
        area.draw(&Text::new(label.clone(), (x - 8, y), style.clone()))?;
    }
    if chart.series.len() > 1 {
        context
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()?;
    }
    area.present()?;
    Ok(())
}
