use super::*;

const ROWS: &[(&str, u64)] = &[("a", 1)];

/// Times short enough to wait for.
fn impatient() -> ServeOptions {
    let short = Duration::from_millis(200);
    let timeouts = Timeouts { header: short, body: short, stuck: short, ..Timeouts::default() };
    ServeOptions { timeouts, ..ServeOptions::default() }
}

/// What the server sends before it closes.
fn until_closed(addr: SocketAddr, sent: &str) -> String {
    let mut stream = connect(addr);
    stream.write_all(sent.as_bytes()).unwrap();
    String::from_utf8(read_all(&mut stream)).unwrap()
}

#[test]
fn half_requests_are_closed() {
    let rig = Rig::new(tick(1, ROWS), impatient());
    let closed = |sent: &str| until_closed(rig.addr(), sent);
    let silent = closed("");
    assert!(silent.is_empty() || silent.starts_with("HTTP/1.1 408"), "{silent}");
    let half = closed("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-slow");
    assert!(half.is_empty() || half.starts_with("HTTP/1.1 408"), "{half}");
    // Answered once, then idle.
    let idle = closed("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(idle.starts_with("HTTP/1.1 200") && idle.contains("ok\n"), "{idle}");
}

#[test]
fn half_bodies_are_closed() {
    let fed = PostedRanking::new(tagtide_posts::clock::Clock::default());
    let server = start(Listen::Loopback(0), fed.feed(), impatient()).unwrap();
    let head = "POST /updateData HTTP/1.1\r\nhost: localhost\r\n\
        content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"label\":";
    let reply = until_closed(server.addr(), head);
    assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");
    let chunked = "POST /updateData HTTP/1.1\r\nhost: localhost\r\n\
        content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"lab";
    let reply = until_closed(server.addr(), chunked);
    assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");
    // A route that wants no body does not wait for one.
    let unread = "GET /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nx";
    let reply = until_closed(server.addr(), unread);
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
}

#[test]
fn large_heads_and_bodies_are_refused() {
    let fed = PostedRanking::new(tagtide_posts::clock::Clock::default());
    let server = start(Listen::Loopback(0), fed.feed(), ServeOptions::default()).unwrap();
    let with_header = |bytes: usize| {
        let filler = "x".repeat(bytes);
        request(server.addr(), "GET", "/healthz", &[("x-filler", &filler)], b"").status
    };
    assert_eq!(with_header(15 * 1024), 200);
    assert_eq!(with_header(17 * 1024), 431);
    let with_body = |bytes: usize| {
        let body = "x".repeat(bytes);
        let headers = [("content-type", "application/json")];
        request(server.addr(), "POST", "/updateData", &headers, body.as_bytes()).status
    };
    assert_eq!(with_body(1024 * 1024), 400, "not JSON, but read");
    assert_eq!(with_body(1024 * 1024 + 1), 413);
}

#[test]
fn garbage_is_answered_or_closed() {
    let rig = Rig::new(tick(1, ROWS), impatient());
    for garbage in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02", "GET / HTTP/9.9\r\n\r\n"]
    {
        let reply = until_closed(rig.addr(), garbage);
        assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 4"), "{garbage:?} {reply}");
    }
    assert_eq!(rig.get("/healthz").status, 200);
}

#[test]
fn connections_beyond_the_limit_are_told_so() {
    let rig = Rig::new(tick(1, ROWS), ServeOptions { connections_max: 2, ..Default::default() });
    let hold = || {
        // Answered, and kept open by HTTP/1.1.
        let mut stream = connect(rig.addr());
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut first = [0];
        stream.read_exact(&mut first).unwrap();
        stream
    };
    let (held, also_held) = (hold(), hold());
    let reply = rig.get("/healthz");
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
    drop(held);
    eventually("a slot is free again", || rig.get("/healthz").status == 200);
    eventually("the refusal is counted", || {
        rig.get("/metrics").text().contains("tagtide_http_connections_refused_total ")
    });
    drop(also_held);
}

#[test]
fn live_streams_have_slots_of_their_own() {
    let options = ServeOptions { connections_max: 1, live_max: 3, ..Default::default() };
    let rig = Rig::new(tick(1, ROWS), options);
    let open = || {
        let mut client = None;
        // The slot of the one before is given back when its connection becomes a stream.
        eventually("a stream", || {
            let candidate = LiveClient::new(rig.addr(), "/api/v1/live", &[]);
            let good = candidate.head.starts_with("HTTP/1.0 200");
            client = good.then_some(candidate);
            good
        });
        client.unwrap()
    };
    let mut clients: Vec<_> = (0..3).map(|_| open()).collect();
    let mut too_many = None;
    eventually("an answer by the route", || {
        let reply = rig.get("/api/v1/live");
        let by_route = reply.text().contains("too many live streams");
        too_many = by_route.then_some(reply);
        by_route
    });
    let too_many = too_many.unwrap();
    assert_eq!((too_many.status, too_many.header("retry-after")), (503, Some("5")));
    eventually("requests still go through", || {
        rig.get("/metrics").text().contains("tagtide_live_clients 3.0")
    });
    for client in &mut clients {
        client.event("snapshot");
    }
    drop(clients);
    eventually("streams that end are counted down", || {
        rig.get("/metrics").text().contains("tagtide_live_clients 0.0")
    });
}

#[test]
fn a_client_that_reads_nothing_is_cut() {
    let rig = Rig::new(tick(1, ROWS), impatient());
    let mut stuck = connect(rig.addr());
    let target = "GET /api/v1/live?top=1000 HTTP/1.0\r\nhost: localhost\r\n\r\n";
    stuck.write_all(target.as_bytes()).unwrap();
    let mut reading = LiveClient::new(rig.addr(), "/api/v1/live?top=1", &[]);
    reading.event("snapshot");
    let live = |count: u32| {
        let line = format!("tagtide_live_clients {count}.0");
        rig.get("/metrics").text().contains(&line)
    };
    eventually("both are there", || live(2));
    // Every row changes at every tick, so that the buffers on the way fill up.
    let names: Vec<String> = (0..1_000).map(|index| format!("{index:0>200}")).collect();
    let mut batch = 1;
    eventually("the stuck one is cut", || {
        batch += 1;
        let rows: Vec<_> = names.iter().map(|name| (name.as_str(), batch)).collect();
        rig.publish(tick(batch, &rows));
        // The one that reads goes on getting every tick, or a snapshot instead.
        while reading.next().unwrap().id != Some(batch.to_string()) {}
        live(1)
    });
    rig.publish(tick(batch + 1, ROWS));
    while reading.next().unwrap().id != Some((batch + 1).to_string()) {}
}

#[test]
fn a_port_in_use_is_said_with_a_way_out() {
    let rig = Rig::new(tick(1, ROWS), ServeOptions::default());
    let fed = PostedRanking::new(tagtide_posts::clock::Clock::default());
    let port = rig.addr().port();
    let error = start(Listen::Loopback(port), fed.feed(), ServeOptions::default()).unwrap_err();
    assert!(matches!(error, ServeError::InUse(addr) if addr == rig.addr()), "{error}");
    let text = error.to_string();
    assert!(text.starts_with(&format!("cannot listen on `127.0.0.1:{port}`")), "{text}");
    assert!(text.contains("\nhelp: "), "{text}");
}

#[test]
fn the_other_loopback_address_answers_too() {
    let rig = Rig::new(tick(1, ROWS), ServeOptions::default());
    for addr in rig.server.addrs() {
        assert_eq!(addr.port(), rig.addr().port());
        assert_eq!(get(*addr, "/healthz").status, 200);
    }
}

#[test]
fn addresses_are_read_as_people_write_them() {
    let read = |text: &str| text.parse::<Listen>();
    assert_eq!(read("5001").unwrap(), Listen::Loopback(5001));
    assert_eq!(read("localhost:0").unwrap(), Listen::Loopback(0));
    for (text, loopback) in [("127.0.0.1:80", true), ("[::1]:80", true), ("0.0.0.0:80", false)] {
        assert_eq!(read(text).unwrap().is_loopback(), loopback, "{text}");
    }
    for text in ["", "x", "localhost", "127.0.0.1", "70000", "localhost:x"] {
        assert!(read(text).unwrap_err().to_string().contains("help: "), "{text}");
    }
}

#[test]
fn stopping_ends_idle_connections_and_frees_the_port() {
    let rig = Rig::new(tick(1, ROWS), ServeOptions::default());
    let addr = rig.addr();
    let mut idle = connect(addr);
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut first = [0];
    idle.read_exact(&mut first).unwrap();
    rig.server.stop();
    read_all(&mut idle);
    let fed = PostedRanking::new(tagtide_posts::clock::Clock::default());
    let again = start(Listen::Loopback(addr.port()), fed.feed(), ServeOptions::default());
    assert_eq!(again.unwrap().addr(), addr);
}
