use super::*;

const ROWS: &[(&str, u64)] = &[("a", 1)];
const TOKEN: &str = "correct horse battery staple";

fn rig() -> Rig {
    Rig::new(tick(1, ROWS), ServeOptions::default())
}

fn open_rig() -> Rig {
    let options = ServeOptions {
        token: Some(TOKEN.into()),
        hosts: vec!["trends.example".into()],
        ..ServeOptions::default()
    };
    Rig::listening("0.0.0.0:0".parse().unwrap(), tick(1, ROWS), options)
}

fn local(rig: &Rig) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], rig.addr().port()))
}

#[test]
fn other_hosts_are_refused_before_routing() {
    let rig = rig();
    let status = |host: &str, target: &str| {
        request(rig.addr(), "GET", target, &[("host", host)], b"").status
    };
    for host in ["localhost", "LOCALHOST:5001", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:80"] {
        assert_eq!(status(host, "/api/v1/status"), 200, "{host}");
    }
    let evil = [
        "evil.test",
        "evil.test:5001",
        "localhost.evil.test",
        "192.168.0.1",
        "0.0.0.0",
        "[::]",
        "",
        "localhost:x",
        "::1",
        "localhost@evil.test",
        "localhost evil.test",
    ];
    for host in evil {
        for target in ["/", "/api/v1/status", "/healthz", "/nothing", "/updateData", "/metrics"] {
            assert_eq!(status(host, target), 421, "{host} {target}");
        }
    }
    let bare = raw(rig.addr(), b"GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(bare.status, 421, "no host at all");
    let twice = raw(rig.addr(), b"GET / HTTP/1.0\r\nhost: localhost\r\nhost: evil.test\r\n\r\n");
    assert_eq!(twice.status, 421);
    let target = raw(rig.addr(), b"GET http://evil.test/ HTTP/1.0\r\nhost: localhost\r\n\r\n");
    assert_eq!(target.status, 421);
    assert_eq!(request(rig.addr(), "POST", "/x", &[("host", "evil.test")], b"").status, 421);
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let rig = rig();
    let host = format!("localhost:{}", rig.addr().port());
    let own = format!("http://{host}");
    let status = |extra: &[(&str, &str)]| {
        let mut headers = vec![("host", host.as_str()), ("content-type", "application/json")];
        headers.extend_from_slice(extra);
        request(rig.addr(), "POST", "/updateData", &headers, b"{}").status
    };
    // 409 is the route's own answer.
    assert_eq!(status(&[]), 409, "a program sends neither header");
    assert_eq!(status(&[("origin", &own), ("sec-fetch-site", "same-origin")]), 409);
    assert_eq!(status(&[("sec-fetch-site", "none")]), 409);
    for site in ["cross-site", "same-site", "x"] {
        assert_eq!(status(&[("sec-fetch-site", site)]), 403, "{site}");
    }
    for origin in ["http://evil.test", "null", "", "http://localhost", "file://"] {
        assert_eq!(status(&[("origin", origin)]), 403, "{origin}");
    }
    for kind in ["text/plain", "multipart/form-data; boundary=x", "application/jsonx", ""] {
        let headers = [("content-type", kind)];
        assert_eq!(request(rig.addr(), "POST", "/updateData", &headers, b"").status, 415, "{kind}");
    }
}

#[test]
fn every_answer_carries_the_headers() {
    let rig = rig();
    let replies = [
        rig.get("/"),
        rig.get("/api/v1/trends"),
        rig.get("/api/v1/trends?top=0"),
        rig.get("/metrics"),
        rig.get("/refreshData"),
        rig.get("/nothing"),
        request(rig.addr(), "GET", "/", &[("host", "evil.test")], b""),
        request(rig.addr(), "POST", "/updateData", &[("origin", "null")], b""),
        request(rig.addr(), "OPTIONS", "/updateData", &[("origin", "http://evil.test")], b""),
    ];
    for reply in replies {
        assert_eq!(
            reply.header("content-security-policy"),
            Some(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                 connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'"
            ),
            "{reply:?}"
        );
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("cross-origin-opener-policy"), Some("same-origin"));
        assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-origin"));
        assert!(!reply.head.to_lowercase().contains("access-control"), "{reply:?}");
    }
    let live = LiveClient::new(rig.addr(), "/api/v1/live", &[]);
    assert!(live.head.contains("content-security-policy: default-src 'none'"));
}

#[test]
fn only_the_embedded_page_may_be_framed() {
    let rig = rig();
    let framed = rig.get("/?embed=1");
    let policy = framed.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
    assert!(!policy.contains("frame-ancestors"), "{policy}");
    assert_eq!(framed.header("cross-origin-resource-policy"), Some("cross-origin"));
    for target in ["/?embed=0", "/?embed", "/api/v1/trends?embed=1"] {
        let policy = rig.get(target).header("content-security-policy").unwrap().to_owned();
        assert!(policy.contains("frame-ancestors 'none'"), "{target}");
    }
}

