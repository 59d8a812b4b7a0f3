//! What the scripted secondary has read, and the RAM that follows from it.
//!
//! Pages are kept by epoch: all of epoch k, from all channels, comes before those of epoch k + 1.

use colosim_models::guest::Layout;
use colosim_models::wire::multifd_packet::RamPacket;
use colosim_sim::Time;

/// Something on the main channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenMain {
    EnableColo,
    Start,
    Part,
    End,
    Flush,
    Zero,
    Page,
    Eos,
    Devices { number: u32, bytes: u64 },
    Eof,
    Description,
    Request,
}

/// A page that came, in the epoch in which it came.
struct PageWrite {
    block: usize,
    page: usize,
    content: u64,
}

/// What the secondary has read.
#[derive(Default)]
pub struct Log {
    pub channels: Vec<Vec<RamPacket>>,
    pub main: Vec<(Time, SeenMain)>,
    epochs: Vec<Vec<PageWrite>>,
    /// Epochs that were complete at the end of precopy, and at each checkpoint.
    pub states: Vec<usize>,
    pub main_epoch: usize,
}

impl Log {
    /// A page came in an epoch.
    pub fn write(&mut self, epoch: usize, block: usize, page: usize, content: u64) {
        if self.epochs.len() <= epoch {
            self.epochs.resize_with(epoch + 1, Vec::new);
        }
        self.epochs[epoch].push(PageWrite { block, page, content });
    }

    /// RAM of a secondary at the end of precopy (0) or at a checkpoint.
    pub fn image(&self, layout: &Layout, state: usize) -> Vec<Vec<u64>> {
        let mut blocks: Vec<Vec<u64>> = layout.blocks.iter().map(|block| vec![0; block.pages]).collect();
        for write in self.epochs.iter().take(self.states[state]).flatten() {
            blocks[write.block][write.page] = write.content;
        }
        blocks
    }

    /// Pages that came in the epochs up to the end of precopy.
    pub fn pages_in_precopy(&self) -> Vec<(usize, usize)> {
        self.epochs.iter().take(self.states[0]).flatten().map(|write| (write.block, write.page)).collect()
    }

    /// Number of pages in each epoch of a checkpoint.
    pub fn pages_of_epochs(&self, checkpoint: usize) -> Vec<usize> {
        let range = self.states[checkpoint - 1]..self.states[checkpoint];
        range.map(|epoch| self.epochs.get(epoch).map_or(0, Vec::len)).collect()
    }

    /// SYNC packets on each channel.
    pub fn syncs(&self) -> Vec<usize> {
        let count = |packets: &Vec<RamPacket>| packets.iter().filter(|packet| packet.flags.is_sync()).count();
        self.channels.iter().map(count).collect()
    }

    /// How often `what` came on the main channel.
    pub fn count(&self, what: &SeenMain) -> usize {
        self.main.iter().filter(|(_, seen)| seen == what).count()
    }

    /// What came on the main channel during a checkpoint.
    pub fn main_of_checkpoint(&self, checkpoint: usize) -> Vec<SeenMain> {
        let mut parts = self.main.split(|(_, seen)| *seen == SeenMain::Request);
        parts.nth(checkpoint).expect("the checkpoint came").iter().map(|(_, seen)| seen.clone()).collect()
    }

    /// When the requests came.
    pub fn request_times(&self) -> Vec<Time> {
        self.main.iter().filter(|(_, seen)| *seen == SeenMain::Request).map(|(time, _)| *time).collect()
    }
}
