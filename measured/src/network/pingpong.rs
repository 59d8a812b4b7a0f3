//! Requests and their responses: small segments that wait, or not.

use super::recording::{Figure, Repetition, Simulate, percentile};
use super::set_up::{Link, run, span};
use colosim_sim::link::Piece;
use colosim_sim::{Simulator, Span};
use serde::Deserialize;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// The first requests of a repetition do not count.
const WARM_UP: usize = 5;
/// Longer than any request takes.
const REQUEST: Span = Span::millis(10_000);

#[derive(Debug, Deserialize)]
pub(super) struct Config {
    cc: String,
    rate_mbps: f64,
    rtt_ms: f64,
    loss: f64,
    queue_bytes: u64,
    request_bytes: usize,
    response_bytes: usize,
    writes_per_request: usize,
    nodelay: u8,
    quickack: i8,
    gap_ms: f64,
    count: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Measured {
    round_trip_ms: Percentiles,
    runs: Vec<Repetition>,
}

#[derive(Debug, Deserialize)]
struct Percentiles {
    p50: f64,
    p90: f64,
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { rtt_ms, request_bytes, response_bytes, writes_per_request, nodelay, quickack, .. } = self;
        write!(
            f,
            "{request_bytes} B in {writes_per_request} writes for {response_bytes} B, {rtt_ms} ms, nodelay {nodelay}, quickack {quickack}"
        )
    }
}

impl Simulate<Measured> for Config {
    fn link(&self) -> Link {
        Link {
            no_delay: self.nodelay == 1,
            quick_acknowledgements: self.quickack == 1,
            ..Link::plain(&self.cc, self.rate_mbps, self.rtt_ms, self.loss, self.queue_bytes)
        }
    }

    fn repetitions(result: &Measured) -> &[Repetition] {
        &result.runs
    }

    fn figures(
        &self,
        simulator: &mut Simulator,
        repetitions: &[Repetition],
        result: &Measured,
    ) -> Result<Vec<Figure>, String> {
        let Config { request_bytes, response_bytes, writes_per_request, .. } = self;
        if [*request_bytes, *response_bytes, *writes_per_request].contains(&0) || request_bytes < writes_per_request {
            return Err(format!(
                "{request_bytes} bytes in {writes_per_request} writes for {response_bytes} bytes is no request and response"
            ));
        }
        let mut round_trips_ms: Vec<f64> = Vec::new();
        for repetition in repetitions {
            round_trips_ms.extend(self.round_trips_ms(simulator, repetition).iter().skip(WARM_UP));
        }
        round_trips_ms.sort_by(f64::total_cmp);
        let Percentiles { p50, p90 } = result.round_trip_ms;
        Ok(vec![
            ("round_trip_p50", p50, percentile(&round_trips_ms, 0.50)),
            ("round_trip_p90", p90, percentile(&round_trips_ms, 0.90)),
        ])
    }
}

impl Config {
    fn round_trips_ms(&self, simulator: &mut Simulator, repetition: &Repetition) -> Vec<f64> {
        let round_trips_ms: Rc<RefCell<Vec<f64>>> = Rc::default();
        let limit = Span(REQUEST.0 * self.count);
        run(simulator, &self.link(), repetition, limit, |hosts| {
            let (client, server) = hosts.connect("requests");
            let (request, response) = (self.request_bytes, self.response_bytes);
            let (count, gap) = (self.count, span(self.gap_ms));
            let part: Rc<[u8]> = vec![0; request / self.writes_per_request].into();
            let last: Rc<[u8]> = vec![0; request - part.len() * (self.writes_per_request - 1)].into();
            let parts = self.writes_per_request - 1;
            hosts.sim.spawn(hosts.b, "server", move |cx| async move {
                let (mut buffer, answer) = (vec![0; request], Rc::<[u8]>::from(vec![0; response]));
                while server.read_exact(&cx, &mut buffer).await.is_ok() {
                    server.write(&cx, [Piece::Bytes(answer.clone())]).await.expect("nobody closes it");
                }
            });
            let log = round_trips_ms.clone();
            hosts.sim.spawn(hosts.a, "client", move |cx| async move {
                let mut buffer = vec![0; response];
                for _ in 0..count {
                    let start = cx.sim.now();
                    for _ in 0..parts {
                        client.write(&cx, [Piece::Bytes(part.clone())]).await.expect("nobody closes it");
                    }
                    client.write(&cx, [Piece::Bytes(last.clone())]).await.expect("nobody closes it");
                    client.read_exact(&cx, &mut buffer).await.expect("nobody closes it");
                    log.borrow_mut().push(cx.sim.now().since(start).0 as f64 * 1e-6);
                    if gap > Span::ZERO {
                        cx.sleep(gap).await;
                    }
                }
                cx.sim.finish();
            });
        });
        round_trips_ms.take()
    }
}
