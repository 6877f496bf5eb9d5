//! The proleptic Gregorian calendar as arithmetic on days since 1970-01-01.

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// A date and a time of day, without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year; 0 is 1 BC.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 59.
    pub second: i64,
}

impl Civil {
    /// Seconds since the Unix epoch were this UTC. A day past the end of its month counts into the
    /// next, as with Go's `time.Date`.
    #[inline]
    pub fn seconds(&self) -> i64 {
        days(self.year, self.month, self.day) * DAY
            + self.hour * 3_600
            + self.minute * 60
            + self.second
    }

    /// Date and time of a number of seconds since the Unix epoch.
    #[inline]
    pub fn from_seconds(seconds: i64) -> Self {
        let (year, month, day) = date(seconds.div_euclid(DAY));
        let rest = seconds.rem_euclid(DAY);
        Self { year, month, day, hour: rest / 3_600, minute: rest / 60 % 60, second: rest % 60 }
    }

    /// Day of the year, from 1.
    pub fn year_day(&self) -> i64 {
        days(self.year, self.month, self.day) - days(self.year, 1, 1) + 1
    }

    /// Day of the week, 0 is Sunday.
    pub fn weekday(&self) -> i64 {
        // 1970-01-01 was a Thursday.
        (days(self.year, self.month, self.day) + 4).rem_euclid(7)
    }

    /// ISO 8601 year and week.
    pub fn iso_week(&self) -> (i64, i64) {
        // The Thursday of a week lies in the year that the week belongs to.
        let since_monday = (self.weekday() + 6) % 7;
        let thursday = days(self.year, self.month, self.day) - since_monday + 3;
        let (year, ..) = date(thursday);
        (year, (thursday - days(year, 1, 1)) / 7 + 1)
    }
}

/// Whether February has 29 days.
pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month (1 to 12).
pub fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date. Years start in March here, so that leap days come last.
#[inline]
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
#[inline]
pub fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_twenty_centuries_is_found_again() {
        let (mut year, mut month, mut day) = (-400, 1, 1);
        for number in days(-400, 1, 1)..days(1_600, 1, 1) {
            assert_eq!(date(number), (year, month, day));
            assert_eq!(days(year, month, day), number);
            day += 1;
            if day > days_in_month(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn known_days_have_their_names() {
        let at = |year, month, day| Civil { year, month, day, hour: 0, minute: 0, second: 0 };
        assert_eq!(at(1970, 1, 1).seconds(), 0);
        assert_eq!(at(2026, 11, 21).weekday(), 6);
        assert_eq!(at(2024, 12, 31).year_day(), 366);
        assert_eq!(at(2021, 1, 3).iso_week(), (2020, 53));
        assert_eq!(at(2024, 12, 30).iso_week(), (2025, 1));
        assert_eq!(Civil::from_seconds(-1).second, 59);
        assert_eq!(at(2023, 2, 29).seconds(), at(2023, 3, 1).seconds());
    }
}
