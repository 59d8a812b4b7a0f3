//! A secondary for the tests of the primary: it reads everything with the decoders of `wire`, keeps a log of it, and
//! gives the answers that keep the primary going.

use crate::log::{Log, SeenMain};
use colosim_models::guest::Layout;
use colosim_models::scenario::Compression;
use colosim_models::wire::codec::Decompressor;
use colosim_models::wire::colo_message::{self, ColoMessage};
use colosim_models::wire::multifd_init::{self, ChannelIdCheck};
use colosim_models::wire::multifd_packet::{self, HEADER_LEN, RamPacket, packet_len};
use colosim_models::wire::ram_section::{LastBlock, Word, read_word};
use colosim_models::wire::stream::{self, Item};
use colosim_models::wire::{ReadError, SliceSource, Source, WireError, now, read_announced};
use colosim_sim::link::{self, PageRead, Piece, Socket};
use colosim_sim::{Cx, Span};
use std::cell::RefCell;
use std::rc::Rc;

/// The scripted secondary.
pub struct Scripted {
    pub layout: Rc<Layout>,
    pub log: Rc<RefCell<Log>>,
    pub compression: Compression,
    /// An EOS ends an epoch.
    pub sync_on_eos: bool,
    pub colo: bool,
    /// From vmstate-received to vmstate-loaded.
    pub load_time: Span,
}

struct FromSocket<'a>(&'a Cx, &'a Socket);

impl Source for FromSocket<'_> {
    async fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), ReadError> {
        self.1.read_exact(self.0, bytes).await.map_err(|error| match error {
            link::ReadError::Eof { got } => ReadError::Eof { got: got as usize },
            link::ReadError::Reset { got } => ReadError::Reset { got: got as usize },
        })
    }
}

impl Scripted {
    /// The reader of one multifd channel.
    pub async fn read_channel(&self, cx: &Cx, id: usize, socket: &Socket) {
        let mut source = FromSocket(cx, socket);
        let page_size = self.layout.page_size;
        let method = match self.compression {
            Compression::None => multifd_packet::Compression::Nocomp,
            Compression::Zlib => multifd_packet::Compression::Zlib,
            Compression::Zstd => multifd_packet::Compression::Zstd,
        };
        let mut decompressor = Decompressor::new(method).expect("a codec that is modelled");
        let init = multifd_init::read_init(&mut source).await.expect("an init packet");
        init.verify([0; 16], 4, ChannelIdCheck::GreaterEqual).expect("a good init packet");
        assert_eq!(usize::from(init.id), id);
        let mut epoch = 0;
        // The run ends with a reset or an end of file on every channel, or before.
        while let Ok(Some(header)) = multifd_packet::read_packet_header(&mut source).await {
            let mut bytes = vec![0; packet_len(page_size)];
            bytes[..HEADER_LEN].copy_from_slice(&header);
            if multifd_packet::read_packet_rest(&mut source, &mut bytes[HEADER_LEN..]).await.is_err() {
                return;
            }
            let packet = RamPacket::decode(&bytes, &*self.layout, page_size).expect("a good packet");
            if !packet.flags.is_sync() {
                packet.flags.expect_compression(method).expect("the compression that was asked for");
                let Some(contents) = self.read_pages(cx, socket, &packet, &mut decompressor).await else { return };
                self.log_pages(&packet, epoch, &contents);
            }
            let is_sync = packet.flags.is_sync();
            self.log.borrow_mut().channels[id].push(packet);
            epoch += usize::from(is_sync);
        }
    }

