fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let t = std::time::Instant::now();
    let all = colosim_measured::precopy::compare(std::path::Path::new(&dir)).unwrap().unwrap();
    let mut last = String::new();
    for c in &all {
        let key = format!("{} {}", c.class, c.configuration);
        if c.figure == "bytes" {
            println!("{key}");
            last = key;
        }
        println!(
            "    {:<12} {:>14.1} {:>14.1} {:>8.2}%",
            c.figure,
            c.measured,
            c.simulated,
            100.0 * (c.simulated / c.measured - 1.0)
        );
    }
    for f in ["total_time", "downtime", "bytes", "pages", "rounds"] {
        println!(
            "{f} {:?}",
            colosim_measured::Errors::of(all.iter().filter(|c| c.figure == f).map(|c| c.relative_error()))
        );
    }
    println!("{last} {:?}", t.elapsed());
}
