//! The form that asks a browser for the token, if other machines can reach the address.
//!
//! It needs no other file, because nothing else is answered without the token: its style is inline,
//! and its policy allows that style by its hash.

use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use super::page::html;

const STYLE: &str = include_str!("login.css");

const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-pUc48fQ+Nj3A9Zl1d/qmmeVjvQJyMOdotgkK5HXR8dY='; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The text above the form after a wrong token.
const WRONG: &str = "<p role=\"alert\">That is not the token.</p>\n";

/// The form; `wrong` after a wrong token.
pub(super) fn form(wrong: bool) -> Response {
    let message = if wrong { WRONG } else { "" };
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>tagtide: log in</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>tagtide</h1>\n{message}<form method=\"post\" action=\"/api/v1/session\">\n\
         <label for=\"token\">Token</label>\n<input id=\"token\" type=\"password\" name=\"token\" \
         autocomplete=\"current-password\" required autofocus>\n<button>Log in</button>\n\
         </form>\n</main>\n</body>\n</html>\n"
    );
    let mut response = html(StatusCode::UNAUTHORIZED, text);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Under `no-referrer` browsers send `Origin: null` with the form, which would be refused.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_style() {
        let hash = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
        let named = POLICY.split("'sha256-").nth(1).and_then(|rest| rest.split('\'').next());
        let bits = |c: char| {
            let mut alphabet = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']);
            alphabet.position(|known| known == c).expect("base64")
        };
        let mut bytes: Vec<u8> = Vec::new();
        for four in
            named.expect("a hash").trim_end_matches('=').chars().collect::<Vec<_>>().chunks(4)
        {
            let word =
                four.iter().fold(0, |word, c| word << 6 | bits(*c)) << (6 * (4 - four.len()));
            bytes.extend(&u32::try_from(word).expect("24 bits").to_be_bytes()[1..four.len()]);
        }
        assert_eq!(bytes, hash.as_ref());
    }
}
