//! A proxy on loopback that cuts what goes through it, and knows how many connections are open.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A proxy in front of one server.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    inside: Arc<Inside>,
}

#[derive(Default)]
struct Inside {
    /// Both ends of every connection that was made.
    ends: Mutex<Vec<[TcpStream; 2]>>,
    /// Connections whose client has not closed them.
    open: AtomicUsize,
}

impl Proxy {
    /// A proxy of the server at `to`.
    pub(crate) fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let inside = Arc::new(Inside::default());
        let shared = Arc::clone(&inside);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(to) else { continue };
                shared.connect(client, server);
            }
        });
        Self { addr, inside }
    }

    /// Cuts every connection, in the middle of whatever it carries.
    pub(crate) fn cut(&self) {
        for end in self.inside.ends.lock().unwrap().drain(..).flatten() {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.inside.open.load(Ordering::SeqCst)
    }
}

impl Inside {
    fn connect(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        let ends = [&client, &server].map(|end| end.try_clone().unwrap());
        self.ends.lock().unwrap().push(ends);
        self.open.fetch_add(1, Ordering::SeqCst);
        let (to_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let inside = Arc::clone(self);
        std::thread::spawn(move || {
            copy(client, to_server);
            inside.open.fetch_sub(1, Ordering::SeqCst);
        });
        std::thread::spawn(move || copy(server, to_client));
    }
}

/// Copies until either end has gone, then closes both.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(read) = from.read(&mut buffer)
        && read > 0
        && to.write_all(&buffer[..read]).is_ok()
    {}
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
