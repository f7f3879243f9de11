//! OAuth 1.0a with HMAC-SHA1 (RFC 5849): the header of one request. Pure: nonce and time are given.

use ring::hmac;
use url::{Position, Url};

use crate::secret::Secret;

/// What a request is signed with.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) consumer: Secret,
    pub(super) consumer_secret: Secret,
    pub(super) token: Secret,
    pub(super) token_secret: Secret,
}

impl Keys {
    /// `text` without any of them, which a server may have sent back to us.
    pub(super) fn cut_from(&self, text: &str) -> String {
        let all = [&self.consumer, &self.consumer_secret, &self.token, &self.token_secret];
        all.iter().fold(text.to_owned(), |text, secret| secret.cut_from(&text))
    }
}

/// The value of `Authorization` for a request of `url` with the parameters of query and form.
pub(super) fn header(
    method: &str,
    url: &Url,
    params: &[(String, String)],
    keys: &Keys,
    nonce: &str,
    timestamp_s: i64,
) -> String {
    let mut oauth = vec![
        ("oauth_consumer_key", keys.consumer.expose().to_owned()),
        ("oauth_nonce", nonce.to_owned()),
        ("oauth_signature_method", "HMAC-SHA1".to_owned()),
        ("oauth_timestamp", timestamp_s.to_string()),
        ("oauth_token", keys.token.expose().to_owned()),
        ("oauth_version", "1.0".to_owned()),
    ];
    let params = params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let own = oauth.iter().map(|(name, value)| (*name, value.as_str()));
    let signature = sign(method, url, params.chain(own), keys);
    oauth.insert(2, ("oauth_signature", signature));
    let members = oauth.iter().map(|(name, value)| format!("{name}=\"{}\"", percent(value)));
    format!("OAuth {}", members.collect::<Vec<_>>().join(", "))
}

fn sign<'a>(
    method: &str,
    url: &Url,
    params: impl Iterator<Item = (&'a str, &'a str)>,
    keys: &Keys,
) -> String {
    let mut params: Vec<_> = params.map(|(name, value)| (percent(name), percent(value))).collect();
    params.sort();
    let params: Vec<_> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // Scheme and host are in lower case and a default port is left out by the parser.
    let base = percent(&url[..Position::AfterPath]);
    let text = format!("{method}&{base}&{}", percent(&params.join("&")));
    let (consumer, token) = (keys.consumer_secret.expose(), keys.token_secret.expose());
    let key = format!("{}&{}", percent(consumer), percent(token));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    base64(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// RFC 3986: everything but letters, digits and `-._~`, in UTF-8.
pub(super) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for digit in 0..4 {
            let is_there = digit <= three.len();
            let digit = DIGITS[bits >> (18 - 6 * digit) & 63];
            out.push(if is_there { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys {
            consumer: Secret::of("xvz1evFS4wEEPTGEFPHBog"),
            consumer_secret: Secret::of("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"),
            token: Secret::of("370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
            token_secret: Secret::of("LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"),
        }
    }

    fn signed(url: &str) -> String {
        let params = [
            ("include_entities".to_owned(), "true".to_owned()),
            ("status".to_owned(), "Hello Ladies + Gentlemen, a signed OAuth request!".to_owned()),
        ];
        let url = Url::parse(url).expect("a URL");
        let nonce = "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg";
        header("POST", &url, &params, &keys(), nonce, 1_318_622_958)
    }

    #[test]
    fn the_worked_examples_of_the_platform_come_out() {
        for (url, signature) in [
            ("https://api.x.com/1.1/statuses/update.json", "Ls93hJiZbQ3akF3HF3x1Bz8/zU4="),
            ("https://api.twitter.com/1.1/statuses/update.json", "hCtSmYh+iHYCEqBWrE7C7hYmtUk="),
            ("https://api.twitter.com/1/statuses/update.json", "tnnArxj06cWHq44gCs1OSKk/jLY="),
            // Case of the host, a default port and a query change nothing.
            ("HTTPS://API.X.com:443/1.1/statuses/update.json?x=1", "Ls93hJiZbQ3akF3HF3x1Bz8/zU4="),
        ] {
            let header = signed(url);
            let wanted = format!("oauth_signature=\"{}\"", percent(signature));
            assert!(header.contains(&wanted), "{url}: {header}");
        }
        let header = signed("https://api.x.com/1.1/statuses/update.json");
        assert!(header.starts_with("OAuth oauth_consumer_key=\"xvz1evFS4wEEPTGEFPHBog\", "));
        assert!(!header.contains("kAcSO") && !header.contains("Lsww"), "{header}");
    }

    #[test]
    fn percent_encoding_and_base64_are_those_of_the_rfcs() {
        assert_eq!(percent("Ladies + Gentlemen"), "Ladies%20%2B%20Gentlemen");
        assert_eq!(percent("#é~-._☃"), "%23%C3%A9~-._%E2%98%83");
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain.as_bytes()), coded, "{plain:?}");
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn what_a_server_sends_back_is_cut() {
        let cut = keys().cut_from("bad 370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb.");
        assert_eq!(cut, "bad ***.");
    }
}
