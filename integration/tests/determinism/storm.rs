//! Logs made to hit every kind of rule of `fixtures/storm`: few addresses, users and paths, so that
//! buckets collide, in several files whose clocks overlap.

use std::fmt::Write;

use benchmarks::generator::draw::Draw;

/// 2026-03-02T06:00:00Z. Unit: milliseconds.
const START: u64 = 1_772_431_200_000;

/// The text of some files.
pub(crate) fn files(seed: u64, files: u64, lines: u64) -> Vec<String> {
    let draw = Draw::seeded(seed);
    (0..files).map(|file| one(&mut draw.fork(file), lines)).collect()
}

fn one(draw: &mut Draw, lines: u64) -> String {
    let mut text = String::new();
    // Most files begin together, some a little later.
    let mut now = START + if draw.chance(300) { draw.between(0, 90_000) } else { 0 };
    for _ in 0..draw.between(lines / 3, lines) {
        now += match draw.between(0, 40) {
            0 => draw.between(5_000, 60_000),
            1..6 => 0,
            _ => draw.between(0, 1_500),
        };
        let line = line(draw);
        match draw.between(0, 60) {
            0 => writeln!(text, "{line}"),
            // Far ahead, mostly forged; too late; much too late.
            1 => writeln!(text, "{} {line}", date(now + 30 * 86_400_000, draw)),
            2..8 => writeln!(text, "{} {line}", date(now - draw.between(0, 20_000), draw)),
            8 => writeln!(text, "{} {line}", date(now - draw.between(0, 3_600_000), draw)),
            9 => writeln!(text, "%%% {line}"),
            _ => writeln!(text, "{} {line}", date(now, draw)),
        }
        .unwrap();
    }
    // Some go on for long with nothing of interest: their clock ends far beyond the others'.
    for _ in 0..if draw.chance(500) { lines / 4 } else { 0 } {
        now += 4_000;
        writeln!(text, "{} noise", date(now, draw)).unwrap();
    }
    text
}

fn line(draw: &mut Draw) -> String {
    let ip = format!("192.0.2.{}", draw.between(1, 9));
    let user = draw.pick(&["root", "anna", "bert", "git", "ops"]);
    match draw.between(0, 10) {
        0..3 => {
            let path = draw.pick(&["/", "/admin", "/login", "/a"]);
            let code = draw.pick(&["200", "403", "404", "500"]);
            format!("web ip={ip} path={path} code={code}")
        }
        3..6 => {
            let result = if draw.chance(150) { "ok" } else { "bad" };
            format!("login ip={ip} user={user} result={result}")
        }
        6 => format!("mail id=q{} connect={ip}", draw.between(0, 9)),
        7 => format!("mail id=q{} failed", draw.between(0, 9)),
        8 => format!(r#"api {{"ip":"{ip}","user":"{user}","n":{}}}"#, draw.between(0, 20)),
        _ => format!("noise {}", draw.between(0, 1000)),
    }
}

/// RFC 3339, some in another zone.
fn date(at: u64, draw: &mut Draw) -> String {
    let zone = draw.chance(150);
    let local = if zone { at + 7_200_000 } else { at };
    let (day, rest) = (local / 86_400_000, local % 86_400_000);
    // Days since 2026-03-01, in March or April.
    let since = day - 20_513;
    let (month, day) = if since < 31 { (3, since + 1) } else { (4, since - 30) };
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, milli) = (rest / 1000 % 60, rest % 1000);
    let zone = if zone { "+02:00" } else { "Z" };
    let milli = if draw.chance(100) { 500 } else { milli };
    format!("2026-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}{zone}")
}
