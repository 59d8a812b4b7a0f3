//! Sweeps in, documents out: what a chart says, that it is an image, and that it is the same one every time.

mod common;

use colosim_plots::chart::{Arrangement, Axis, Figure, Line, Panel, Point, RASTER_SCALE};
use colosim_plots::results::{Conditions, Field, SweepResults, Unit};
use colosim_plots::scale::ScaleChoice;
use colosim_plots::theme::Dash;
use colosim_plots::{PlotError, Theme, law, migration, pause, render, throughput};
use common::delay_sweep;

/// The texts of an SVG document, in order.
fn texts(svg: &str) -> Vec<&str> {
    let elements = svg.split("<text").skip(1);
    elements.filter_map(|element| Some(element.split_once('>')?.1.split_once("</text>")?.0.trim())).collect()
}

/// Width, height and RGB pixels of a PNG.
fn decoded(png: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().expect("a PNG header");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size that fits memory")];
    let info = reader.next_frame(&mut pixels).expect("whole image data");
    assert_eq!(info.color_type, png::ColorType::Rgb);
    (info.width, info.height, pixels)
}

fn figure_of(points: Vec<Point>) -> Figure {
    let axis = |label: &str, unit| Axis { label: label.into(), unit, scale: ScaleChoice::BySpan };
    Figure {
        title: "A < B & C".into(),
        subtitle: Vec::new(),
        arrangement: Arrangement::SideBySide,
        panels: vec![Panel {
            x: axis("dirty rate", Unit::PagesPerSecond),
            y: axis("sent", Unit::Bytes),
            lines: vec![Line {
                series: String::new(),
                slot: 0,
                dash: Dash::Solid,
                stroke_label: String::new(),
                points,
            }],
            references: Vec::new(),
            marks: Vec::new(),
        }],
    }
}

#[test]
fn the_throughput_chart_names_its_axes_units_series_and_interval() {
    let results = delay_sweep(&[50, 100, 200, 500, 1000, 2000], &[4, 1, 2], 5);
    let svg = throughput::figure(&results).svg(&Theme::LIGHT).unwrap();
    let texts = texts(&svg);
    for expected in [
        "Guest progress rises from 73 % to 98 % between 50 ms and 2 s",
        "with 1 channel, from 88 % to 99 % with 4 channels",
        "What does a shorter delay cost?",
        "Scenario checkpoint-delay, variant merged · mean of 5 seeds with 95 % confidence interval (Student t)",
        "Guest progress, share of undisturbed",
        "Network throughput (Gbit/s)",
        "x-checkpoint-delay (log scale)",
        "undisturbed guest",
        "50 ms",
        "200 ms",
        "2 s",
        "100 %",
    ] {
        assert!(texts.contains(&expected), "`{expected}` is not in {texts:?}");
    }
    let place = |label: &str| texts.iter().position(|text| *text == label).unwrap();
    assert!(place("1 channel") < place("2 channels") && place("2 channels") < place("4 channels"));
}

#[test]
fn the_pause_chart_tells_median_from_percentile_by_dash() {
    let svg = pause::figure(&delay_sweep(&[50, 100, 200], &[2, 4], 2)).unwrap().svg(&Theme::DARK).unwrap();
    let texts = texts(&svg);
    for expected in ["Checkpoint pause (ms)", "2 channels", "4 channels", "p50", "p99", "x-checkpoint-delay", "100 ms"]
    {
        assert!(texts.contains(&expected), "`{expected}` is not in {texts:?}");
    }
    assert!(texts.iter().any(|text| text.ends_with("mean of 2 seeds with minimum and maximum")));
}

#[test]
fn svg_text_falls_back_to_a_generic_family() {
    let svg = throughput::figure(&delay_sweep(&[50, 100], &[2], 3)).svg(&Theme::LIGHT).unwrap();
    assert!(svg.contains("Arial, sans-serif\""));
}

#[test]
fn a_png_has_twice_the_nominal_size_and_holds_background_and_ink() {
    let results = delay_sweep(&[50, 100, 200], &[2], 3);
    let figures = [throughput::figure(&results), pause::figure(&results).unwrap()];
    let plots = render(&results, &Theme::LIGHT).unwrap();
    assert_eq!(plots.iter().map(|plot| plot.name).collect::<Vec<_>>(), ["throughput", "pause"]);
    for (figure, plot) in figures.iter().zip(plots) {
        let (width, height, pixels) = decoded(&plot.png);
        let nominal = figure.size();
        assert_eq!((width, height), (nominal.0 * RASTER_SCALE, nominal.1 * RASTER_SCALE));
        let opening = format!("<svg width=\"{}\" height=\"{}\"", nominal.0, nominal.1);
        assert!(plot.svg.starts_with(&opening));
        let white = pixels.chunks_exact(3).filter(|pixel| *pixel == [255, 255, 255]).count();
        let blue = pixels.chunks_exact(3).filter(|pixel| *pixel == [0x00, 0x72, 0xb2]).count();
        assert!(white * 2 > pixels.len() / 3, "most of the image is background");
        assert!(blue > 500, "the first series is drawn in its colour");
    }
}

