//! Distinct authors of a tag with too many for an exact set: a sliding HyperLogLog.
//!
//! Each register stores, newest first, the ranks that may still be its largest in some window: a
//! rank that is neither newer nor larger than another cannot be (Chabchoub, Hebrail, "Sliding
//! HyperLogLog", ICDMW 2010). Counts are estimated by Ertl's formula (arXiv 1702.01284), which
//! needs no table of corrections; the standard error is 4.6 %.
//!
//! The inputs of the formula are maintained for each window as entries are added, superseded and
//! fall out, so an estimate reads no registers and no panes.

use std::sync::LazyLock;

use smallvec::SmallVec;

use crate::window::registers::Registers;
use tagtide_simd::prefetch;

const BITS: u32 = 9;
/// Registers of a sketch.
pub const REGISTERS: usize = 1 << BITS;
/// Largest rank but one.
const Q: usize = 32 - BITS as usize;
/// Largest rank.
pub const RANK_MAX: u32 = Q as u32 + 1;
/// Bits of a pane's number that are stored; far fewer panes are alive at a time.
const PANE_BITS: u32 = 27;
const PANE_MASK: u32 = (1 << PANE_BITS) - 1;

/// A rank that no entry has: the rest is the number of a cell.
const IN_CELL: u32 = 31 << PANE_BITS;
/// No cell.
const NONE: u32 = u32::MAX;

/// Steps that always fit, so that few steps are rarely searched for empty ones.
const STEPS_MIN: usize = 128;

/// Sums of registers filled, of registers full (their rank is the largest there is) and of the
/// weights of the others, 2^-rank in units of 2^-[`Q`], in one number. Each is wide enough for all
/// registers, so additions and subtractions are right in all three; the lowest byte is not a sum.
const FILLED: u32 = FULL + BITS + 1;
const FULL: u32 = WEIGHT + 33;
const WEIGHT: u32 = 8;
const SUMS: i64 = !0 << WEIGHT;

/// The contribution of a register to the sums, by its largest rank; 0 = it is empty.
const PARTS: [i64; Q + 2] = {
    let mut parts = [0; Q + 2];
    let mut rank = 1;
    while rank <= Q {
        parts[rank] = 1 << FILLED | 1 << (Q - rank) << WEIGHT;
        rank += 1;
    }
    parts[rank] = 1 << FILLED | 1 << FULL;
    parts
};

/// Authors by the pane of their last post.
///
/// An entry is rank << 27 | number of a step. A register is 0, its only entry, or [`IN_CELL`] and
/// the number of a cell.
#[derive(Clone, Debug)]
pub struct SlidingHll {
    registers: Vec<u32>,
    /// An entry in the list of a register.
    cells: Vec<[u32; 2]>,
    /// The first free cell; each has the number of the next.
    free: u32,
    /// The pane of each step, modulo 2^27, oldest first.
    panes: Vec<u32>,
    /// The contribution of each step's entries to the sums of a window that reaches back to it, and
    /// in the lowest byte the number of windows that do not.
    steps: Vec<i64>,
    /// Number of steps at which empty ones are removed.
    steps_max: usize,
    /// Windows, the shortest first.
    windows: Vec<Reach>,
    /// Entries at least this many panes old are in no window.
    horizon: u32,
}

/// How far back a window reaches.
#[derive(Clone, Copy, Debug)]
struct Reach {
    /// Its oldest step, and the pane of that.
    from: u32,
    pane: u32,
    /// Sums of the steps that shorter windows do not reach.
    sums: i64,
    /// Sums of all its steps as last reported; below 0 = never.
    reported: i64,
}

/// Entries of one register, newest first.
pub type Entries = SmallVec<[u32; 4]>;

/// The parts of Ertl's formula that take loops, in tables.
struct Tables {
    /// By the number of registers filled.
    sigma: Vec<f64>,
    /// By the number of registers full.
    tau: Vec<f64>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let m = REGISTERS as f64;
    let share = |registers: usize| registers as f64 / m;
    let sigma = (0..=REGISTERS).map(|filled| m * sigma(share(REGISTERS - filled)));
    let tau = (0..=REGISTERS).map(|full| m * tau(1.0 - share(full)));
    Tables { sigma: sigma.collect(), tau: tau.collect() }
});

