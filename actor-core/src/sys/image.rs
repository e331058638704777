//! The executable as it lies in memory: where it starts, where its code is, which build it is.
//!
//! The same function has another address in every process, because each is loaded at a random
//! place, but the same distance from the start of the image. Two processes may exchange such
//! distances exactly if they run the same build.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::slice;
use std::sync::OnceLock;

/// What one walk over the program headers finds.
#[derive(Debug)]
pub(crate) struct Image {
    base: usize,
    executable: Vec<Range<usize>>,
    build_id: Vec<u8>,
    constructors: Range<usize>,
}

/// The image of the executable of this process, read once.
pub(crate) fn executable() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let mut image = walk();
        if image.build_id.is_empty() {
            image.build_id = file_identity();
        }
        image
    })
}

impl Image {
    /// The distance of a code address from the start of the image, `None` if it is not the
    /// executable's code (it belongs to a library that was loaded).
    pub(crate) fn offset_of(&self, address: usize) -> Option<u64> {
        self.is_code(address).then(|| (address - self.base) as u64)
    }

    /// The code address at a distance from the start of the image, `None` if no code is there.
    pub(crate) fn address_of(&self, offset: u64) -> Option<usize> {
        let address = self.base.checked_add(usize::try_from(offset).ok()?)?;
        self.is_code(address).then_some(address)
    }

    /// What is equal exactly in processes of one build: the linker's build id, or else device,
    /// inode, size and time of the executable's file.
    pub(crate) fn build_id(&self) -> &[u8] {
        &self.build_id
    }

    /// The addresses of the constructors that run after the one at `address`, in order.
    pub(crate) fn constructors_after(&self, address: usize) -> Vec<usize> {
        let count = self.constructors.len() / size_of::<usize>();
        if count == 0 {
            return Vec::new();
        }
        let start = std::ptr::with_exposed_provenance::<usize>(self.constructors.start);
        // SAFETY: The range is the executable's own array of constructors, told by its dynamic
        // section and checked in `walk` to lie in its memory; nobody writes it after relocation.
        let all = unsafe { slice::from_raw_parts(start, count) };
        let own = all.iter().position(|constructor| *constructor == address);
        let later = own.map_or(&[][..], |own| &all[own + 1..]);
        // Zero and all ones are placeholders that the C library skips, too.
        later.iter().copied().filter(|address| self.is_code(*address)).collect()
    }

    fn is_code(&self, address: usize) -> bool {
        self.executable.iter().any(|range| range.contains(&address))
    }
}

/// `int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data)` -
/// visits the loaded objects, of which the executable is the first. Man page: dl_iterate_phdr(3).
fn walk() -> Image {
    let mut image = Image { base: 0, executable: Vec::new(), build_id: Vec::new(), constructors: 0..0 };
    // SAFETY: The callback gets the pointer to `image`, which outlives the call, and stops after
    // the first object.
    unsafe { libc::dl_iterate_phdr(Some(visit_first), (&raw mut image).cast()) };
    image
}

/// Reads one object's headers into the [`Image`] behind `image` and stops the walk.
///
/// # Safety
/// `info` must be what the walk passes, and `image` what [`walk`] gave it.
unsafe extern "C" fn visit_first(info: *mut libc::dl_phdr_info, _: usize, image: *mut c_void) -> c_int {
    // SAFETY: The C library passes a valid description; `image` is what `walk` passed in.
    let (info, image) = unsafe { (&*info, &mut *image.cast::<Image>()) };
    image.base = info.dlpi_addr as usize;
    // SAFETY: The description holds the address and number of the object's headers.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let range = |header: &libc::Elf64_Phdr| {
        let start = image.base + header.p_vaddr as usize;
        start..start + header.p_memsz as usize
    };
    let mut loaded = Vec::new();
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD) {
        loaded.push(range(header));
        if header.p_flags & libc::PF_X != 0 {
            image.executable.push(range(header));
        }
    }
    let is_loaded = |part: &Range<usize>| loaded.iter().any(|whole| whole.start <= part.start && part.end <= whole.end);
    for header in headers {
        let part = range(header);
        match header.p_type {
            _ if !is_loaded(&part) => {}
            // SAFETY: The segment is loaded, checked above, and is never written.
            libc::PT_NOTE => unsafe {
                let notes = slice::from_raw_parts(part.start as *const u8, part.len());
                if let Some(id) = build_id_in(notes) {
                    image.build_id = id.to_vec();
                }
            },
            // SAFETY: The segment is loaded, checked above, and an array of pairs of words.
            libc::PT_DYNAMIC => unsafe {
                let words = part.len() / size_of::<usize>();
                let dynamic = slice::from_raw_parts(part.start as *const usize, words);
                image.constructors = constructors_in(dynamic, image.base).filter(is_loaded).unwrap_or(0..0);
            },
            _ => {}
        }
    }
    1
}

