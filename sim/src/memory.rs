//! Tracked memory: allocations whose every access is checked.
//!
//! An allocation is an array of pages; the content of a page is one 64-bit word, which a model may take as a tag for more.
//! An access to freed memory, a second free and an access beyond the end are violations; unordered conflicting accesses
//! are hazards (see `access.rs`). The `peek` functions are for oracles and leave no trace.

use crate::access::{Location, Mode};
use crate::contents::{Contents, Counting};
use crate::kernel::Sim;
use crate::thread::Cx;
use crate::touch::{ObjectId, Touch, WHOLE};
use crate::violation::{Kind, Place};
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

/// An allocation of pages. Clones are the same memory, as copies of a pointer are.
#[derive(Clone)]
pub struct Memory(Rc<State>);

struct State {
    name: Rc<str>,
    /// Of its name, for reports.
    object: u32,
    itself: ObjectId,
    words: RefCell<Contents>,
    pages: RefCell<Vec<Location>>,
    /// Accesses to any page, for conflicts with the free.
    whole: RefCell<Location>,
    freed: RefCell<Option<Place>>,
    /// Accesses are kept, and runs traced, page by page.
    tracked: bool,
}

/// Above this many pages (1 GiB of them, if they have 4 KiB each), conflicting accesses of single pages are not looked for, and
/// a run of pages that is written at once is traced as one.
pub const TRACKED_PAGES_MAX: usize = 1 << 18;

impl Memory {
    /// Allocate `pages` pages of zeros.
    pub fn allocate(sim: &Sim, name: &str, pages: usize) -> Memory {
        Memory::new(sim, name, pages, pages <= TRACKED_PAGES_MAX)
    }

    /// Allocate a bitmap for so many pages: words of zeros, 64 pages to each. It is tracked if a memory of these pages is.
    pub fn allocate_bitmap(sim: &Sim, name: &str, pages: usize) -> Memory {
        Memory::new(sim, name, pages.div_ceil(64), pages <= TRACKED_PAGES_MAX)
    }

    /// Bytes that keeping the accesses of so many pages takes: nothing above [`TRACKED_PAGES_MAX`].
    pub fn tracking_bytes(pages: u64) -> u64 {
        if pages > TRACKED_PAGES_MAX as u64 { 0 } else { pages * size_of::<Location>() as u64 }
    }

    fn new(sim: &Sim, name: &str, pages: usize, tracked: bool) -> Memory {
        let (object, itself) = {
            let core = &mut *sim.0.core.borrow_mut();
            (core.object_name(name), core.add_object())
        };
        Memory(Rc::new(State {
            name: name.into(),
            object,
            itself,
            words: RefCell::new(Contents::zeros(pages)),
            pages: RefCell::new(vec![Location::default(); if tracked { pages } else { 0 }]),
            whole: RefCell::default(),
            freed: RefCell::new(None),
            tracked,
        }))
    }

    /// The name it was allocated with.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its length in pages.
    pub fn len(&self) -> usize {
        self.0.words.borrow().len()
    }

    /// Has it no page at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Read a page. After a violation: zero.
    pub fn read(&self, cx: &Cx, page: usize) -> u64 {
        if self.touch(cx, page, Mode::Read) { self.0.words.borrow().get(page) } else { 0 }
    }

    /// Write a page. After a violation nothing is written.
    pub fn write(&self, cx: &Cx, page: usize, word: u64) {
        if self.touch(cx, page, Mode::Write) {
            self.0.words.borrow_mut().set(page, word);
            cx.sim.0.core.borrow_mut().trace.mix(u64::from(self.0.object) << 40 | page as u64, word);
        }
    }

    /// Read pages from `pages.start` on: what they hold, and how many of `pages` that is, at least one. After a violation: zero.
    pub fn read_run(&self, cx: &Cx, pages: Range<usize>) -> (Counting, usize) {
        if self.goes_page_by_page(&pages) {
            return (Counting { first: self.read(cx, pages.start), step: 0 }, 1);
        }
        self.is_accessible(cx, pages.start, Mode::Read);
        self.0.words.borrow().run_at(pages)
    }

    /// Write pages that follow each other. After a violation nothing is written.
    pub fn write_run(&self, cx: &Cx, pages: Range<usize>, words: Counting) {
        if self.goes_page_by_page(&pages) {
            return pages.clone().for_each(|page| self.write(cx, page, words.at(page - pages.start)));
        }
        self.is_accessible(cx, pages.start, Mode::Write);
        self.0.words.borrow_mut().set_run(pages.clone(), words);
        let trace = &mut cx.sim.0.core.borrow_mut().trace;
        trace.mix(u64::from(self.0.object) << 40 | pages.start as u64, words.first);
        trace.mix(pages.len() as u64, words.step);
    }

    /// Are accesses of single pages kept?
    pub fn is_tracked(&self) -> bool {
        self.0.tracked
    }