    async fn read_pages(
        &self,
        cx: &Cx,
        socket: &Socket,
        packet: &RamPacket,
        decompressor: &mut Decompressor,
    ) -> Option<Vec<u64>> {
        let mut contents = Vec::new();
        let (size, count) = (self.layout.page_size, packet.offsets.normal.len());
        if self.compression == Compression::None {
            assert_eq!(u64::from(packet.next_packet_size), count as u64 * size);
            for _ in 0..count {
                match socket.read_page(cx, size).await {
                    Ok(PageRead::Word(word)) => contents.push(word),
                    Ok(PageRead::Bytes(_)) => panic!("a page is one word again and again"),
                    Err(_) => return None,
                }
            }
        } else {
            let length = u64::from(packet.next_packet_size);
            let payload = read_announced(&mut FromSocket(cx, socket), length).await.ok()?;
            let each = |_, page: &[u8]| contents.push(u64::from_le_bytes(page[..8].try_into().expect("8 bytes")));
            decompressor.pages(&payload, count, size as usize, each).expect("a good payload");
        }
        Some(contents)
    }

    fn log_pages(&self, packet: &RamPacket, epoch: usize, contents: &[u64]) {
        let log = &mut *self.log.borrow_mut();
        let idstr = packet.block.as_deref().expect("a data packet has a block");
        let block = self.layout.block_index(idstr).expect("a known block");
        let page = |offset: &u64| (offset / self.layout.page_size) as usize;
        for (offset, content) in packet.offsets.normal.iter().zip(contents) {
            log.write(epoch, block, page(offset), *content);
        }
        for offset in &packet.offsets.zero {
            log.write(epoch, block, page(offset), 0);
        }
    }

    fn saw(&self, cx: &Cx, what: SeenMain) {
        self.log.borrow_mut().main.push((cx.sim.now(), what));
    }

    /// The reader of the main channel, which gives the answers.
    pub async fn read_main(&self, cx: &Cx, socket: &Socket) {
        let mut source = FromSocket(cx, socket);
        let mut last = LastBlock::default();
        stream::read_header(&mut source).await.expect("a stream header");
        if self.read_items(cx, socket, &mut last).await.is_none() {
            return;
        }
        match stream::read_item(&mut source, None).await.expect("a description") {
            Item::VmDescription { .. } => self.saw(cx, SeenMain::Description),
            item => panic!("found {item:?} behind the end of precopy"),
        }
        self.keep_state();
        if !self.colo {
            return;
        }
        self.send(cx, socket, ColoMessage::CheckpointReady).await;
        // The run ends with an end of file or a reset here, or before.
        while colo_message::read_request(&mut source).await.is_ok() {
            self.saw(cx, SeenMain::Request);
            self.send(cx, socket, ColoMessage::CheckpointReply).await;
            let expected = colo_message::read_expected(&mut source, ColoMessage::VmstateSend).await;
            if expected.is_err() {
                return;
            }
            if self.read_items(cx, socket, &mut last).await.is_none() {
                return;
            }
            self.keep_state();
            let Ok(size) = colo_message::read_vmstate_size(&mut source).await else { return };
            let Ok(blob) = colo_message::read_vmstate_blob(&mut source, size).await else { return };
            self.saw(cx, SeenMain::Devices { number: device_number(&blob), bytes: size });
            self.send(cx, socket, ColoMessage::VmstateReceived).await;
            cx.sleep(self.load_time).await;
            self.send(cx, socket, ColoMessage::VmstateLoaded).await;
        }
    }

    fn keep_state(&self) {
        let log = &mut *self.log.borrow_mut();
        log.states.push(log.main_epoch);
    }

    async fn send(&self, cx: &Cx, socket: &Socket, message: ColoMessage) {
        // A primary that is gone reads nothing any more.
        let _: Result<(), link::WriteError> = socket.write(cx, [Piece::Bytes(message.encode()[..].into())]).await;
    }