/// Ertl's improved estimate.
fn estimate(sums: i64) -> f64 {
    let m = REGISTERS as f64;
    let part = |shift: u32, bits: u32| sums >> shift & ((1 << bits) - 1);
    let Tables { sigma, tau } = &*TABLES;
    let (filled, full) = (part(FILLED, BITS + 1), part(FULL, FILLED - FULL));
    let weight = part(WEIGHT, FULL - WEIGHT) as f64;
    let z = (tau[full as usize] + weight) * (-(Q as f64)).exp2() + sigma[filled as usize];
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

/// The estimate of a sketch whose registers have these largest ranks.
pub(super) fn estimate_ranks(ranks: &[u8; REGISTERS]) -> f64 {
    let parts = ranks.iter().filter_map(|&rank| PARTS.get(usize::from(rank)));
    estimate(parts.sum())
}

/// The register of an author, and the rank that the author has in it, from 1.
#[inline]
pub fn place(author: u32) -> (usize, u32) {
    // The bit after the last one bounds the rank.
    let rank = (author << BITS | 1 << (BITS - 1)).leading_zeros() + 1;
    ((author >> (32 - BITS)) as usize, rank)
}

/// Panes from `pane` to `newest`, both modulo 2^27.
fn age(newest: u32, pane: u32) -> u32 {
    newest.wrapping_sub(pane) & PANE_MASK
}

fn rank_of(entry: u32) -> u32 {
    entry >> PANE_BITS
}

/// The step of an entry, or the number of a cell.
fn number_of(entry: u32) -> usize {
    (entry & PANE_MASK) as usize
}

/// Adds to the sums of a step, and so of the windows that reach back to it.
fn add(steps: &mut [i64], windows: &mut [Reach], step: usize, by: i64) {
    let step = &mut steps[step];
    if let Some(window) = windows.get_mut((*step & !SUMS) as usize) {
        window.sums += by;
    }
    *step += by;
}

/// Appends, with less spare capacity than `Vec` reserves by itself.
fn push<T>(to: &mut Vec<T>, what: T) {
    if to.len() == to.capacity() {
        to.reserve_exact(to.len() / 4 + 8);
    }
    to.push(what);
}

impl SlidingHll {
    /// Empty; entries at least `horizon` panes old are in no window.
    #[must_use]
    pub fn new(horizon: u32) -> Self {
        Self {
            registers: vec![0; REGISTERS],
            cells: Vec::new(),
            free: NONE,
            panes: Vec::new(),
            steps: Vec::new(),
            steps_max: STEPS_MIN,
            windows: Vec::new(),
            horizon,
        }
    }

    /// Prefetches the places of its parts.
    pub fn prefetch_self(&self) {
        prefetch(&self.registers);
        prefetch(&self.steps);
        prefetch(&self.windows);
    }

    /// Prefetches the parts that [`SlidingHll::slide`] and [`SlidingHll::insert`] read first.
    pub fn prefetch(&self, author: u32) {
        prefetch(&self.registers[(author >> (32 - BITS)) as usize]);
        self.prefetch_windows();
        self.panes.last().into_iter().for_each(prefetch);
        self.steps.last().into_iter().for_each(prefetch);
    }

    /// Prefetches what [`SlidingHll::report`] will read.
    pub fn prefetch_windows(&self) {
        self.windows.chunks(2).for_each(|windows| prefetch(&windows[0]));
    }

    /// Prefetches what [`SlidingHll::insert`] will read after that.
    pub fn prefetch_entry(&self, author: u32) {
        let register = self.registers[(author >> (32 - BITS)) as usize];
        let number = number_of(register);
        if register < IN_CELL {
            self.steps.get(number).into_iter().for_each(prefetch);
        } else {
            prefetch(&self.cells[number]);
        }
    }

    /// The next authors are of `pane`, which must not be older than any before it. Windows must
    /// have slid exactly as far.
    pub fn begin(&mut self, pane: u32) {
        let pane = pane & PANE_MASK;
        if self.panes.last() == Some(&pane) {
            return;
        }
        if self.panes.len() >= self.steps_max {
            self.tidy(pane);
        }
        let here = self.panes.len() as u32;
        self.windows.iter_mut().filter(|w| w.from == here).for_each(|window| window.pane = pane);
        push(&mut self.panes, pane);
        push(&mut self.steps, 0);
    }

    /// Inserts an author of the pane that was begun last.
    pub fn insert(&mut self, author: u32) {
        let (register, rank) = place(author);
        self.put(register, rank);
    }

    /// Inserts all authors of a sketch with these largest ranks, seen in the pane begun last: the
    /// same as inserting each of them.
    pub fn merge(&mut self, of_pane: &Registers) {
        let ranks = of_pane.ranks().iter().enumerate().filter(|(_, rank)| **rank > 0);
        ranks.for_each(|(register, &rank)| self.put(register, rank.into()));
    }

    /// Puts a rank into a register.
    #[inline]
    fn put(&mut self, register: usize, rank: u32) {
        let Self { registers, cells, free, steps, windows, .. } = self;
        let here = steps.len() - 1;
        let (mut rest, mut before, mut spare) = (registers[register], 0, NONE);
        while rest != 0 {
            let is_cell = rest >= IN_CELL;
            let [entry, older] = if is_cell { cells[number_of(rest)] } else { [rest, 0] };
            let (old, step) = (rank_of(entry), number_of(entry));
            if step == here && old >= rank {
                return;
            }
            if old > rank {
                add(steps, windows, step, PARTS[before] - PARTS[rank as usize]);
                break;
            }
            // It is neither newer nor larger, so it is removed.
            add(steps, windows, step, PARTS[before] - PARTS[old as usize]);
            before = old as usize;
            if is_cell {
                let cell = number_of(rest);
                cells[cell][1] = spare;
                spare = cell as u32;
            }
            rest = older;
        }
        add(steps, windows, here, PARTS[rank as usize]);
        let entry = rank << PANE_BITS | here as u32;
        registers[register] = entry;
        if rest != 0 {
            // A removed entry leaves its cell for the new one.
            let from = if spare == NONE { &mut *free } else { &mut spare };
            let cell = *from;
            if cell == NONE {
                registers[register] = IN_CELL | cells.len() as u32;
                push(cells, [entry, rest]);
            } else {
                *from = cells[cell as usize][1];
                registers[register] = IN_CELL | cell;
                cells[cell as usize] = [entry, rest];
            }
        }
        while spare != NONE {
            let next = std::mem::replace(&mut cells[spare as usize][1], *free);
            *free = std::mem::replace(&mut spare, next);
        }
    }

    /// The entries of a register, newest first.
    fn chain(&self, mut rest: u32) -> impl Iterator<Item = u32> {
        std::iter::from_fn(move || {
            let is_cell = rest >= IN_CELL;
            let [entry, older] = if is_cell { self.cells[number_of(rest)] } else { [rest, 0] };
            rest = older;
            (entry != 0).then_some(entry)
        })
    }

    /// Makes a register of entries, newest first.
    fn link(cells: &mut Vec<[u32; 2]>, entries: &[u32]) -> u32 {
        let mut entries = entries.iter().rev().copied();
        let oldest = entries.next().unwrap_or(0);
        entries.fold(oldest, |rest, entry| {
            cells.push([entry, rest]);
            IN_CELL | (cells.len() - 1) as u32
        })
    }

    /// Removes steps without entries, and steps beyond the horizon with their entries.
    fn tidy(&mut self, newest: u32) {
        let is_kept =
            |(step, &pane): (&i64, &u32)| step & SUMS != 0 && age(newest, pane) < self.horizon;
        let mut number = 0;
        let mut numbers: Vec<u32> = Vec::with_capacity(self.steps.len() + 1);
        for step in self.steps.iter().zip(&self.panes) {
            numbers.push(number);
            number += u32::from(is_kept(step));
        }
        numbers.push(number);
        let is_kept = |step: usize| numbers[step] < numbers[step + 1];
        let mut cells = Vec::with_capacity(self.cells.len());
        let mut entries: SmallVec<[u32; 24]> = SmallVec::new();
        for register in 0..REGISTERS {
            let old = self.chain(self.registers[register]);
            let old = old.filter(|&entry| is_kept(number_of(entry)));
            let renumbered = old.map(|e| e & !PANE_MASK | numbers[number_of(e)]);
            entries.clear();
            entries.extend(renumbered);
            self.registers[register] = Self::link(&mut cells, &entries);
        }
        (self.cells, self.free) = (cells, NONE);
        for (step, numbers) in numbers.windows(2).enumerate().filter(|of| of.1[0] < of.1[1]) {
            let to = numbers[0] as usize;
            (self.panes[to], self.steps[to]) = (self.panes[step], self.steps[step]);
        }
        self.panes.truncate(number as usize);
        self.steps.truncate(number as usize);
        for window in &mut self.windows {
            window.from = numbers[window.from as usize];
            window.pane = self.panes.get(window.from as usize).copied().unwrap_or(0);
        }
        self.steps_max = self.steps.len() * 3 / 2 + STEPS_MIN;
    }

    /// Slides all windows to the pane `newest`: `held` has the number of panes of each up to it,
    /// ascending. Panes within `least` do not fall out; returns after how many panes something may,
    /// at least 1.
    pub fn slide(&mut self, newest: u32, held: &[u32], least: &[u32]) -> u32 {
        let newest = newest & PANE_MASK;
        let Self { windows, steps, panes, .. } = self;
        if windows.len() != held.len() {
            steps.iter_mut().for_each(|step| *step &= SUMS);
            let pane = panes.first().copied().unwrap_or(0);
            windows.clear();
            windows.resize(held.len(), Reach { from: 0, pane, sums: 0, reported: -1 });
            windows.first_mut().into_iter().for_each(|first| first.sums = steps.iter().sum());
        }
        let mut due = u32::MAX;
        for (at, (&held, &least)) in held.iter().zip(least).enumerate() {
            let Reach { mut from, mut pane, .. } = windows[at];
            while (from as usize) < steps.len() && age(newest, pane) >= held {
                let step = &mut steps[from as usize];
                let sums = *step & SUMS;
                *step += 1;
                windows[at].sums -= sums;
                windows.get_mut(at + 1).into_iter().for_each(|longer| longer.sums += sums);
                from += 1;
                pane = panes.get(from as usize).copied().unwrap_or(0);
            }
            (windows[at].from, windows[at].pane) = (from, pane);
            if (from as usize) < steps.len() {
                due = due.min(least.saturating_sub(age(newest, pane)).max(1));
            }
        }
        due
    }

    /// Reports the estimates of the windows `asked`, a bit each, if they may have changed since the
    /// last report; windows are numbered as in [`SlidingHll::slide`]. False if a window that was
    /// not asked for may have changed.
    pub fn report(&mut self, asked: u64, mut tell: impl FnMut(usize, f64)) -> bool {
        let (mut sums, mut last, mut is_all) = (0, (0, 0.0), true);
        for (at, window) in self.windows.iter_mut().enumerate() {
            sums += window.sums;
            if window.reported == sums {
                continue;
            }
            if asked >> at & 1 == 0 {
                is_all = false;
                continue;
            }
            window.reported = sums;
            if last.0 != sums {
                // A young tag has the same estimate in all windows longer than its age.
                last = (sums, estimate(sums));
            }
            tell(at, last.1);
        }
        is_all
    }

    /// Forgets its windows: other ones follow.
    pub fn forget_windows(&mut self) {
        self.windows.clear();
    }

    /// Age of the newest entry in panes before `newest`; `None` = there is none.
    #[must_use]
    pub fn last_seen(&self, newest: u32) -> Option<u32> {
        self.panes.last().map(|&pane| age(newest & PANE_MASK, pane))
    }

    /// The registers for the checkpoint, each rank << 27 | pane modulo 2^27, newest first, ranks
    /// ascending, of the entries that are in a window when `newest` is the newest pane.
    pub fn entries(&self, newest: u32) -> impl Iterator<Item = Entries> {
        let newest = newest & PANE_MASK;
        let as_entry = |entry: u32| entry & !PANE_MASK | self.panes[number_of(entry)];
        let alive = move |entry: &u32| age(newest, entry & PANE_MASK) < self.horizon;
        let registers = self.registers.iter();
        registers.map(move |&register| self.chain(register).map(as_entry).filter(alive).collect())
    }

    /// From the registers as [`SlidingHll::entries`] gives them, when a checkpoint is read.
    #[must_use]
    pub fn restore(registers: impl Iterator<Item = Entries>, horizon: u32) -> Self {
        let registers: Vec<_> = registers.take(REGISTERS).collect();
        let some = registers.iter().flatten().next().map_or(0, |entry| entry & PANE_MASK);
        // Panes are modulo 2^27, and close to each other.
        let since = |pane: u32| (pane.wrapping_sub(some) << (32 - PANE_BITS)).cast_signed();
        let mut sketch = Self::new(horizon);
        sketch.panes.extend(registers.iter().flatten().map(|entry| entry & PANE_MASK));
        sketch.panes.sort_unstable_by_key(|&pane| since(pane));
        sketch.panes.dedup();
        sketch.panes.shrink_to_fit();
        sketch.steps = vec![0; sketch.panes.len()];
        for (number, register) in registers.iter().enumerate() {
            let (mut before, mut newer) = (0, sketch.panes.len());
            let mut entries: SmallVec<[u32; 24]> = SmallVec::new();
            for &entry in register {
                let (pane, rank) = (since(entry & PANE_MASK), rank_of(entry) as usize);
                let step = sketch.panes.partition_point(|&other| since(other) < pane);
                // Entries that a sketch would not have written are skipped.
                if step < newer && rank > before && rank < PARTS.len() {
                    sketch.steps[step] += PARTS[rank] - PARTS[before];
                    (before, newer) = (rank, step);
                    entries.push(entry & !PANE_MASK | step as u32);
                }
            }
            sketch.registers[number] = Self::link(&mut sketch.cells, &entries);
        }
        sketch.steps_max = sketch.steps.len() * 3 / 2 + STEPS_MIN;
        sketch
    }
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests;
