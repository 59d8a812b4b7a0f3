//! What a part takes from the recordings, so that it is no prediction.

/// One statement each.
pub fn given(part: &str) -> &'static [&'static str] {
    match part {
        "precopy" => &[
            "The costs in the host profile were derived from recordings of this kind and host: for those, errors of times are of a fit. \
             Counts of pages, bytes and rounds follow from the algorithm.",
            "Of every guest: 123 pages of firmware that are not zero, 520 KiB of ROMs, a description of its devices of 95 386 bytes, and \
             that it was under way for its start delay and 250 ms.",
            "A migration that its user stopped is looked at when it was stopped: its total time is none that could be predicted.",
            "Each recording is one run, beside one simulated run, whose seed is the number of the repetition.",
        ],
        "colo" => &[
            "The costs in the host profiles were fitted to recordings of this kind and host: for those, errors are of a fit.",
            "The number of checkpoints, the two cores, the buffers of the sockets, and the two pages that an idle guest writes each \
             time it runs.",
            "A recorded run is compared with the checkpoints of three simulated runs.",
        ],
        "net" => &[
            "The path is as the emulator made it: its share of random losses is the one that was drawn in the recorded runs (with losses in \
             bursts: the one that was asked for), and each direction's delay has what the emulator was late by on average.",
            "A packet takes in the hosts what isolated packets took in `verification.json`, in the middle of those tests.",
            "Linux's constants (HZ=250, minimum time-out, delayed acknowledgement, HyStart and so on) are those of the recording kernel.",
            "As many runs as were recorded, at least 5, and 20 where losses come in bursts.",
        ],
        _ => &[],
    }
}
