//! Feeding a recording to the simulated secondary.
//!
//! The recorded primary waited for the secondary's answers; the simulated secondary may be slower, as when its threads are
//! stalled. So a chunk recorded at time t goes out at t, or, if the simulated secondary gave the last answer that the real one
//! had given before t so much later, that much later. Whoever sees a chunk has then seen all that the real primary had seen.

use super::head::{Head, PAGE_BYTES, head_of};
use super::{Connection, Ends, Recording, ReplayError};
use crate::guest::{GuestWriter, Layout, Side};
use crate::host_profile::HostProfile;
use crate::metrics::Recorder;
use crate::milestone::Milestones;
use crate::oracle::{Oracle, State, hang};
use crate::preset::preset;
use crate::scenario::{Accel, Granularity, Workload};
use crate::secondary::{PageContent, Secondary, SecondaryConfig, Vm, Work};
use crate::steps::{STEPS, colo_incoming};
use crate::world::costs;
use colosim_sim::link::{Loss, Path, PathConfig, Piece, Socket, Tcp, Transport, connect};
use colosim_sim::{Config, Contents, Cx, Kind, Outcome, Plan, Signal, Sim, Simulator, Span, Time};
use std::cell::RefCell;
use std::rc::Rc;

/// A failover that has not ended after this time never will; the real ones took at most 6.2 ms.
const FAILOVER_BOUND: Span = Span::millis(5_000);

/// What the simulated secondary made of a recording.
#[derive(Debug, Clone)]
pub struct Replay {
    /// Trace hash, hazards, violations, visits.
    pub outcome: Outcome,
    /// Every state it reached.
    pub states: Vec<State>,
    /// Index of `pc.ram` in the blocks of a state.
    pub compared_block: usize,
    /// Guest RAM of `pc.ram` at the end.
    pub guest: Contents,
    /// How it ended.
    pub ended: Ends,
    /// Who waits for what, if it hangs.
    pub wait: Option<String>,
    /// What it answered on the main connection.
    pub answers: Vec<u8>,
    /// Its error messages.
    pub errors: Vec<String>,
}

/// Run a recording through the secondary.
///
/// # Errors
/// If the head of the main stream does not list RAM blocks that can be replayed.
pub fn replay(simulator: &mut Simulator, recording: &Recording, seed: u64, plan: Plan) -> Result<Replay, ReplayError> {
    let Head { layout, compared_block } = head_of(recording)?;
    let layout = Rc::new(layout);
    let host = HostProfile::builtin("lab-loopback-medians").expect("the profile is part of the program");
    let (costs, noise) = costs(&host);
    let last_event_us = recording.connections.iter().flat_map(|c| [c.sent.end_us, c.answered.end_us]).flatten().max();
    let config = Config {
        seed,
        steps: STEPS,
        costs,
        noise,
        plan,
        time_limit: Span::micros(last_event_us.unwrap_or(0)) + FAILOVER_BOUND + Span::millis(120_000),
        step_limit: u64::MAX,
        record: false,
    };
    let world: RefCell<Option<Rc<Feed>>> = RefCell::new(None);
    let outcome = simulator.run(config, |sim| {
        *world.borrow_mut() = Some(build(sim, recording, layout));
    });
    let feed = world.into_inner().expect("the world was built");
    let states = feed.oracle.states();
    let wait = outcome.violations.iter().find(|v| v.kind == Kind::HANG).map(|v| v.detail.clone());
    let ended = match &wait {
        Some(_) => Ends::Hangs,
        None if checkpoints_begun(&outcome) + 1 > states.len() => Ends::InCheckpoint,
        None => Ends::Whole,
    };
    Ok(Replay {
        states,
        compared_block,
        guest: feed.secondary.blocks[compared_block].guest.peek_all(Contents::clone),
        ended,
        wait,
        answers: feed.answers.borrow().clone(),
        errors: feed.secondary.errors.borrow().clone(),
        outcome,
    })
}

/// Checkpoints for which the secondary stopped its guest.
fn checkpoints_begun(outcome: &Outcome) -> usize {
    let stops = outcome.visits.iter().find(|(thread, step, _)| {
        outcome.thread_names[thread.index()] == "mig/dst/colo" && *step == colo_incoming::STOP_VM
    });
    stops.map_or(0, |(.., visits)| *visits as usize)
}

/// The recorded primary, and what it waits for.
struct Feed {
    secondary: Rc<Secondary>,
    oracle: Rc<Oracle>,
    answers: RefCell<Vec<u8>>,
    /// How much later than recorded each byte of them came.
    late: RefCell<Vec<Span>>,
    /// Given, and made anew, with every answer.
    answered: RefCell<Signal>,
    /// The recorded answers, to compare with.
    recorded: super::Stream,
}

