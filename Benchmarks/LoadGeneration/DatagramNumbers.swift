//===----------------------------------------------------------------------===//
// Quartermaster: the number by which a reply is known
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Where the number of a datagram stands, in it and in its reply: 16 hexadecimal digits of thread, place and round.
package struct DatagramNumbers: Equatable, Sendable {
    /// How the number is written in a text.
    package static let word = "{number}"
    package static let digits = 16
    /// Datagrams of a thread that are under way at a time.
    package static let mostPlaces = 1 << 20

    package let requestPlace: Int
    package let replyPlace: Int

    package init(requestPlace: Int, replyPlace: Int) {
        self.requestPlace = requestPlace
        self.replyPlace = replyPlace
    }

    /// What stands there in a script.
    package static var blank: [UInt8] { [UInt8](repeating: UInt8(ascii: "0"), count: digits) }

    func write(_ thread: Int, _ place: Int, _ round: UInt32, to bytes: inout [UInt8]) {
        var number = UInt64(thread) << 52 | UInt64(place) << 32 | UInt64(round)
        var index = requestPlace + Self.digits
        while index > requestPlace {
            index -= 1
            let digit = UInt8(truncatingIfNeeded: number & 15)
            bytes[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            number >>= 4
        }
    }

    /// Nil where there are no digits.
    func read(_ bytes: [UInt8], _ count: Int) -> (thread: Int, place: Int, round: UInt32)? {
        guard count >= replyPlace + Self.digits else { return nil }
        var number: UInt64 = 0
        for index in replyPlace..<replyPlace + Self.digits {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return (Int(number >> 52), Int(number >> 32 & 0xf_ffff), UInt32(truncatingIfNeeded: number))
    }

    /// Makes the reply what the script expects.
    func clear(_ bytes: inout [UInt8]) {
        for index in replyPlace..<replyPlace + Self.digits { bytes[index] = UInt8(ascii: "0") }
    }
}
