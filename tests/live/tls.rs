//! Encrypted connections to servers on loopback: roots of one's own, and certificates that are
//! not to be trusted.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};

use crate::record::source;
use crate::running::Running;
use crate::support::until;
use crate::toots::Toots;
use crate::world::World;
use crate::{mastodon_sim, sim};

/// Encrypts what goes to and comes from `to`, as `name`; its address. The root is written to
/// `dir`.
fn encrypted(to: SocketAddr, name: &str, dir: &Path) -> SocketAddr {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(dir.join("root.pem"), root.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &root).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let serve = async move {
        let (listener, acceptor) =
            (TcpListener::from_std(listener).unwrap(), TlsAcceptor::from(Arc::new(config)));
        let mut connections = JoinSet::new();
        while let Ok((from, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                let Ok(mut from) = acceptor.accept(from).await else { return };
                let Ok(mut to) = TcpStream::connect(to).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serve);
    });
    addr
}

/// A run, and where its page is.
struct Run(#[expect(dead_code, reason = "it is kept")] Running, String);

/// Starts a job with these roots besides the system's.
fn run(dir: &Path, sources: &str, roots: &[(&str, &Path)]) -> Run {
    let job = dir.join("job.toml");
    std::fs::write(&job, format!("batch = \"20ms\"\n{sources}")).unwrap();
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let page = probe.local_addr().unwrap().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagtide"));
    command.arg("run").arg(job).args(["--state-dir", "none", "--hurry", "2000"]);
    command.args(["--listen", &page]).env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    command.envs(roots.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    drop(probe);
    Run(Running::start(&mut command), page)
}

fn bluesky() -> (Arc<World>, sim::Sim) {
    let start_us = tagtide_posts::clock::Clock::System.now().0 * 1000 - 10_000_000;
    let world = Arc::new(World::new(81, 1_000, start_us, 1_000));
    let manners = sim::Manners { live_from: Some(0), ..<_>::default() };
    let sim = sim::Sim::start(&world, 1_000, manners);
    (world, sim)
}

fn jetstream(addr: SocketAddr) -> String {
    format!("[[source]]\nkind = \"jetstream\"\nhosts = [\"wss://localhost:{}\"]\n", addr.port())
}

#[test]
fn a_root_of_ones_own_is_trusted_on_a_websocket() {
    let (dir, (world, sim)) = (tempfile::tempdir().unwrap(), bluesky());
    let addr = encrypted(sim.addr, "localhost", dir.path());
    let file = dir.path().join("root.pem");
    let run = run(dir.path(), &jetstream(addr), &[("SSL_CERT_FILE", &file)]);
    until("all is counted", || source(&run.1)["posts"].as_u64() >= Some(world.posts()));
    assert_eq!(source(&run.1)["state"], "live");
}

#[test]
fn a_root_of_ones_own_is_trusted_on_server_sent_events() {
    let dir = tempfile::tempdir().unwrap();
    let toots = Arc::new(Toots::new(82, 500, 1, false));
    let of = mastodon_sim::Instance::start(&toots, 1, mastodon_sim::Manners::default());
    let addr = encrypted(of.addr, "localhost", dir.path());
    of.manners(|manners| {
        manners.streaming = Some(format!("wss://localhost:{}", addr.port()));
    });
    let token = dir.path().join("token");
    std::fs::write(&token, mastodon_sim::TOKEN).unwrap();
    let sources = format!(
        "[[source]]\nkind = \"mastodon\"\ninstance = \"https://localhost:{}\"\ntoken_file = \
         {token:?}\n",
        addr.port()
    );
    let run = run(dir.path(), &sources, &[("SSL_CERT_FILE", &dir.path().join("root.pem"))]);
    until("a stream is open", || of.listeners() > 0);
    of.release(500);
    until("all is counted", || source(&run.1)["posts"] == 500);
}

#[test]
fn an_unknown_root_and_a_wrong_name_have_clear_errors() {
    let (dir, (_, sim)) = (tempfile::tempdir().unwrap(), bluesky());
    let addr = encrypted(sim.addr, "elsewhere.example", dir.path());
    let file = dir.path().join("root.pem");
    let detail = |roots: &[(&str, &Path)], wanted: &str| {
        let run = run(dir.path(), &jetstream(addr), roots);
        let printed = || source(&run.1)["detail"].as_str().unwrap_or_default().to_owned();
        until("it is tried again", || source(&run.1)["state"] == "retrying");
        assert!(printed().contains(wanted), "{}", printed());
        assert_eq!(source(&run.1)["posts"], 0);
    };
    detail(&[], "(TLS) failed: its certificate is not signed by an authority");
    detail(
        &[("SSL_CERT_FILE", &file)],
        "(TLS) failed: its certificate is not for `localhost`, but for",
    );
    assert!(sim.requests().is_empty(), "no request was made");
}
