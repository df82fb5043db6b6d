//===----------------------------------------------------------------------===//
// Quartermaster: one message of a kind a while
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Lets a repeating message through so many times per interval and counts what it held back.
package struct MessageGate: Sendable {
    private let intervalSeconds: Int64
    private let limit: Int
    private var intervalEnds: Int64 = .min
    /// Messages let through since the interval began.
    private var passed = 0
    private var heldBack = 0

    /// - Parameter limit: messages let through in one interval, at least 1.
    package init(intervalSeconds: Int64, limit: Int = 1) {
        self.intervalSeconds = intervalSeconds
        self.limit = limit
    }

    /// Whether a message would pass.
    func isOpen(nowSeconds: Int64) -> Bool { nowSeconds >= intervalEnds || passed < limit }

    /// nil: hold it back. A number: say it, and that so many were held back since the last one.
    package mutating func pass(nowSeconds: Int64) -> Int? {
        if !isOpen(nowSeconds: nowSeconds) {
            heldBack += 1
            return nil
        }
        if nowSeconds >= intervalEnds {
            let (end, isNever) = nowSeconds.addingReportingOverflow(intervalSeconds)
            intervalEnds = isNever ? .max : end
            passed = 0
        }
        passed += 1
        defer { heldBack = 0 }
        return heldBack
    }
}

extension MessageGate {
    /// The text to log, with the number of those that were held back; nil: hold it back. It is made only when it
    /// passes.
    package mutating func text(_ text: @autoclosure () -> String, nowSeconds: Int64) -> String? {
        guard let heldBack = pass(nowSeconds: nowSeconds) else { return nil }
        return heldBack > 0 ? "\(text()) (\(heldBack) more since the last message)" : text()
    }
}

/// Which messages share a gate: what it is about (a service, by its number) and what it says.
package struct MessageKey: Hashable, Sendable {
    package let subject: UInt32
    package let kind: UInt32

    package init(subject: UInt32, kind: UInt32) {
        self.subject = subject
        self.kind = kind
    }
}

/// A gate for each kind of message and whatever it is about, for messages that a child or a client can provoke. The
/// table has a fixed size and never grows: while every place holds a message back, all other keys share one gate.
///
/// A key whose interval is over may lose its place to another, and with it the count of what it held back.
package struct MessageGates: Sendable {
    private struct Place {
        var key: MessageKey
        var gate: MessageGate
    }

    private let intervalSeconds: Int64
    private let capacity: Int
    private var places: [Place] = []
    private var shared: MessageGate

    /// - Parameter capacity: keys that are told apart, each looked at for each message.
    package init(intervalSeconds: Int64, capacity: Int = 64) {
        precondition(capacity > 0)
        self.intervalSeconds = intervalSeconds
        self.capacity = capacity
        shared = MessageGate(intervalSeconds: intervalSeconds)
        places.reserveCapacity(capacity)
    }

    /// nil: hold it back. A number: say it, and that so many like it were held back since the last one.
    package mutating func pass(_ key: MessageKey, nowSeconds: Int64) -> Int? {
        guard let index = place(of: key, nowSeconds) else { return shared.pass(nowSeconds: nowSeconds) }
        return places[index].gate.pass(nowSeconds: nowSeconds)
    }

    private mutating func place(of key: MessageKey, _ nowSeconds: Int64) -> Int? {
        var open: Int?
        for index in places.indices {
            if places[index].key == key { return index }
            if places[index].gate.isOpen(nowSeconds: nowSeconds) { open = index }
        }
        let fresh = Place(key: key, gate: MessageGate(intervalSeconds: intervalSeconds))
        if places.count < capacity {
            places.append(fresh)
            return places.count - 1
        }
        if let open { places[open] = fresh }
        return open
    }
}