#[test]
fn nothing_touches_the_edge_of_the_image() {
    for plot in render(&delay_sweep(&[50, 100, 200, 500, 1000, 2000], &[1, 2, 4, 8], 3), &Theme::LIGHT).unwrap() {
        let (width, height, pixels) = decoded(&plot.png);
        let edge = 8;
        for (index, pixel) in pixels.chunks_exact(3).enumerate() {
            let (x, y) = (index as u32 % width, index as u32 / width);
            let on_edge = x < edge || y < edge || x >= width - edge || y >= height - edge;
            assert!(!on_edge || pixel == [255, 255, 255], "ink at {x}, {y} of {}", plot.name);
        }
    }
}

#[test]
fn the_same_sweep_gives_the_same_bytes_in_any_order_of_its_runs() {
    let results = delay_sweep(&[50, 500], &[2, 4], 3);
    let mut reversed = results.clone();
    reversed.points.reverse();
    assert_eq!(render(&results, &Theme::DARK).unwrap(), render(&reversed, &Theme::DARK).unwrap());
}

#[test]
fn a_sweep_with_one_run_is_drawn_as_points() {
    let plots = render(&delay_sweep(&[100], &[4], 1), &Theme::LIGHT).unwrap();
    assert!(texts(&plots[0].svg).contains(&"100 ms"));
    assert!(texts(&plots[0].svg).iter().any(|text| text.ends_with("one seed per point")));
}

#[test]
fn a_sweep_without_a_series_has_no_series_in_its_legend() {
    let mut results = delay_sweep(&[50, 100], &[4], 3);
    results.series = None;
    let svg = pause::figure(&results).unwrap().svg(&Theme::LIGHT).unwrap();
    assert!(!svg.contains("channels"));
}

#[test]
fn an_empty_sweep_is_refused_by_name() {
    let error = render(&delay_sweep(&[], &[], 0), &Theme::LIGHT).unwrap_err();
    assert!(matches!(error, PlotError::EmptySweep { .. }));
    assert!(error.to_string().contains("`checkpoint-delay`"));
}

#[test]
fn a_sweep_without_checkpoints_has_no_pause_chart() {
    let mut results = delay_sweep(&[50, 100], &[4], 3);
    results.points.iter_mut().for_each(|point| point.metrics.checkpoints = 0);
    let names: Vec<_> = render(&results, &Theme::LIGHT).unwrap().iter().map(|plot| plot.name).collect();
    assert_eq!(names, ["migration"]);
}

#[test]
fn a_run_without_a_checkpoint_is_left_out_of_the_pauses_and_counted() {
    let mut results = delay_sweep(&[50, 100], &[4], 3);
    results.points[0].metrics.checkpoints = 0;
    let figure = pause::figure(&results).unwrap();
    assert!(figure.subtitle[1].contains("1 run without a checkpoint left out, mean of 2–3 seeds"));
}

#[test]
fn zero_stands_left_of_a_break_on_a_logarithmic_axis() {
    let mut results = delay_sweep(&[0, 1, 10, 100], &[2], 3);
    results.points.iter_mut().for_each(|point| point.x /= 1e9);
    results.x = Field { path: "link.loss".into(), label: "loss".into(), unit: Unit::Ratio };
    let svg = throughput::figure(&results).svg(&Theme::LIGHT).unwrap();
    let texts = texts(&svg);
    assert!(texts.contains(&"0") && texts.contains(&"0.1 %") && texts.contains(&"loss (log scale)"), "{texts:?}");
}

#[test]
fn points_that_are_not_finite_are_left_out() {
    let point = |x, y| Point { x, y, low: y, high: y };
    let figure = figure_of(vec![point(1e4, 1e6), point(2e4, f64::NAN), point(3e4, 2e6)]);
    let svg = figure.svg(&Theme::LIGHT).unwrap();
    let texts = texts(&svg);
    assert!(texts.contains(&"dirty rate (thousand pages/s)") && texts.contains(&"30"), "{texts:?}");
    assert!(!texts.contains(&"20"));
    assert!(svg.contains("A &lt; B &amp; C"));
    let nothing = figure_of(vec![point(f64::NAN, 1.0)]).png(&Theme::LIGHT);
    assert!(matches!(nothing, Err(PlotError::NothingToDraw { .. })));
}

