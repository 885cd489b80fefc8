//! What is written is read; what was touched since is not.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

struct Kept(PathBuf);

impl Kept {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("linktide-{name}-{}", std::process::id())))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

fn header() -> Header {
    let facts = vec![("database".to_owned(), "a".to_owned()), ("weights".to_owned(), String::new())];
    Header { facts, token: "t".to_owned(), base_rev: 7, taken_at: -1 }
}

fn write(path: &std::path::Path, blocks: &[Vec<u8>]) -> Totals {
    let mut writer = SnapshotWriter::create(path, &header()).unwrap();
    for (kind, block) in (1..).zip(blocks) {
        writer.put(kind, block.len() as u32, block.clone()).unwrap();
    }
    writer.end(Totals { links: 3, end_rev: 9, ..Totals::default() }).unwrap();
    writer.wait().unwrap()
}

fn read(path: &std::path::Path) -> Result<Vec<Vec<u8>>, SnapshotError> {
    let mut file = SnapshotFile::open(path)?;
    let mut blocks = Vec::new();
    while let Some(block) = file.next()? {
        assert_eq!((block.kind as usize, block.records as usize), (blocks.len() + 1, block.payload.len()));
        blocks.push(block.payload);
    }
    Ok(blocks)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..6)) {
        let kept = Kept::new("written");
        let totals = write(&kept.0, &blocks);
        prop_assert_eq!(read(&kept.0).unwrap(), blocks.clone());
        let file = SnapshotFile::open(&kept.0).unwrap();
        prop_assert_eq!((file.header(), file.totals()), (&header(), totals));
        prop_assert_eq!(totals.bytes, std::fs::metadata(&kept.0).unwrap().len());
    }
}

#[test]
fn every_flipped_byte_and_every_cut_is_found_out() {
    let kept = Kept::new("flipped");
    let blocks = [b"first block".to_vec(), Vec::new(), b"second".to_vec()];
    write(&kept.0, &blocks);
    let whole = std::fs::read(&kept.0).unwrap();
    for at in 0..whole.len() {
        for bit in [1u8, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= bit;
            std::fs::write(&kept.0, &bytes).unwrap();
            assert!(read(&kept.0).is_err(), "byte {at} flipped by {bit} and taken");
        }
        std::fs::write(&kept.0, &whole[..at]).unwrap();
        assert!(read(&kept.0).is_err(), "cut at {at} and taken");
    }
    for more in [&b"x"[..], &whole] {
        std::fs::write(&kept.0, [&whole, more].concat()).unwrap();
        assert!(read(&kept.0).is_err(), "{} bytes too many and taken", more.len());
    }
}

#[test]
fn blocks_that_changed_places_are_found_out() {
    let kept = Kept::new("places");
    write(&kept.0, &[b"same size".to_vec(), b"size same".to_vec()]);
    let whole = std::fs::read(&kept.0).unwrap();
    let block = BLOCK_HEAD_BYTES + 9 + HASH_BYTES;
    let start = whole.len() - END_BYTES as usize - 2 * block;
    let mut swapped = whole.clone();
    swapped[start..start + 2 * block].rotate_left(block);
    std::fs::write(&kept.0, &swapped).unwrap();
    assert!(matches!(read(&kept.0), Err(SnapshotError::Damaged { at }) if at == start as u64));
}

#[test]
fn a_file_without_its_end_is_none() {
    let kept = Kept::new("unended");
    let mut writer = SnapshotWriter::create(&kept.0, &header()).unwrap();
    writer.put(1, 1, vec![1; 100]).unwrap();
    assert!(matches!(writer.wait(), Err(SnapshotError::Cut)));
    assert!(matches!(SnapshotFile::open(&kept.0), Err(SnapshotError::Cut)));
}

#[test]
fn it_says_what_is_foreign() {
    let kept = Kept::new("foreign");
    write(&kept.0, &[]);
    let file = SnapshotFile::open(&kept.0).unwrap();
    assert!(file.check(&header().facts).is_ok());
    let wanted = vec![("database".to_owned(), "b".to_owned())];
    let error = file.check(&wanted).unwrap_err();
    assert_eq!(error.to_string(), r#"its database is "a", wanted "b""#);
    assert!(file.check(&[("new".to_owned(), "b".to_owned())]).is_err());
    let mut bytes = std::fs::read(&kept.0).unwrap();
    let (next, own) = (super::FORMAT + 1, super::FORMAT);
    bytes[8] = next as u8;
    std::fs::write(&kept.0, bytes).unwrap();
    let wanted = format!("it has format {next}, this program reads {own}");
    assert_eq!(SnapshotFile::open(&kept.0).unwrap_err().to_string(), wanted);
}
