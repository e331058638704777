//! [`Covered`]: at which instructions somebody has died, from one run to the next.
//!
//! A complete run takes longer than one may want to wait, so it can be made in slices that share a file.
//! What stands there is true of one program only, and of the sample that one seed has drawn: the file says
//! of which, and must not be taken for that of another.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::hash::Hasher;
use std::io;
use std::path::{Path, PathBuf};

/// What was covered, of each operation in each variant.
#[derive(Debug)]
pub(super) struct Covered {
    path: Option<PathBuf>,
    /// The program and the seed.
    head: String,
    /// By the words that faults and command lines use.
    places: BTreeMap<String, Places>,
}

/// Instructions of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// At each of these somebody has to die.
    pub(super) wanted: BTreeSet<usize>,
    /// Somebody has died there, and all was well.
    pub(super) done: BTreeSet<usize>,
    /// The operation was that long once, and not again.
    pub(super) gone: BTreeSet<usize>,
}

impl Covered {
    /// What the file says, or nothing yet. Without a file nothing is kept.
    ///
    /// # Errors
    /// It cannot be read, or is of another program or seed.
    pub(super) fn open(path: Option<&Path>, seed: u64) -> io::Result<Covered> {
        let Some(path) = path else {
            return Ok(Covered { path: None, head: String::new(), places: BTreeMap::new() });
        };
        let mut hasher = DefaultHasher::new();
        hasher.write(&fs::read("/proc/self/exe")?);
        let head = format!("program {:016x}, seed {seed}", hasher.finish());
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let places = parse(&head, &text)?;
        Ok(Covered { path: Some(path.to_owned()), head, places })
    }

    /// Writes it down for the next run.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn keep(&self) -> io::Result<()> {
        self.path.as_ref().map_or(Ok(()), |path| fs::write(path, self.text()))
    }

    pub(super) fn of(&mut self, title: &str) -> &mut Places {
        self.places.entry(title.to_owned()).or_default()
    }

    /// Instructions that are covered, of so many, in all operations of which the title is meant.
    pub(super) fn sum(&self, is_meant: impl Fn(&str) -> bool) -> (u64, u64) {
        let meant = self.places.iter().filter(|(title, _)| is_meant(title)).map(|(_, places)| places);
        meant.fold((0, 0), |(done, all), places| (done + places.done.len() as u64, all + places.all() as u64))
    }

    /// Instructions that were not found again.
    pub(super) fn gone(&self) -> usize {
        self.places.values().map(|places| places.gone.len()).sum()
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.head);
        for (title, Places { wanted, done, gone }) in &self.places {
            let _ = writeln!(text, "{title}: {}; {}; {}", ranges(wanted), ranges(done), ranges(gone));
        }
        text
    }
}

impl Places {
    /// Those at which nobody has died yet.
    pub(super) fn left(&self) -> Vec<usize> {
        self.wanted.difference(&self.done).filter(|place| !self.gone.contains(place)).copied().collect()
    }

    /// How many there are.
    fn all(&self) -> usize {
        self.wanted.len() - self.gone.len()
    }

    /// Whether it is known which there are, and somebody has died at each.
    pub(super) fn is_complete(&self) -> bool {
        !self.wanted.is_empty() && self.left().is_empty()
    }
}

fn parse(head: &str, text: &str) -> io::Result<BTreeMap<String, Places>> {
    let unfit = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut lines = text.lines();
    match lines.next() {
        None => return Ok(BTreeMap::new()),
        Some(first) if first == head => {}
        Some(first) => return Err(unfit(format!("the file is of `{first}`, and this is `{head}`"))),
    }
    let read = |line: &str| {
        let (title, sets) = line.split_once(": ")?;
        let mut sets = sets.split(';').map(read_ranges);
        let places = Places { wanted: sets.next()??, done: sets.next()??, gone: sets.next()?? };
        Some((title.to_owned(), places))
    };
    lines.map(|line| read(line).ok_or_else(|| unfit(format!("no line of such a file: {line}")))).collect()
}

/// `0-12 14 17-1048`
fn ranges(set: &BTreeSet<usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &place in set {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == place => *end = place,
            _ => ranges.push((place, place)),
        }
    }
    let text = |(begin, end)| if begin == end { format!("{begin}") } else { format!("{begin}-{end}") };
    ranges.into_iter().map(text).collect::<Vec<_>>().join(" ")
}

fn read_ranges(text: &str) -> Option<BTreeSet<usize>> {
    let mut set = BTreeSet::new();
    for range in text.split_whitespace() {
        let (begin, end) = range.split_once('-').unwrap_or((range, range));
        set.extend(begin.parse::<usize>().ok()?..=end.parse().ok()?);
    }
    Some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut covered = Covered { path: None, head: "this".to_owned(), places: BTreeMap::new() };
        *covered.of("a/b") = Places { wanted: (0..9).collect(), done: [0, 1, 2, 7].into(), gone: [8].into() };
        covered.of("c/d").wanted.insert(5);
        let text = covered.text();
        assert_eq!(text, "this\na/b: 0-8; 0-2 7; 8\nc/d: 5; ; \n");
        assert_eq!(parse("this", &text).unwrap(), covered.places);
        assert_eq!(covered.of("a/b").left(), [3, 4, 5, 6]);
        assert_eq!(covered.sum(|_| true), (4, 9));
        assert_eq!(covered.sum(|title| title == "c/d"), (0, 1));
    }

    #[test]
    fn what_was_covered_in_another_program_is_not_believed() {
        assert!(parse("this", "that\na/b: 0; 0; \n").is_err());
        assert!(parse("this", "this\na/b 0\n").is_err());
        assert!(parse("this", "this\na/b: 0; x; \n").is_err());
        assert!(parse("this", "").unwrap().is_empty());
    }

    #[test]
    fn complete_is_what_somebody_has_looked_at() {
        let places = Places { wanted: [1, 2].into(), done: [1].into(), gone: [2].into() };
        assert!(places.is_complete());
        assert!(!Places { gone: BTreeSet::new(), ..places }.is_complete());
        assert!(!Places::default().is_complete());
    }
}