#[test]
fn results_survive_json() {
    let results = delay_sweep(&[50, 100], &[2, 4], 2);
    let json = serde_json::to_string(&results).unwrap();
    assert_eq!(serde_json::from_str::<SweepResults>(&json).unwrap(), results);
}

/// A migration for each loss and one-way delay, half as fast with ten times the loss.
fn lossy_sweep() -> SweepResults {
    let mut results = delay_sweep(&[1, 10, 100, 1000], &[100, 1000], 3);
    results.x = Field { path: "link.loss".into(), label: "loss".into(), unit: Unit::Ratio };
    results.series = Some(Field { path: "link.latency".into(), label: "latency".into(), unit: Unit::Nanoseconds });
    for point in &mut results.points {
        point.x /= 1e12;
        let delay_us: u64 = point.series.parse().unwrap();
        point.series = format!("{delay_us} us");
        point.conditions = Conditions {
            loss: point.x,
            loss_events: point.x,
            round_trip_ns: 2_000 * delay_us,
            segment_bytes: 1448,
            flows: 1,
            rate_bits_per_s: 10_000_000_000,
            ..Conditions::default()
        };
        point.metrics.checkpoints = 0;
        point.metrics.transferred_bytes = 1 << 32;
        point.metrics.total_time_ns = (1e9 * (point.x / 1e-6).powf(0.3)) as u64 + point.seed;
        point.metrics.throughput_gbit_per_s = 8.0 * (1u64 << 32) as f64 / point.metrics.total_time_ns as f64;
    }
    results
}

#[test]
fn a_sweep_over_loss_shows_goodput_beside_both_laws() {
    let results = lossy_sweep();
    let plots = render(&results, &Theme::LIGHT).unwrap();
    assert_eq!(plots.iter().map(|plot| plot.name).collect::<Vec<_>>(), ["migration", "goodput"]);
    let texts = texts(&plots[1].svg);
    for expected in
        ["200 µs round trip", "2 ms round trip", "Reno’s law (Mathis et al. 1997)", "CUBIC’s law (RFC 9438)"]
    {
        assert!(texts.contains(&expected), "`{expected}` is not in {texts:?}");
    }
    assert!(texts[0].starts_with("Goodput falls by 87 % from 0.0001 % to 0.1 % loss"), "{texts:?}");
    for tick in ["0.0001 %", "0.001 %", "0.01 %", "0.1 %"] {
        assert!(texts.contains(&tick), "ticks are at what was measured, not at the points of a law: {texts:?}");
    }
}

#[test]
fn a_sweep_over_page_writes_says_how_far_the_closed_form_is_off() {
    let mut results = lossy_sweep();
    results.series = None;
    results.x = Field { path: "guest.workload.rate".into(), label: "rate".into(), unit: Unit::PagesPerSecond };
    for point in &mut results.points {
        point.series.clear();
        point.x *= 1e8;
        point.conditions = Conditions {
            ram_bytes: 1 << 30,
            page_bytes: 4096,
            swept_pages_per_s: point.x as u64,
            working_set_bytes: 1 << 30,
            downtime_limit_ns: 100_000_000,
            rate_bits_per_s: 8 << 30,
            ..Conditions::default()
        };
        point.metrics.total_time_ns = (law::precopy(&point.conditions).unwrap().total_ns * 1.02) as u64;
        point.metrics.rounds = 3;
    }
    let svg = migration::figure(&results).unwrap().svg(&Theme::DARK).unwrap();
    let texts = texts(&svg);
    assert!(texts[..2].join(" ").ends_with("the closed form is 2 % off at most"), "{texts:?}");
    for expected in ["closed form", "simulated", "Total time (s)", "Rounds in which pages were sent"] {
        assert!(texts.contains(&expected), "`{expected}` is not in {texts:?}");
    }
}

#[test]
fn held_output_is_shown_if_clients_got_any() {
    let mut results = delay_sweep(&[50, 100], &[2, 4], 3);
    for point in &mut results.points {
        point.metrics.packets_released = 100;
        point.metrics.held_mean_ns = 20_000;
        point.metrics.held_p99_ns = 4_000_000;
    }
    let plots = render(&results, &Theme::LIGHT).unwrap();
    assert_eq!(plots.iter().map(|plot| plot.name).collect::<Vec<_>>(), ["throughput", "pause", "latency"]);
    let texts = texts(&plots[2].svg);
    assert!(texts.contains(&"99th percentile") && texts.iter().any(|text| text.starts_with("Output is held back")));
    assert!(texts.contains(&"checkpoint-only: half the delay, mean"), "{texts:?}");
    assert!(texts[..3].join(" ").contains("output waits 20 µs at most in the mean"), "{texts:?}");
}