#[test]
fn other_machines_need_a_token_to_begin_with() {
    let (_published, receiver) = watch::channel(Arc::new(tick(1, ROWS)));
    let live: Arc<dyn LiveQuery> = Arc::new(FakeLive::default());
    let feed = Feed { published: receiver, live, tutorial: Tutorial::Own };
    for (token, wanted) in [
        (None, "without a token\nhelp: "),
        (Some(String::new()), "without a token\nhelp: "),
        (Some("fifteen letters".to_owned()), "help: make one with `openssl rand -hex 16`"),
    ] {
        let options = ServeOptions { token, ..ServeOptions::default() };
        let refused = start("0.0.0.0:0".parse().unwrap(), feed.clone(), options);
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn off_loopback_everything_needs_the_token() {
    let rig = open_rig();
    let addr = local(&rig);
    let with = |target: &str, value: &str| {
        request(addr, "GET", target, &[("authorization", value)], b"").status
    };
    for (route, _) in super::super::router::routes() {
        let target = route.replace("{tag}", "a");
        let expected = match route {
            "/healthz" => 200,
            "/api/v1/session" => 405,
            _ => 401,
        };
        let reply = get(addr, &target);
        assert_eq!(reply.status, expected, "{route}");
        if expected == 401 {
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert_eq!(get(addr, "/nothing").status, 401);
    assert_eq!(get(addr, "/api/v1/status?token=correct").status, 401);
    assert_eq!(with("/api/v1/status", &format!("Bearer {TOKEN}")), 200);
    assert_eq!(with("/api/v1/status", &format!("bearer {TOKEN}")), 200);
    let prefix = &TOKEN[..TOKEN.len() - 1];
    for wrong in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {prefix}"),
        format!("Bearer {TOKEN}x"),
        format!("Basic {TOKEN}"),
        TOKEN.to_owned(),
    ] {
        assert_eq!(with("/api/v1/status", &wrong), 401, "{wrong}");
    }
    assert_eq!(
        get(addr, "/").header("content-security-policy").map(|p| p.contains("form-action 'self'")),
        Some(true)
    );
}

#[test]
fn off_loopback_the_host_is_an_address_or_a_given_name() {
    let rig = open_rig();
    let status =
        |host: &str| request(local(&rig), "GET", "/healthz", &[("host", host)], b"").status;
    for host in ["trends.example", "Trends.Example:80", "10.1.2.3:5001", "[fe80::1]", "localhost"] {
        assert_eq!(status(host), 200, "{host}");
    }
    for host in ["evil.test", "trends.example.evil.test"] {
        assert_eq!(status(host), 421, "{host}");
    }
}

#[test]
fn a_session_stands_for_the_token() {
    let rig = open_rig();
    let addr = local(&rig);
    let json = [("content-type", "application/json")];
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let login = |headers: &[(&str, &str)], body: &str| {
        request(addr, "POST", "/api/v1/session", headers, body.as_bytes())
    };
    for (headers, body) in [
        (&json, r#"{"token":"wrong"}"#),
        (&json, "{}"),
        (&form, "token=wrong"),
        (&form, "token="),
        (&form, ""),
    ] {
        let reply = login(headers, body);
        assert_eq!((reply.status, reply.header("set-cookie")), (401, None), "{body}");
    }
    let reply = login(&json, &format!(r#"{{"token":"{TOKEN}"}}"#));
    assert_eq!(reply.status, 204);
    let cookie = reply.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains("horse"), "the cookie must not hold the token");
    let pair = cookie.split(';').next().unwrap();
    let status =
        |cookie: &str| request(addr, "GET", "/api/v1/status", &[("cookie", cookie)], b"").status;
    assert_eq!(status(pair), 200);
    assert_eq!(status(&format!("a=b; {pair}; c=d")), 200);
    assert_eq!(status(&pair[..pair.len() - 1]), 401);
    assert_eq!(status("tagtide_session="), 401);

    let wrong = login(&form, "token=wrong");
    assert_eq!(wrong.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(wrong.text().contains("That is not the token."), "{}", wrong.text());
    // Browsers must say which page sent the form.
    assert_eq!(get(addr, "/").header("referrer-policy"), Some("same-origin"));
    assert_eq!(wrong.header("referrer-policy"), Some("same-origin"));
    let reply = login(&form, "token=correct+horse+battery+staple");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/")));
    let bearer = [("authorization", "Bearer correct horse battery staple")];
    assert_eq!(login(&bearer, "").status, 204);
    let first = pair.to_owned();
    for _ in 0..64 {
        assert_eq!(login(&bearer, "").status, 204);
    }
    assert_eq!(status(&first), 401, "the oldest session was evicted");
}

#[test]
fn whoever_is_not_known_sends_little() {
    let rig = open_rig();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let login = |bytes: usize| {
        let body = "x".repeat(bytes);
        request(local(&rig), "POST", "/api/v1/session", &headers, body.as_bytes()).status
    };
    assert_eq!(login(4 * 1024), 401, "no token, but read");
    assert_eq!(login(4 * 1024 + 1), 413);
}

#[test]
fn on_loopback_reads_are_open_and_there_is_no_session() {
    let rig = rig();
    let reply = request(rig.addr(), "POST", "/api/v1/session", &[], b"");
    assert_eq!(reply.status, 404);
    let options = ServeOptions { token: Some(TOKEN.into()), ..ServeOptions::default() };
    let shown = format!("{options:?}");
    assert!(!shown.contains("horse") && shown.contains("redacted"), "{shown}");
    let rig = Rig::new(tick(1, ROWS), options);
    assert_eq!(rig.get("/api/v1/status").status, 200);
}
