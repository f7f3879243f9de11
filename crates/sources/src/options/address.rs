//! Addresses of servers, and the places of secrets.

use std::path::PathBuf;

use url::Url;

use super::diagnostic::{Field, Place};
use super::{Checker, Section};
use crate::http_client::is_loopback;

/// Where a secret is; the job itself never holds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    /// Environment variable.
    Env(String),
    /// File; a bare name is looked for in `$CREDENTIALS_DIRECTORY` first.
    File(PathBuf),
}

/// `host:port`, an IPv6 host in brackets.
#[must_use]
pub fn is_host_and_port(addr: &str) -> bool {
    if addr.parse::<std::net::SocketAddr>().is_ok() {
        return true;
    }
    let Some((host, port)) = addr.rsplit_once(':') else { return false };
    let letters = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    !host.is_empty()
        && host.len() <= 253
        && host.chars().all(letters)
        && port.parse::<u16>().is_ok()
}

/// The key `addr`: `host:port`.
pub fn host_and_port(section: &mut Section<'_>) -> String {
    let Some(field) = section.text("addr") else {
        section.missing("the source has no `addr`", "add `addr = \"localhost:9009\"`");
        return String::new();
    };
    if !is_host_and_port(&field.value) {
        let what = format!("`{}` is not an address", field.value);
        section.problem("addr", what, "write `host:port`, like `localhost:9009`");
    }
    field.value
}

/// `host`, `host:port`, or an address without a path: https and wss, http and ws on this machine.
pub fn server(checker: &mut Checker, written: &str, place: &Place, help: &str) -> Option<String> {
    let address = match written.split_once("://") {
        None => format!("https://{written}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(_) => written.to_owned(),
    };
    let url = match Url::parse(&address) {
        Ok(url) if url.host().is_some() => url,
        _ => {
            checker.problem(place, format!("`{written}` is not a server"), help);
            return None;
        }
    };
    let is_secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !url.username().is_empty() || url.password().is_some() {
        checker.problem(place, "a server is written without user and password", help);
    } else if !is_secure {
        checker.problem(place, format!("`{written}` is not encrypted"), help);
    } else if !is_bare {
        checker.problem(place, format!("`{written}` has a path; the wire decides it"), help);
    }
    Some(url.into())
}

/// An http or https URL without credentials in it. `secret` names what must not go unencrypted:
/// then only https or loopback is accepted.
pub fn url(checker: &mut Checker, field: &Field<String>, secret: Option<&'static str>) -> String {
    let place = &field.place;
    match Url::parse(&field.value) {
        Err(error) => {
            let help = "write the whole URL, like `http://localhost:5001/updateData`";
            checker.problem(place, format!("`{}` is not a URL: {error}", field.value), help);
        }
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            let what = format!("`{}` is neither http nor https", url.scheme());
            checker.problem(place, what, "");
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            // The URL is not repeated: it holds a secret.
            let what = "a URL in a job file holds no user or password";
            let help = "a webhook takes its secret by `token_env` or `secret_env`";
            checker.problem(place, what, help);
        }
        Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
            if let Some(secret) = secret {
                let what = format!("{secret} would go over plain http to another machine");
                checker.problem(place, what, "use https");
            }
        }
        Ok(_) => {}
    }
    field.value.clone()
}

/// The name of an environment variable.
pub fn env_name(checker: &mut Checker, field: &Field<String>, help: &str) {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let digit = field.value.starts_with(|c: char| c.is_ascii_digit());
    if field.value.is_empty() || digit || !field.value.chars().all(letters) {
        // The value is not repeated: it may be the secret itself.
        let what = "this is not the name of an environment variable";
        checker.problem(&field.place, what, help);
    }
}

/// Where the secret `name` is: `env` and `file` are its two keys, of which a job writes one.
pub fn secret(
    section: &mut Section<'_>,
    name: &'static str,
    (env_key, file_key): (&'static str, &'static str),
) -> SecretFrom {
    let help =
        format!("name an environment variable with `{env_key}`, or a file with `{file_key}`");
    match (section.text(env_key), section.text(file_key)) {
        (Some(env), None) => {
            let example = name.to_uppercase();
            let help = format!("put it in a variable and its name here, like `{example}`");
            env_name(section.checker, &env, &help);
            SecretFrom::Env(env.value)
        }
        (None, Some(file)) => {
            if file.value.is_empty() {
                section.problem(file_key, "an empty path", help);
            }
            SecretFrom::File(file.value.into())
        }
        (Some(_), Some(_)) => {
            section.problem(env_key, format!("`{name}` is named twice"), help);
            SecretFrom::Env(String::new())
        }
        (None, None) => {
            section.missing(format!("the source has no `{env_key}`"), help);
            SecretFrom::Env(String::new())
        }
    }
}
