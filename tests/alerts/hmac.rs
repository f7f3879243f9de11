//! HMAC-SHA256 as RFC 2104 and FIPS 180-4 write it down: what a receiver's own library does, so
//! that a signature is not checked by the code that made it.

/// Prime numbers up to 311: fractions of their roots are the constants of SHA-256.
fn primes() -> impl Iterator<Item = u32> {
    (2_u32..312).filter(|n| (2..*n).all(|d| n % d != 0))
}

/// The first 32 bits behind the point.
fn fraction(root: f64) -> u32 {
    ((root - root.floor()) * 4_294_967_296.0) as u32
}

fn sha256(message: &[u8]) -> Vec<u8> {
    let mut hash: Vec<u32> = primes().take(8).map(|p| fraction(f64::from(p).sqrt())).collect();
    let keys: Vec<u32> = primes().map(|p| fraction(f64::from(p).cbrt())).collect();
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        let mut words: Vec<u32> =
            block.chunks(4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]])).collect();
        for i in 16..64 {
            let (a, b) = (words[i - 15], words[i - 2]);
            let a = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
            let b = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
            let sum = words[i - 16].wrapping_add(a).wrapping_add(words[i - 7]).wrapping_add(b);
            words.push(sum);
        }
        let mut s = hash.clone();
        for i in 0..64 {
            let e = s[4].rotate_right(6) ^ s[4].rotate_right(11) ^ s[4].rotate_right(25);
            let choice = (s[4] & s[5]) ^ (!s[4] & s[6]);
            let one = s[7].wrapping_add(e).wrapping_add(choice).wrapping_add(keys[i]);
            let one = one.wrapping_add(words[i]);
            let a = s[0].rotate_right(2) ^ s[0].rotate_right(13) ^ s[0].rotate_right(22);
            let most = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
            s.rotate_right(1);
            s[4] = s[4].wrapping_add(one);
            s[0] = one.wrapping_add(a).wrapping_add(most);
        }
        for (sum, value) in hash.iter_mut().zip(&s) {
            *sum = sum.wrapping_add(*value);
        }
    }
    hash.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// As hexadecimal digits. Keys are at most 64 bytes here.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> String {
    let pad = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block.to_vec()
    };
    let inner = sha256(&[pad(0x36), message.to_vec()].concat());
    let outer = sha256(&[pad(0x5c), inner].concat());
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// True where a request's signature is that of its body.
pub(crate) fn is_signed(request: &crate::server::Request, secret: &str) -> bool {
    let Some(value) = request.header("tagtide-signature") else { return false };
    let Some((time, hash)) = value.split_once(',') else { return false };
    let (Some(time), Some(hash)) = (time.strip_prefix("t="), hash.strip_prefix("v1=")) else {
        return false;
    };
    hash == hmac_sha256(secret.as_bytes(), format!("{time}.{}", request.body).as_bytes())
}

#[test]
fn known_answers() {
    // RFC 4231, test case 2.
    let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(hmac_sha256(b"Jefe", b"what do ya want for nothing?"), expected);
}
