//! The graphs: made ones, seeded, and links from a file.

use std::io::Read;

pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }
}

pub(crate) type Link = (u32, u32);

/// Distinct links in random order, none to itself, and how many nodes they lie between. `name` is
/// `rmat:SCALE:LINKS`, `web:SCALE`, or the path of a file of little-endian u32 pairs.
pub(crate) fn links(name: &str, random: &mut Random) -> (Vec<Link>, usize) {
    let mut parts = name.split(':');
    let kind = parts.next().unwrap();
    let mut number = || parts.next().and_then(|text| text.parse::<usize>().ok());
    let mut links = match kind {
        "rmat" => {
            let scale = number().unwrap() as u32;
            rmat(scale, number().unwrap_or(12 << scale), random)
        }
        "web" => web(number().unwrap() as u32, random),
        _ => file(name),
    };
    links.sort_unstable();
    links.dedup();
    links.retain(|(source, target)| source != target);
    let nodes = links.iter().map(|link| link.0.max(link.1) + 1).max().unwrap_or(0) as usize;
    for at in (1..links.len()).rev() {
        links.swap(at, random.below(at + 1));
    }
    (links, nodes)
}

fn file(path: &str) -> Vec<Link> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    let number = |four: &[u8]| u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
    bytes.chunks_exact(8).map(|pair| (number(&pair[..4]), number(&pair[4..]))).collect()
}

/// R-MAT (0.57/0.19/0.19/0.05, shuffled ids): hubs without communities, no locality, the worst case.
fn rmat(scale: u32, wanted: usize, random: &mut Random) -> Vec<Link> {
    let nodes = 1u64 << scale;
    let mut ids: Vec<u32> = (0..nodes as u32).collect();
    for at in (1..ids.len()).rev() {
        ids.swap(at, random.below(at + 1));
    }
    let mut links: Vec<Link> = Vec::with_capacity(wanted + wanted / 16);
    // Links come twice: made again until enough are distinct.
    while links.len() < wanted {
        let missing = wanted - links.len();
        links.extend((0..missing + missing / 16 + 16).map(|_| rmat_link(scale, random, &ids)));
        links.sort_unstable();
        links.dedup();
        links.retain(|(source, target)| source != target);
    }
    for at in 0..wanted {
        let other = at + random.below(links.len() - at);
        links.swap(at, other);
    }
    links.truncate(wanted);
    links
}

fn rmat_link(scale: u32, random: &mut Random, ids: &[u32]) -> Link {
    let (mut source, mut target) = (0usize, 0usize);
    for _ in 0..scale {
        let (down, right) = match random.below(100) {
            0..57 => (0, 0),
            57..76 => (0, 1),
            76..95 => (1, 0),
            _ => (1, 1),
        };
        source = source << 1 | down;
        target = target << 1 | right;
    }
    (ids[source], ids[target])
}

/// Pages in hosts of power-law size: all link to the host's first pages, those to many, and few abroad.
fn web(scale: u32, random: &mut Random) -> Vec<Link> {
    let nodes = 1usize << scale;
    let (mut links, mut homes, mut start) = (Vec::new(), Vec::new(), 0);
    while start < nodes {
        let even = (random.below(1_000_000) + 1) as f64 / 1e6;
        let size = ((20.0 / even.powf(0.8)) as usize).min(20_000).min(nodes - start);
        homes.push(start);
        for page in 0..size {
            if random.below(4) > 0 {
                web_page(start + page, page, size, &homes, random, &mut links);
            }
        }
        start += size;
    }
    links
}

fn web_page(
    page: usize,
    place: usize,
    size: usize,
    homes: &[usize],
    random: &mut Random,
    links: &mut Vec<Link>,
) {
    let start = page - place;
    let mut link = |target: usize| links.push((page as u32, target as u32));
    let listed = if place < 4 { 400 } else { 8 };
    (0..listed.min(size)).for_each(|target| link(start + target));
    for _ in 0..4 {
        let reach = random.below(size) + 1;
        link(start + random.below(reach));
    }
    if random.below(3) == 0 {
        let reach = random.below(homes.len()) + 1;
        link(homes[random.below(reach)]);
    }
}
