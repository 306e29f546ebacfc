//! Choices that depend on the seed alone.

/// Steele, Lea and Flood's generator (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The generator of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub const fn below(&mut self, bound: usize) -> usize {
        ((self.next() as u128 * bound as u128) >> 64) as usize
    }

    /// Between 0 and 1.
    pub const fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }

    /// Lower-case hexadecimal digits.
    pub fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(b"0123456789abcdef"[self.below(16)])).collect()
    }

    /// Letters and digits, as tokens are made of.
    pub fn text(&mut self, length: usize) -> String {
        const FROM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        (0..length).map(|_| char::from(FROM[self.below(FROM.len())])).collect()
    }

    /// The form of a UUID (RFC 9562 §5.4).
    pub fn uuid(&mut self) -> String {
        let d = self.hex(30);
        format!("{}-{}-4{}-a{}-{}", &d[..8], &d[8..12], &d[12..15], &d[15..18], &d[18..])
    }
}

/// Numbers below a bound, the small ones more often: the k-th with a weight of 1/(k+1).
///
/// A few callers send most of the requests, and most callers send few.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// Sums of the weights.
    sums: Vec<f64>,
}

impl Zipf {
    /// Numbers below `bound`.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        let mut sum = 0.0;
        let sums = (0..bound).map(|place| {
            sum += 1.0 / (place as f64 + 1.0);
            sum
        });
        Self { sums: sums.collect() }
    }

    /// The next one.
    pub fn next(&self, rng: &mut Rng) -> usize {
        let total = self.sums.last().copied().unwrap_or_default();
        let at = rng.unit() * total;
        self.sums.partition_point(|sum| *sum <= at).min(self.sums.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_chooses_the_same() {
        let draw = |seed| (0..8).map(|_| Rng::new(seed).below(1000)).collect::<Vec<_>>();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn zipf_prefers_the_first_and_reaches_the_last() {
        let (zipf, mut rng) = (Zipf::new(100), Rng::new(1));
        let mut seen = [0_u32; 100];
        for _ in 0..100_000 {
            seen[zipf.next(&mut rng)] += 1;
        }
        // The sum of 1/k for k to 100 is 5.19: the first has 19 %, the second half of that.
        assert!((18_000..21_000).contains(&seen[0]), "{}", seen[0]);
        assert!((8_800..10_500).contains(&seen[1]), "{}", seen[1]);
        assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
    }
}
