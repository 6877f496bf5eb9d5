//! Distances on the earth. Sine, cosine and arc tangent are the series of the Cephes library that Go
//! evaluates too: the same digits on every host, whatever its C library.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// Radius of the earth that CrowdSec's library takes. Unit: kilometres.
const EARTH_RADIUS: f64 = 6371.0;

/// A quarter of pi in three parts, for a remainder with more digits than pi has.
const QUARTER: [f64; 3] =
    [7.853_981_256_484_985e-1, 3.774_894_707_930_798e-8, 2.695_151_429_079_059_5e-15];

const SINE: [f64; 6] = [
    1.589_623_015_765_465_7e-10,
    -2.505_074_776_285_780_7e-8,
    2.755_731_362_138_572_4e-6,
    -1.984_126_982_958_954e-4,
    8.333_333_333_322_118e-3,
    -1.666_666_666_666_663e-1,
];

const COSINE: [f64; 6] = [
    -1.135_853_652_138_768_2e-11,
    2.087_570_084_197_473e-9,
    -2.755_731_417_929_674e-7,
    2.480_158_728_885_170_4e-5,
    -1.388_888_888_887_305_6e-3,
    4.166_666_666_666_659e-2,
];

/// Above this the remainder loses its digits.
const LARGEST: f64 = 536_870_912.0;

fn polynomial(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// The octant of a positive angle, made even, and the angle from there.
fn octant(angle: f64) -> (u8, f64) {
    let angle = if angle < LARGEST { angle } else { angle % (2.0 * PI) };
    let whole = (angle * (4.0 / PI)).floor();
    let even = if whole % 2.0 == 1.0 { whole + 1.0 } else { whole };
    let rest = ((angle - even * QUARTER[0]) - even * QUARTER[1]) - even * QUARTER[2];
    let octant = match even % 8.0 {
        2.0 => 2,
        4.0 => 4,
        6.0 => 6,
        _ => 0,
    };
    (octant, rest)
}

fn near_sine(z: f64) -> f64 {
    let square = z * z;
    z + z * square * polynomial(square, &SINE)
}

fn near_cosine(z: f64) -> f64 {
    let square = z * z;
    1.0 - 0.5 * square + square * square * polynomial(square, &COSINE)
}

fn sine(angle: f64) -> f64 {
    let (octant, rest) = octant(angle.abs());
    let value = if octant % 4 == 2 { near_cosine(rest) } else { near_sine(rest) };
    if (octant > 3) != (angle < 0.0) { -value } else { value }
}

fn cosine(angle: f64) -> f64 {
    let (octant, rest) = octant(angle.abs());
    match octant {
        0 => near_cosine(rest),
        2 => -near_sine(rest),
        4 => -near_cosine(rest),
        _ => near_sine(rest),
    }
}

/// The arc tangent of a ratio that is not negative.
fn arc_tangent(x: f64) -> f64 {
    const TAN_THREE_EIGHTHS: f64 = 2.414_213_562_373_095;
    const MORE_BITS: f64 = 6.123_233_995_736_766e-17;
    let series = |x: f64| {
        let z = x * x;
        let above = [
            -8.750_608_600_031_904e-1,
            -1.615_753_718_733_365e1,
            -7.500_855_792_314_705e1,
            -1.228_866_684_490_136_1e2,
            -6.485_021_904_942_025e1,
        ];
        let below = [
            1.0,
            2.485_846_490_142_306_3e1,
            1.650_270_098_316_988_6e2,
            4.328_810_604_912_902_7e2,
            4.853_903_996_359_137e2,
            1.945_506_571_482_614e2,
        ];
        x * (z * polynomial(z, &above) / polynomial(z, &below)) + x
    };
    if x <= 0.66 {
        series(x)
    } else if x > TAN_THREE_EIGHTHS {
        FRAC_PI_2 - series(1.0 / x) + MORE_BITS
    } else {
        FRAC_PI_4 + series((x - 1.0) / (x + 1.0)) + 0.5 * MORE_BITS
    }
}

/// The great-circle distance of two points: latitude and longitude of each, in degrees. Unit:
/// kilometres.
pub(super) fn distance(degrees: [f64; 4]) -> f64 {
    let [lat1, lon1, lat2, lon2] = degrees.map(|degree| degree * PI / 180.0);
    let half = |angle: f64| {
        let sine = sine(angle / 2.0);
        sine * sine
    };
    let chord = half(lat2 - lat1) + cosine(lat1) * cosine(lat2) * half(lon2 - lon1);
    let (up, across) = (chord.sqrt(), (1.0 - chord).sqrt());
    let angle = if up == 0.0 {
        0.0
    } else if across == 0.0 {
        FRAC_PI_2
    } else {
        arc_tangent(up / across)
    };
    2.0 * angle * EARTH_RADIUS
}
