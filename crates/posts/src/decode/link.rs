//! Web addresses of posts, made from their identities.

use super::Format;

/// The `https` address of the post with this identity, if it can be built safely.
#[must_use]
pub fn link(format: Format, id: &str) -> Option<String> {
    let plain = |part: &str, also: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
        !part.is_empty() && part.chars().all(fits)
    };
    match format {
        Format::Text | Format::TextPlus => None,
        Format::X1 | Format::X2 => id
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| format!("https://x.com/i/web/status/{id}"))
            .filter(|_| !id.is_empty()),
        Format::Jetstream => {
            let mut parts = id.split('/');
            let (did, _, rkey) = (parts.next()?, parts.next()?, parts.next()?);
            let sound = did.starts_with("did:") && plain(did, ":._%-") && plain(rkey, ":._~-");
            (sound && parts.next().is_none())
                .then(|| format!("https://bsky.app/profile/{did}/post/{rkey}"))
        }
        Format::Mastodon => {
            let rest = id.strip_prefix("https://")?;
            let host = rest.split('/').next()?;
            // No user, no port, nothing that needs escaping.
            (plain(host, ".-") && plain(rest, "/._~-%@+=&?:,;!$()*")).then(|| id.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_platform_has_its_address_and_nothing_else_gets_one() {
        let of = |format, id| link(format, id).unwrap_or_default();
        let bluesky = of(Format::Jetstream, "did:plc:ab2/app.bsky.feed.post/3kx");
        assert_eq!(bluesky, "https://bsky.app/profile/did:plc:ab2/post/3kx");
        assert_eq!(of(Format::X2, "123"), "https://x.com/i/web/status/123");
        let status = "https://a.example/users/ann/statuses/1";
        assert_eq!(of(Format::Mastodon, status), status);
        for (format, id) in [
            (Format::X1, ""),
            (Format::X1, "12/../3"),
            (Format::Jetstream, "did:plc:a/app.bsky.feed.post/x?y#z"),
            (Format::Jetstream, "evil.example/app.bsky.feed.post/x"),
            (Format::Jetstream, "did:plc:a/app.bsky.feed.post/x/y"),
            (Format::Mastodon, "javascript:alert(1)"),
            (Format::Mastodon, "http://a.example/1"),
            (Format::Mastodon, "https://user@a.example/1"),
            (Format::Mastodon, "https://a.example/\" onclick=\"x"),
            (Format::Mastodon, "https://a.example/\u{202e}1"),
            (Format::Mastodon, "https://"),
            (Format::Mastodon, "123"),
            (Format::Text, "1"),
        ] {
            assert_eq!(link(format, id), None, "{id}");
        }
    }
}