    /// Is there something to tell of single pages?
    fn goes_page_by_page(&self, pages: &Range<usize>) -> bool {
        self.0.tracked || pages.is_empty() || pages.end > self.len() || self.is_freed()
    }

    /// Set bits of a page's word atomically; the word before. Atomic accesses do not conflict with each other.
    pub fn fetch_or(&self, cx: &Cx, page: usize, bits: u64) -> u64 {
        if !self.is_accessible(cx, page, Mode::Write) {
            return 0;
        }
        cx.sim.0.core.borrow_mut().touch_location(self.0.itself, page as u32, Touch::Write);
        let before = self.0.words.borrow().get(page);
        self.0.words.borrow_mut().set(page, before | bits);
        cx.sim.0.core.borrow_mut().trace.mix(u64::from(self.0.object) << 40 | page as u64, before | bits);
        before
    }

    /// Set the bits of these pages in a bitmap atomically.
    pub fn fetch_set(&self, cx: &Cx, pages: Range<usize>) {
        let mut page = pages.start;
        while page < pages.end {
            let rest_of_word = pages.end.min((page / 64 + 1) * 64) - page;
            let bits = if self.0.tracked { 1 } else { rest_of_word };
            self.fetch_or(cx, page / 64, (u64::MAX >> (64 - bits)) << (page % 64));
            page += bits;
        }
    }

    /// Read a page's word atomically. Atomic accesses do not conflict with each other.
    pub fn load(&self, cx: &Cx, page: usize) -> u64 {
        if !self.is_accessible(cx, page, Mode::Read) {
            return 0;
        }
        cx.sim.0.core.borrow_mut().touch_location(self.0.itself, page as u32, Touch::Read);
        self.0.words.borrow().get(page)
    }

    /// Free it.
    pub fn free(&self, cx: &Cx) {
        {
            let core = &mut *cx.sim.0.core.borrow_mut();
            core.touch(self.0.itself, Touch::Write);
            core.touch_location(self.0.itself, WHOLE, Touch::Write);
        }
        if let Some(before) = self.0.freed.borrow().clone() {
            cx.violate(Kind::DOUBLE_FREE, &self.0.name, Some(before), format!("{} is freed twice", self.0.name));
            return;
        }
        *self.0.freed.borrow_mut() = Some(cx.place());
        let core = &mut *cx.sim.0.core.borrow_mut();
        self.0.whole.borrow_mut().access(core, self.0.object, cx.id(), Mode::Free);
    }

    /// Has it been freed?
    pub fn is_freed(&self) -> bool {
        self.0.freed.borrow().is_some()
    }

    /// The content of a page, for oracles.
    pub fn peek(&self, page: usize) -> u64 {
        self.0.words.borrow().get(page)
    }

    /// The content of all pages, for oracles.
    pub fn peek_all<R>(&self, look: impl FnOnce(&Contents) -> R) -> R {
        look(&self.0.words.borrow())
    }

    /// Put content there without an access: what was in memory before the run began, or what a thread that is not modelled
    /// writes.
    pub fn poke(&self, page: usize, word: u64) {
        self.0.words.borrow_mut().set(page, word);
    }

    fn touch(&self, cx: &Cx, page: usize, mode: Mode) -> bool {
        let accessible = self.is_accessible(cx, page, mode);
        if accessible && self.0.tracked {
            let core = &mut *cx.sim.0.core.borrow_mut();
            let touch = if mode == Mode::Read { Touch::Read } else { Touch::Write };
            core.touch_location(self.0.itself, page as u32, touch);
            self.0.pages.borrow_mut()[page].access(core, self.0.object, cx.id(), mode);
        }
        accessible
    }

    fn is_accessible(&self, cx: &Cx, page: usize, mode: Mode) -> bool {
        cx.sim.0.core.borrow_mut().touch_location(self.0.itself, WHOLE, Touch::Read);
        let freed = self.0.freed.borrow();
        if let Some(by) = &*freed {
            let detail = format!(
                "{} {} page {page} of {} after {} freed it",
                cx.name(),
                if mode == Mode::Read { "reads" } else { "writes" },
                self.0.name,
                by.thread
            );
            cx.violate(Kind::USE_AFTER_FREE, &self.0.name, Some(by.clone()), detail);
            return false;
        }
        if page >= self.len() {
            let detail = format!("{} accesses page {page} of {}, which has {}", cx.name(), self.0.name, self.len());
            cx.violate(Kind::OUT_OF_BOUNDS, &self.0.name, None, detail);
            return false;
        }
        let core = &mut *cx.sim.0.core.borrow_mut();
        // For the free, each access counts as a read of the whole: accesses of different pages do not conflict.
        self.0.whole.borrow_mut().access(core, self.0.object, cx.id(), Mode::Read);
        true
    }
}