fn build(sim: &Sim, recording: &Recording, layout: Rc<Layout>) -> Rc<Feed> {
    let primary = sim.process("recorded primary");
    let secondary = sim.process("secondary");
    let management = sim.process("management");
    // Times on the path are part of the recording: this one adds almost nothing.
    let direct = PathConfig {
        rate_bits_per_s: 0,
        latency: Span::micros(1),
        jitter: Span::ZERO,
        loss: Loss::None,
        queue_bytes: u64::MAX / 2,
    };
    let (there, back) = (Path::new(direct), Path::new(direct));
    let ends: Vec<(Socket, Socket)> = recording
        .connections
        .iter()
        .map(|c| {
            connect(
                sim,
                &c.name,
                (primary, &there),
                (secondary, &back),
                Transport::Tcp(Tcp::loopback()),
                4 << 20,
                6 << 20,
            )
        })
        .collect();
    let own = |main: bool| {
        let pairs = recording.connections.iter().zip(&ends);
        pairs.filter(move |(c, _)| (c.name == "main") == main).map(|(_, (_, socket))| socket.clone())
    };
    let multifd: Vec<Socket> = own(false).collect();
    let main = own(true).next().expect("the main stream was decoded");

    let design = if multifd.is_empty() { "plain-ram.c" } else { "merged" };
    let mut variant = preset(design).expect("the preset is part of the program").variant.clone();
    variant.sync_receiver = recording.sync_receiver;
    let idle = GuestWriter::new(&Workload::Idle, &layout, sim.stream("workload", "secondary"), Side::Secondary);
    let oracle = Rc::new(Oracle::keeping_states());
    let qemu = Secondary::new(
        sim,
        secondary,
        SecondaryConfig {
            variant,
            x_colo: recording.colo,
            channels: multifd.len() as u32,
            target_is_live: true,
            compression: recording.compression,
            layout,
            granularity: Granularity::Packet,
            content: PageContent::Sha256 { page_bytes: PAGE_BYTES },
            accel: Accel::Tcg,
            exit_on_error: true,
            vm: Vm::new(sim, idle),
        },
        main,
        multifd,
        oracle.clone(),
        Milestones::new(),
        Recorder::default(),
    );
    qemu.spawn();

    let feed = Rc::new(Feed {
        secondary: qemu,
        oracle,
        answers: RefCell::default(),
        late: RefCell::default(),
        answered: RefCell::new(Signal::new(sim)),
        recorded: recording.main().map(|main| main.answered.clone()).unwrap_or_default(),
    });
    for (connection, (socket, _)) in recording.connections.iter().zip(ends) {
        if connection.name == "main" {
            let (feed, socket) = (feed.clone(), socket.clone());
            sim.spawn(primary, "recorded/answers", |cx| async move { feed.listen(&cx, &socket).await });
        }
        let (feed, connection) = (feed.clone(), connection.clone());
        let name = format!("recorded/{}", connection.name);
        sim.spawn(primary, &name, |cx| async move { feed.send(&cx, &connection, &socket).await });
    }
    let (manager, yank_us, failover_us) = (feed.clone(), recording.yank_us, recording.failover_us);
    sim.spawn(management, "management", move |cx| async move { manager.manage(&cx, yank_us, failover_us).await });
    feed
}

impl Feed {
    /// Wait for the answers that the real secondary had given before a recorded time, and then for that time.
    async fn wait_for(&self, cx: &Cx, time_us: u64) {
        let owed = self.recorded.bytes_before(time_us) as usize;
        while self.answers.borrow().len() < owed {
            let next = self.answered.borrow().clone();
            next.wait(cx, "an answer of the secondary").await;
        }
        let late = if owed == 0 { Span::ZERO } else { self.late.borrow()[owed - 1] };
        cx.sleep_until(Time::ZERO + Span::micros(time_us) + late).await;
    }

    /// Send what was recorded of one connection, then end it.
    async fn send(&self, cx: &Cx, connection: &Connection, socket: &Socket) {
        let mut sent = 0;
        for &(time_us, bytes) in &connection.sent.chunks_us {
            self.wait_for(cx, time_us).await;
            let chunk = Piece::Bytes(connection.sent.bytes[sent..bytes as usize].into());
            sent = bytes as usize;
            if socket.write(cx, [chunk]).await.is_err() {
                break;
            }
        }
        if let Some(end_us) = connection.sent.end_us {
            self.wait_for(cx, end_us).await;
            socket.close();
        }
    }

    /// Take the secondary's answers.
    async fn listen(&self, cx: &Cx, socket: &Socket) {
        let mut byte = [0];
        while socket.read_exact(cx, &mut byte).await.is_ok() {
            self.answers.borrow_mut().extend(byte);
            let recorded = Time::ZERO + Span::micros(self.recorded.time_of_byte(self.late.borrow().len() as u64));
            self.late.borrow_mut().push(cx.sim.now().since(recorded));
            self.answered.replace(Signal::new(&cx.sim)).give(cx);
        }
    }

    /// What was done to the real secondary from outside, and the end of the run.
    async fn manage(&self, cx: &Cx, yank_us: Option<u64>, failover_us: Option<u64>) {
        if let Some(time_us) = yank_us {
            self.wait_for(cx, time_us).await;
            self.secondary.yank(cx).await;
        }
        if let Some(time_us) = failover_us {
            self.wait_for(cx, time_us).await;
            self.secondary.post(cx, Work::LostHeartbeat);
            let deadline = cx.sim.now() + FAILOVER_BOUND;
            if !self.secondary.over.wait_deadline(cx, "the end of the failover", deadline).await {
                hang(cx, Kind::HANG, "failover of the secondary did not end", "dst/main");
            }
        } else {
            self.secondary.over.wait(cx, "the end of the migration").await;
        }
        cx.sim.finish();
    }
}