/// The build id among the notes of a segment: each is three words (sizes of name and content, and
/// a type), the name and the content, both padded to words.
fn build_id_in(mut notes: &[u8]) -> Option<&[u8]> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let word = |notes: &[u8], index: usize| {
        let bytes = notes.get(index * 4..index * 4 + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    loop {
        let name_bytes = word(notes, 0)? as usize;
        let content_bytes = word(notes, 1)? as usize;
        let kind = word(notes, 2)?;
        let content_start = 12 + name_bytes.next_multiple_of(4);
        let content = notes.get(content_start..content_start + content_bytes)?;
        if kind == NT_GNU_BUILD_ID && notes.get(12..12 + name_bytes) == Some(b"GNU\0") {
            return Some(content);
        }
        notes = notes.get(content_start + content_bytes.next_multiple_of(4)..)?;
    }
}

/// Where the array of constructors lies, according to a dynamic section: pairs of tag and value.
fn constructors_in(dynamic: &[usize], base: usize) -> Option<Range<usize>> {
    const DT_INIT_ARRAY: usize = 25;
    const DT_INIT_ARRAYSZ: usize = 27;
    let value = |tag| {
        let (pairs, _) = dynamic.as_chunks::<2>();
        pairs.iter().find(|pair| pair[0] == tag).map(|pair| pair[1])
    };
    let start = base + value(DT_INIT_ARRAY)?;
    Some(start..start + value(DT_INIT_ARRAYSZ)?)
}

/// Device, inode, size and time of the executable's file; empty, which is equal to nothing, when
/// even that cannot be read.
fn file_identity() -> Vec<u8> {
    let Ok(file) = std::fs::metadata("/proc/self/exe") else {
        return Vec::new();
    };
    let words = [file.dev(), file.ino(), file.size(), file.mtime() as u64, file.mtime_nsec() as u64];
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let image = executable();
        let address = smoke as fn() as usize;
        let offset = image.offset_of(address).unwrap();
        assert_eq!(image.address_of(offset), Some(address));
        assert!(!image.build_id().is_empty());
    }

    #[test]
    fn only_code_of_the_executable_has_an_offset() {
        let image = executable();
        let value = 0_u8;
        assert_eq!(image.offset_of(&raw const value as usize), None, "the stack");
        assert_eq!(image.offset_of(libc::getpid as *const () as usize), None, "a library");
        assert_eq!(image.offset_of(0), None);
        assert_eq!(image.address_of(u64::MAX), None);
        assert_eq!(image.address_of(0), None, "the header is no code");
    }

    #[test]
    fn a_build_id_is_found_behind_other_notes() {
        let mut notes = Vec::new();
        for (name, kind, content) in [(b"GNU\0", 5, &[9; 5][..]), (b"GNU\0", 3, &[1, 2, 3])] {
            notes.extend(4_u32.to_ne_bytes());
            notes.extend((content.len() as u32).to_ne_bytes());
            notes.extend(u32::to_ne_bytes(kind));
            notes.extend(name);
            notes.extend(content);
            notes.resize(notes.len().next_multiple_of(4), 0);
        }
        assert_eq!(build_id_in(&notes), Some(&[1, 2, 3][..]));
        assert_eq!(build_id_in(&notes[..30]), None);
        assert_eq!(build_id_in(&[]), None);
    }

    #[test]
    fn the_file_has_an_identity() {
        assert_eq!(file_identity().len(), 40);
        assert_eq!(file_identity(), file_identity());
    }
}
