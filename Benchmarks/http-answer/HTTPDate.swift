//===----------------------------------------------------------------------===//
// Quartermaster: the time of day as HTTP writes it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// `Sun, 06 Nov 1994 08:49:37 GMT`, written anew once a second.
struct HTTPDate {
    private static let weekdays: [StaticString] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private var bytes: [UInt8] = []
    /// Of the clock that turns are counted with, which costs nothing to look at.
    private var writtenAt: Int64?

    /// The text for this turn.
    mutating func text(_ time: ServiceTime) -> [UInt8] {
        if writtenAt != time.seconds {
            bytes = Self.written(WallClock.seconds)
            writtenAt = time.seconds
        }
        return bytes
    }

    private static func written(_ seconds: Int64) -> [UInt8] {
        let day = seconds / 86400
        let (year, month, dayOfMonth) = civilDate(daysSince1970: day)
        let second = Int(seconds % 86400)
        // The first of January 1970 was a Thursday.
        var text = "\(weekdays[Int((day + 4) % 7)]), \(twoDigits(dayOfMonth)) \(months[month - 1]) \(year)"
        text += " \(twoDigits(second / 3600)):\(twoDigits(second / 60 % 60)):\(twoDigits(second % 60)) GMT"
        return Array(text.utf8)
    }

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// In the Gregorian calendar. Years are counted from March here, so that the leap day is the last of a year.
    private static func civilDate(daysSince1970 days: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = Int(days) + 719_468  // since 1 March of the year 0
        let era = shifted / 146_097  // of 400 years
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