    /// Items up to the byte EOF; `None` if the stream ended before.
    async fn read_items(&self, cx: &Cx, socket: &Socket, last: &mut LastBlock) -> Option<()> {
        let mut source = FromSocket(cx, socket);
        let mut first = None;
        loop {
            let section_id = match whole(stream::read_item(&mut source, first.take()).await)? {
                Item::Eof => {
                    self.saw(cx, SeenMain::Eof);
                    return Some(());
                }
                Item::Command(_) => {
                    self.saw(cx, SeenMain::EnableColo);
                    continue;
                }
                Item::SectionStart(header) => {
                    assert_eq!((header.idstr.as_str(), header.version_id), ("ram", 4));
                    self.saw(cx, SeenMain::Start);
                    header.section_id
                }
                Item::SectionPart { section_id } => {
                    self.saw(cx, SeenMain::Part);
                    section_id
                }
                Item::SectionEnd { section_id } => {
                    self.saw(cx, SeenMain::End);
                    section_id
                }
                Item::SectionFull(header) => {
                    let (payload, next) = whole(stream::read_opaque_payload(&mut source, &header).await)?;
                    let number = u32::from_be_bytes(payload[..4].try_into().expect("4 bytes"));
                    self.saw(cx, SeenMain::Devices { number, bytes: payload.len() as u64 });
                    first = Some(next);
                    continue;
                }
                item => panic!("found {item:?}"),
            };
            self.read_ram_section(cx, socket, last).await?;
            whole(stream::read_footer(&mut source, section_id).await)?;
        }
    }

    async fn read_ram_section(&self, cx: &Cx, socket: &Socket, last: &mut LastBlock) -> Option<()> {
        let mut source = FromSocket(cx, socket);
        let page_size = self.layout.page_size;
        let place = |idstr: &str, offset: u64| {
            (self.layout.block_index(idstr).expect("a known block"), (offset / page_size) as usize)
        };
        loop {
            match whole(read_word(&mut source, last, &*self.layout, page_size).await)? {
                Word::MemSize(blocks) => {
                    let lengths: Vec<_> = blocks.iter().map(|b| (b.idstr.as_str(), b.used_length)).collect();
                    let known = self.layout.blocks.iter().map(|b| (b.idstr.as_str(), b.pages as u64 * page_size));
                    assert_eq!(lengths, known.collect::<Vec<_>>());
                }
                Word::Zero { block, offset } => {
                    self.saw(cx, SeenMain::Zero);
                    let (block, page) = place(&block, offset);
                    let log = &mut *self.log.borrow_mut();
                    log.write(log.main_epoch, block, page, 0);
                }
                Word::Page { block, offset } => {
                    self.saw(cx, SeenMain::Page);
                    let (block, page) = place(&block, offset);
                    let content = match socket.read_page(cx, page_size).await.ok()? {
                        PageRead::Word(word) => word,
                        PageRead::Bytes(_) => panic!("a page is one word again and again"),
                    };
                    let log = &mut *self.log.borrow_mut();
                    log.write(log.main_epoch, block, page, content);
                }
                Word::Flush => {
                    self.saw(cx, SeenMain::Flush);
                    self.log.borrow_mut().main_epoch += 1;
                }
                Word::Eos => {
                    self.saw(cx, SeenMain::Eos);
                    self.log.borrow_mut().main_epoch += usize::from(self.sync_on_eos);
                    return Some(());
                }
                Word::Xbzrle { .. } => panic!("XBZRLE is off"),
            }
        }
    }
}

/// What was read; `None` if the stream ended, which a yank may make it do anywhere.
fn whole<T>(result: Result<T, WireError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(WireError::Read { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// The number in a device blob, which is one section and the byte EOF.
fn device_number(blob: &[u8]) -> u32 {
    let mut source = SliceSource::new(blob);
    let Item::SectionFull(header) = now(stream::read_item(&mut source, None)).expect("an item") else {
        panic!("a device blob starts with a full section");
    };
    let (payload, next) = now(stream::read_opaque_payload(&mut source, &header)).expect("a device");
    assert_eq!(now(stream::read_item(&mut source, Some(next))), Ok(Item::Eof));
    assert!(source.rest().is_empty());
    u32::from_be_bytes(payload[..4].try_into().expect("4 bytes"))
}
